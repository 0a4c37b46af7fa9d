/* SPDX-License-Identifier: MIT */
/* What counts as public: every special-purpose block at both its edges, and just outside. */
#include "worker/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

struct expected {
	const char *text;
	bool is_public;
};

static socklen_t parse(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
		memcpy(address, &in4, sizeof(in4));
		return sizeof(in4);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	memcpy(address, &in6, sizeof(in6));
	return sizeof(in6);
}

static bool is_public(const char *text)
{
	struct sockaddr_storage address;
	socklen_t size = parse(text, &address);
	return address_is_public((const struct sockaddr *)&address, size);
}

static void check(const struct expected *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_public(table[i].text) != table[i].is_public)
			fail_msg("%s should be %s", table[i].text,
				table[i].is_public ? "public" : "refused");
	}
}

#define CHECK(table) check(table, sizeof(table) / sizeof(*(table)))

static void test_ipv4_special_blocks_are_refused_up_to_their_edges(void **state)
{
	(void)state;
	static const struct expected table[] = {
		{ "0.0.0.0", false },
		{ "0.255.255.255", false },
		{ "1.0.0.0", true },
		{ "9.255.255.255", true },
		{ "10.0.0.0", false },
		{ "10.255.255.255", false },
		{ "11.0.0.0", true },
		{ "100.63.255.255", true },
		{ "100.64.0.0", false },
		{ "100.100.100.200", false },
		{ "100.127.255.255", false },
		{ "100.128.0.0", true },
		{ "126.255.255.255", true },
		{ "127.0.0.0", false },
		{ "127.0.0.1", false },
		{ "127.255.255.255", false },
		{ "128.0.0.0", true },
		{ "169.253.255.255", true },
		{ "169.254.0.0", false },
		{ "169.254.169.254", false },
		{ "169.254.255.255", false },
		{ "169.255.0.0", true },
		{ "172.15.255.255", true },
		{ "172.16.0.0", false },
		{ "172.31.255.255", false },
		{ "172.32.0.0", true },
		{ "191.255.255.255", true },
		{ "192.0.0.0", false },
		{ "192.0.0.255", false },
		{ "192.0.1.0", true },
		{ "192.0.1.255", true },
		{ "192.0.2.0", false },
		{ "192.0.2.255", false },
		{ "192.0.3.0", true },
		{ "192.88.98.255", true },
		{ "192.88.99.0", false },
		{ "192.88.99.255", false },
		{ "192.88.100.0", true },
		{ "192.167.255.255", true },
		{ "192.168.0.0", false },
		{ "192.168.255.255", false },
		{ "192.169.0.0", true },
		{ "198.17.255.255", true },
		{ "198.18.0.0", false },
		{ "198.19.255.255", false },
		{ "198.20.0.0", true },
		{ "198.51.99.255", true },
		{ "198.51.100.0", false },
		{ "198.51.100.255", false },
		{ "198.51.101.0", true },
		{ "203.0.112.255", true },
		{ "203.0.113.0", false },
		{ "203.0.113.255", false },
		{ "203.0.114.0", true },
		{ "223.255.255.255", true },
		{ "224.0.0.0", false },
		{ "239.255.255.255", false },
		{ "240.0.0.0", false },
		{ "255.255.255.254", false },
		{ "255.255.255.255", false },
		{ "8.8.8.8", true },
		{ "93.184.216.34", true },
	};
	CHECK(table);
}

