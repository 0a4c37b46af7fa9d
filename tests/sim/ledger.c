/* SPDX-License-Identifier: MIT */
#include "tests/sim/ledger.h"

#include <stdlib.h>

void ledger_init(struct ledger *ledger, uint32_t jobs)
{
	*ledger = (struct ledger) { .rows = calloc(jobs + UINT64_C(1), sizeof(*ledger->rows)) };
	if (!ledger->rows)
		abort();
}

void ledger_release(struct ledger *ledger)
{
	free(ledger->rows);
	*ledger = (struct ledger) { 0 };
}

static void write_entry(struct ledger *ledger, const struct ledger_entry *entry)
{
	struct ledger_row *row = &ledger->rows[entry->job];
	if (entry->blames > 0) {
		row->blames = entry->blames;
		return;
	}
	ledger->doubled = ledger->doubled || row->settled;
	row->settled = true;
	row->code = entry->code;
	ledger->settled++;
}

void ledger_commit(struct ledger *ledger)
{
	for (size_t i = 0; i < ledger->batch_count; i++)
		write_entry(ledger, &ledger->batch[i]);
	ledger->batch_count = 0;
}

void ledger_pass(struct ledger *ledger, int64_t now_us)
{
	if (ledger->batch_count > 0 && now_us - ledger->batch_us >= LEDGER_BATCH_US)
		ledger_commit(ledger);
}

static void add(struct ledger *ledger, int64_t now_us, struct ledger_entry entry)
{
	ledger_pass(ledger, now_us);
	if (ledger->batch_count == 0)
		ledger->batch_us = now_us;
	ledger->batch[ledger->batch_count++] = entry;
	if (ledger->batch_count == LEDGER_BATCH_MAX)
		ledger_commit(ledger);
}

void ledger_settle(struct ledger *ledger, int64_t now_us, uint32_t job, enum error_code code)
{
	add(ledger, now_us, (struct ledger_entry) { .job = job, .code = code });
}

void ledger_blame(struct ledger *ledger, int64_t now_us, uint32_t job, uint32_t blames)
{
	add(ledger, now_us, (struct ledger_entry) { .job = job, .blames = blames });
}

uint64_t ledger_crash(struct ledger *ledger, int64_t now_us)
{
	ledger_pass(ledger, now_us);
	uint64_t lost = 0;
	for (size_t i = 0; i < ledger->batch_count; i++)
		lost += ledger->batch[i].blames == 0;
	ledger->batch_count = 0;
	return lost;
}
