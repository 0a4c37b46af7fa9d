/* SPDX-License-Identifier: MIT */
/* What another process sees of a worker's loop: that it turns, hangs or has ended. */
#include "worker/health.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/tempdir.h"

enum { OLD_S = 1000000 }; /* after 1970: no file of this test was touched then */

static struct error err;

struct fixture {
	char *folder, *path;
	struct health health;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->folder = tempdir_new();
	f->path = xasprintf("%s/health", f->folder);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	health_close(&f->health);
	tempdir_free(f->folder);
	free(f->path);
	free(f);
	return 0;
}

/* As if nobody had touched the file since. */
static void make_old(const char *path)
{
	const struct timespec old[2] = { { .tv_sec = OLD_S }, { .tv_sec = OLD_S } };
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void test_health_of_a_loop_that_turns_is_good(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(health_check(f->path, clock_wall_s(), &err), -1);
	assert_int_equal(health_open(&f->health, f->path, 5000, &err), 0);
	make_old(f->path);
	health_tick(&f->health, 5000);
	assert_int_equal(health_check(f->path, clock_wall_s(), &err), 0);
}

static void test_health_of_a_loop_that_hangs_is_bad(void **state)
{
	struct fixture *f = *state;
	int64_t now_s = clock_wall_s();
	assert_int_equal(health_open(&f->health, f->path, 5000, &err), 0);
	health_tick(&f->health, 5000);
	assert_int_equal(health_check(f->path, now_s + HEALTH_AGE_MAX_S, &err), 0);
	assert_int_equal(health_check(f->path, now_s + HEALTH_AGE_MAX_S + 2, &err), -1);
	/* the clock was set back: a file of the future says nothing either */
	assert_int_equal(health_check(f->path, now_s - HEALTH_AGE_MAX_S - 2, &err), -1);
}

static void test_health_is_touched_once_a_second(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(health_open(&f->health, f->path, 5000, &err), 0);
	assert_int_equal(health_deadline_ms(&f->health), 5000);
	health_tick(&f->health, 5000);
	assert_int_equal(health_deadline_ms(&f->health), 5000 + HEALTH_TOUCH_MS);
	make_old(f->path);
	health_tick(&f->health, 5000 + HEALTH_TOUCH_MS - 1);
	assert_int_equal(health_check(f->path, OLD_S, &err), 0);
	health_tick(&f->health, 5000 + HEALTH_TOUCH_MS);
	assert_int_equal(health_check(f->path, OLD_S, &err), -1);
}

static void test_health_ends_with_the_worker(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(health_open(&f->health, f->path, 5000, &err), 0);
	health_tick(&f->health, 5000);
	health_close(&f->health);
	assert_int_equal(health_check(f->path, clock_wall_s(), &err), -1);
	assert_int_equal(health_deadline_ms(&f->health), -1);
}

static void test_health_that_nobody_asks_for_costs_nothing(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(health_open(&f->health, NULL, 5000, &err), 0);
	assert_int_equal(health_deadline_ms(&f->health), -1);
	health_tick(&f->health, 6000);
}

static void test_health_follows_no_link_of_others(void **state)
{
	struct fixture *f = *state;
	char *elsewhere = xasprintf("%s/elsewhere", f->folder);
	assert_int_equal(symlink(elsewhere, f->path), 0);
	assert_int_equal(health_open(&f->health, f->path, 5000, &err), -1);
	assert_int_equal(access(elsewhere, F_OK), -1);
	free(elsewhere);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_health_of_a_loop_that_turns_is_good, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_health_of_a_loop_that_hangs_is_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_health_is_touched_once_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(test_health_ends_with_the_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_health_that_nobody_asks_for_costs_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_health_follows_no_link_of_others, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
