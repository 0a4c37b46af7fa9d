/* SPDX-License-Identifier: MIT */
/* What was settled is known to the run that goes on, and a file is never harmed or replaced. */
#include "master/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/ledger_sample.h"
#include "tests/support/tempdir.h"

enum {
	MANY = 20000, /* outcomes: more than LEDGER_AHEAD_MAX */
};

static const char *ledger_file(void **state)
{
	return tempdir_path(*state, "run.db");
}

static struct ledger *open_ledger(void **state)
{
	return ledger_sample_open(ledger_file(state));
}

static void settle(struct ledger *ledger, const char *source, enum ledger_outcome outcome)
{
	struct ledger_entry entry = ledger_sample_entry(source);
	entry.outcome = outcome;
	ledger_settle(ledger, &entry);
}

static bool find(struct ledger *ledger, const char *source, struct ledger_entry *entry)
{
	struct error err = { 0 };
	int status = ledger_find(ledger, source, entry, &err);
	if (status < 0)
		fail_msg("%s", err.message);
	return status > 0;
}

static enum ledger_outcome outcome_of(struct ledger *ledger, const char *source)
{
	struct ledger_entry entry;
	assert_true(find(ledger, source, &entry));
	return entry.outcome;
}

static int64_t ask(void **state, const char *query)
{
	return ledger_sample_ask(ledger_file(state), query);
}

