/* SPDX-License-Identifier: MIT */
/* What a job has made, as bytes for the ledger (master/ledger_outputs.h). */
#include "master/ledger_outputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

static const struct job job = {
	.id = 1,
	.attempt = 1,
	.source = "source:a",
	.target = "target:a\n\xff/{size}-{width}.jpg",
	.labels = { "800", "400x300" },
	.labels_count = 2,
};
static const struct result made = {
	.outputs_count = 2,
	.outputs = { { .bytes = UINT64_MAX, .width = 800, .height = UINT32_MAX },
		{ .bytes = 0, .has_digest = true, .digest = { 1, 0, [31] = 2 } } },
};

static void test_outputs_come_back_as_they_were(void **state)
{
	(void)state;
	size_t size;
	struct ledger_outputs outputs;
	uint8_t *packed = ledger_outputs_pack(&job, &made, &size);
	assert_non_null(packed);
	assert_int_equal(ledger_outputs_unpack(&outputs, packed, size), 0);
	free(packed);
	assert_int_equal(outputs.count, 2);
	assert_string_equal(outputs.list[0].location, "target:a\n\xff/800-800.jpg");
	assert_string_equal(outputs.list[1].location, "target:a\n\xff/400x300-0.jpg");
	for (size_t i = 0; i < 2; i++) {
		const struct produced *a = &made.outputs[i], *b = &outputs.list[i].produced;
		assert_int_equal(a->bytes, b->bytes);
		assert_int_equal(a->width, b->width);
		assert_int_equal(a->height, b->height);
		assert_int_equal(a->has_digest, b->has_digest);
		assert_memory_equal(a->digest, b->digest, sizeof(a->digest));
	}
	ledger_outputs_release(&outputs);
	ledger_outputs_release(&outputs);
}

static void test_outputs_are_of_templates_that_were_made(void **state)
{
	(void)state;
	size_t size = 1;
	struct job plain = job;
	struct result other = made;
	plain.labels_count = 0;
	assert_null(ledger_outputs_pack(&plain, &made, &size));
	assert_int_equal(size, 0);
	other.code = ERROR_INPUT;
	assert_null(ledger_outputs_pack(&job, &other, &size));
	other = made;
	other.outputs_count = 1;
	assert_null(ledger_outputs_pack(&job, &other, &size));
	plain = job;
	plain.target = "target:{no}";
	assert_null(ledger_outputs_pack(&plain, &made, &size));
}

/* The file may have been damaged, or written by somebody else. */
static void test_outputs_of_any_bytes_do_no_harm(void **state)
{
	(void)state;
	size_t size;
	struct ledger_outputs outputs;
	uint64_t seed = 1;
	uint8_t *packed = ledger_outputs_pack(&job, &made, &size);
	assert_int_equal(ledger_outputs_unpack(&outputs, "", 0), -1);
	ledger_outputs_release(&outputs);
	for (size_t cut = 0; cut < size; cut++) {
		if (ledger_outputs_unpack(&outputs, packed, cut) == 0)
			assert_in_range(outputs.count, 1, 2);
		ledger_outputs_release(&outputs);
	}
	for (int i = 0; i < 20000; i++) {
		uint8_t *bytes = xmalloc(size);
		memcpy(bytes, packed, size);
		for (int k = 0; k < 3; k++) {
			seed = seed * 6364136223846793005U + 1442695040888963407U;
			bytes[(seed >> 33) % size] ^= (uint8_t)(seed >> 56);
		}
		if (ledger_outputs_unpack(&outputs, bytes, size) == 0)
			assert_in_range(strlen(outputs.list[0].location), 1, JOB_LOCATION_MAX - 1);
		ledger_outputs_release(&outputs);
		free(bytes);
	}
	free(packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outputs_come_back_as_they_were),
		cmocka_unit_test(test_outputs_are_of_templates_that_were_made),
		cmocka_unit_test(test_outputs_of_any_bytes_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
