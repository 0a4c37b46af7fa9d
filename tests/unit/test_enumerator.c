/* SPDX-License-Identifier: MIT */
/* The listing thread against a kind that is made here: what it finds arrives, whatever happens. */
#include "master/enumerator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/socket.h"
#include "tests/support/deadline.h"

enum { MANY = 3 * ENUMERATOR_AHEAD_MAX };

/* Gives `left` jobs; each tenth call fails first. */
struct source {
	int left, calls;
	bool fails;
};

static int next(void *state, struct job *job, struct error *err)
{
	struct source *source = state;
	if (source->fails && ++source->calls % 10 == 0)
		return error_set(err, ERROR_IO, "folder %d", source->calls);
	if (source->left == 0)
		return 0;
	source->left--;
	job->source = "source:a";
	job->target = "target:b";
	return 1;
}

struct listed_source {
	struct master_kind kind;
	struct listing listing;
};

static struct enumerator *open_over(struct source *source, struct listed_source *listed)
{
	struct error err;
	listed->kind = (struct master_kind) { .next = next };
	listed->listing = (struct listing) { .kind = &listed->kind, .state = source };
	const struct enumerator_options options = { &listed->listing, 7, 1234 };
	struct enumerator *e = enumerator_open(&options, &err);
	assert_non_null(e);
	return e;
}

/* Waits as the loop does: until the descriptor is readable. */
static void await(struct enumerator *e, int64_t end)
{
	struct poll_item item = { .fd = enumerator_fd(e) };
	struct error err;
	deadline_check(end);
	assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &err), 0);
}

struct harvest {
	uint64_t jobs, failures;
};

static void take_notes(struct enumerator *e, struct harvest *harvest)
{
	struct enumerator_note *note;
	while ((note = enumerator_take_note(e))) {
		assert_true(note->failed);
		assert_string_equal(note->name, "");
		harvest->failures++;
		free(note);
	}
}

static struct harvest take_all(struct enumerator *e)
{
	struct harvest harvest = { 0 };
	struct job *jobs[100];
	struct error err;
	int64_t end = deadline_start();
	for (bool ended = false; !ended;) {
		take_notes(e, &harvest);
		size_t got = enumerator_take(e, jobs, 100, &ended);
		for (size_t i = 0; i < got; i++) {
			assert_int_equal(
				jobs[i]->id, harvest.jobs + 1); /* in order, none missing */
			assert_int_equal(jobs[i]->deadline_ms, 1234);
			assert_int_equal(jobs[i]->kind, 7);
			assert_string_equal(jobs[i]->source, "source:a");
			harvest.jobs++;
			free(jobs[i]);
			assert_int_equal(enumerator_settled(e, &err), 0);
		}
		if (got == 0 && !ended)
			await(e, end);
	}
	take_notes(e, &harvest);
	return harvest;
}

static void test_enumerator_gives_every_job_once_and_in_order(void **state)
{
	(void)state;
	struct source source = { .left = MANY };
	struct listed_source kind;
	struct enumerator *e = open_over(&source, &kind);
	struct harvest harvest = take_all(e);
	assert_int_equal(harvest.jobs, MANY);
	assert_int_equal(harvest.failures, 0);
	assert_int_equal(enumerator_found(e), MANY);
	assert_true(enumerator_has_ended(e));
	assert_true(enumerator_all_settled(e));
	enumerator_close(e);
}

static void test_enumerator_goes_on_after_failures(void **state)
{
	(void)state;
	struct source source = { .left = 900, .fails = true };
	struct listed_source kind;
	struct enumerator *e = open_over(&source, &kind);
	struct harvest harvest = take_all(e);
	assert_int_equal(harvest.jobs, 900);
	assert_int_equal(harvest.failures, 100);
	assert_int_equal(enumerator_found(e), 1000);
	enumerator_close(e);
}

static void test_enumerator_lists_no_further_than_its_queue(void **state)
{
	(void)state;
	struct source source = { .left = MANY };
	struct listed_source kind;
	struct enumerator *e = open_over(&source, &kind);
	int64_t end = deadline_start();
	while (enumerator_found(e) < ENUMERATOR_AHEAD_MAX)
		deadline_check(end);
	/* one more may wait at the door */
	assert_in_range(enumerator_found(e), ENUMERATOR_AHEAD_MAX, ENUMERATOR_AHEAD_MAX + 1);
	assert_false(enumerator_has_ended(e));
	enumerator_stop(e);
	enumerator_close(e);
	assert_in_range(MANY - source.left, ENUMERATOR_AHEAD_MAX, ENUMERATOR_AHEAD_MAX + 1);
}

static void test_enumerator_settles_no_more_than_it_found(void **state)
{
	(void)state;
	struct source source = { .left = 1 };
	struct listed_source kind;
	struct error err;
	struct enumerator *e = open_over(&source, &kind);
	assert_int_equal(take_all(e).jobs, 1);
	assert_int_equal(enumerator_settled(e, &err), -1);
	assert_string_equal(err.message, "task_done() called too many times");
	enumerator_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enumerator_gives_every_job_once_and_in_order),
		cmocka_unit_test(test_enumerator_goes_on_after_failures),
		cmocka_unit_test(test_enumerator_lists_no_further_than_its_queue),
		cmocka_unit_test(test_enumerator_settles_no_more_than_it_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
