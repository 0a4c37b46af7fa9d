/* SPDX-License-Identifier: MIT */
#include "common/object_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 4 };

void object_record_write(FILE *out, const struct object_record *record)
{
	const struct error *failure = &record->failure;
	/* the caller looks at ferror() */
	switch (record->type) {
	case OBJECT_RECORD_OBJECT:
		(void)fprintf(out, "o%c%s%c%" PRIu64 "%c%" PRId64 "%c", 0, record->key, 0,
			record->size, 0, record->mtime_ns, 0);
		return;
	case OBJECT_RECORD_REFUSED:
		(void)fprintf(out, "x%c%s%c", 0, record->key, 0);
		return;
	case OBJECT_RECORD_FAILED:
		(void)fprintf(out, "e%c%d%c%d%c%s%c", 0, (int)failure->code, 0, failure->number, 0,
			failure->message, 0);
		return;
	case OBJECT_RECORD_END:
		(void)fprintf(out, ".%c", 0);
		return;
	}
}

static int nonsense(struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "a record of the listing makes no sense");
}

/* A decimal number and nothing else. */
static int read_number(const char *text, int64_t *number)
{
	char *end;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno || end == text || *end ? -1 : 0;
}

static int read_object(struct object_record *record, char *const fields[], struct error *err)
{
	int64_t size;
	record->type = OBJECT_RECORD_OBJECT;
	record->key = fields[1];
	if (read_number(fields[2], &size) || size < 0 || read_number(fields[3], &record->mtime_ns))
		return nonsense(err);
	record->size = (uint64_t)size;
	return 1;
}

static int read_failure(struct object_record *record, char *const fields[], struct error *err)
{
	int64_t code, number;
	record->type = OBJECT_RECORD_FAILED;
	if (read_number(fields[1], &code) || code <= ERROR_NONE || code >= ERROR_CODES ||
		read_number(fields[2], &number))
		return nonsense(err);
	(void)error_set(&record->failure, (enum error_code)code, "%s", fields[3]); /* -1 */
	record->failure.number = (int)number;
	return 1;
}

static size_t fields_of(char letter)
{
	if (letter == '.' || letter == 'x')
		return letter == 'x' ? 2 : 1;
	return letter == 'o' || letter == 'e' ? FIELDS_MAX : 0;
}

int object_record_read(struct object_record *record, const char *bytes, size_t size, size_t *used,
	struct error *err)
{
	char *fields[FIELDS_MAX];
	size_t count = size > 0 ? fields_of(bytes[0]) : 1, offset = 0;
	*record = (struct object_record) { .type = OBJECT_RECORD_END };
	if (count == 0)
		return nonsense(err);
	for (size_t i = 0; i < count; i++) {
		const char *end = memchr(bytes + offset, '\0', size - offset);
		if (!end && size >= OBJECT_RECORD_MAX)
			return nonsense(err);
		if (!end)
			return 0;
		fields[i] = (char *)bytes + offset;
		offset = (size_t)(end - bytes) + 1;
	}
	*used = offset;
	if (strlen(fields[0]) != 1)
		return nonsense(err);
	if (fields[0][0] == '.')
		return 1;
	if (fields[0][0] == 'x') {
		record->type = OBJECT_RECORD_REFUSED;
		record->key = fields[1];
		return 1;
	}
	return fields[0][0] == 'o' ? read_object(record, fields, err)
				   : read_failure(record, fields, err);
}
