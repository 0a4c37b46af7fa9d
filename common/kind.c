/* SPDX-License-Identifier: MIT */
#include "common/kind.h"

#include <stddef.h>
#include <string.h>

/* FNV-1a of 32 bits (draft-eastlake-fnv). */
#define FNV_OFFSET UINT32_C(2166136261)
#define FNV_PRIME UINT32_C(16777619)

static const char *const names[KINDS_MAX] = {
#define KIND(number, name) [number] = #name,
#include "common/kinds.def"
#undef KIND
};

bool kind_name_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
	return length > 0 && length < KIND_NAME_MAX && name[length] == '\0' && name[0] != '-';
}

uint32_t kind_number(const char *name)
{
	uint32_t hash = FNV_OFFSET;
	for (uint32_t i = 0; i < KINDS_MAX; i++) {
		if (names[i] && strcmp(names[i], name) == 0)
			return i;
	}
	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * FNV_PRIME;
	return hash | KIND_OWN;
}
