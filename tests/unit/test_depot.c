/* SPDX-License-Identifier: MIT */
/* The master's depot, and a worker that says what the test wants. */
#include "master/depot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/depot.h"
#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

enum { LARGE = 2 * DEPOT_PIECE_MAX + 1000 };

struct fixture {
	char *folder, *address, *roots[2];
	struct socket_context *context;
	struct socket *master, *worker;
	struct depot *depot;
	struct depot_decoder *decoder;
	struct depot_message got;
	uint8_t *bytes, *large;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	f->context = socket_context_open(&f->err);
	f->master = socket_open(f->context, SOCKET_MASTER_DEPOT, f->address, 0, &f->err);
	f->worker = socket_open(f->context, SOCKET_WORKER_DEPOT, f->address, 0, &f->err);
	assert_non_null(f->worker);
	f->decoder = depot_decoder_new();
	f->bytes = xmalloc(SOCKET_LARGE_MAX);
	f->large = xmalloc(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		f->large[i] = (uint8_t)(i * 2654435761U >> 13);
	tempdir_make(f->folder, "in");
	tempdir_make(f->folder, "out");
	tempdir_write(f->folder, "in/a.jpg", "a picture");
	tempdir_write(f->folder, "secret", "not for workers");
	f->roots[0] = xasprintf("source=%s/in", f->folder);
	f->roots[1] = xasprintf("target=%s/out", f->folder);
	const struct depot_options options = {
		.socket = f->master,
		.roots = f->roots,
		.roots_count = 2,
		.run = { { 1, 2, 3 } },
		.epoch = 7,
	};
	f->depot = depot_open(&options, &f->err);
	assert_non_null(f->depot);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	depot_close(f->depot);
	depot_close(NULL);
	socket_abandon(f->worker);
	socket_close(f->master);
	socket_context_close(f->context);
	depot_decoder_free(f->decoder);
	tempdir_free(f->folder);
	free(f->address);
	free(f->roots[0]);
	free(f->roots[1]);
	free(f->bytes);
	free(f->large);
	free(f);
	return 0;
}

static void offer(struct fixture *f, uint64_t id, const char *source, const char *target)
{
	const struct job job = { .id = id, .attempt = 1, .source = source, .target = target };
	depot_offer(f->depot, &job);
}

static void say_bytes(struct fixture *f, const void *bytes, size_t size)
{
	int64_t end = deadline_start();
	while (socket_send_large(f->worker, NULL, bytes, size, &f->err) == 0) {
		struct poll_item item = { .socket = f->worker, .for_sending = true };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
}

static void await(struct fixture *f)
{
	int64_t end = deadline_start();
	size_t size;
	while (socket_receive_large(f->worker, NULL, f->bytes, &size, &f->err) == 0) {
		struct poll_item item = { .socket = f->worker };
		deadline_check(end);
		assert_int_equal(socket_poll(&item, 1, DEADLINE_STEP_MS, &f->err), 0);
	}
	assert_int_equal(depot_unpack(f->decoder, f->bytes, size, &f->got, &f->err), 0);
}

static void ask(struct fixture *f, struct depot_message message)
{
	uint8_t *bytes = xmalloc(SOCKET_LARGE_MAX);
	const struct wire_id run = { { 1, 2, 3 } };
	if (message.attempt == 0)
		message.attempt = 1;
	message.run = run;
	if (message.epoch == 0)
		message.epoch = 7;
	say_bytes(f, bytes, depot_pack(bytes, &message));
	free(bytes);
	await(f);
}

static void assert_failed(struct fixture *f, enum error_code code, const char *why)
{
	assert_int_equal(f->got.act, DEPOT_FAILED);
	assert_int_equal(f->got.why.code, code);
	if (!strstr(f->got.why.message, why))
		fail_msg("'%s' does not say '%s'", f->got.why.message, why);
}

static void put(struct fixture *f, uint64_t job, uint64_t offset, size_t size, uint64_t total)
{
	ask(f, (struct depot_message) { .act = DEPOT_PUT,
		       .job = job,
		       .offset = offset,
		       .total = total,
		       .data = f->large + offset,
		       .size = size });
}

static void test_depot_gives_a_source_piece_by_piece(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(tempdir_path(f->folder, "in/large.jpg"), "wb");
	assert_int_equal(fwrite(f->large, 1, LARGE, file), LARGE);
	assert_int_equal(fclose(file), 0);
	offer(f, 7, "source:large.jpg", "target:large.jpg");
	for (uint64_t offset = 0; offset < LARGE; offset += DEPOT_PIECE_MAX) {
		size_t left = LARGE - offset;
		size_t due = left < DEPOT_PIECE_MAX ? left : DEPOT_PIECE_MAX;
		ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 7, .offset = offset });
		assert_int_equal(f->got.act, DEPOT_PIECE);
		assert_int_equal(f->got.total, LARGE);
		assert_true(f->got.mtime_ns > 0);
		assert_int_equal(f->got.size, due);
		assert_memory_equal(f->got.data, f->large + offset, due);
	}
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 7, .offset = LARGE + 1 });
	assert_failed(f, ERROR_PROTOCOL, "beyond the end");
}

