/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_manifest.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/job.h"
#include "common/memory.h"
#include "common/quote.h"
#include "master/output_file.h"

struct scale_manifest {
	pthread_mutex_t lock; /* of what is written */
	struct output_file file;
};

struct scale_manifest *scale_manifest_open(const char *path, struct error *err)
{
	struct scale_manifest *manifest = xcalloc(1, sizeof(*manifest));
	(void)pthread_mutex_init(&manifest->lock, NULL); /* always succeeds */
	if (output_file_open(&manifest->file, path, err)) {
		(void)error_wrap(err, "manifest");
		scale_manifest_close(manifest);
		return NULL;
	}
	return manifest;
}

static void write_name(FILE *out, const char *key, const char *name)
{
	size_t size = strlen(name);
	(void)fprintf(out, "\"%s\": ", key);
	json_string(out, name, size);
	if (!utf8_valid(name, size)) {
		(void)fprintf(out, ", \"%s_base64\": \"", key);
		base64_write(out, name, size);
		(void)fputs("\"", out);
	}
	(void)fputs(", ", out);
}

void scale_manifest_add(struct scale_manifest *manifest, const struct manifest_line *line)
{
	FILE *out = manifest->file.out;
	(void)pthread_mutex_lock(&manifest->lock);
	(void)fputs("{", out);
	write_name(out, "source", line->source);
	write_name(out, "output", line->output);
	(void)fprintf(out, "\"width\": %" PRIu32 ", \"height\": %" PRIu32 ", \"bytes\": %" PRIu64,
		line->width, line->height, line->bytes);
	(void)fprintf(out, ", \"size\": \"%s\"", line->label);
	if (line->digest) {
		(void)fputs(", \"sha256\": \"", out);
		for (size_t i = 0; i < JOB_DIGEST_SIZE; i++)
			(void)fprintf(out, "%02x", line->digest[i]);
		(void)fputs("\"", out);
	}
	(void)fputs("}\n", out);
	(void)pthread_mutex_unlock(&manifest->lock);
}

int scale_manifest_commit(struct scale_manifest *manifest, struct error *err)
{
	if (output_file_commit(&manifest->file, false, err))
		return error_wrap(err, "manifest");
	return 0;
}

void scale_manifest_close(struct scale_manifest *manifest)
{
	if (!manifest)
		return;
	output_file_discard(&manifest->file);
	free(manifest);
}
