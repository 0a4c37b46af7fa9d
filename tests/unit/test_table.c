/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/table.h"

enum { KEYS = 20000 };

static char values[KEYS + 1];

static void test_empty_table_finds_nothing(void **state)
{
	(void)state;
	struct table table = { 0 };
	size_t cursor = 0;
	assert_null(table_find(&table, 1));
	assert_null(table_remove(&table, 1));
	assert_null(table_next(&table, &cursor));
	assert_int_equal(table_count(&table), 0);
	table_release(&table);
}

static void insert_all(struct table *table, uint64_t stride)
{
	for (uint64_t i = 1; i <= KEYS; i++)
		table_insert(table, i * stride, &values[i]);
	assert_int_equal(table_count(table), KEYS);
}

static void test_every_key_is_found_whatever_the_stride(void **state)
{
	(void)state;
	static const uint64_t strides[] = { 1, 2, 1000, UINT64_C(1) << 32, UINT64_C(1) << 49 };
	for (size_t at = 0; at < sizeof(strides) / sizeof(strides[0]); at++) {
		struct table table = { 0 };
		insert_all(&table, strides[at]);
		for (uint64_t i = 1; i <= KEYS; i++)
			assert_ptr_equal(table_find(&table, i * strides[at]), &values[i]);
		assert_null(table_find(&table, (KEYS + 1) * strides[at]));
		table_release(&table);
	}
}

static void test_removal_leaves_the_others_found(void **state)
{
	(void)state;
	struct table table = { 0 };
	insert_all(&table, 1);
	for (uint64_t i = 1; i <= KEYS; i += 3)
		assert_ptr_equal(table_remove(&table, i), &values[i]);
	for (uint64_t i = 1; i <= KEYS; i++) {
		if (i % 3 == 1)
			assert_null(table_find(&table, i));
		else
			assert_ptr_equal(table_find(&table, i), &values[i]);
	}
	table_release(&table);
}

/* Keys drawn from few numbers, so that chains form, overlap the end and are cut everywhere. */
static void test_random_changes_agree_with_a_plain_array(void **state)
{
	(void)state;
	enum { FEW = 64, CHANGES = 200000 };
	struct table table = { 0 };
	bool present[FEW + 1] = { false };
	uint64_t random = 1;
	size_t count = 0;
	for (int change = 0; change < CHANGES; change++) {
		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint64_t key = 1 + (random >> 33) % FEW;
		if (present[key]) {
			assert_ptr_equal(table_remove(&table, key << 40), &values[key]);
			count--;
		} else {
			table_insert(&table, key << 40, &values[key]);
			count++;
		}
		present[key] = !present[key];
		assert_int_equal(table_count(&table), count);
		for (uint64_t i = 1; i <= FEW; i++)
			assert_ptr_equal(
				table_find(&table, i << 40), present[i] ? &values[i] : NULL);
	}
	table_release(&table);
}

static void test_next_visits_each_value_once(void **state)
{
	(void)state;
	static int visits[KEYS + 1];
	struct table table = { 0 };
	insert_all(&table, 7);
	size_t cursor = 0;
	for (char *value; (value = table_next(&table, &cursor));)
		visits[value - values]++;
	for (size_t i = 1; i <= KEYS; i++)
		assert_int_equal(visits[i], 1);
	table_release(&table);
}

static void test_memory_shrinks_with_the_content(void **state)
{
	(void)state;
	struct table table = { 0 };
	table_insert(&table, 1, values);
	uint32_t bits_small = table.bits;
	table_remove(&table, 1);
	insert_all(&table, 1);
	assert_true(table.bits > bits_small);
	for (uint64_t i = 1; i <= KEYS; i++)
		assert_ptr_equal(table_remove(&table, i), &values[i]);
	assert_int_equal(table.bits, bits_small);
	table_release(&table);
}

static void test_a_window_that_slides_needs_no_more_memory(void **state)
{
	(void)state;
	enum { WINDOW = 1000, SLIDES = 1000000 };
	struct table table = { 0 };
	uint32_t bits_full = 0;
	for (uint64_t i = 1; i <= SLIDES; i++) {
		table_insert(&table, i, values);
		if (i > WINDOW)
			assert_ptr_equal(table_remove(&table, i - WINDOW), values);
		if (i == WINDOW)
			bits_full = table.bits;
	}
	assert_int_equal(table.bits, bits_full);
	table_release(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_table_finds_nothing),
		cmocka_unit_test(test_every_key_is_found_whatever_the_stride),
		cmocka_unit_test(test_removal_leaves_the_others_found),
		cmocka_unit_test(test_random_changes_agree_with_a_plain_array),
		cmocka_unit_test(test_next_visits_each_value_once),
		cmocka_unit_test(test_memory_shrinks_with_the_content),
		cmocka_unit_test(test_a_window_that_slides_needs_no_more_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
