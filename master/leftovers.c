/* SPDX-License-Identifier: MIT */
#include "master/leftovers.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/temporary.h"

/* FNV-1a (draft-eastlake-fnv), 64 bits: two folders with one hash would cost a temporary. */
static uint64_t hash(const char *text, size_t length)
{
	uint64_t value = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	return value ? value : 1; /* 0 is no key */
}

void leftovers_note(struct leftovers *l, const char *target)
{
	const char *colon = strchr(target, ':'), *slash = strrchr(target, '/');
	if (!colon || table_count(&l->folders) >= LEFTOVERS_MAX)
		return;
	size_t length = slash ? (size_t)(slash - target) : (size_t)(colon - target) + 1;
	uint64_t key = hash(target, length);
	if (!table_find(&l->folders, key))
		table_insert(&l->folders, key, xasprintf("%.*s", (int)length, target));
}

static void sweep(const char *location, char *const *roots, size_t count)
{
	size_t name = (size_t)(strchr(location, ':') - location);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(roots[i], location, name) != 0 || roots[i][name] != '=')
			continue;
		char *path = xasprintf("%s/%s", roots[i] + name + 1, location + name + 1);
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		free(path);
		if (fd < 0)
			return; /* it was never made, or is gone: with all that was in it */
		temporary_sweep(fd);
		(void)close(fd); /* opened with O_PATH */
		return;
	}
}

void leftovers_sweep(struct leftovers *l, char *const *roots, size_t roots_count)
{
	size_t cursor = 0;
	char *location;
	while ((location = table_next(&l->folders, &cursor))) {
		sweep(location, roots, roots_count);
		free(location);
	}
	table_release(&l->folders);
}
