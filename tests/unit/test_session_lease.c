/* SPDX-License-Identifier: MIT */
/* A session that is given up: noticed, left, joined again, with what may be taken along. */
#include "worker/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/support/deadline.h"
#include "tests/support/puppet.h"

/* Everything that the master says for this session counts as hearing it. */
static void test_session_notices_silence(void **state)
{
	struct puppet *f = *state;
	assert_false(session_is_silent(f->session, clock_ms() + PUPPET_LATER_MS));
	assert_int_equal(session_silence_max_ms(f->session), 0);
	puppet_join(f);
	int64_t joined_ms = clock_ms();
	assert_int_equal(session_silence_max_ms(f->session), PUPPET_SILENCE_MS - 1000);
	assert_false(session_is_silent(f->session, joined_ms));
	assert_true(session_is_silent(f->session, joined_ms + PUPPET_SILENCE_MS - 1000));
	/* and the loop wakes up for it */
	const struct message beat = { .queued = 0 };
	assert_int_equal(session_beat(f->session, joined_ms + PUPPET_LATER_MS, &beat, &f->err), 0);
	assert_in_range(session_deadline_ms(f->session), 0, joined_ms + PUPPET_SILENCE_MS - 1000);
}

static void test_session_forgives_time_without_ears(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	int64_t joined_ms = clock_ms();
	session_forgive(f->session, PUPPET_SILENCE_MS);
	assert_false(session_is_silent(f->session, joined_ms + PUPPET_SILENCE_MS - 1000));
	assert_true(session_is_silent(f->session, joined_ms + 2 * PUPPET_SILENCE_MS - 1000));
}

static void test_session_passes_over_what_is_not_for_it(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	int64_t end = deadline_start(), joined_ms = clock_ms();
	/* one millisecond later the last word counts from another moment */
	while (clock_ms() == joined_ms)
		deadline_check(end);
	struct wire_header header = f->header;
	f->header.session.bytes[0] ^= 1;
	puppet_give(f, 1);
	/* on the same channel: what is for it comes after what is not */
	f->header = header;
	puppet_give(f, 2);
	puppet_await_session(f);
	assert_int_equal(f->message.jobs[0].id, 2);
	assert_false(session_is_silent(f->session, joined_ms + PUPPET_SILENCE_MS - 1000));
}

static void test_session_is_silent_after_what_is_not_for_it(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	int64_t end = deadline_start(), joined_ms = clock_ms();
	while (clock_ms() == joined_ms)
		deadline_check(end);
	struct wire_header header = f->header;
	f->header.session.bytes[0] ^= 1;
	puppet_give(f, 1);
	assert_int_equal(session_receive(f->session, &f->message, &f->err), 0);
	assert_true(session_is_silent(f->session, joined_ms + PUPPET_SILENCE_MS - 1000));
	f->header = header;
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	assert_false(session_is_silent(f->session, joined_ms + PUPPET_SILENCE_MS - 1000));
}

static void test_session_shows_an_eviction(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	puppet_tell(f, (struct message) { .type = MESSAGE_EVICT, .text = "it took no jobs" });
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_EVICT);
	assert_string_equal(f->message.text, "it took no jobs");
	/* a master that was started anew in the same run does not know the session either */
	f->header.epoch++;
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	assert_int_equal(f->message.type, MESSAGE_EVICT);
}

static void report_as(struct puppet *f, uint64_t job, enum error_code code)
{
	const struct result result = { .job = job, .attempt = 3, .code = code, .source_size = job };
	assert_int_equal(session_report(f->session, &result, &f->err), 0);
}

/* Of two reports that were sent and one that was not. */
static void report_mixed(struct puppet *f)
{
	report_as(f, 1, ERROR_NONE);
	report_as(f, 2, ERROR_INPUT);
	assert_int_equal(session_refuse(f->session, 3, 1, &f->err), 0);
	puppet_flush(f);
	report_as(f, 4, ERROR_NONE);
	puppet_flush(f);
	report_as(f, 5, ERROR_LANE);
	report_as(f, 6, ERROR_NONE);
}

static void rejoin(struct puppet *f)
{
	struct wire_id before = f->header.session, instance;
	assert_int_equal(session_rejoin(f->session, clock_ms(), &f->err), 0);
	assert_false(session_is_active(f->session));
	/* what the old session sent comes before its successor's Hello, or does not come */
	f->ahead_ms += PUPPET_LATER_MS;
	do {
		puppet_await_worker(f);
		instance = f->message.instance;
	} while (f->message.type != MESSAGE_HELLO ||
		 memcmp(&f->message.header.session, &before, WIRE_ID_SIZE) == 0);
	assert_memory_not_equal(&instance, &(struct wire_id) { { 0 } }, WIRE_ID_SIZE);
	f->header.session = f->message.header.session;
}

