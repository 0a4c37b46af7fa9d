/* SPDX-License-Identifier: MIT */
/* Which jobs "scale" makes of objects and URLs, and of files whose outputs become objects. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "master/kind.h"
#include "tests/support/http_server.h"
#include "tests/support/tempdir.h"

enum { JOBS_MAX = 16, WORDS_MAX = 8, PAGE_MAX = 16384, PATIENCE_MS = 60000 };

#define TIME "2024-02-29T12:00:00.250Z"
#define TIME_NS (INT64_C(1709208000) * 1000000000 + 250000000)

struct fixture {
	char *folder, endpoint[64];
	struct http_server *server;
	const struct master_kind *kind;
	struct settings settings;
	struct kind_run run;
	char *words[WORDS_MAX];
	size_t jobs, errors;
	struct job *job[JOBS_MAX];
	struct error err, error[JOBS_MAX];
	/* of the server: */
	_Atomic(const char *const *) keys; /* ended by NULL */
	atomic_bool endless;               /* the second page never comes */
};

/* The value of a part of the query as it was sent, but for %2F and %20. */
static void find_query(const struct http_request *request, const char *name, char *value)
{
	const char *found = strstr(request->path, name);
	found = found ? found + strlen(name) : "";
	for (; *found && *found != '&'; value++) {
		bool slash = strncmp(found, "%2F", 3) == 0;
		*value = slash ? '/' : *found;
		found += slash ? 3 : 1;
	}
	*value = '\0';
}

