/* SPDX-License-Identifier: MIT */
/*
 * A folder of its own for one test, and files in it. Whatever fails here ends the test: these
 * are cmocka assertions.
 */
#ifndef SCIAME_TESTS_SUPPORT_TEMPDIR_H
#define SCIAME_TESTS_SUPPORT_TEMPDIR_H

#include <stdbool.h>
#include <stddef.h>

enum { TEMPDIR_PATH_MAX = 4096 };

/* A new folder in $TMPDIR; its path is short enough for sockets where that of $TMPDIR is. */
char *tempdir_new(void);
/* Removes the folder and all in it, without following links, and frees the path. */
void tempdir_free(char *folder);

/* cmocka's setup and teardown: *state is the folder's path. */
int tempdir_setup(void **state);
int tempdir_teardown(void **state);

/* "FOLDER/name", valid until the eighth call from now. */
const char *tempdir_path(const char *folder, const char *name);

/* Makes a file with this text, or a folder; both with the folders above that are missing. */
void tempdir_write(const char *folder, const char *name, const char *text);
void tempdir_make(const char *folder, const char *name);
void tempdir_link(const char *folder, const char *name, const char *to);

/* Whether the file holds exactly this text. */
bool tempdir_holds(const char *folder, const char *name, const char *text);
bool tempdir_exists(const char *folder, const char *name);
/* How many entries the folder has, those with a dot too, but not "." and "..". */
size_t tempdir_count(const char *folder, const char *name);

#endif
