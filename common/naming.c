/* SPDX-License-Identifier: MIT */
#include "common/naming.h"

#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 16 }; /* bytes of a width or height with the NUL */

/* What stands in braces. */
enum field {
	FIELD_SIZE,
	FIELD_WIDTH,
	FIELD_HEIGHT,
	FIELDS,
};

static const char *const field_names[FIELDS] = {
	[FIELD_SIZE] = "{size}",
	[FIELD_WIDTH] = "{width}",
	[FIELD_HEIGHT] = "{height}",
};

/* FIELDS: text does not begin with one. */
static enum field find_field(const char *text)
{
	for (int i = 0; i < FIELDS; i++) {
		if (strncmp(text, field_names[i], strlen(field_names[i])) == 0)
			return (enum field)i;
	}
	return FIELDS;
}

static bool is_doubled(const char *text)
{
	return (text[0] == '{' || text[0] == '}') && text[1] == text[0];
}

/* A name that grows. */
struct text {
	char *bytes; /* JOB_LOCATION_MAX */
	size_t used;
};

static bool add(struct text *to, const char *from, size_t length)
{
	if (length >= JOB_LOCATION_MAX - to->used)
		return false;
	memcpy(to->bytes + to->used, from, length);
	to->used += length;
	to->bytes[to->used] = '\0';
	return true;
}

/* What one output puts in for the fields. */
struct values {
	const char *size;
	const struct produced *produced; /* NULL: not known yet */
};

static bool add_field(struct text *to, enum field field, const struct values *values)
{
	char number[NUMBER_MAX];
	if (field == FIELD_SIZE)
		return add(to, values->size, strlen(values->size));
	assert(values->produced);
	(void)snprintf(number, sizeof(number), "%" PRIu32,
		field == FIELD_WIDTH ? values->produced->width : values->produced->height);
	return add(to, number, strlen(number));
}

/* Fills the first `length` bytes of a template. */
static int fill(const char *template, size_t length, const struct values *values, char *location,
	struct error *err)
{
	struct text to = { location, 0 };
	const char *end = template + length;
	bool fits = true;
	location[0] = '\0';
	while (template <end &&fits) {
		size_t plain = strcspn(template, "{}");
		if (plain > (size_t)(end - template))
			plain = (size_t)(end - template);
		fits = add(&to, template, plain);
		template += plain;
		if (template == end || !fits)
			break;
		enum field field = find_field(template);
		bool doubled = is_doubled(template);
		if (field == FIELDS && !doubled)
			return error_set(err, ERROR_PROTOCOL,
				"an output's name has a brace that means nothing: %.32s", template);
		fits = doubled ? add(&to, template, 1) : add_field(&to, field, values);
		template += doubled ? 2 : strlen(field_names[field]);
	}
	return fits ? 0 : error_set(err, ERROR_LIMIT, "an output's path is too long");
}

size_t naming_known(const struct job *job)
{
	const char *at = job->target, *component = at;
	if (job->labels_count == 0)
		return strlen(at);
	const char *colon = strchr(at, ':'); /* behind the root; others are parts of names */
	while (*at) {
		enum field field = *at == '{' ? find_field(at) : FIELDS;
		if (field == FIELD_WIDTH || field == FIELD_HEIGHT)
			return (size_t)(component - job->target);
		if (*at == '/' || at == colon)
			component = at + 1;
		at += is_doubled(at) ? 2 : 1;
	}
	return (size_t)(at - job->target);
}

static int fill_start(const struct job *job, unsigned output, char location[JOB_LOCATION_MAX],
	size_t length, struct error *err)
{
	const struct values values = { .size = job->labels[output] };
	return fill(job->target, length, &values, location, err);
}

int naming_start(
	const struct job *job, unsigned output, char location[JOB_LOCATION_MAX], struct error *err)
{
	assert(output < job_outputs(job));
	if (job->labels_count > 0)
		return fill_start(job, output, location, naming_known(job), err);
	struct text to = { location, 0 };
	if (!add(&to, job->target, strlen(job->target)))
		return error_set(err, ERROR_LIMIT, "an output's path is too long");
	return 0;
}

int naming_location(const struct job *job, unsigned output, const struct produced *produced,
	char location[JOB_LOCATION_MAX], struct error *err)
{
	assert(output < job_outputs(job));
	if (job->labels_count == 0)
		return naming_start(job, output, location, err);
	const struct values values = { job->labels[output], produced };
	return fill(job->target, strlen(job->target), &values, location, err);
}

static bool is_alike(const struct produced *a, const struct produced *b)
{
	return a->width == b->width && a->height == b->height;
}

/* Whether none behind number `first` meets it. */
static int check_behind(
	const struct job *job, const struct result *result, uint32_t first, struct error *err)
{
	char one[JOB_LOCATION_MAX], other[JOB_LOCATION_MAX];
	if (naming_location(job, first, &result->outputs[first], one, err))
		return -1;
	for (uint32_t i = first + 1; i < job->labels_count; i++) {
		if (is_alike(&result->outputs[first], &result->outputs[i]))
			continue;
		if (naming_location(job, i, &result->outputs[i], other, err))
			return -1;
		if (strcmp(one, other) == 0)
			return error_set(err, ERROR_INPUT,
				"the sizes %s and %s would both be written to %s",
				job->labels[first], job->labels[i], one);
	}
	return 0;
}

int naming_check(const struct job *job, const struct result *result, struct error *err)
{
	assert(result->outputs_count == job_outputs(job));
	for (uint32_t i = 0; i < job->labels_count; i++) {
		if (check_behind(job, result, i, err))
			return -1;
	}
	return 0;
}

bool naming_append(char template[JOB_LOCATION_MAX], const char *text)
{
	struct text to = { template, strlen(template) };
	for (; *text; text++) {
		bool doubled = *text == '{' || *text == '}';
		if (!add(&to, text, 1) || (doubled && !add(&to, text, 1)))
			return false;
	}
	return true;
}
