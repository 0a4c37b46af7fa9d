/* SPDX-License-Identifier: MIT */
/* Names are kept as 64 bits of their digest: no two of ten million meet by chance. */
#include "master/kinds/scale_outputs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/table.h"
#include "common/tree.h"

/* The folder that is open at one depth, or was the last time. */
struct level {
	char *folder;
	struct table names; /* of its outputs; the values say nothing */
};

struct scale_outputs {
	struct level levels[TREE_DEPTH_MAX + 1];
};

struct scale_outputs *scale_outputs_new(void)
{
	return xcalloc(1, sizeof(struct scale_outputs));
}

static void level_release(struct level *level)
{
	table_release(&level->names);
	free(level->folder);
	level->folder = NULL;
}

void scale_outputs_free(struct scale_outputs *outputs)
{
	for (size_t i = 0; outputs && i <= TREE_DEPTH_MAX; i++)
		level_release(&outputs->levels[i]);
	free(outputs);
}

/* The level of the folder that is the first `length` bytes of path; those below it were left. */
static struct level *find_level(struct scale_outputs *outputs, const char *path, size_t length)
{
	size_t depth = 0;
	for (size_t i = 0; i < length; i++)
		depth += path[i] == '/' && depth < TREE_DEPTH_MAX;
	struct level *level = &outputs->levels[depth];
	for (size_t i = depth + 1; i <= TREE_DEPTH_MAX && outputs->levels[i].folder; i++)
		level_release(&outputs->levels[i]);
	bool same = level->folder && strlen(level->folder) == length &&
		    memcmp(level->folder, path, length) == 0;
	if (!same) {
		level_release(level);
		level->folder = xasprintf("%.*s", (int)length, path);
	}
	return level;
}

bool scale_outputs_take(struct scale_outputs *outputs, const char *path)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t key;
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash + 1 - path) : 0;
	struct level *level = find_level(outputs, path, length);
	hash_sha256(path + length, strlen(path + length), digest);
	memcpy(&key, digest, sizeof(key));
	key |= key == 0; /* 0 is no key */
	if (table_find(&level->names, key))
		return false;
	table_insert(&level->names, key, outputs);
	return true;
}