static void test_ledger_begins_a_run_in_a_new_file(void **state)
{
	struct stat status;
	struct ledger_entry entry;
	struct ledger *ledger = open_ledger(state);
	const struct ledger_past *past = ledger_past(ledger);
	assert_false(past->resuming);
	assert_false(past->any_quarantined);
	assert_int_equal(past->epoch, 1);
	assert_int_equal(past->done + past->failed + past->quarantined + past->listed, 0);
	assert_false(find(ledger, "source:a", &entry));
	ledger_sample_close(ledger, true);
	assert_int_equal(stat(ledger_file(state), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_ledger_leaves_nothing_beside_the_file(void **state)
{
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	ledger_sample_close(ledger, false);
	assert_int_equal(tempdir_count(*state, ""), 1);
}

static void test_ledger_keeps_all_fields(void **state)
{
	struct ledger_entry found, entry = {
		.source = "source:a/\xff\xfe b.jpg",
		.target = "target:a/other.webp",
		.outcome = LEDGER_FAILED,
		.counter = 3,
		.code = ERROR_INPUT,
		.reason = "not an image",
		.source_size = UINT64_C(1) << 40,
		.source_mtime_ns = -1,
		.has_digest = true,
		.digest = { 1, 2, 3, [31] = 255 },
		.input_bytes = 77,
		.output_bytes = UINT64_C(1) << 33,
		.attempts = 3,
		.blames = 2,
		.duration_us = UINT32_MAX,
		.worker = "host",
	};
	struct ledger *ledger = open_ledger(state);
	ledger_settle(ledger, &entry);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_true(find(ledger, entry.source, &found));
	assert_string_equal(found.source, entry.source);
	assert_string_equal(found.target, entry.target);
	assert_int_equal(found.outcome, entry.outcome);
	assert_int_equal(found.counter, entry.counter);
	assert_int_equal(found.code, entry.code);
	assert_string_equal(found.reason, entry.reason);
	assert_int_equal(found.source_size, entry.source_size);
	assert_int_equal(found.source_mtime_ns, entry.source_mtime_ns);
	assert_true(found.has_digest);
	assert_memory_equal(found.digest, entry.digest, sizeof(entry.digest));
	assert_int_equal(found.input_bytes, entry.input_bytes);
	assert_int_equal(found.output_bytes, entry.output_bytes);
	assert_int_equal(found.attempts, entry.attempts);
	assert_int_equal(found.blames, entry.blames);
	assert_int_equal(found.duration_us, entry.duration_us);
	assert_string_equal(found.worker, entry.worker);
	assert_true(found.this_run && found.same_command && found.same_program);
	assert_true(found.settled_s > 1700000000);
	ledger_sample_close(ledger, true);
}

static void test_ledger_keeps_targets_that_follow_from_the_source(void **state)
{
	static const char *const targets[] = { "target:a/b.jpg", "", "target:", "cache:a/b.jpg" };
	struct ledger *ledger;
	struct ledger_entry found, entry = ledger_sample_entry("source:a/b.jpg");
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		ledger = open_ledger(state);
		entry.target = targets[i];
		ledger_settle(ledger, &entry);
		ledger_sample_close(ledger, false);
		assert_int_equal(ask(state, "SELECT target IS NULL FROM job"), i == 0);
		ledger = open_ledger(state);
		assert_true(find(ledger, entry.source, &found));
		assert_string_equal(found.target, targets[i]);
		ledger_sample_close(ledger, false);
	}
}

static void test_ledger_cuts_a_long_reason_before_a_character(void **state)
{
	char reason[2 * LEDGER_REASON_MAX];
	struct ledger_entry found, entry = ledger_sample_entry("source:a");
	memset(reason, 'x', sizeof(reason));
	memcpy(reason + LEDGER_REASON_MAX - 3, "\u20ac", 3);
	reason[sizeof(reason) - 1] = '\0';
	entry.reason = reason;
	struct ledger *ledger = open_ledger(state);
	ledger_settle(ledger, &entry);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_true(find(ledger, "source:a", &found));
	assert_int_equal(strlen(found.reason), LEDGER_REASON_MAX - 3);
	ledger_sample_close(ledger, true);
}

static void test_ledger_resumes_a_run_that_did_not_end(void **state)
{
	struct ledger *ledger = open_ledger(state);
	struct ledger_past first = *ledger_past(ledger);
	settle(ledger, "source:a", LEDGER_DONE);
	settle(ledger, "source:b", LEDGER_FAILED);
	settle(ledger, "source:c", LEDGER_QUARANTINED);
	settle(ledger, "source:d", LEDGER_DONE);
	settle(ledger, "source:e", LEDGER_BLAMED);
	ledger_listed(ledger, 10, true);
	ledger_sample_close(ledger, false);
	for (uint32_t epoch = 2; epoch < 5; epoch++) {
		ledger = open_ledger(state);
		const struct ledger_past *past = ledger_past(ledger);
		assert_true(past->resuming && past->any_quarantined && past->listing_ended);
		assert_int_equal(past->done, 2);
		assert_int_equal(past->failed, 1);
		assert_int_equal(past->quarantined, 1);
		assert_int_equal(past->listed, 10);
		assert_int_equal(past->epoch, epoch);
		assert_int_equal(past->started_s, first.started_s);
		assert_memory_equal(past->run, first.run, sizeof(first.run));
		assert_int_equal(outcome_of(ledger, "source:e"), LEDGER_BLAMED);
		ledger_sample_close(ledger, false);
	}
}

static void test_ledger_begins_anew_after_a_run_that_ended(void **state)
{
	struct ledger_entry entry;
	struct ledger *ledger = open_ledger(state);
	struct ledger_past first = *ledger_past(ledger);
	settle(ledger, "source:a", LEDGER_DONE);
	settle(ledger, "source:b", LEDGER_QUARANTINED);
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	const struct ledger_past *past = ledger_past(ledger);
	assert_false(past->resuming);
	assert_true(past->any_quarantined);
	assert_int_equal(past->epoch, 1);
	assert_int_equal(past->done, 0);
	assert_memory_not_equal(past->run, first.run, sizeof(first.run));
	assert_true(find(ledger, "source:b", &entry));
	assert_false(entry.this_run);
	assert_true(entry.same_command);
	ledger_sample_close(ledger, true);
}

static void test_ledger_tells_the_place_of_an_earlier_run(void **state)
{
	struct error err;
	struct ledger_entry entry;
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	ledger_sample_close(ledger, true);
	struct ledger_options options = ledger_sample_command;
	options.path = ledger_file(state);
	options.parameters = "other";
	options.parameters_size = 5;
	assert_int_equal(ledger_open(&ledger, &options, &err), 0);
	assert_true(find(ledger, "source:a", &entry));
	assert_true(entry.same_place && !entry.same_command);
	ledger_sample_close(ledger, true);
	options.source = "/elsewhere";
	assert_int_equal(ledger_open(&ledger, &options, &err), 0);
	assert_true(find(ledger, "source:a", &entry));
	assert_false(entry.same_place);
	ledger_sample_close(ledger, true);
}

/* What ledger_earlier_next gives, separated by spaces; `forgotten` is forgotten. */
static void assert_earlier(struct ledger *ledger, const char *forgotten, const char *expected)
{
	struct error err = { 0 };
	struct ledger_entry entry;
	char found[256] = "";
	assert_int_equal(ledger_earlier_begin(ledger, &err), 0);
	int status;
	while ((status = ledger_earlier_next(ledger, &entry, &err)) > 0) {
		strcat(found, entry.source + strlen("source:"));
		if (forgotten && strcmp(entry.source, forgotten) == 0)
			assert_int_equal(ledger_forget(ledger, entry.source, &err), 0);
	}
	if (status)
		fail_msg("%s", err.message);
	assert_int_equal(ledger_earlier_end(ledger, &err), 0);
	assert_string_equal(found, expected);
}

static void test_ledger_lists_and_forgets_what_earlier_runs_have_done(void **state)
{
	struct error err;
	struct ledger_entry entry;
	struct ledger *ledger = open_ledger(state);
	for (const char *name = "dcba"; *name; name++) {
		const char source[] = { 's', 'o', 'u', 'r', 'c', 'e', ':', *name, '\0' };
		settle(ledger, source, *name == 'c' ? LEDGER_FAILED : LEDGER_DONE);
	}
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	assert_true(find(ledger, "source:a", &entry)); /* a view is open */
	settle(ledger, "source:b", LEDGER_DONE);
	assert_earlier(ledger, "source:d", "ad");
	ledger_sample_close(ledger, true);
	assert_int_equal(ask(state, "SELECT count(*) FROM job"), 3);
	assert_int_equal(ask(state, "SELECT count(*) FROM run WHERE ended_s IS NULL"), 0);
	/* another source has none */
	struct ledger_options options = ledger_sample_command;
	options.path = ledger_file(state);
	options.source = "/elsewhere";
	assert_int_equal(ledger_open(&ledger, &options, &err), 0);
	assert_earlier(ledger, NULL, "");
	ledger_sample_close(ledger, true);
}

static void test_ledger_looks_without_changing_anything(void **state)
{
	struct error err;
	struct ledger_entry entry;
	struct ledger_options options = ledger_sample_command;
	options.path = ledger_file(state);
	struct ledger *looking, *ledger;
	assert_int_equal(ledger_look(&looking, &options, &err), 0);
	assert_null(looking);
	assert_int_equal(tempdir_count(*state, "."), 0);
	ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	ledger_listed(ledger, 7, true);
	ledger_sample_close(ledger, false);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ledger_look(&looking, &options, &err), 0);
		assert_true(ledger_past(looking)->resuming);
		assert_int_equal(ledger_past(looking)->listed, 7);
		assert_true(find(looking, "source:a", &entry) && entry.this_run);
		assert_earlier(looking, NULL, ""); /* it is of the run that goes on */
		assert_int_equal(ledger_close(looking, true, &err), 0);
		assert_int_equal(ask(state, "SELECT max(epoch) FROM run"), 1);
		assert_int_equal(ask(state, "SELECT count(*) FROM run WHERE ended_s IS NULL"), 1);
	}
	tempdir_write(*state, "run.db", "no ledger");
	assert_int_equal(ledger_look(&looking, &options, &err), -1);
	assert_null(looking);
}