static void test_depot_knows_only_jobs_that_are_being_done(void **state)
{
	struct fixture *f = *state;
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 8 });
	assert_failed(f, ERROR_CANCELED, "no longer to be done");
	offer(f, 8, "source:a.jpg", "target:a.jpg");
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 8 });
	assert_int_equal(f->got.act, DEPOT_PIECE);
	assert_memory_equal(f->got.data, "a picture", 9);
	depot_withdraw(f->depot, 8);
	depot_withdraw(f->depot, 9);
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 8 });
	assert_failed(f, ERROR_CANCELED, "no longer to be done");
	put(f, 8, 0, 10, 10);
	assert_failed(f, ERROR_CANCELED, "no longer to be done");
	assert_false(tempdir_exists(f->folder, "out/a.jpg"));
}

/* After a restart of the master job 8 is another one. */
static void test_depot_of_a_later_start_serves_no_worker_of_an_earlier_one(void **state)
{
	struct fixture *f = *state;
	offer(f, 8, "source:a.jpg", "target:a.jpg");
	ask(f, (struct depot_message) { .act = DEPOT_GET, .epoch = 6, .job = 8 });
	assert_failed(f, ERROR_CANCELED, "the master was started anew");
	ask(f, (struct depot_message) { .act = DEPOT_PUT,
		       .epoch = 6,
		       .job = 8,
		       .data = f->large,
		       .size = 9,
		       .total = 9 });
	assert_failed(f, ERROR_CANCELED, "the master was started anew");
	assert_false(tempdir_exists(f->folder, "out/a.jpg"));
}

static void test_depot_leaves_no_root(void **state)
{
	struct fixture *f = *state;
	offer(f, 1, "source:../secret", "target:../evil.jpg");
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 1 });
	assert_failed(f, ERROR_INPUT, "not a path below a root");
	offer(f, 2, "source:a.jpg", "target:../evil.jpg");
	put(f, 2, 0, 10, 10);
	assert_failed(f, ERROR_INPUT, "not a path below a root");
	assert_false(tempdir_exists(f->folder, "evil.jpg"));
}

