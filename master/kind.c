/* SPDX-License-Identifier: MIT */
/* A kind without its half here is a link error. */
#include "master/kind.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KIND(number, name) extern const struct master_kind master_kind_##name;
#include "common/kinds.def"
#undef KIND

static const struct master_kind *const kinds[KINDS_MAX] = {
#define KIND(number, name) [number] = &master_kind_##name,
#include "common/kinds.def"
#undef KIND
};

const struct master_kind *master_kind_find(uint32_t number)
{
	return number < KINDS_MAX ? kinds[number] : NULL;
}

const struct master_kind *master_kind_named(const char *name)
{
	for (uint32_t i = 0; i < KINDS_MAX; i++) {
		if (kinds[i] && strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}

uint32_t master_kind_number(const struct master_kind *kind)
{
	uint32_t number = 0;
	while (kinds[number] != kind) {
		number++;
		assert(number < KINDS_MAX);
	}
	return number;
}

const char *master_kind_names(void)
{
	static const char names[] = ""
#define KIND(number, name) ", " #name
#include "common/kinds.def"
#undef KIND
		;
	return names + strlen(", ");
}

void master_kind_close(const struct master_kind *kind, struct kind_run *run)
{
	if (run->state)
		kind->close(run->state);
	run->state = NULL;
	free(run->ledger_source);
	free(run->ledger_target);
	run->ledger_source = run->ledger_target = NULL;
	while (run->roots_count > 0)
		free(run->roots[--run->roots_count]);
}
