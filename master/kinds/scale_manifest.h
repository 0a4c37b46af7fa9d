/* SPDX-License-Identifier: MIT */
/*
 * The manifest of a run (--manifest FILE), for generators of pages: a JSON object in a line for
 * each output, in no particular order:
 *
 *     {"source": "2024/a.jpg", "output": "2024/a-800.jpg", "width": 800, "height": 533,
 *      "bytes": 61234, "size": "800", "sha256": "..."}
 *
 * source and output are paths below SOURCE and TARGET, or URLs; a name that is not UTF-8 also
 * stands in source_base64, output_base64. Written aside and renamed when the run has ended: what
 * was there before stays until then, and when the run was interrupted.
 */
#ifndef SCIAME_MASTER_KINDS_SCALE_MANIFEST_H
#define SCIAME_MASTER_KINDS_SCALE_MANIFEST_H

#include <stdint.h>

#include "common/error.h"

struct scale_manifest;

/* One output. Names are relative; label: the size that was asked for. */
struct manifest_line {
	const char *source, *output, *label;
	uint32_t width, height; /* pixels */
	uint64_t bytes;
	const uint8_t *digest; /* JOB_DIGEST_SIZE bytes, or NULL: it is not known */
};

/* NULL and *err: the file can't be written there. */
struct scale_manifest *scale_manifest_open(const char *path, struct error *err);

/* From any thread. What can't be written is told by commit. */
void scale_manifest_add(struct scale_manifest *manifest, const struct manifest_line *line);

/* Puts it in the place of what was there before. */
int scale_manifest_commit(struct scale_manifest *manifest, struct error *err);

/* Also after a commit, and of NULL. What was not committed is gone. */
void scale_manifest_close(struct scale_manifest *manifest);

#endif