static void test_depot_shows_an_output_when_all_of_it_has_come(void **state)
{
	struct fixture *f = *state;
	offer(f, 3, "source:a.jpg", "target:b/large.jpg");
	put(f, 3, 0, DEPOT_PIECE_MAX, LARGE);
	assert_int_equal(f->got.act, DEPOT_STORED);
	assert_int_equal(f->got.offset, DEPOT_PIECE_MAX);
	assert_false(tempdir_exists(f->folder, "out/b/large.jpg"));
	/* one that is lost, and one that comes twice, change nothing */
	put(f, 3, 2 * DEPOT_PIECE_MAX, 1000, LARGE);
	assert_int_equal(f->got.offset, DEPOT_PIECE_MAX);
	put(f, 3, 0, DEPOT_PIECE_MAX, LARGE);
	assert_int_equal(f->got.offset, DEPOT_PIECE_MAX);
	put(f, 3, DEPOT_PIECE_MAX, DEPOT_PIECE_MAX, LARGE);
	put(f, 3, 2 * DEPOT_PIECE_MAX, 1000, LARGE);
	assert_int_equal(f->got.offset, LARGE);
	put(f, 3, 2 * DEPOT_PIECE_MAX, 1000, LARGE);
	assert_int_equal(f->got.act, DEPOT_STORED);
	assert_int_equal(f->got.offset, LARGE);
	FILE *file = fopen(tempdir_path(f->folder, "out/b/large.jpg"), "rb");
	assert_non_null(file);
	uint8_t *written = xcalloc(1, LARGE + 1);
	assert_int_equal(fread(written, 1, LARGE + 1, file), LARGE);
	assert_memory_equal(written, f->large, LARGE);
	free(written);
	assert_int_equal(fclose(file), 0);
}

static void test_depot_takes_an_empty_output(void **state)
{
	struct fixture *f = *state;
	offer(f, 4, "", "target:empty.feed");
	put(f, 4, 0, 0, 0);
	assert_int_equal(f->got.act, DEPOT_STORED);
	assert_int_equal(f->got.offset, 0);
	assert_true(tempdir_holds(f->folder, "out/empty.feed", ""));
}

static void test_depot_forgets_an_output_that_was_not_finished(void **state)
{
	struct fixture *f = *state;
	offer(f, 5, "source:a.jpg", "target:half.jpg");
	put(f, 5, 0, 1000, LARGE);
	assert_int_equal(tempdir_count(f->folder, "out"), 1); /* its temporary */
	depot_withdraw(f->depot, 5);
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 5 });
	assert_failed(f, ERROR_CANCELED, "");
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
}

static void test_depot_does_not_replace_a_source(void **state)
{
	struct fixture *f = *state;
	char *source = xstrdup(tempdir_path(f->folder, "in/a.jpg"));
	assert_int_equal(link(source, tempdir_path(f->folder, "out/same.jpg")), 0);
	free(source);
	offer(f, 6, "source:a.jpg", "target:same.jpg");
	put(f, 6, 0, 10, 10);
	assert_failed(f, ERROR_INPUT, "would replace its source");
	assert_true(tempdir_holds(f->folder, "in/a.jpg", "a picture"));
}

static void offer_several(struct fixture *f, uint64_t id, const char *target)
{
	const struct job job = {
		.id = id,
		.attempt = 1,
		.source = "source:a.jpg",
		.target = target,
		.labels = { "800", "400" },
		.labels_count = 2,
	};
	depot_offer(f->depot, &job);
}

/* A piece of output `number`, which is as wide as it has bytes. */
static void put_one(
	struct fixture *f, uint32_t number, uint64_t offset, size_t size, uint64_t total)
{
	ask(f, (struct depot_message) { .act = DEPOT_PUT,
		       .job = 11,
		       .output = number,
		       .offset = offset,
		       .total = total,
		       .width = offset + size == total ? (uint32_t)total : 0,
		       .data = f->large + offset,
		       .size = size });
	assert_int_equal(f->got.output, number);
}

static void test_depot_names_each_output_itself(void **state)
{
	struct fixture *f = *state;
	offer_several(f, 11, "target:{size}/{width}.jpg");
	put_one(f, 1, 0, 20, 20);
	assert_int_equal(f->got.act, DEPOT_STORED);
	assert_true(tempdir_exists(f->folder, "out/400/20.jpg"));
	/* their pieces may even come in turns */
	put_one(f, 0, 0, 10, 30);
	assert_int_equal(f->got.offset, 10);
	put_one(f, 1, 0, 20, 20);
	assert_int_equal(f->got.offset, 20);
	put_one(f, 0, 10, 20, 30);
	assert_int_equal(f->got.act, DEPOT_STORED);
	assert_int_equal(f->got.offset, 30);
	assert_true(tempdir_exists(f->folder, "out/800/30.jpg"));
	assert_int_equal(tempdir_count(f->folder, "out/800"), 1);
}

