/* SPDX-License-Identifier: MIT */
/* The kind "feeds" in its lane: the body of one feed is read, what it says is written. */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/sanitizer.h"
#include "proto/feeds.pb-c.h"
#include "worker/kind.h"
#include "worker/kinds/feeds_read.h"

/* A sanitizer reserves terabytes of address space for its own books. */
#define MEMORY_BYTES (SANITIZED ? 0 : 1ULL << 30)

enum {
	OUTPUT_BYTES = 64 << 20,
	KEPT_BLOCK_BYTES = 4 << 20, /* larger ones are always given back */
	KEPT_BYTES = 8 << 20,       /* free memory beyond this is given back */
};

static void write_report(uint32_t http_status, struct result *result)
{
	Sciame__FeedsReport report = SCIAME__FEEDS_REPORT__INIT;
	report.http_status = http_status;
	assert(sciame__feeds_report__get_packed_size(&report) <= sizeof(result->report));
	result->report_size = (uint32_t)sciame__feeds_report__pack(&report, result->report);
}

static char *text_of(const ProtobufCBinaryData *bytes)
{
	return xasprintf("%.*s", (int)bytes->len, bytes->len ? (const char *)bytes->data : "");
}

static int write_all(int fd, const uint8_t *bytes, size_t size, struct error *err)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "write what was read");
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_feed(
	int out_fd, const Sciame__Feed *feed, struct result *result, struct error *err)
{
	size_t size = sciame__feed__get_packed_size(feed);
	uint8_t *packed = xmalloc(size);
	(void)sciame__feed__pack(feed, packed);
	int status = write_all(out_fd, packed, size, err);
	result_produced(result, &(struct produced) { .bytes = size });
	free(packed);
	return status;
}

static int read_body(Sciame__FeedsResponse *response, const struct feeds_body *body, int out_fd,
	struct result *result, struct error *err)
{
	Sciame__Feed *feed = feeds_read(body, err);
	if (!feed)
		return -1;
	feed->response = response;
	int status = write_feed(out_fd, feed, result, err);
	feed->response = NULL;
	sciame__feed__free_unpacked(feed, NULL);
	return status;
}

static int map(int in_fd, struct feeds_body *body, struct error *err)
{
	struct stat status;
	if (fstat(in_fd, &status))
		return error_errno(err, ERROR_IO, "read the size of what was fetched");
	body->size = (size_t)status.st_size;
	body->bytes = (const uint8_t *)"";
	if (body->size == 0)
		return 0;
	body->bytes = mmap(NULL, body->size, PROT_READ, MAP_PRIVATE, in_fd, 0);
	if (body->bytes == MAP_FAILED)
		return error_errno(err, ERROR_IO, "map what was fetched");
	return 0;
}

static int execute(const struct job *job, int in_fd, const int *out_fds, struct result *result,
	struct error *err)
{
	struct feeds_body body = { 0 };
	Sciame__FeedsParameters *p =
		sciame__feeds_parameters__unpack(NULL, job->parameters_size, job->parameters);
	if (!p || !p->response) {
		sciame__feeds_parameters__free_unpacked(p, NULL);
		return error_set(err, ERROR_PROTOCOL, "feeds: a job without a response");
	}
	write_report(p->response->http_status, result);
	char *url = text_of(&p->response->url), *type = text_of(&p->response->content_type);
	int status = map(in_fd, &body, err);
	body.url = url;
	body.content_type = type;
	result->input_bytes = body.size;
	if (status == 0) {
		status = read_body(p->response, &body, out_fds[0], result, err);
		if (body.size)
			(void)munmap((void *)body.bytes, body.size); /* it was mapped */
	}
	free(url);
	free(type);
	sciame__feeds_parameters__free_unpacked(p, NULL);
	return status;
}

/* What a feed needed is kept for the next one: its pages would be had from the system anew. */
static int keep_memory(struct error *err)
{
	(void)err;
	/* mallopt(3) fails only for values out of range; then it stays as it was */
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	return 0;
}

const struct worker_kind worker_kind_feeds = {
	.name = "feeds",
	.limits = { .memory_bytes = MEMORY_BYTES, .output_bytes = OUTPUT_BYTES, .no_files = true },
	.start = keep_memory,
	.execute = execute,
};
