/* SPDX-License-Identifier: MIT */
#include "master/listing.h"

#include "master/ledger_outputs.h"

static void set_past(struct listed *listed, const struct ledger_entry *entry)
{
	listed->counter = entry->counter < SUMMARY_COUNTERS_MAX ? entry->counter : 0;
	listed->input_bytes = entry->input_bytes;
	listed->output_bytes = entry->output_bytes;
}

/* Tells the kind of outputs that are there already. */
static void tell(
	const struct listing *listing, const struct job *job, const struct ledger_entry *entry)
{
	struct ledger_outputs outputs;
	struct result past = { .job = job->id };
	if (!listing->kind->known || !entry->outputs ||
		ledger_outputs_unpack(&outputs, entry->outputs, entry->outputs_size))
		return;
	for (size_t i = 0; i < outputs.count; i++)
		result_produced(&past, &outputs.list[i].produced);
	listing->kind->known(listing->state, job, &past);
	ledger_outputs_release(&outputs);
}

int listing_next(struct listing *listing, struct listed *listed, struct error *err)
{
	struct ledger_entry entry;
	*listed = (struct listed) { .job = { .source = "", .target = "" } };
	int status = listing->kind->next(listing->state, &listed->job, err);
	if (status <= 0)
		return status;
	listed->job.digest = listing->digest;
	if (listing->mentions)
		mentions_add(listing->mentions, &listed->job);
	if (!listing->resume)
		return 1;
	int verdict = resume_judge(listing->resume, &listed->job, &entry, &listed->why, err);
	if (verdict < 0)
		return -1;
	if (!listing->explains)
		listed->why = NULL;
	if (verdict == RESUME_DONE || verdict == RESUME_UNCHANGED)
		tell(listing, &listed->job, &entry);
	if (verdict == RESUME_DONE) {
		listed->type = LISTED_DONE;
		set_past(listed, &entry);
	} else if (verdict == RESUME_UNCHANGED) {
		listed->type = LISTED_UNCHANGED;
	} else if (verdict != RESUME_DO) {
		listed->type = LISTED_FAILED;
		(void)error_set(&listed->reason, entry.code, "%s%s", entry.reason,
			verdict == RESUME_QUARANTINED
				? "; it is left alone until it changes, or --retry-failed"
				: "");
	}
	return 1;
}
