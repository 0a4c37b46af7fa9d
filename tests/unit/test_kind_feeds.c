/* SPDX-License-Identifier: MIT */
/* Which feeds "feeds" makes jobs of, in which order; what its halves agreed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "master/kind.h"
#include "master/kinds/feeds_ledger.h"
#include "proto/feeds.pb-c.h"
#include "tests/support/tempdir.h"
#include "worker/fetch_kind.h"
#include "worker/kind.h"

enum { JOBS_MAX = 16, WORDS_MAX = 20 };

/* The test works in the folder, and so do cache and ledger. */
struct fixture {
	char *folder;
	const struct master_kind *kind;
	const struct worker_kind *worker;
	const struct fetch_kind *fetch;
	struct settings settings;
	struct kind_run run;
	struct error err;
	char *words[WORDS_MAX];
	size_t jobs, errors;
	struct job *job[JOBS_MAX];
	struct error error[JOBS_MAX];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->kind = master_kind_find(KIND_feeds);
	f->worker = worker_kind_find(KIND_feeds);
	f->fetch = fetch_kind_find(KIND_feeds);
	assert_int_equal(chdir(f->folder), 0);
	assert_int_equal(setenv("XDG_CACHE_HOME", f->folder, 1), 0);
	assert_int_equal(setenv("XDG_STATE_HOME", f->folder, 1), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", f->folder, 1), 0);
	*state = f;
	return 0;
}

static void end(struct fixture *f)
{
	master_kind_close(f->kind, &f->run);
	settings_release(&f->settings);
	while (f->jobs > 0)
		free(f->job[--f->jobs]);
	f->errors = 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	end(f);
	assert_int_equal(chdir("/"), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

/* Opens a run as the command line "sciame feeds ..." would. */
static int open_run(struct fixture *f, const char *const *arguments)
{
	int argc = 0;
	f->words[argc++] = (char *)"sciame";
	f->words[argc++] = (char *)"feeds";
	for (; *arguments; arguments++)
		f->words[argc++] = (char *)*arguments;
	f->words[argc] = NULL;
	if (settings_parse(&f->settings, argc, f->words, &f->err))
		return -1;
	return f->kind->open(&f->run, &f->settings, &f->err);
}

/* Lists all jobs and all that could not be listed. */
static void list(struct fixture *f)
{
	int got;
	do {
		struct job job = { .id = f->jobs + 1, .source = "", .target = "" };
		got = f->kind->next(f->run.state, &job, &f->error[f->errors]);
		if (got > 0)
			f->job[f->jobs++] = job_copy(&job);
		if (got < 0)
			f->errors++;
		assert_true(f->jobs < JOBS_MAX && f->errors < JOBS_MAX);
	} while (got != 0);
}

#define OPEN(f, ...) open_run(f, (const char *const[]) { __VA_ARGS__, NULL })

static void test_each_feed_is_a_job_with_a_copy_of_its_own(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "list", "http://a.example/1\nhttp://b.example/2\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	assert_int_equal(f->jobs, 2);
	assert_string_equal(f->job[0]->source, "http://a.example/1");
	assert_int_equal(strncmp(f->job[0]->target, "cache:", 6), 0);
	assert_string_not_equal(f->job[0]->target, f->job[1]->target);
	assert_int_equal(f->run.roots_count, 1);
}

static void test_hosts_take_turns(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "list",
		"http://slow.example/1\nhttp://slow.example/2\nhttp://SLOW.example/3\n"
		"http://b.example/1\nhttp://c.example/1\nhttp://c.example/2\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	const char *expected[] = { "http://slow.example/1", "http://b.example/1",
		"http://c.example/1", "http://slow.example/2", "http://c.example/2",
		"http://SLOW.example/3" };
	assert_int_equal(f->jobs, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(f->job[i]->source, expected[i]);
}

static void test_line_that_is_no_feed_is_a_failure_that_names_it(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "list", "http://a.example/1\nftp://b.example/2\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	assert_int_equal(f->jobs, 1);
	assert_int_equal(f->errors, 1);
	assert_non_null(strstr(f->error[0].message, "ftp://b.example/2"));
}

static void test_missing_list_is_called_wrongly(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(OPEN(f, "-o", "out", "missing"), -1);
	assert_int_equal(f->err.code, ERROR_USAGE);
	end(f);
	assert_int_equal(OPEN(f, "-o", "out"), -1);
	assert_int_equal(f->err.code, ERROR_USAGE);
	assert_non_null(strstr(f->err.message, "whatsnew.dat"));
	assert_false(tempdir_exists(f->folder, "out"));
}

static void test_list_is_looked_for_where_people_keep_it(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "feeds.opml",
		"<opml><body><outline xmlUrl='http://o.example/'/></body></opml>");
	assert_int_equal(OPEN(f, "-o", "out"), 0);
	list(f);
	assert_string_equal(f->job[0]->source, "http://o.example/");
	end(f);
	tempdir_write(f->folder, "whatsnew.dat", "A title\nhttp://w.example/\n");
	assert_int_equal(OPEN(f, "-o", "out"), 0);
	list(f);
	assert_string_equal(f->job[0]->source, "http://w.example/");
}

static void test_host_that_asked_for_it_is_left_alone(void **state)
{
	struct fixture *f = *state;
	const struct ledger_feed later = { .not_before_s = clock_wall_s() + 3600,
		.http_status = 429 };
	const struct ledger_feed absurd = { .not_before_s = clock_wall_s() + 3600L * 24 * 400 };
	const struct ledger_feed over = { .not_before_s = clock_wall_s() - 1, .http_status = 503 };
	assert_int_equal(OPEN(f, "-o", "out", "/dev/null"), -1);
	end(f);
	tempdir_make(f->folder, "sciame");
	struct feeds_ledger *ledger =
		feeds_ledger_open(tempdir_path(f->folder, "sciame/feeds.sqlite"), &f->err);
	assert_non_null(ledger);
	assert_int_equal(feeds_ledger_store(ledger, "http://a.example/", &later, 1, &f->err), 0);
	assert_int_equal(feeds_ledger_store(ledger, "http://b.example/", &over, 1, &f->err), 0);
	assert_int_equal(feeds_ledger_store(ledger, "http://c.example/", &absurd, 1, &f->err), 0);
	assert_int_equal(feeds_ledger_commit(ledger, &f->err), 0);
	feeds_ledger_close(ledger);
	tempdir_write(
		f->folder, "list", "http://a.example/\nhttp://b.example/\nhttp://c.example/\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	assert_int_equal(f->jobs, 2);
	assert_string_equal(f->job[0]->source, "http://b.example/");
	assert_int_equal(f->errors, 1);
	assert_non_null(strstr(f->error[0].message, "http://a.example/: HTTP 429"));
}

static struct transfer answer(uint32_t status, const char *body)
{
	struct transfer transfer = { .response = { .http_status = status, .body = -1 } };
	(void)snprintf(transfer.response.url, TRANSFER_URL_MAX, "http://a.example/final");
	(void)snprintf(transfer.response.etag, TRANSFER_FIELD_MAX, "\"v1\"");
	if (body) {
		transfer.response.body = memfd_create("body", MFD_CLOEXEC);
		assert_true(transfer.response.body >= 0);
		assert_int_equal(write(transfer.response.body, body, strlen(body)), strlen(body));
	}
	return transfer;
}

static void test_plan_asks_for_what_the_options_say(void **state)
{
	struct fixture *f = *state;
	struct fetch_plan plan;
	tempdir_write(f->folder, "list", "http://a.example/\n");
	assert_int_equal(OPEN(f, "-o", "out", "--timeout", "7s", "--per-host", "3", "--proxy",
				 "http://p:1", "--allow-private", "list"),
		0);
	list(f);
	assert_int_equal(f->fetch->plan(f->job[0], &plan, &f->err), 0);
	assert_string_equal(plan.request.url, "http://a.example/");
	assert_string_equal(plan.request.proxy, "http://p:1");
	assert_string_equal(plan.request.etag, "");
	assert_int_equal(plan.request.timeout_ms, 7000);
	assert_int_equal(plan.per_host, 3);
	assert_true(plan.request.allow_private);
	free(plan.memory);
}

static const char rss[] = "<rss version='2.0'><channel><title>T</title><item><title>I</title>"
			  "<link>/x</link></item></channel></rss>";

/* From the answer through the lane into the cache, and back in the next run's plan. */
static void test_validators_of_the_copy_are_asked_with(void **state)
{
	struct fixture *f = *state;
	struct transfer transfer = answer(200, rss);
	struct result result = { 0 };
	struct fetch_plan plan;
	tempdir_write(f->folder, "list", "http://a.example/\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	struct job *fetched = f->fetch->fetched(f->job[0], &transfer, &result);
	assert_non_null(fetched);
	char *copy = xasprintf("%s/sciame/feeds/%s", f->folder, f->job[0]->target + 6);
	FILE *out = fopen(copy, "w");
	assert_non_null(out);
	int out_fd = fileno(out);
	assert_int_equal(
		f->worker->execute(fetched, transfer.response.body, &out_fd, &result, &f->err), 0);
	assert_int_equal(fclose(out), 0);
	free(fetched);
	assert_int_equal(f->kind->fold(f->run.state, f->job[0], &result, &f->err), 0);
	end(f);
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	assert_int_equal(f->fetch->plan(f->job[0], &plan, &f->err), 0);
	assert_string_equal(plan.request.etag, "\"v1\"");
	free(plan.memory);
	struct transfer unchanged = answer(304, NULL);
	result = (struct result) { 0 };
	assert_null(f->fetch->fetched(f->job[0], &unchanged, &result));
	assert_int_equal(result.code, ERROR_NONE);
	assert_int_equal(f->kind->fold(f->run.state, f->job[0], &result, &f->err), 0);
	assert_int_equal(unlink(copy), 0);
	assert_int_equal(f->kind->fold(f->run.state, f->job[0], &result, &f->err), -1);
	assert_string_equal(f->err.message, "its copy has gone from the cache");
	free(copy);
	assert_int_equal(close(transfer.response.body), 0);
}

static void test_answers_that_have_nothing_to_read(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t status;
		enum error_code code;
		const char *reason;
	} cases[] = {
		{ 304, ERROR_NETWORK, "HTTP 304: not modified, but there is no copy" },
		{ 404, ERROR_NETWORK, "HTTP 404: not found" },
		{ 410, ERROR_NETWORK, "HTTP 410: gone for good" },
		{ 299, ERROR_INPUT, "the answer is empty" },
		{ 599, ERROR_NETWORK, "HTTP 599" },
	};
	tempdir_write(f->folder, "list", "http://a.example/\n");
	assert_int_equal(OPEN(f, "-o", "out", "list"), 0);
	list(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result result = { 0 };
		struct transfer transfer = answer(cases[i].status, NULL);
		assert_null(f->fetch->fetched(f->job[0], &transfer, &result));
		assert_int_equal(result.code, cases[i].code);
		assert_string_equal(result.detail, cases[i].reason);
		Sciame__FeedsReport *report =
			sciame__feeds_report__unpack(NULL, result.report_size, result.report);
		assert_int_equal(report->http_status, cases[i].status);
		sciame__feeds_report__free_unpacked(report, NULL);
	}
}

static void test_parameters_that_make_no_sense_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fetch_plan plan;
	const uint8_t garbage[] = { 0xff, 0xff };
	const struct job empty = { .source = "http://a.example/", .target = "cache:x" };
	const struct job broken = { .source = "http://a.example/",
		.target = "cache:x",
		.parameters = garbage,
		.parameters_size = sizeof(garbage) };
	assert_int_equal(f->fetch->plan(&empty, &plan, &f->err), -1);
	assert_int_equal(f->err.code, ERROR_PROTOCOL);
	assert_int_equal(f->fetch->plan(&broken, &plan, &f->err), -1);
	assert_int_equal(f->err.code, ERROR_PROTOCOL);
}

static void test_last_line_is_that_of_the_classic(void **state)
{
	struct fixture *f = *state;
	char line[SUMMARY_LINE_MAX];
	struct summary summary = {
		.counters = f->kind->counters, .counts = { 38 }, .todo = 40, .processes = 16
	};
	f->kind->line(&summary, line, sizeof(line));
	assert_string_equal(line, "read 38/40 feeds using 16 transfers");
	summary.canceled = true;
	f->kind->line(&summary, line, sizeof(line));
	assert_string_equal(line, "read 38/40 feeds using 16 transfers [canceled]");
	summary.processes = 0;
	summary.canceled = false;
	f->kind->line(&summary, line, sizeof(line));
	assert_string_equal(line, "read 38/40 feeds single-threaded");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_feed_is_a_job_with_a_copy_of_its_own),
		TEST(test_hosts_take_turns),
		TEST(test_line_that_is_no_feed_is_a_failure_that_names_it),
		TEST(test_missing_list_is_called_wrongly),
		TEST(test_list_is_looked_for_where_people_keep_it),
		TEST(test_host_that_asked_for_it_is_left_alone),
		TEST(test_plan_asks_for_what_the_options_say),
		TEST(test_validators_of_the_copy_are_asked_with),
		TEST(test_answers_that_have_nothing_to_read),
		TEST(test_parameters_that_make_no_sense_are_refused),
		TEST(test_last_line_is_that_of_the_classic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
