/* SPDX-License-Identifier: MIT */
#include "tests/sim/due.h"

#include <stdlib.h>

void due_add(struct due *due, int64_t at_ms, uint32_t number)
{
	if (due->count == due->capacity) {
		due->capacity = due->capacity ? due->capacity * 2 : 64;
		due->items = realloc(due->items, due->capacity * sizeof(*due->items));
		if (!due->items)
			abort();
	}
	size_t at = due->count++;
	while (at > 0 && at_ms < due->items[(at - 1) / 2].at_ms) {
		due->items[at] = due->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	due->items[at] = (struct due_item) { .at_ms = at_ms, .number = number };
}

int64_t due_first_ms(const struct due *due)
{
	return due->count > 0 ? due->items[0].at_ms : INT64_MAX;
}

bool due_take(struct due *due, int64_t now_ms, uint32_t *number)
{
	if (due_first_ms(due) > now_ms)
		return false;
	*number = due->items[0].number;
	struct due_item last = due->items[--due->count];
	size_t at = 0;
	for (size_t child = 1; child < due->count; child = at * 2 + 1) {
		if (child + 1 < due->count && due->items[child + 1].at_ms < due->items[child].at_ms)
			child++;
		if (due->items[child].at_ms >= last.at_ms)
			break;
		due->items[at] = due->items[child];
		at = child;
	}
	due->items[at] = last;
	return true;
}

void due_release(struct due *due)
{
	free(due->items);
	*due = (struct due) { 0 };
}