static void test_session_takes_successes_along(void **state)
{
	struct puppet *f = *state;
	static const uint64_t expected[] = { 1, 4, 6 };
	puppet_join(f);
	report_mixed(f);
	rejoin(f);
	/* a second silence before the Welcome loses nothing of it */
	rejoin(f);
	puppet_join_run(f);
	puppet_flush(f);
	puppet_await_report(f, MESSAGE_RESULTS, 1);
	assert_int_equal(f->message.count, 3);
	assert_memory_equal(&f->message.header.session, &f->header.session, WIRE_ID_SIZE);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(f->message.results[i].job, expected[i]);
		assert_int_equal(f->message.results[i].attempt, 3);
		assert_int_equal(f->message.results[i].source_size, expected[i]);
	}
	/* numbers start anew, and nothing of the old session is sent again */
	puppet_report(f, 7);
	puppet_flush(f);
	puppet_await_report(f, MESSAGE_RESULTS, 2);
	puppet_await_nothing_but_beat(f);
	assert_int_equal(f->message.received, 0);
}

static void test_session_takes_nothing_along_into_another_run(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	report_mixed(f);
	rejoin(f);
	puppet_join(f);
	puppet_flush(f);
	puppet_await_nothing_but_beat(f);
}

static void test_session_takes_nothing_along_to_a_master_that_was_started_anew(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	report_mixed(f);
	rejoin(f);
	f->header.epoch++;
	puppet_join_run(f);
	puppet_flush(f);
	puppet_await_nothing_but_beat(f);
}

static void test_session_takes_along_what_was_acknowledged_by_none(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	puppet_report(f, 1);
	puppet_flush(f);
	puppet_report(f, 2);
	puppet_flush(f);
	puppet_tell(f, (struct message) { .type = MESSAGE_ACK, .number = 1 });
	puppet_tell_all(f, RUN_RUNNING);
	puppet_await_session(f);
	rejoin(f);
	puppet_join_run(f);
	puppet_flush(f);
	puppet_await_report(f, MESSAGE_RESULTS, 1);
	assert_int_equal(f->message.count, 1);
	assert_int_equal(f->message.results[0].job, 2);
}

/* A random time below a limit that doubles, so that a thousand workers do not come at once. */
static void test_session_says_goodbye_before_it_joins_again(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	assert_int_equal(session_rejoin(f->session, clock_ms(), &f->err), 0);
	/* on another connection than the next Hello, which may come before it */
	do
		puppet_await_worker(f);
	while (f->message.type == MESSAGE_HELLO || f->message.type == MESSAGE_READY);
	assert_int_equal(f->message.type, MESSAGE_GOODBYE);
	assert_int_equal(f->message.code, ERROR_NONE);
	assert_memory_equal(&f->message.header.session, &f->header.session, WIRE_ID_SIZE);
}

static void test_session_joins_again_ever_later(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	int64_t now_ms = clock_ms(), limit_ms = 100;
	assert_int_equal(session_rejoin(f->session, now_ms, &f->err), 0);
	for (int i = 0; i < 12; i++) {
		int64_t due_ms = session_deadline_ms(f->session);
		assert_in_range(due_ms - now_ms, 1, limit_ms);
		now_ms = due_ms;
		assert_int_equal(session_tick(f->session, now_ms, &f->err), 0);
		limit_ms = limit_ms > 2500 ? 5000 : 2 * limit_ms;
	}
}

static void test_session_without_a_master_gives_up(void **state)
{
	struct puppet *f = *state;
	int64_t now_ms = clock_ms();
	assert_int_equal(
		session_tick(f->session, now_ms + PUPPET_ORPHAN_MS - PUPPET_LATER_MS, &f->err), 0);
	assert_int_equal(session_tick(f->session, now_ms + PUPPET_ORPHAN_MS, &f->err), -1);
	assert_int_equal(f->err.code, ERROR_NETWORK);
	assert_string_equal(f->err.message, "no master has answered for 3600 s");
}

static void test_session_counts_the_jobs_that_came(void **state)
{
	struct puppet *f = *state;
	puppet_join(f);
	assert_true(session_beat_due(f->session, clock_ms())); /* at once, and not only then */
	puppet_await_nothing_but_beat(f);
	assert_int_equal(f->message.received, 0);
	assert_false(session_beat_due(f->session, clock_ms() - PUPPET_LATER_MS));
	for (uint64_t i = 1; i <= 3; i++) {
		puppet_give(f, i);
		puppet_await_session(f);
	}
	puppet_await_nothing_but_beat(f);
	assert_int_equal(f->message.received, 3);
	assert_false(f->message.draining);
	session_beat_soon(f->session);
	assert_true(session_beat_due(f->session, clock_ms()));
	const struct message beat = { .draining = true };
	assert_int_equal(session_beat(f->session, clock_ms(), &beat, &f->err), 0);
	puppet_await_active(f);
	assert_true(f->message.draining);
}

#define PUPPET(name) cmocka_unit_test_setup_teardown(name, puppet_setup, puppet_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUPPET(test_session_notices_silence),
		PUPPET(test_session_forgives_time_without_ears),
		PUPPET(test_session_passes_over_what_is_not_for_it),
		PUPPET(test_session_is_silent_after_what_is_not_for_it),
		PUPPET(test_session_shows_an_eviction),
		PUPPET(test_session_takes_successes_along),
		PUPPET(test_session_takes_nothing_along_into_another_run),
		PUPPET(test_session_takes_nothing_along_to_a_master_that_was_started_anew),
		PUPPET(test_session_takes_along_what_was_acknowledged_by_none),
		PUPPET(test_session_says_goodbye_before_it_joins_again),
		PUPPET(test_session_joins_again_ever_later),
		PUPPET(test_session_without_a_master_gives_up),
		PUPPET(test_session_counts_the_jobs_that_came),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
