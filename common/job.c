/* SPDX-License-Identifier: MIT */
/* Copies of jobs and the making of failures. */
#include "common/job.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"

struct job *job_copy(const struct job *job)
{
	size_t source = strlen(job->source) + 1, target = strlen(job->target) + 1;
	struct job *copy = xmalloc(sizeof(*copy) + source + target + job->parameters_size);
	char *text = (char *)(copy + 1);
	*copy = *job;
	copy->source = memcpy(text, job->source, source);
	copy->target = memcpy(text + source, job->target, target);
	copy->parameters = (uint8_t *)text + source + target;
	if (job->parameters_size)
		memcpy(text + source + target, job->parameters, job->parameters_size);
	return copy;
}

/* Length of the longest start of text of at most max bytes that cuts no UTF-8 sequence. */
static size_t cut_length(const char *text, size_t max)
{
	size_t length = strnlen(text, max + 1);
	if (length <= max)
		return length;
	length = max;
	while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
		length--;
	return length;
}

void result_fail(struct result *result, const struct error *err)
{
	assert(err->code > ERROR_NONE && err->code < ERROR_CODES);
	size_t length = cut_length(err->message, sizeof(result->detail) - 1);
	result->code = err->code;
	result->error_number = err->number;
	memcpy(result->detail, err->message, length);
	result->detail[length] = '\0';
}
