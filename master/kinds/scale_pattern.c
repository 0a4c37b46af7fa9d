/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_pattern.h"

#include <stdio.h>
#include <string.h>

#include "common/naming.h"

/* What stands in braces. The last three go on into the template as they are. */
enum field {
	FIELD_DIR,
	FIELD_STEM,
	FIELD_EXT,
	FIELD_SIZE,
	FIELD_WIDTH,
	FIELD_HEIGHT,
	FIELDS,
};

static const char *const field_names[FIELDS] = {
	[FIELD_DIR] = "{dir}",
	[FIELD_STEM] = "{stem}",
	[FIELD_EXT] = "{ext}",
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

static int refuse_brace(const char *text, struct error *err)
{
	size_t length = *text == '{' ? strcspn(text, "}") : 0;
	if (text[length] == '}')
		length++;
	return error_set(err, ERROR_USAGE,
		"--output knows {dir}, {stem}, {ext}, {size}, {width} and {height}, not '%.*s' "
		"(braces of a name are doubled)",
		(int)length, text);
}

/* Which fields there are, as bits. */
static int check_braces(const char *pattern, unsigned *fields, struct error *err)
{
	*fields = 0;
	while (*(pattern += strcspn(pattern, "{}"))) {
		enum field field = find_field(pattern);
		bool doubled = is_doubled(pattern);
		if (field == FIELDS && !doubled)
			return refuse_brace(pattern, err);
		if (!doubled)
			*fields |= 1U << field;
		pattern += doubled ? 2 : strlen(field_names[field]);
	}
	return 0;
}

/* No component is empty, "." or "..": those would lead elsewhere. */
static bool is_plain(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

int scale_pattern_check(const char *pattern, size_t sizes, struct error *err)
{
	static const unsigned telling = 1U << FIELD_SIZE | 1U << FIELD_WIDTH | 1U << FIELD_HEIGHT;
	unsigned fields;
	if (check_braces(pattern, &fields, err))
		return -1;
	if (*pattern == '/')
		return error_set(err, ERROR_USAGE,
			"--output takes a path below the target, not '%s'", pattern);
	if (!is_plain(pattern))
		return error_set(err, ERROR_USAGE,
			"--output takes a path without empty components, '.' and '..', not '%s'",
			pattern);
	if (sizes > 1 && !(fields & telling))
		return error_set(err, ERROR_USAGE,
			"--output '%s' is one name for %zu sizes: it needs {size}, {width} or "
			"{height}",
			pattern, sizes);
	return 0;
}

/* The parts of a path, in it. */
struct parts {
	const char *path, *name, *dot; /* dot: of the suffix, or the end */
	const char *suffix;            /* of the output */
};

static struct parts split(const char *path, const char *suffix)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
	if (!dot || dot == name)
		dot = name + strlen(name);
	return (struct parts) { path, name, dot, suffix ? suffix : dot };
}

static bool append_piece(char template[JOB_LOCATION_MAX], const char *from, const char *end)
{
	char piece[JOB_LOCATION_MAX];
	size_t length = (size_t)(end - from);
	if (length >= sizeof(piece))
		return false;
	memcpy(piece, from, length);
	piece[length] = '\0';
	return naming_append(template, piece);
}

/* What the template takes as it is. */
static bool append_as_is(char template[JOB_LOCATION_MAX], const char *from, size_t length)
{
	size_t used = strlen(template);
	if (length >= JOB_LOCATION_MAX - used)
		return false;
	memcpy(template + used, from, length);
	template[used + length] = '\0';
	return true;
}

static bool append_field(
	char template[JOB_LOCATION_MAX], enum field field, const struct parts *parts)
{
	switch (field) {
	case FIELD_DIR:
		return parts->name == parts->path ||
		       append_piece(template, parts->path, parts->name - 1);
	case FIELD_STEM:
		return append_piece(template, parts->name, parts->dot);
	case FIELD_EXT:
		return naming_append(template, parts->suffix);
	case FIELD_SIZE:
	case FIELD_WIDTH:
	case FIELD_HEIGHT:
		return append_as_is(template, field_names[field], strlen(field_names[field]));
	case FIELDS:
		break;
	}
	return false; /* the pattern was checked */
}

bool scale_pattern_apply(
	const char *pattern, const char *path, const char *suffix, char template[JOB_LOCATION_MAX])
{
	const struct parts parts = split(path, suffix);
	bool fits = true;
	while (*pattern && fits) {
		/* doubled braces are the same in a template */
		enum field field = is_doubled(pattern) ? FIELDS : find_field(pattern);
		size_t length = is_doubled(pattern) ? 2 : 1;
		if (field == FIELDS) {
			fits = append_as_is(template, pattern, length);
			pattern += length;
			continue;
		}
		fits = append_field(template, field, &parts);
		pattern += strlen(field_names[field]);
		if (field == FIELD_DIR && parts.name == parts.path && *pattern == '/')
			pattern++;
	}
	return fits;
}
