/* SPDX-License-Identifier: MIT */
#include "master/mentions.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/table.h"

struct mentions {
	struct table sources, targets; /* the values say nothing */
};

struct mentions *mentions_new(void)
{
	return xcalloc(1, sizeof(struct mentions));
}

void mentions_free(struct mentions *mentions)
{
	if (!mentions)
		return;
	table_release(&mentions->sources);
	table_release(&mentions->targets);
	free(mentions);
}

static uint64_t key_of(const char *location)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t key;
	hash_sha256(location, strlen(location), digest);
	memcpy(&key, digest, sizeof(key));
	return key | (key == 0); /* 0 is no key */
}

static void add(struct table *table, const char *location)
{
	uint64_t key = key_of(location);
	if (!table_find(table, key))
		table_insert(table, key, table);
}

void mentions_add(struct mentions *mentions, const struct job *job)
{
	add(&mentions->sources, job->source);
	add(&mentions->targets, job->target);
}

bool mentions_any(const struct mentions *mentions)
{
	return table_count(&mentions->sources) > 0;
}

bool mentions_source(const struct mentions *mentions, const char *location)
{
	return table_find(&mentions->sources, key_of(location));
}

bool mentions_target(const struct mentions *mentions, const char *location)
{
	return table_find(&mentions->targets, key_of(location));
}