static bool answer(const struct http_request *request)
{
	struct fixture *f = request->context;
	char page[PAGE_MAX], prefix[HTTP_REQUEST_MAX], most[HTTP_REQUEST_MAX];
	int length = snprintf(page, sizeof(page), "<ListBucketResult>");
	if (f->endless && strstr(request->path, "continuation-token="))
		return http_wait(request, -1);
	find_query(request, "prefix=", prefix);
	find_query(request, "max-keys=", most);
	int left = atoi(most);
	for (const char *const *key = f->keys; *key && left > 0; key++) {
		if (strncmp(*key, prefix, strlen(prefix)) != 0)
			continue;
		left--;
		length += snprintf(page + length, PAGE_MAX - (size_t)length,
			"<Contents><Key>%s</Key><Size>%zu</Size><LastModified>" TIME
			"</LastModified></Contents>",
			*key, strlen(*key));
	}
	(void)snprintf(page + length, PAGE_MAX - (size_t)length, "%s</ListBucketResult>",
		f->endless
			? "<IsTruncated>true</IsTruncated><NextContinuationToken>t"
			  "</NextContinuationToken>"
			: "<EncodingType>url</EncodingType>"); /* long enough: the keys are few */
	return http_answer(request, "200 OK", "", page);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->kind = master_kind_find(KIND_scale);
	f->server = http_server_start(answer, f);
	(void)snprintf(f->endpoint, sizeof(f->endpoint), "http://127.0.0.1:%u",
		http_server_port(f->server));
	(void)setenv("AWS_ACCESS_KEY_ID", "A", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
	assert_int_equal(chdir(f->folder), 0);
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
	http_server_stop(f->server);
	assert_int_equal(chdir("/"), 0);
	tempdir_free(f->folder);
	free(f);
	return 0;
}

static int start(struct fixture *f, const char *source, const char *target, char *option)
{
	int count = 0;
	end(f);
	f->words[count++] = (char *)"sciame"; /* words are moved, never written to */
	f->words[count++] = (char *)"scale";
	f->words[count++] = (char *)"--s3-endpoint";
	f->words[count++] = f->endpoint;
	if (option)
		f->words[count++] = option;
	f->words[count++] = (char *)source;
	f->words[count++] = (char *)target;
	f->words[count] = NULL;
	assert_int_equal(settings_parse(&f->settings, count, f->words, &f->err), 0);
	return f->kind->open(&f->run, &f->settings, &f->err);
}

static void assert_wrong(struct fixture *f, const char *source, const char *target, const char *why)
{
	assert_int_equal(start(f, source, target, NULL), -1);
	assert_string_equal(f->err.message, why);
	assert_int_equal(f->err.code, ERROR_USAGE);
}

/* All jobs and errors of a run. */
static void list(struct fixture *f, const char *source, const char *target, char *option)
{
	if (start(f, source, target, option))
		fail_msg("%s", f->err.message);
	for (;;) {
		struct job job = { .source = "", .target = "" };
		int status = f->kind->next(f->run.state, &job, &f->error[f->errors]);
		if (status == 0)
			return;
		assert_true(f->jobs < JOBS_MAX && f->errors < JOBS_MAX - 1);
		if (status > 0)
			f->job[f->jobs++] = job_copy(&job);
		else
			f->errors++;
	}
}

static void assert_job(const struct fixture *f, size_t i, const char *source, const char *target)
{
	assert_true(i < f->jobs);
	assert_string_equal(f->job[i]->source, source);
	assert_string_equal(f->job[i]->target, target);
}

static void test_objects_below_a_prefix_become_files(void **state)
{
	static const char *const keys[] = { "p/", "p/a.jpg", "p/b/c%20%2B.png", "p/d/", "pq/e.jpg",
		NULL };
	struct fixture *f = *state;
	f->keys = keys;
	list(f, "s3://photos/p", "out", NULL);
	assert_int_equal(f->jobs, 2);
	assert_int_equal(f->errors, 0);
	assert_job(f, 0, "s3://photos/p/a.jpg", "target:a.jpg");
	assert_job(f, 1, "s3://photos/p/b/c +.png", "target:b/c +.png");
	assert_int_equal(f->job[0]->source_size, strlen("p/a.jpg"));
	assert_int_equal(f->job[0]->source_mtime_ns, TIME_NS);
	assert_true(f->job[0]->parameters_size > 0);
	assert_int_equal(f->run.roots_count, 1);
	assert_string_equal(f->run.roots[0], "target=out");
	assert_string_equal(f->run.s3_endpoint, f->endpoint);
	assert_non_null(strstr(f->run.ledger_source, "s3://photos/p/ at http://127.0.0.1:"));
}

static void test_objects_become_objects(void **state)
{
	static const char *const keys[] = { "p/a.jpg", "p/b//c.png", NULL };
	static const char *const targets[] = { "s3://small/t/u", "s3://small/t/u/" };
	struct fixture *f = *state;
	f->keys = keys;
	for (size_t i = 0; i < 2; i++) {
		list(f, "s3://photos/p/", targets[i], "--format=webp");
		assert_job(f, 0, "s3://photos/p/a.jpg", "s3://small/t/u/a.webp");
		assert_job(f, 1, "s3://photos/p/b//c.png", "s3://small/t/u/b//c.webp");
		assert_int_equal(f->run.roots_count, 0);
		assert_string_equal(f->run.ledger_target, "s3://small/t/u/");
	}
	list(f, "s3://photos", "s3://small", NULL);
	assert_job(f, 0, "s3://photos/p/a.jpg", "s3://small/p/a.jpg");
}

static void test_keys_that_are_no_names_are_refused_one_by_one(void **state)
{
	static const char *const keys[] = { "/a", "a%00b", "a//b", "b/%2E%2E/c", "c/./d", "d%FF",
		"good", NULL };
	struct fixture *f = *state;
	f->keys = keys;
	list(f, "s3://photos", "out", NULL);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "s3://photos/good", "target:good");
	assert_int_equal(f->errors, 6);
	assert_string_equal(f->error[0].message,
		"/a: no name for a file: a component of it is empty, '.' or '..'");
	assert_string_equal(f->error[1].message, "a%00b: a key with a NUL");
	assert_string_equal(f->error[2].message,
		"a//b: no name for a file: a component of it is empty, '.' or '..'");
	assert_string_equal(f->error[3].message, "b/../c: a key with a component '.' or '..'");
	assert_string_equal(f->error[5].message, "d\xff: a key that is no UTF-8");
	list(f, "s3://photos", "s3://small", NULL);
	assert_int_equal(f->jobs, 3); /* S3 itself has nothing against "//" */
}

static void test_one_object_goes_where_it_is_told(void **state)
{
	static const char *const keys[] = { "p/a.jpg", "p/a.jpg.bak", "p/a.jpg/x", NULL };
	static const struct {
		const char *target, *location;
	} cases[] = {
		{ "out/", "target:a.png" },
		{ "new.jpg", "target:new.jpg" },
		{ "s3://small", "s3://small/a.png" },
		{ "s3://small/", "s3://small/a.png" },
		{ "s3://small/t/", "s3://small/t/a.png" },
		{ "s3://small/t/b.jpg", "s3://small/t/b.jpg" },
	};
	struct fixture *f = *state;
	f->keys = keys;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		list(f, "s3://photos/p/a.jpg", cases[i].target, "--format=png");
		assert_int_equal(f->jobs, 1);
		assert_job(f, 0, "s3://photos/p/a.jpg", cases[i].location);
		assert_true(f->run.ledger_optional);
	}
	assert_wrong(f, "s3://photos/p/a.jpg", "s3://photos/p/a.jpg",
		"source and target must be different");
	assert_wrong(
		f, "s3://photos/p/a.jpg", "s3://photos/p/", "source and target must be different");
}

