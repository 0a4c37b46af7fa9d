/* SPDX-License-Identifier: MIT */
/* Fragments come back in their order, and what can not be written is an error. */
#include "master/kinds/feeds_spool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_spool_that_cannot_be_written_is_an_error(void **state)
{
	(void)state;
	struct spool spool = { 0 };
	struct error err;
	assert_int_equal(spool_open(&spool, &err), 0);
	(void)fclose(spool.file);
	spool.file = fopen("/dev/full", "w");
	FILE *file = spool_begin(&spool);
	for (size_t i = 0; i < 100000; i++)
		fputc('x', file);
	assert_int_equal(spool_end(&spool, 0, 0, &err), -1);
	assert_int_equal(err.number, ENOSPC);
	spool_release(&spool);
}

static void test_spool_gives_fragments_in_order_and_the_first_of_equals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t order;
		uint64_t identity;
	} cases[] = { { "c", 3, 1 }, { "a", -5, 2 }, { "b", 0, 3 }, { "B", 0, 4 }, { "", 1, 5 },
		{ "A", -9, 1 } };
	struct spool spool = { 0 };
	struct error err;
	char written[16] = "";
	assert_int_equal(spool_open(&spool, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fputs(cases[i].text, spool_begin(&spool));
		assert_int_equal(spool_end(&spool, cases[i].order, cases[i].identity, &err), 0);
	}
	assert_int_equal(spool_sort(&spool, &err), 0);
	spool_unique(&spool);
	FILE *out = fmemopen(written, sizeof(written), "w");
	for (size_t i = 0; i < spool.count; i++)
		assert_int_equal(spool_copy(&spool, i, out, &err), 0);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(written, "AabB");
	spool_release(&spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spool_that_cannot_be_written_is_an_error),
		cmocka_unit_test(test_spool_gives_fragments_in_order_and_the_first_of_equals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
