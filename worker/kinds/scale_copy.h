/* SPDX-License-Identifier: MIT */
/*
 * Copies a picture that needs no scaling without touching its compressed pixels: its metadata is
 * what the policy says, its profile stays.
 */
#ifndef SCIAME_WORKER_KINDS_SCALE_COPY_H
#define SCIAME_WORKER_KINDS_SCALE_COPY_H

#include <stdbool.h>

#include "worker/kinds/scale_metadata.h"
#include "worker/kinds/scale_sniff.h"
#include "worker/kinds/scale_task.h"

enum { COPY_BYTES_MAX = 256 << 20 }; /* of a file that is looked through; larger ones: not mine */

struct scale_copy {
	int in_fd;
	int out_fd;
	enum picture_format format;
	enum metadata_policy policy;
};

/*
 * Copies in_fd from its start to its end to the (empty) out_fd; *copied is the count of bytes
 * written. With METADATA_ALL, or when there is nothing to take out, they are the same bytes.
 * *cut_off: it is a JPEG that ends too early.
 * SCALE_DONE; -1 with *err filled; SCALE_NOT_MINE, with nothing written, for what has to be encoded
 * anew to obey the policy: it lies on its side and the tag that says so would go, it is malformed
 * (but for a JPEG that ends inside its last scan), or there is, or may be, metadata in a
 * format of which it cannot be taken out (HEIF, AVIF, JPEG 2000, PSD ...).
 */
int scale_copy(const struct scale_copy *order, uint64_t *copied, bool *cut_off, struct error *err);

#endif
