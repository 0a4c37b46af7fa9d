/* SPDX-License-Identifier: MIT */
#include "master/listing.h"

static void set_past(struct listed *listed, const struct ledger_entry *entry)
{
	listed->counter = entry->counter < SUMMARY_COUNTERS_MAX ? entry->counter : 0;
	listed->input_bytes = entry->input_bytes;
	listed->output_bytes = entry->output_bytes;
}

int listing_next(struct listing *listing, struct listed *listed, struct error *err)
{
	struct ledger_entry entry;
	*listed = (struct listed) { .job = { .source = "", .target = "" } };
	int status = listing->kind->next(listing->state, &listed->job, err);
	if (status <= 0)
		return status;
	listed->job.digest = listing->digest;
	if (!listing->resume)
		return 1;
	int verdict = resume_judge(listing->resume, &listed->job, &entry, &listed->why, err);
	if (verdict < 0)
		return -1;
	if (!listing->explains)
		listed->why = NULL;
	if (verdict == RESUME_DONE) {
		listed->type = LISTED_DONE;
		set_past(listed, &entry);
	} else if (verdict != RESUME_DO) {
		listed->type = LISTED_FAILED;
		(void)error_set(&listed->reason, entry.code, "%s%s", entry.reason,
			verdict == RESUME_QUARANTINED
				? "; it is left alone until it changes, or --retry-failed"
				: "");
	}
	return 1;
}
