/* SPDX-License-Identifier: MIT */
/*
 * The target folders that a store has open: found by their location, open as long as they have
 * outputs in work, and for a while after.
 */
#ifndef SCIAME_COMMON_STORE_FOLDERS_H
#define SCIAME_COMMON_STORE_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/store.h"

enum { STORE_FOLDER_BUCKETS = 1024 };

struct root;

struct folder {
	struct store_folders *all;
	const struct root *root;        /* borrowed */
	struct folder *chain;           /* the next one in its bucket */
	struct folder *before, *behind; /* in the list of idle ones, when it has no users */
	int fd;                         /* owned, opened with O_PATH */
	unsigned users;                 /* outputs in work */
	bool forgotten;  /* in no bucket: the folder is gone, its outputs end with it */
	char location[]; /* "ROOT:path" */
};

/* Zeroed: none. */
struct store_folders {
	struct folder *buckets[STORE_FOLDER_BUCKETS];
	struct folder *oldest, *newest; /* idle folders, by when they became idle */
	size_t idle_count;              /* at most STORE_FOLDERS_MAX */
};

/* The folder at the first `length` bytes of a location, or NULL. */
struct folder *store_folders_find(
	const struct store_folders *all, const char *location, size_t length);

/* Takes fd. It is idle at first. */
struct folder *store_folders_add(struct store_folders *all, const char *location, size_t length,
	const struct root *root, int fd);

void store_folder_hold(struct folder *folder);
void store_folder_release(struct folder *folder);

/* The next use of a folder in use opens it anew. */
void store_folder_forget(struct folder *folder);

/* Closes those that are idle; false: there was none. */
bool store_folders_spare(struct store_folders *all);

/* That none is left is asserted. */
void store_folders_check_empty(const struct store_folders *all);

#endif
