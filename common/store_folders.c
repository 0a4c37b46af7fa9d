/* SPDX-License-Identifier: MIT */
#include "common/store_folders.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"

/* FNV-1a (draft-eastlake-fnv): short and good enough for paths that the user chose. */
static size_t bucket_number(const char *location, size_t length)
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)location[i]) * 16777619U;
	return hash % STORE_FOLDER_BUCKETS;
}

static void idle_remove(struct folder *folder)
{
	struct store_folders *all = folder->all;
	*(folder->before ? &folder->before->behind : &all->oldest) = folder->behind;
	*(folder->behind ? &folder->behind->before : &all->newest) = folder->before;
	all->idle_count--;
}

static void idle_append(struct folder *folder)
{
	struct store_folders *all = folder->all;
	folder->before = all->newest;
	folder->behind = NULL;
	*(folder->before ? &folder->before->behind : &all->oldest) = folder;
	all->newest = folder;
	all->idle_count++;
}

static void bucket_remove(struct folder *folder)
{
	size_t number = bucket_number(folder->location, strlen(folder->location));
	struct folder **link = &folder->all->buckets[number];
	while (*link != folder)
		link = &(*link)->chain;
	*link = folder->chain;
}

static void folder_free(struct folder *folder)
{
	(void)close(folder->fd); /* opened with O_PATH: nothing to flush */
	free(folder);
}

/* An idle folder. */
static void folder_close(struct folder *folder)
{
	bucket_remove(folder);
	idle_remove(folder);
	folder_free(folder);
}

void store_folder_hold(struct folder *folder)
{
	if (folder->users++ == 0)
		idle_remove(folder);
}

void store_folder_release(struct folder *folder)
{
	struct store_folders *all = folder->all;
	if (--folder->users > 0)
		return;
	if (folder->forgotten) {
		folder_free(folder);
		return;
	}
	idle_append(folder);
	if (all->idle_count > STORE_FOLDERS_MAX)
		folder_close(all->oldest);
}

void store_folder_forget(struct folder *folder)
{
	if (!folder->forgotten)
		bucket_remove(folder);
	folder->forgotten = true;
}

struct folder *store_folders_find(
	const struct store_folders *all, const char *location, size_t length)
{
	struct folder *folder = all->buckets[bucket_number(location, length)];
	while (folder && (strncmp(folder->location, location, length) != 0 ||
				 folder->location[length] != '\0'))
		folder = folder->chain;
	return folder;
}

struct folder *store_folders_add(struct store_folders *all, const char *location, size_t length,
	const struct root *root, int fd)
{
	struct folder *folder = xcalloc(1, sizeof(*folder) + length + 1);
	struct folder **head = &all->buckets[bucket_number(location, length)];
	memcpy(folder->location, location, length);
	folder->all = all;
	folder->root = root;
	folder->fd = fd;
	folder->chain = *head;
	*head = folder;
	idle_append(folder);
	return folder;
}

bool store_folders_spare(struct store_folders *all)
{
	bool any = all->oldest != NULL;
	while (all->oldest)
		folder_close(all->oldest);
	return any;
}

void store_folders_check_empty(const struct store_folders *all)
{
	for (size_t i = 0; i < STORE_FOLDER_BUCKETS; i++)
		assert(!all->buckets[i]);
}
