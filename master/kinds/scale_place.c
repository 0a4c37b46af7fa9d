/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_place.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* What of `whole` lies below `root`: "" when they are the same, NULL when it does not. */
static const char *below(const char *whole, const char *root)
{
	size_t length = strlen(root);
	if (strcmp(root, "/") == 0)
		return whole + 1;
	if (strncmp(whole, root, length) != 0)
		return NULL;
	if (whole[length] == '/')
		return whole + length + 1;
	return whole[length] == '\0' ? whole + length : NULL;
}

/* The innermost root that holds the folder, and where in it: -1: there is none. */
static int find(const struct scale_place_options *options, const char *real, size_t *number,
	char **path, struct error *err)
{
	size_t best = 0;
	*path = NULL;
	for (size_t i = 0; i < options->roots_count; i++) {
		const char *folder = strchr(options->roots[i], '=') + 1;
		char *root = realpath(folder, NULL);
		if (!root) {
			free(*path);
			*path = NULL;
			return error_errno(err, ERROR_USAGE, "root %s", folder);
		}
		const char *rest = below(real, root);
		if (rest && strlen(root) > best) {
			best = strlen(root);
			*number = i;
			free(*path);
			*path = xstrdup(rest);
		}
		free(root);
	}
	return 0;
}

/* Source and target may lie in the same root. */
static void add_root(struct kind_run *run, const char *root)
{
	for (size_t i = 0; i < run->roots_count; i++) {
		if (strcmp(run->roots[i], root) == 0)
			return;
	}
	assert(run->roots_count < KIND_ROOTS_MAX);
	run->roots[run->roots_count++] = xstrdup(root);
}

int scale_place(struct kind_run *run, const struct scale_place_options *options, const char *folder,
	char **place, struct error *err)
{
	char *path, *root, *real = realpath(folder, NULL);
	size_t number = 0;
	if (!real)
		return error_errno(err, ERROR_USAGE, "folder %s", folder);
	int status = find(options, real, &number, &path, err);
	free(real);
	if (status)
		return -1;
	if (path)
		root = xstrdup(options->roots[number]);
	else
		root = xasprintf("%s=%s", options->name, folder);
	add_root(run, root);
	*place = xasprintf("%.*s:%s%s", (int)strcspn(root, "="), root, path ? path : "",
		path && *path ? "/" : "");
	free(root);
	free(path);
	return 0;
}
