/* SPDX-License-Identifier: MIT */
/* Copies of jobs and the making of failures. */
#include "common/job.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

uint32_t job_outputs(const struct job *job)
{
	if (job->target[0] == '\0')
		return 0;
	return job->labels_count ? job->labels_count : 1;
}

struct job *job_copy(const struct job *job)
{
	size_t source = strlen(job->source) + 1, target = strlen(job->target) + 1, labels = 0;
	for (uint32_t i = 0; i < job->labels_count; i++)
		labels += strlen(job->labels[i]) + 1;
	struct job *copy = xmalloc(sizeof(*copy) + source + target + labels + job->parameters_size);
	char *text = (char *)(copy + 1);
	*copy = *job;
	copy->source = memcpy(text, job->source, source);
	copy->target = memcpy(text + source, job->target, target);
	text += source + target;
	for (uint32_t i = 0; i < job->labels_count; i++) {
		size_t size = strlen(job->labels[i]) + 1;
		copy->labels[i] = memcpy(text, job->labels[i], size);
		text += size;
	}
	copy->parameters = (uint8_t *)text;
	if (job->parameters_size)
		memcpy(text, job->parameters, job->parameters_size);
	return copy;
}

const char *job_name(const struct job *job, char *buffer, size_t size)
{
	const char *colon = strchr(job->source, ':');
	if (colon && strncmp(colon, "://", 3) == 0)
		return job->source;
	if (colon)
		return colon + 1;
	(void)snprintf(buffer, size, "job %" PRIu64, job->id);
	return buffer;
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

void result_produced(struct result *result, const struct produced *produced)
{
	assert(result->outputs_count < JOB_OUTPUTS_MAX);
	result->outputs[result->outputs_count++] = *produced;
	result->output_bytes += produced->bytes;
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