static void test_ledger_begins_anew_for_another_command(void **state)
{
	struct error err;
	struct ledger_options others[5];
	struct ledger_entry entry;
	for (size_t i = 0; i < 5; i++)
		others[i] = ledger_sample_command;
	others[0].kind = "noop";
	others[1].source = "/pictures";
	others[2].target = "/small";
	others[3].parameters = "size=800";
	others[4].program = "2.0";
	for (size_t i = 0; i < 5; i++) {
		struct ledger *ledger = open_ledger(state);
		assert_false(ledger_past(ledger)->resuming);
		settle(ledger, "source:a", LEDGER_QUARANTINED);
		ledger_sample_close(ledger, false);
		others[i].path = ledger_file(state);
		assert_int_equal(ledger_open(&ledger, &others[i], &err), 0);
		assert_false(ledger_past(ledger)->resuming);
		assert_true(ledger_past(ledger)->any_quarantined);
		assert_true(find(ledger, "source:a", &entry));
		assert_false(entry.this_run);
		assert_int_equal(entry.same_command, i == 1 || i == 2);
		assert_int_equal(entry.same_program, i != 4);
		ledger_sample_close(ledger, false);
	}
	assert_int_equal(ask(state, "SELECT count(*) FROM command"), 6);
}

static void test_ledger_forgets_what_is_quarantined_no_more(void **state)
{
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_QUARANTINED);
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	assert_false(ledger_past(ledger)->any_quarantined);
	ledger_sample_close(ledger, true);
}

