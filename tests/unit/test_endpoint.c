/* SPDX-License-Identifier: MIT */
/* Addresses: which are good, which endpoints follow from them, who can reach them. */
#include "common/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_good(const char *address, uint32_t channels)
{
	struct error err = { 0 };
	if (endpoint_check(address, channels, &err))
		fail_msg("'%s': %s", address, err.message);
}

static void assert_bad(const char *address, uint32_t channels, enum error_code code)
{
	struct error err = { 0 };
	if (endpoint_check(address, channels, &err) == 0)
		fail_msg("'%s' is taken for an address", address);
	assert_int_equal(err.code, code);
	assert_true(err.message[0] != '\0');
}

static void assert_endpoint(
	const char *address, enum endpoint_part part, uint32_t channel, const char *expected)
{
	char text[ENDPOINT_MAX];
	assert_good(address, channel + 1);
	endpoint_make(text, address, part, channel);
	assert_string_equal(text, expected);
}

static void test_endpoint_addresses_are_hosts_with_ports_or_folders(void **state)
{
	(void)state;
	assert_good("ipc:/run/x", 0);
	assert_good("127.0.0.1:5555", 64);
	assert_good("master:1", 64);
	assert_good("master-1.my_net.example:5555", 64);
	assert_good("*:5555", 64);
	assert_good("eth0:5555", 64);
	assert_good("[::]:5555", 64);
	assert_good("[fe80::1]:5555", 64);
}

static void test_endpoint_what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", ":", "master", "master:", ":5555", "master:0",
		"[]:5555", "master:x", "master:55x", "master:-1", "master:+1", "master: 1",
		"master:065536", "master:999999", "tcp://master:1", "master/x:1", "a b:1", "a;b:1",
		"[::1:5555", "::1]:5555", "::1:5555", "[1.2.3.4]:5555", "[::1%eth0]:5555",
		"[*]:5555", "**:5555", "ipc:", "ipc:x", "m\xc3\xa4ster:1", "a\nb:1" };
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_bad(bad[i], 0, ERROR_USAGE);
}

static void test_endpoint_lengths_have_limits(void **state)
{
	char folder[ENDPOINT_FOLDER_MAX + 1] = "ipc:/", host[300];
	(void)state;
	memset(folder + 5, 'x', ENDPOINT_FOLDER_MAX - 5);
	assert_bad(folder, 0, ERROR_LIMIT);
	folder[ENDPOINT_FOLDER_MAX - 1] = '\0';
	assert_good(folder, 0);
	memset(host, 'h', sizeof(host));
	memcpy(host + 256, ":5555", 6);
	assert_bad(host, 0, ERROR_USAGE);
	assert_good(host + 1, 0); /* 255 bytes of a name */
}

static void test_endpoint_all_ports_must_fit(void **state)
{
	(void)state;
	assert_good("h:65530", 1); /* 65530 to 65535 */
	assert_bad("h:65530", 2, ERROR_USAGE);
	assert_bad("h:65531", 1, ERROR_USAGE);
	assert_good("h:65531", 0);
	assert_good("h:64507", ENDPOINT_CHANNELS_MAX);
	assert_bad("h:64508", ENDPOINT_CHANNELS_MAX, ERROR_USAGE);
	assert_bad("h:65535", UINT32_MAX, ERROR_USAGE);
	assert_bad("h:1", UINT32_MAX - 4, ERROR_USAGE);
}

static void test_endpoint_parts_have_files_or_ports(void **state)
{
	(void)state;
	assert_endpoint("ipc:/run/x", ENDPOINT_RESULTS, 0, "ipc:///run/x/results");
	assert_endpoint("ipc:/run/x", ENDPOINT_STATE, 0, "ipc:///run/x/state");
	assert_endpoint("ipc:/run/x", ENDPOINT_DEPOT, 0, "ipc:///run/x/depot");
	assert_endpoint("ipc:/run/x", ENDPOINT_CHANNEL, 7, "ipc:///run/x/channel-7");
	assert_endpoint("h:5555", ENDPOINT_RESULTS, 0, "tcp://h:5555");
	assert_endpoint("h:5555", ENDPOINT_STATE, 0, "tcp://h:5556");
	assert_endpoint("h:5555", ENDPOINT_DEPOT, 0, "tcp://h:5557");
	assert_endpoint("h:5555", ENDPOINT_CHANNEL, 0, "tcp://h:5560");
	assert_endpoint("h:5555", ENDPOINT_CHANNEL, 63, "tcp://h:5623");
	assert_endpoint("*:5555", ENDPOINT_STATE, 9, "tcp://*:5556");
	assert_endpoint("localhost:5555", ENDPOINT_STATE, 0, "tcp://127.0.0.1:5556");
	assert_endpoint("[::1]:5555", ENDPOINT_CHANNEL, 1, "tcp://[::1]:5561");
}

static void test_endpoint_kinds_are_told_apart(void **state)
{
	(void)state;
	assert_false(endpoint_is_tcp("ipc:/run/x"));
	assert_true(endpoint_is_tcp("h:1") && endpoint_is_tcp("[::1]:1"));
	assert_true(endpoint_is_ipv6("[::1]:1"));
	assert_false(endpoint_is_ipv6("127.0.0.1:1") || endpoint_is_ipv6("ipc:/x"));
}

/* Who is taken for private by mistake is open to everybody. */
static void test_endpoint_only_this_host_is_private(void **state)
{
	static const char *const private[] = { "ipc:/run/x", "127.0.0.1:1", "127.255.0.9:1",
		"[::1]:1", "[0:0:0:0:0:0:0:1]:1", "localhost:1" };
	static const char *const public[] = { "*:1", "0.0.0.0:1", "128.0.0.1:1", "126.0.0.1:1",
		"10.0.0.1:1", "[::]:1", "[::2]:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1",
		"localhost.example:1", "127.0.0.1.example:1", "127.1:1", "lo:1", "h:1", "" };
	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		assert_true(endpoint_is_private(private[i]));
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		if (endpoint_is_private(public[i]))
			fail_msg("'%s' is taken for private", public[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint_addresses_are_hosts_with_ports_or_folders),
		cmocka_unit_test(test_endpoint_what_is_no_address_is_refused),
		cmocka_unit_test(test_endpoint_lengths_have_limits),
		cmocka_unit_test(test_endpoint_all_ports_must_fit),
		cmocka_unit_test(test_endpoint_parts_have_files_or_ports),
		cmocka_unit_test(test_endpoint_kinds_are_told_apart),
		cmocka_unit_test(test_endpoint_only_this_host_is_private),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
