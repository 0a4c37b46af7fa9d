/* SPDX-License-Identifier: MIT */
/* The words for failures that no server on loopback brings about. */
#include "worker/transfer_ending.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	struct ending ending;
	enum error_code code;
	const char *message;
	bool dropped;
} table[] = {
	{ { .code = CURLE_PEER_FAILED_VERIFICATION,
		  .words = "SSL certificate problem: certificate has expired" },
		ERROR_NETWORK, "TLS certificate: certificate has expired", false },
	{ { .code = CURLE_PEER_FAILED_VERIFICATION,
		  .words = "SSL: no alternative certificate subject name matches 'a\033[1mb'" },
		ERROR_NETWORK,
		"TLS certificate: no alternative certificate subject name matches 'a?[1mb'",
		false },
	{ { .code = CURLE_SSL_CONNECT_ERROR, .words = "wrong version number" }, ERROR_NETWORK,
		"TLS: wrong version number", false },
	{ { .code = CURLE_SSL_CONNECT_ERROR, .words = "Recv failure: Connection reset by peer" },
		ERROR_NETWORK, "connection dropped", true },
	{ { .code = CURLE_COULDNT_CONNECT, .number = EHOSTUNREACH }, ERROR_NETWORK,
		"no route to host", false },
	{ { .code = CURLE_COULDNT_CONNECT }, ERROR_NETWORK, "can't connect", false },
	{ { .code = CURLE_OPERATION_TIMEDOUT }, ERROR_NETWORK, "no connection within 10 s", false },
	{ { .code = CURLE_COULDNT_RESOLVE_HOST, .url = "https://example.invalid:8/x" },
		ERROR_NETWORK, "no such host example.invalid", false },
	{ { .code = CURLE_COULDNT_RESOLVE_PROXY }, ERROR_NETWORK, "no such host as the proxy's",
		false },
	{ { .code = CURLE_HTTP2_STREAM }, ERROR_NETWORK, "connection dropped", true },
	{ { .code = CURLE_HTTP2 }, ERROR_NETWORK, "connection dropped", true },
	{ { .code = CURLE_SEND_ERROR }, ERROR_NETWORK, "connection dropped", true },
	{ { .code = CURLE_TELNET_OPTION_SYNTAX, .words = "odd\nthing" }, ERROR_NETWORK, "odd?thing",
		false },
	{ { .code = CURLE_FILESIZE_EXCEEDED, .body_bytes_max = 15 << 20 }, ERROR_LIMIT,
		"larger than 15 MiB", false },
};

static void test_failures_are_told_in_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct error err = { .code = ERROR_NONE };
		struct ending ending = table[i].ending;
		ending.words = ending.words ? ending.words : "";
		ending.url = ending.url ? ending.url : "http://example.org/";
		assert_int_equal(ending_explain(&ending, &err), -1);
		assert_string_equal(err.message, table[i].message);
		assert_int_equal(err.code, table[i].code);
		assert_int_equal(ending_is_dropped(&ending), table[i].dropped);
	}
}

static void test_no_failure_is_left_without_words(void **state)
{
	(void)state;
	for (int code = 1; code < CURL_LAST; code++) {
		struct error err = { .code = ERROR_NONE };
		struct ending ending = {
			.code = (CURLcode)code, .words = "", .url = "http://example.org/"
		};
		assert_int_equal(ending_explain(&ending, &err), -1);
		assert_true(err.message[0] != '\0');
		/* the lane had no part in it, and only --retries lets the master send it again */
		enum error_class class = error_class(err.code, err.number);
		assert_true(class == ERROR_CLASS_PERMANENT || class == ERROR_CLASS_TRANSIENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_are_told_in_words),
		cmocka_unit_test(test_no_failure_is_left_without_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
