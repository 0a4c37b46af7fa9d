/* SPDX-License-Identifier: MIT */
/* Pictures that would become one file: all are found, none is invented, and names stay the same. */
#include "master/kinds/scale_collisions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"

enum { MANY = 20000 };

/* A picture and its output, NULL after the last. */
struct pair {
	const char *source, *output;
};

static struct scale_collisions *collisions_of(bool folds, const struct pair *pairs, bool *suspects)
{
	struct scale_collisions *c = scale_collisions_new(folds);
	for (const struct pair *p = pairs; p->source; p++)
		scale_collisions_note(c, p->output);
	*suspects = scale_collisions_suspects(c);
	for (const struct pair *p = pairs; *suspects && p->source; p++)
		scale_collisions_add(c, p->source, p->output);
	return c;
}

static bool collide(bool folds, const char *one, const char *other)
{
	bool suspects;
	const struct pair pairs[] = { { "1", one }, { "2", other }, { NULL, NULL } };
	struct scale_collisions *c = collisions_of(folds, pairs, &suspects);
	scale_collisions_free(c);
	return suspects;
}

static void test_collisions_of_different_names_are_none(void **state)
{
	(void)state;
	assert_false(collide(false, "a.jpg", "b.jpg"));
	assert_false(collide(false, "a.jpg", "A.jpg"));
	assert_false(collide(false, "a/b.jpg", "b.jpg"));
	assert_true(collide(false, "a.jpg", "a.jpg"));
}

static void test_collisions_may_ignore_case(void **state)
{
	(void)state;
	assert_true(collide(true, "a.jpg", "A.JPG"));
	assert_true(collide(true, "DIR/x.jpg", "dir/x.jpg"));
	assert_true(collide(true, "\xC3\x89t\xC3\xA9.jpg", "\xC3\xA9T\xC3\x89.jpg")); /* Été, éTÉ */
	assert_true(collide(true, "\xCE\xA9", "\xCF\x89"));                           /* omega */
	assert_false(collide(true, "a.jpg", "b.jpg"));
	assert_false(collide(true, "\xC3\xA9", "\xC3\xA8"));
	/* what is no UTF-8 is only the same as itself, and never read past its end */
	assert_true(collide(true, "\xFFx", "\xFFX"));
	assert_false(collide(true, "\xFF", "\xFE"));
	assert_false(collide(true, "\xC3", "\xE3"));
	assert_false(collide(true, "\xF0\x9F", "\xF0\x9E"));
}

static void test_collisions_are_refused_with_their_number(void **state)
{
	bool suspects;
	struct error err;
	const struct pair pairs[] = { { "a.png", "a.webp" }, { "b.png", "b.webp" },
		{ "a.jpg", "a.webp" }, { "a.gif", "a.webp" }, { NULL, NULL } };
	(void)state;
	struct scale_collisions *c = collisions_of(false, pairs, &suspects);
	assert_true(suspects);
	assert_int_equal(scale_collisions_refuse(c, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.message, "2 pictures would replace another's output"));
	scale_collisions_free(c);
}

static void assert_renamed(
	const struct scale_collisions *c, const char *source, const char *expected)
{
	const char *renamed = scale_collisions_find(c, source);
	if (!expected) {
		assert_null(renamed);
		return;
	}
	assert_non_null(renamed);
	assert_string_equal(renamed, expected);
}

static void test_collisions_later_ones_get_free_names(void **state)
{
	bool suspects;
	const struct pair pairs[] = { { "a.webp", "a.webp" }, { "a-1.png", "a-1.webp" },
		{ "a.png", "a.webp" }, { "d.e/.b", "d.e/.b" }, { "a.gif", "a.webp" },
		{ "d.e/.b.x", "d.e/.b" }, { "z.png", "z.webp" }, { NULL, NULL } };
	(void)state;
	struct scale_collisions *c = collisions_of(false, pairs, &suspects);
	assert_true(suspects);
	scale_collisions_resolve(c);
	assert_renamed(c, "a.gif", NULL);
	assert_renamed(c, "a.png", "a-2.webp"); /* a-1.webp is another picture's */
	assert_renamed(c, "a.webp", "a-3.webp");
	assert_renamed(c, "a-1.png", NULL);
	assert_renamed(c, "z.png", NULL);
	assert_renamed(c, "d.e/.b", NULL);
	assert_renamed(c, "d.e/.b.x", "d.e/.b-1"); /* a dot that begins a name begins no suffix */
	assert_renamed(c, "none", NULL);
	scale_collisions_free(c);
}

static void test_collisions_names_do_not_depend_on_the_order(void **state)
{
	bool suspects;
	const struct pair pairs[] = { { "c", "A" }, { "b", "a" }, { "a", "A" }, { NULL, NULL } };
	const struct pair turned[] = { { "a", "A" }, { "b", "a" }, { "c", "A" }, { NULL, NULL } };
	(void)state;
	struct scale_collisions *c = collisions_of(true, pairs, &suspects);
	struct scale_collisions *d = collisions_of(true, turned, &suspects);
	scale_collisions_resolve(c);
	scale_collisions_resolve(d);
	for (size_t i = 0; turned[i].source; i++)
		assert_renamed(c, turned[i].source, scale_collisions_find(d, turned[i].source));
	assert_renamed(c, "b", "a-1");
	assert_renamed(c, "c", "A-2"); /* A-1 would be a-1 */
	scale_collisions_free(c);
	scale_collisions_free(d);
}

/* Pairs of all, and one output for all: neither takes the square of their number. */
static void test_collisions_of_many_are_resolved_in_time(void **state)
{
	struct pair *pairs = xcalloc(MANY + 1, sizeof(*pairs));
	bool suspects;
	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		pairs[i].source = xasprintf("%05zu", i);
		pairs[i].output = i < MANY / 2 ? xasprintf("%zu", i / 2) : xstrdup("one");
	}
	struct scale_collisions *c = collisions_of(false, pairs, &suspects);
	scale_collisions_resolve(c);
	assert_renamed(c, "00003", "1-1");
	assert_renamed(c, "19999", "one-9999");
	scale_collisions_free(c);
	for (size_t i = 0; i < MANY; i++) {
		free((char *)pairs[i].source);
		free((char *)pairs[i].output);
	}
	free(pairs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_collisions_of_different_names_are_none),
		cmocka_unit_test(test_collisions_may_ignore_case),
		cmocka_unit_test(test_collisions_are_refused_with_their_number),
		cmocka_unit_test(test_collisions_later_ones_get_free_names),
		cmocka_unit_test(test_collisions_names_do_not_depend_on_the_order),
		cmocka_unit_test(test_collisions_of_many_are_resolved_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