static void test_depot_takes_no_more_outputs_than_the_job_has(void **state)
{
	struct fixture *f = *state;
	offer_several(f, 11, "target:{size}");
	put_one(f, 2, 0, 10, 10);
	assert_failed(f, ERROR_PROTOCOL, "has none such");
	put_one(f, JOB_OUTPUTS_MAX - 1, 0, 10, 10);
	assert_failed(f, ERROR_PROTOCOL, "has none such");
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
	uint8_t bytes[200];
	size_t size = depot_pack(bytes,
		&(struct depot_message) {
			.act = DEPOT_PUT, .job = 11, .attempt = 1, .output = JOB_OUTPUTS_MAX });
	assert_int_equal(depot_unpack(f->decoder, bytes, size, &f->got, &f->err), -1);
	offer(f, 12, "source:a.jpg", "");
	put(f, 12, 0, 10, 10);
	assert_failed(f, ERROR_PROTOCOL, "has none such");
}

static void test_depot_forgets_all_outputs_that_were_not_finished(void **state)
{
	struct fixture *f = *state;
	offer_several(f, 11, "target:{width}");
	put_one(f, 0, 0, 10, 20);
	put_one(f, 1, 0, 10, 20);
	assert_int_equal(tempdir_count(f->folder, "out"), 2);
	depot_withdraw(f->depot, 11);
	ask(f, (struct depot_message) { .act = DEPOT_GET, .job = 11 });
	assert_failed(f, ERROR_CANCELED, "");
	assert_int_equal(tempdir_count(f->folder, "out"), 0);
}

static void test_depot_drops_what_makes_no_sense(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 1;
	uint8_t bytes[200];
	const struct depot_message get = {
		.act = DEPOT_GET, .run = { { 1, 2, 3 } }, .epoch = 7, .job = 9, .attempt = 1
	};
	offer(f, 9, "source:a.jpg", "target:a.jpg");
	for (int i = 0; i < 2000; i++) {
		size_t size = depot_pack(bytes, &get);
		for (int k = 0; k < 3; k++) {
			seed = seed * 6364136223846793005U + 1442695040888963407U;
			bytes[(seed >> 33) % size] ^= (uint8_t)(seed >> 56);
		}
		if (depot_unpack(f->decoder, bytes, size, &f->got, &f->err))
			say_bytes(f, bytes, size);
	}
	say_bytes(f, "", 0);
	ask(f, get);
	assert_int_equal(f->got.act, DEPOT_PIECE);
	ask(f, (struct depot_message) { .act = DEPOT_STORED, .job = 9 });
	assert_failed(f, ERROR_PROTOCOL, "not what a worker says");
}

static void test_depot_of_a_missing_root_is_refused(void **state)
{
	struct fixture *f = *state;
	char *roots[] = { "source=/no/such/folder" };
	const struct depot_options options = {
		.socket = f->master, .roots = roots, .roots_count = 1
	};
	depot_close(f->depot);
	f->depot = NULL;
	assert_null(depot_open(&options, &f->err));
	assert_int_equal(f->err.number, ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_depot_gives_a_source_piece_by_piece),
		TEST(test_depot_knows_only_jobs_that_are_being_done),
		TEST(test_depot_of_a_later_start_serves_no_worker_of_an_earlier_one),
		TEST(test_depot_leaves_no_root),
		TEST(test_depot_shows_an_output_when_all_of_it_has_come),
		TEST(test_depot_takes_an_empty_output),
		TEST(test_depot_forgets_an_output_that_was_not_finished),
		TEST(test_depot_does_not_replace_a_source),
		TEST(test_depot_names_each_output_itself),
		TEST(test_depot_takes_no_more_outputs_than_the_job_has),
		TEST(test_depot_forgets_all_outputs_that_were_not_finished),
		TEST(test_depot_drops_what_makes_no_sense),
		TEST(test_depot_of_a_missing_root_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