static void test_ledger_counts_a_job_that_is_settled_again_once(void **state)
{
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	settle(ledger, "source:b", LEDGER_FAILED);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	settle(ledger, "source:b", LEDGER_DONE);
	settle(ledger, "source:c", LEDGER_DONE);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(ledger_past(ledger)->done, 3);
	assert_int_equal(ledger_past(ledger)->failed, 0);
	ledger_sample_close(ledger, true);
}

static void test_ledger_never_takes_an_outcome_away_for_a_death(void **state)
{
	struct ledger_entry entry, death = ledger_sample_entry("source:a");
	death.outcome = LEDGER_BLAMED;
	death.blames = 1;
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:a", LEDGER_DONE);
	ledger_settle(ledger, &death);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_true(find(ledger, "source:a", &entry));
	assert_int_equal(entry.outcome, LEDGER_DONE);
	assert_int_equal(entry.blames, 1);
	assert_int_equal(ledger_past(ledger)->done, 1);
	ledger_sample_close(ledger, true);
	/* an outcome of another run is no longer what is known */
	ledger = open_ledger(state);
	ledger_settle(ledger, &death);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(outcome_of(ledger, "source:a"), LEDGER_BLAMED);
	ledger_sample_close(ledger, true);
}

static void test_ledger_keeps_rows_of_sources_that_are_gone(void **state)
{
	struct ledger *ledger = open_ledger(state);
	settle(ledger, "source:old", LEDGER_DONE);
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	settle(ledger, "source:new", LEDGER_DONE);
	ledger_sample_close(ledger, true);
	ledger = open_ledger(state);
	assert_int_equal(outcome_of(ledger, "source:old"), LEDGER_DONE);
	assert_int_equal(outcome_of(ledger, "source:new"), LEDGER_DONE);
	ledger_sample_close(ledger, true);
}

static void test_ledger_takes_more_than_may_wait(void **state)
{
	struct ledger *ledger = open_ledger(state);
	for (int i = 0; i < MANY; i++) {
		char source[32];
		(void)snprintf(source, sizeof(source), "source:%05d", i);
		settle(ledger, source, LEDGER_DONE);
	}
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(ledger_past(ledger)->done, MANY);
	ledger_sample_close(ledger, true);
	assert_int_equal(ask(state, "SELECT count(*) FROM job"), MANY);
}

static void test_ledger_keeps_the_larger_listing_until_it_is_complete(void **state)
{
	struct ledger *ledger = open_ledger(state);
	ledger_listed(ledger, 100, false);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(ledger_past(ledger)->listed, 100);
	ledger_listed(ledger, 5, false);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(ledger_past(ledger)->listed, 100);
	assert_false(ledger_past(ledger)->listing_ended);
	ledger_listed(ledger, 90, true);
	ledger_sample_close(ledger, false);
	ledger = open_ledger(state);
	assert_int_equal(ledger_past(ledger)->listed, 90);
	assert_true(ledger_past(ledger)->listing_ended);
	ledger_sample_close(ledger, true);
}

static void test_ledger_closes_nothing(void **state)
{
	struct error err;
	(void)state;
	assert_int_equal(ledger_close(NULL, true, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tempdir_setup, tempdir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ledger_tells_the_place_of_an_earlier_run),
		TEST(test_ledger_lists_and_forgets_what_earlier_runs_have_done),
		TEST(test_ledger_looks_without_changing_anything),
		TEST(test_ledger_begins_a_run_in_a_new_file),
		TEST(test_ledger_leaves_nothing_beside_the_file),
		TEST(test_ledger_keeps_all_fields),
		TEST(test_ledger_keeps_targets_that_follow_from_the_source),
		TEST(test_ledger_cuts_a_long_reason_before_a_character),
		TEST(test_ledger_resumes_a_run_that_did_not_end),
		TEST(test_ledger_begins_anew_after_a_run_that_ended),
		TEST(test_ledger_begins_anew_for_another_command),
		TEST(test_ledger_forgets_what_is_quarantined_no_more),
		TEST(test_ledger_counts_a_job_that_is_settled_again_once),
		TEST(test_ledger_never_takes_an_outcome_away_for_a_death),
		TEST(test_ledger_keeps_rows_of_sources_that_are_gone),
		TEST(test_ledger_takes_more_than_may_wait),
		TEST(test_ledger_keeps_the_larger_listing_until_it_is_complete),
		TEST(test_ledger_closes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
