/* SPDX-License-Identifier: MIT */
/*
 * What S3 means by an answer. Pure. Short answers are XML; of them only the text of one element
 * that is asked for is looked at, and only if it is plain.
 */
#ifndef SCIAME_COMMON_S3_ANSWER_H
#define SCIAME_COMMON_S3_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/s3.h"

enum { S3_CODE_MAX = 64 }; /* bytes of an error's code with the NUL */

struct s3_answer {
	uint32_t status;    /* of HTTP */
	const char *region; /* the header x-amz-bucket-region; "": not said */
	const char *body;   /* may be NULL */
	size_t body_size;
};

/*
 * The code, "NoSuchBucket", or "" when there is none. S3 reports some errors under the status 200,
 * too, when it had begun to answer before it knew.
 */
void s3_answer_code(const struct s3_answer *answer, char code[S3_CODE_MAX]);

/*
 * The text of the first element of this name ("UploadId"): printable ASCII without a reference, or
 * "" when there is none of fewer than size bytes.
 */
void s3_answer_text(const struct s3_answer *answer, const char *name, char *text, size_t size);

/*
 * Fills *err for an answer that is an error: ERROR_NETWORK for what may pass, ERROR_TARGET where
 * there is no such bucket, ERROR_IO otherwise. Returns -1.
 */
int s3_answer_explain(
	const struct s3_answer *answer, const struct s3_location *location, struct error *err);

#endif
