/* SPDX-License-Identifier: MIT */
#include "tests/sim/agenda.h"

#include <stdlib.h>

static bool before(const struct item *a, const struct item *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void grow(struct agenda *agenda)
{
	agenda->capacity = agenda->capacity ? agenda->capacity * 2 : 256;
	agenda->items = realloc(agenda->items, agenda->capacity * sizeof(*agenda->items));
	if (!agenda->items)
		abort();
}

void agenda_add(struct agenda *agenda, struct item item)
{
	if (agenda->count == agenda->capacity)
		grow(agenda);
	item.order = agenda->added++;
	size_t at = agenda->count++;
	while (at > 0 && before(&item, &agenda->items[(at - 1) / 2])) {
		agenda->items[at] = agenda->items[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	agenda->items[at] = item;
}

bool agenda_take(struct agenda *agenda, struct item *item)
{
	if (agenda->count == 0)
		return false;
	*item = agenda->items[0];
	const struct item *last = &agenda->items[--agenda->count];
	size_t at = 0;
	for (size_t child = 1; child < agenda->count; child = at * 2 + 1) {
		if (child + 1 < agenda->count &&
			before(&agenda->items[child + 1], &agenda->items[child]))
			child++;
		if (!before(&agenda->items[child], last))
			break;
		agenda->items[at] = agenda->items[child];
		at = child;
	}
	agenda->items[at] = *last;
	return true;
}

void agenda_release(struct agenda *agenda)
{
	free(agenda->items);
	*agenda = (struct agenda) { 0 };
}
