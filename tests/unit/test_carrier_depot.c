/* SPDX-License-Identifier: MIT */
/* Outputs on their way over the master's depot, which says here what the test wants. */
#include "worker/carrier_depot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/depot.h"
#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

enum { LARGE = DEPOT_PIECE_MAX + 1000 };

struct fixture {
	char *folder, *address;
	struct socket_context *context;
	struct socket *master;
	struct carrier_depot *depot;
	struct carrier carrier;
	struct job job;
	struct cargo cargo;
	struct socket_peer peer;
	struct depot_decoder *decoder;
	struct depot_message got;
	uint8_t *bytes;
	struct error err;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct wire_header header = { .run = { { 1, 2, 3 } }, .epoch = 7 };
	f->folder = tempdir_new();
	f->address = xasprintf("ipc:%s", f->folder);
	f->context = socket_context_open(&f->err);
	f->master = socket_open(f->context, SOCKET_MASTER_DEPOT, f->address, 0, &f->err);
	struct socket *worker =
		socket_open(f->context, SOCKET_WORKER_DEPOT, f->address, 0, &f->err);
	assert_non_null(worker);
	f->depot = carrier_depot_new();
	carrier_depot_use(f->depot, worker, &header);
	f->carrier = carrier_depot(f->depot);
	f->job = (struct job) { .id = 5, .attempt = 2, .source = "", .target = "target:{size}" };
	f->decoder = depot_decoder_new();
	f->bytes = xmalloc(SOCKET_LARGE_MAX);
	f->cargo.fd = -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	carrier_depot_free(f->depot);
	socket_close(f->master);
	socket_context_close(f->context);
	depot_decoder_free(f->decoder);
	if (f->cargo.fd >= 0)
		assert_int_equal(close(f->cargo.fd), 0);
	tempdir_free(f->folder);
	free(f->address);
	free(f->bytes);
	free(f);
	return 0;
}

static void begin(struct fixture *f, uint32_t number, uint64_t bytes)
{
	if (f->cargo.fd >= 0)
		assert_int_equal(close(f->cargo.fd), 0);
	f->cargo = (struct cargo) {
		.way = CARGO_OUT,
		.job = &f->job,
		.location = "target:name",
		.output = number,
		.fd = memfd_create("output", MFD_CLOEXEC),
		.bytes = bytes,
		.width = 30 + number,
		.height = 20 + number,
	};
	assert_int_equal(ftruncate(f->cargo.fd, (off_t)bytes), 0);
	assert_int_equal(f->carrier.class->begin(f->carrier.self, &f->cargo, &f->err), 0);
}

/* One round of the worker, which waits a little for either side. */
static void step(struct fixture *f)
{
	struct poll_item items[2] = { { .socket = f->master } };
	f->carrier.class->poll(f->carrier.self, &items[1]);
	assert_int_equal(socket_poll(items, 2, DEADLINE_STEP_MS, &f->err), 0);
	assert_int_equal(f->carrier.class->step(f->carrier.self, clock_ms(), &f->err), 0);
}

/* The next piece that the master gets. */
static void hear(struct fixture *f)
{
	int64_t end = deadline_start();
	size_t size;
	while (socket_receive_large(f->master, &f->peer, f->bytes, &size, &f->err) == 0) {
		deadline_check(end);
		step(f);
	}
	assert_int_equal(depot_unpack(f->decoder, f->bytes, size, &f->got, &f->err), 0);
	assert_int_equal(f->got.act, DEPOT_PUT);
}

/* The master answers the job's output `number`. */
static void say(struct fixture *f, enum depot_act act, uint32_t number, uint64_t offset)
{
	uint8_t bytes[500];
	struct depot_message m = {
		.act = act,
		.run = { { 1, 2, 3 } },
		.epoch = 7,
		.job = 5,
		.attempt = 2,
		.output = number,
		.offset = offset,
	};
	(void)error_set(&m.why, ERROR_TARGET, "full");
	size_t size = depot_pack(bytes, &m);
	int64_t end = deadline_start();
	while (socket_send_large(f->master, &f->peer, bytes, size, &f->err) == 0)
		deadline_check(end);
}

static void await_end(struct fixture *f)
{
	int64_t end = deadline_start();
	struct cargo *cargo = f->carrier.class->take(f->carrier.self);
	while (!cargo) {
		deadline_check(end);
		step(f);
		cargo = f->carrier.class->take(f->carrier.self);
	}
	assert_ptr_equal(cargo, &f->cargo);
}

static void test_carrier_says_which_output_and_at_last_how_large(void **state)
{
	struct fixture *f = *state;
	begin(f, 3, LARGE);
	hear(f);
	assert_int_equal(f->got.output, 3);
	assert_int_equal(f->got.width, 0);
	assert_int_equal(f->got.height, 0);
	hear(f);
	assert_int_equal(f->got.output, 3);
	assert_int_equal(f->got.offset + f->got.size, LARGE);
	assert_int_equal(f->got.width, 33);
	assert_int_equal(f->got.height, 23);
	say(f, DEPOT_STORED, 3, LARGE);
	await_end(f);
	assert_int_equal(f->cargo.why.code, ERROR_NONE);
}

static void test_carrier_of_one_small_output_says_all_at_once(void **state)
{
	struct fixture *f = *state;
	static const uint64_t sizes[] = { 0, 1, DEPOT_PIECE_MAX };
	for (uint32_t i = 0; i < 3; i++) {
		begin(f, i, sizes[i]);
		hear(f);
		assert_int_equal(f->got.size, sizes[i]);
		assert_int_equal(f->got.width, 30 + i);
		say(f, DEPOT_STORED, i, sizes[i]);
		await_end(f);
	}
}

/* An answer that came late for the output before is none for this one. */
static void test_carrier_takes_no_answer_to_another_output(void **state)
{
	struct fixture *f = *state;
	begin(f, 0, 100);
	hear(f);
	say(f, DEPOT_STORED, 0, 100);
	say(f, DEPOT_STORED, 0, 100);
	await_end(f);
	begin(f, 1, 100);
	say(f, DEPOT_STORED, 0, 100);
	say(f, DEPOT_FAILED, 0, 0);
	say(f, DEPOT_FAILED, 2, 0);
	say(f, DEPOT_FAILED, 1, 0);
	await_end(f);
	assert_int_equal(f->cargo.why.code, ERROR_TARGET);
	assert_string_equal(f->cargo.why.message, "full");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_carrier_says_which_output_and_at_last_how_large),
		TEST(test_carrier_of_one_small_output_says_all_at_once),
		TEST(test_carrier_takes_no_answer_to_another_output),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
