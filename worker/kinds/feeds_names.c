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
		uint16_t *slot = &names->slots[(hash + i) % NAMES_SLOTS];
		if (*slot == 0) {
			if (names->count == NAMES_MAX)
				return false;
			names->names[names->count++] = (struct feeds_names_name) { name, size };
			*slot = names->count;
			return true;
		}
		const struct feeds_names_name *known = &names->names[*slot - 1];
		if (known->size == size && memcmp(known->name, name, size) == 0)
			return true;
	}
	return false;
}