static void test_ipv6_only_global_unicast_is_public(void **state)
{
	(void)state;
	static const struct expected table[] = {
		{ "::", false },
		{ "::1", false },
		{ "::2", false },
		{ "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2000::", true },
		{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "4000::", false },
		{ "100::1", false },
		{ "5f00::1", false },
		{ "fc00::", false },
		{ "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "fd00:ec2::254", false },
		{ "fe80::1", false },
		{ "febf:ffff::1", false },
		{ "fec0::1", false },
		{ "ff00::", false },
		{ "ff02::1", false },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2606:2800:220:1:248:1893:25c8:1946", true },
		{ "2a00:1450:4001:82a::200e", true },
	};
	CHECK(table);
}

static void test_ipv6_special_blocks_are_refused_up_to_their_edges(void **state)
{
	(void)state;
	static const struct expected table[] = {
		{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2001:1::", false },
		{ "2001:2::1", false },
		{ "2001:10::1", false },
		{ "2001:20::1", false },
		{ "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2001:200::", true },
		{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "2001:db8::", false },
		{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "2001:db9::", true },
		{ "3fff::", false },
		{ "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false },
		{ "3fff:1000::", true },
	};
	CHECK(table);
}

static void test_ipv6_is_judged_by_the_ipv4_address_it_carries(void **state)
{
	(void)state;
	static const struct expected table[] = {
		/* mapped, and its relatives that nobody routes */
		{ "::ffff:8.8.8.8", true },
		{ "::ffff:127.0.0.1", false },
		{ "::ffff:169.254.169.254", false },
		{ "::ffff:0.0.0.0", false },
		{ "::127.0.0.1", false },
		{ "::8.8.8.8", false },
		{ "::ffff:0:8.8.8.8", false },
		/* NAT64: the well-known prefix; the local one is never public */
		{ "64:ff9b::8.8.8.8", true },
		{ "64:ff9b::127.0.0.1", false },
		{ "64:ff9b::10.1.2.3", false },
		{ "64:ff9b::1:8.8.8.8", false },
		{ "64:ff9b:0:0:1::808:808", false },
		{ "64:ff9b:1::8.8.8.8", false },
		/* 6to4 */
		{ "2002:808:808::1", true },
		{ "2002:7f00:1::1", false },
		{ "2002:a9fe:a9fe::1", false },
		{ "2002:c0a8:101:1::1", false },
		/* Teredo: server 65.54.227.120; client 192.0.2.45, 8.8.8.8 inverted */
		{ "2001:0:4136:e378:8000:63bf:3fff:fdd2", false },
		{ "2001:0:4136:e378:8000:63bf:f7f7:f7f7", true },
		{ "2001:0:7f00:1:8000:63bf:f7f7:f7f7", false },
		{ "2001:0:4136:e378:8000:63bf:80ff:fffe", false },
		/* ISATAP, with and without the universal and group bits */
		{ "2a00:1::5efe:8.8.8.8", true },
		{ "2a00:1::5efe:10.0.0.1", false },
		{ "2a00:1::200:5efe:127.0.0.1", false },
		{ "2a00:1::300:5efe:127.0.0.1", false },
		{ "2a00:1::100:5efe:127.0.0.1", false },
		{ "2a00:1::200:5efe:8.8.8.8", true },
		{ "fe80::5efe:8.8.8.8", false },
		{ "2a00:1::400:5efe:127.0.0.1", true },
		{ "2002:808:808::5efe:127.0.0.1", false },
	};
	CHECK(table);
}

static void test_other_families_and_short_addresses_are_refused(void **state)
{
	(void)state;
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	assert_false(address_is_public((const struct sockaddr *)&local, sizeof(local)));
	struct sockaddr_storage address;
	memset(&address, 0, sizeof(address));
	socklen_t size = parse("8.8.8.8", &address);
	assert_false(address_is_public((const struct sockaddr *)&address, size - 1));
	size = parse("2a00::1", &address);
	assert_false(address_is_public((const struct sockaddr *)&address, size - 1));
}

static void test_text_is_the_usual_one(void **state)
{
	(void)state;
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "::ffff:127.0.0.1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct sockaddr_storage address;
		char text[INET6_ADDRSTRLEN];
		socklen_t size = parse(texts[i], &address);
		address_text((const struct sockaddr *)&address, size, text);
		assert_string_equal(text, texts[i]);
	}
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	char text[INET6_ADDRSTRLEN];
	address_text((const struct sockaddr *)&local, sizeof(local), text);
	assert_string_equal(text, "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_special_blocks_are_refused_up_to_their_edges),
		cmocka_unit_test(test_ipv6_only_global_unicast_is_public),
		cmocka_unit_test(test_ipv6_special_blocks_are_refused_up_to_their_edges),
		cmocka_unit_test(test_ipv6_is_judged_by_the_ipv4_address_it_carries),
		cmocka_unit_test(test_other_families_and_short_addresses_are_refused),
		cmocka_unit_test(test_text_is_the_usual_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
