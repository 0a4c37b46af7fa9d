/* SPDX-License-Identifier: MIT */
/* A bounded set of names, by open addressing with few probes: names made to collide are refused. */
#include "worker/kinds/feeds_names.h"

#include <string.h>

enum { PROBES_MAX = 16 };

static uint32_t hash_of(const char *name, size_t size)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

bool feeds_names_admit(struct feeds_names *names, const char *name, size_t size)
{
	uint32_t hash = hash_of(name, size);
	for (uint32_t i = 0; i < PROBES_MAX; i++) {
		struct feeds_names_slot *slot = &names->slots[(hash + i) % NAMES_SLOTS];
		if (slot->name == NULL) {
			if (names->count == NAMES_MAX)
				return false;
			*slot = (struct feeds_names_slot) { name, size };
			names->count++;
			return true;
		}
		if (slot->size == size && memcmp(slot->name, name, size) == 0)
			return true;
	}
	return false;
}
