/* SPDX-License-Identifier: MIT */
/*
 * Which paths are wanted, by patterns of the shell that are given one after the other. Pure.
 *
 * The last pattern that matches decides. A path that none matches is wanted, but a file is not
 * where the first pattern takes something: then only what is named is wanted.
 *
 *     *.jpg         a name, in any folder; * ? [abc] [!a-z] and \* as in fnmatch(3), byte by byte
 *     2024/ *.jpg   with a slash: the path from the top (without the space); * stops at slashes
 *     /a.jpg        only at the top
 *     **            as a whole part of a path: any number of folders, also none
 *     old/          with a slash at its end: folders only
 */
#ifndef SCIAME_COMMON_GLOBS_H
#define SCIAME_COMMON_GLOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum {
	GLOBS_MAX = 256,          /* patterns */
	GLOBS_PATTERN_MAX = 4096, /* bytes of one with its NUL */
};

/* Zeroed: everything is wanted. */
struct globs {
	size_t count;
	struct {
		const char *pattern; /* borrowed */
		bool takes;
	} rules[GLOBS_MAX];
};

/* takes: what matches is wanted; else it is not. ERROR_USAGE: no pattern, or too many of them. */
int globs_add(struct globs *globs, const char *pattern, bool takes, struct error *err);

/* Whether this folder is to be entered, or this file taken, once one is in its folder. */
bool globs_take(const struct globs *globs, const char *path, bool folder);

/* The same of a file with every folder above it. */
bool globs_take_file(const struct globs *globs, const char *path);

#endif
