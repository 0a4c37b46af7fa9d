/* SPDX-License-Identifier: MIT */
/* Numbers with a time each, soonest first. */
#ifndef SCIAME_TESTS_SIM_DUE_H
#define SCIAME_TESTS_SIM_DUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct due_item {
	int64_t at_ms;
	uint32_t number;
};

/* Zeroed: empty. */
struct due {
	struct due_item *items; /* a binary heap */
	size_t count, capacity;
};

void due_add(struct due *due, int64_t at_ms, uint32_t number);

/* INT64_MAX if there is none. */
int64_t due_first_ms(const struct due *due);

/* Takes the first number out if its time has come by now_ms. */
bool due_take(struct due *due, int64_t now_ms, uint32_t *number);

void due_release(struct due *due);

#endif