static void test_outputs_never_replace_sources(void **state)
{
	static const char *const keys[] = { "p/a.jpg", "p/p/b.jpg", "p/small/c.jpg", NULL };
	struct fixture *f = *state;
	f->keys = keys;
	assert_wrong(f, "s3://photos/p", "s3://photos/p/", "source and target must be different");
	assert_wrong(f, "s3://photos", "s3://photos", "source and target must be different");
	list(f, "s3://photos/p", "s3://photos/p/small", NULL);
	assert_int_equal(f->jobs, 2);
	assert_job(f, 1, "s3://photos/p/p/b.jpg", "s3://photos/p/small/p/b.jpg");
	list(f, "s3://photos/p", "s3://photos/", NULL);
	assert_int_equal(f->jobs, 2);
	assert_int_equal(f->errors, 1);
	assert_string_equal(
		f->error[0].message, "p/p/b.jpg: its output would lie among the sources");
}

static void test_files_become_objects(void **state)
{
	struct fixture *f = *state;
	tempdir_write(f->folder, "in/b/c.png", "");
	list(f, "in", "s3://small/t", NULL);
	assert_int_equal(f->jobs, 1);
	assert_job(f, 0, "source:b/c.png", "s3://small/t/b/c.png");
	assert_int_equal(f->run.roots_count, 1);
	tempdir_write(f->folder, "in/b/bad\xff.png", "");
	list(f, "in", "s3://small", NULL);
	assert_int_equal(f->jobs, 1);
	assert_string_equal(f->error[0].message, "b/bad\xff.png: a key that is no UTF-8");
	list(f, "in/b/c.png", "s3://small/t/", "--format=jpeg");
	assert_job(f, 0, "source:c.png", "s3://small/t/c.jpg");
	list(f, "in/b/c.png", "s3://small/x.png", NULL);
	assert_job(f, 0, "source:c.png", "s3://small/x.png");
	assert_wrong(f, "in", "s3://x", "'x' is no name of a bucket: 3 to 63 of A-Z a-z 0-9 . - _");
}

static void test_a_url_is_one_picture(void **state)
{
	static const struct {
		const char *url, *target, *location;
	} cases[] = {
		{ "http://h/a.jpg", "out/", "target:a.jpg" },
		{ "https://h/x/a%20b%2b.jpg?x=/y.png#z/q", "out/", "target:a b+.jpg" },
		{ "HTTP://h/a.jpg", "new.jpg", "target:new.jpg" },
		{ "http://h/", "new.jpg", "target:new.jpg" },
		{ "http://h/a.jpg", "s3://small/t/", "s3://small/t/a.jpg" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		list(f, cases[i].url, cases[i].target, NULL);
		assert_int_equal(f->jobs, 1);
		assert_job(f, 0, cases[i].url, cases[i].location);
	}
	assert_wrong(f, "http://h", "out/", "the source names no file; give TARGET a file's name");
	assert_wrong(
		f, "http://h/?a", "out/", "the source names no file; give TARGET a file's name");
	assert_wrong(f, "http://h/a%2Fb", "x", "a name with a '/': give TARGET a file's name");
	assert_int_equal(start(f, "http://h/..", "out/", NULL), -1);
}

static void *stop_later(void *context)
{
	struct fixture *f = context;
	/* until the lister waits for its second page */
	for (int ms = 0; http_server_requests(f->server) < 2 && ms < PATIENCE_MS; ms++)
		(void)poll(NULL, 0, 1); /* only waits */
	f->kind->stop(f->run.state);
	return NULL;
}

static void test_a_listing_that_waits_can_be_stopped(void **state)
{
	static const char *const keys[] = { "a", NULL };
	struct fixture *f = *state;
	pthread_t thread;
	f->keys = keys;
	f->endless = true;
	assert_int_equal(start(f, "s3://photos/", "out", NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, stop_later, f), 0);
	struct job job;
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 1);
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 0);
	assert_int_equal(f->kind->next(f->run.state, &job, &f->err), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_errors_of_the_first_page_are_those_of_the_call(void **state)
{
	static const char *const keys[] = { NULL };
	struct fixture *f = *state;
	f->keys = keys;
	list(f, "s3://photos/none", "out", NULL);
	assert_int_equal(f->jobs + f->errors, 0);
	(void)unsetenv("AWS_SECRET_ACCESS_KEY");
	assert_wrong(f, "s3://photos", "out",
		"source s3://photos: of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is "
		"set");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_objects_below_a_prefix_become_files),
		CASE(test_objects_become_objects),
		CASE(test_keys_that_are_no_names_are_refused_one_by_one),
		CASE(test_one_object_goes_where_it_is_told),
		CASE(test_outputs_never_replace_sources),
		CASE(test_files_become_objects),
		CASE(test_a_url_is_one_picture),
		CASE(test_a_listing_that_waits_can_be_stopped),
		CASE(test_errors_of_the_first_page_are_those_of_the_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
