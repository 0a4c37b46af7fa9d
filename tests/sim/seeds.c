/* SPDX-License-Identifier: MIT */
/*
 * A seed means another run once plan.c draws something else: what it found is then found by
 * others, and by tests/unit/test_scheduler.c.
 */
#include "tests/sim/seeds.h"

const struct seed seeds[] = {
	{ 2, "what a second node was asked about and handed back went to the first one again" },
	{ 42, "the copy that came second gave its credit back while its worker was busy with it" },
	{ 65, "a job under suspicion that failed was sent elsewhere, but not alone" },
	{ 236, "a failure for good waited for the twin although it was final" },
	{ 269, "a twin went to the node on which the job had failed for good" },
	{ 275, "a draining worker was forgotten while it ran the copy that came second" },
	{ 620, "a job that another node was to be asked about failed when the run was halted" },
	{ 2846, "a job went back to the node on which it had failed for good" },
	{ 3742, "a thousand idle workers waited while one ran what was to run alone" },
	{ 1014708, "the last node that still took jobs was sent away for its deaths" },
};

const size_t seeds_count = sizeof(seeds) / sizeof(seeds[0]);
