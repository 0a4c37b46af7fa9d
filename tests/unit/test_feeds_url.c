/* SPDX-License-Identifier: MIT */
/* Links resolved by RFC 3986, with what feeds write, and what may leave. */
#include "worker/kinds/feeds_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct sample {
	const char *base, *reference, *url; /* url NULL: not to be resolved */
};

static void check(const struct sample *sample)
{
	struct feeds_buffer out;
	feeds_buffer_init(&out, 256);
	bool resolved =
		feeds_url_resolve(&out, sample->base, sample->reference, strlen(sample->reference));
	assert_int_equal(resolved, sample->url != NULL);
	if (resolved)
		assert_string_equal(feeds_buffer_text(&out), sample->url);
	feeds_buffer_release(&out);
}

#define RFC "http://a/b/c/d;p?q"

/* RFC 3986, 5.4. */
static void test_url_examples_of_the_rfc(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ RFC, "g:h", "g:h" },
		{ RFC, "g", "http://a/b/c/g" },
		{ RFC, "./g", "http://a/b/c/g" },
		{ RFC, "g/", "http://a/b/c/g/" },
		{ RFC, "/g", "http://a/g" },
		{ RFC, "//g", "http://g" },
		{ RFC, "?y", "http://a/b/c/d;p?y" },
		{ RFC, "g?y", "http://a/b/c/g?y" },
		{ RFC, "#s", "http://a/b/c/d;p?q#s" },
		{ RFC, "g#s", "http://a/b/c/g#s" },
		{ RFC, "g?y#s", "http://a/b/c/g?y#s" },
		{ RFC, ";x", "http://a/b/c/;x" },
		{ RFC, "g;x", "http://a/b/c/g;x" },
		{ RFC, "", "http://a/b/c/d;p?q" },
		{ RFC, ".", "http://a/b/c/" },
		{ RFC, "./", "http://a/b/c/" },
		{ RFC, "..", "http://a/b/" },
		{ RFC, "../", "http://a/b/" },
		{ RFC, "../g", "http://a/b/g" },
		{ RFC, "../..", "http://a/" },
		{ RFC, "../../", "http://a/" },
		{ RFC, "../../g", "http://a/g" },
		{ RFC, "../../../g", "http://a/g" },
		{ RFC, "/./g", "http://a/g" },
		{ RFC, "/../g", "http://a/g" },
		{ RFC, "g.", "http://a/b/c/g." },
		{ RFC, ".g", "http://a/b/c/.g" },
		{ RFC, "g..", "http://a/b/c/g.." },
		{ RFC, "..g", "http://a/b/c/..g" },
		{ RFC, "./../g", "http://a/b/g" },
		{ RFC, "./g/.", "http://a/b/c/g/" },
		{ RFC, "g/./h", "http://a/b/c/g/h" },
		{ RFC, "g/../h", "http://a/b/c/h" },
		{ RFC, "g;x=1/../y", "http://a/b/c/y" },
		{ RFC, "g?y/../x", "http://a/b/c/g?y/../x" },
		{ RFC, "g#s/../x", "http://a/b/c/g#s/../x" },
		{ RFC, "http:g", "http://a/b/c/g" },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(&samples[i]);
}

static void test_url_what_feeds_write(void **state)
{
	(void)state;
	static const struct sample samples[] = {
		{ "http://h", "x", "http://h/x" },
		{ "http://h?q", "x", "http://h/x" },
		{ "http://h/", " \n/a b\n ", "http://h/a%20b" },
		{ "http://h/", "http://h/a\nb\tc", "http://h/abc" },
		{ "http://h/", "/caf\xC3\xA9?\xE2\x82\xAC", "http://h/caf\xC3\xA9?\xE2\x82\xAC" },
		{ "http://h/", "/\"<x>`", "http://h/%22%3Cx%3E%60" },
		{ "http://h/", "/100%", "http://h/100%" },
		{ "http://h/d/", ":x", "http://h/d/:x" },
		{ "http://h/d/", "1x:y", "http://h/d/1x:y" },
		{ "https://h/", "///other/x", "https://other/x" },
		{ "", "http://h/x", "http://h/x" },
		{ "", "x", NULL },
		{ "mailto:x", "y", NULL },
		{ "http://h/", "mailto:a@b", "mailto:a@b" },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		check(&samples[i]);
}

static void test_url_too_long_is_none(void **state)
{
	(void)state;
	char reference[512];
	memset(reference, 'x', sizeof(reference) - 1);
	reference[sizeof(reference) - 1] = '\0';
	struct sample sample = { "http://h/", reference, NULL };
	check(&sample);
}

static void test_url_only_web_and_mail_may_leave(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		enum feeds_url_kind kind;
	} samples[] = {
		{ "http://h", FEEDS_URL_WEB },
		{ "HTTPS://h/x", FEEDS_URL_WEB },
		{ "mailto:a@b", FEEDS_URL_MAIL },
		{ "mailto:", FEEDS_URL_NONE },
		{ "javascript:alert(1)", FEEDS_URL_NONE },
		{ "JaVaScript://h/%0aalert(1)", FEEDS_URL_NONE },
		{ "data:text/html,x", FEEDS_URL_NONE },
		{ "file:///etc/passwd", FEEDS_URL_NONE },
		{ "ftp://h/x", FEEDS_URL_NONE },
		{ "http:", FEEDS_URL_NONE },
		{ "http:///x", FEEDS_URL_WEB },
		{ "http://h\\x/", FEEDS_URL_NONE },
		{ "http://a b/", FEEDS_URL_NONE },
		{ "//h", FEEDS_URL_NONE },
		{ "", FEEDS_URL_NONE },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		assert_int_equal(
			feeds_url_kind(samples[i].url, strlen(samples[i].url)), samples[i].kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_examples_of_the_rfc),
		cmocka_unit_test(test_url_what_feeds_write),
		cmocka_unit_test(test_url_too_long_is_none),
		cmocka_unit_test(test_url_only_web_and_mail_may_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
