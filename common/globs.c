/* SPDX-License-Identifier: MIT */
/* A pattern is compared part by part, so that only "**" ever crosses a slash. */
#include "common/globs.h"

#include <assert.h>
#include <fnmatch.h>
#include <string.h>

int globs_add(struct globs *globs, const char *pattern, bool takes, struct error *err)
{
	size_t length = strlen(pattern);
	if (strspn(pattern, "/") == length || length >= GLOBS_PATTERN_MAX)
		return error_set(err, ERROR_USAGE, "'%.64s' is no pattern", pattern);
	if (globs->count == GLOBS_MAX)
		return error_set(err, ERROR_USAGE, "more than %d patterns", GLOBS_MAX);
	globs->rules[globs->count].pattern = pattern;
	globs->rules[globs->count++].takes = takes;
	return 0;
}

/* The part after the first one, or NULL. */
static const char *behind(const char *path)
{
	const char *slash = strchr(path, '/');
	return slash ? slash + 1 : NULL;
}

static bool is_any(const char *pattern)
{
	return strcspn(pattern, "/") == 2 && pattern[0] == '*' && pattern[1] == '*';
}

static void copy_part(char part[GLOBS_PATTERN_MAX], const char *path)
{
	size_t length = strcspn(path, "/");
	assert(length < GLOBS_PATTERN_MAX);
	memcpy(part, path, length);
	part[length] = '\0';
}

static bool part_matches(const char *pattern, const char *path)
{
	char one[GLOBS_PATTERN_MAX], other[GLOBS_PATTERN_MAX];
	if (strcspn(path, "/") >= GLOBS_PATTERN_MAX)
		return false;
	copy_part(one, pattern);
	copy_part(other, path);
	return fnmatch(one, other, 0) == 0;
}

/* After a mismatch it is enough to go back to the last "**": an earlier one could do no more. */
static bool path_matches(const char *pattern, const char *path)
{
	const char *again = NULL, *from = NULL;
	while (path) {
		if (pattern && is_any(pattern)) {
			pattern = behind(pattern);
			if (!pattern)
				return true;
			again = pattern;
			from = path;
		} else if (pattern && part_matches(pattern, path)) {
			pattern = behind(pattern);
			path = behind(path);
		} else {
			from = from ? behind(from) : NULL;
			if (!from)
				return false;
			pattern = again;
			path = from;
		}
	}
	return !pattern;
}

static bool matches(const char *text, const char *path, bool folder)
{
	char pattern[GLOBS_PATTERN_MAX];
	size_t length = strlen(text);
	bool folders_only = text[length - 1] == '/';
	while (text[length - 1] == '/')
		length--;
	if (folders_only && !folder)
		return false;
	memcpy(pattern, text, length);
	pattern[length] = '\0';
	const char *slash = strrchr(path, '/');
	if (!strchr(pattern, '/'))
		return path_matches(pattern, slash ? slash + 1 : path);
	return path_matches(pattern + strspn(pattern, "/"), path);
}

bool globs_take(const struct globs *globs, const char *path, bool folder)
{
	for (size_t i = globs->count; i > 0; i--) {
		if (matches(globs->rules[i - 1].pattern, path, folder))
			return globs->rules[i - 1].takes;
	}
	return folder || globs->count == 0 || !globs->rules[0].takes;
}

bool globs_take_file(const struct globs *globs, const char *path)
{
	char folder[GLOBS_PATTERN_MAX];
	if (globs->count == 0)
		return true;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t length = (size_t)(slash - path);
		if (length >= sizeof(folder))
			return false;
		memcpy(folder, path, length);
		folder[length] = '\0';
		if (!globs_take(globs, folder, true))
			return false;
	}
	return globs_take(globs, path, false);
}
