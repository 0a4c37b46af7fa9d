/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as a list of feeds. Whatever it is, what is kept obeys the limits, has no
 * control characters, is http or https and there once; and a list that is none is an error.
 * clang -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I. tests/fuzz/fuzz_feeds_list.c
 *     master/kinds/feeds_list*.c common/error.c common/memory.c common/quote.c common/table.c
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/quote.h"
#include "master/kinds/feeds_list.h"

enum {
	NAME_MAX_BYTES = 500, /* FEEDS_LIST_NAME_MAX */
	COMPARED_MAX = 50,    /* items of which all pairs are compared */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(const char *text, size_t max)
{
	assert(strlen(text) <= max);
	for (const char *p = text; *p != '\0'; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7F);
}

static void check_item(const struct feeds_item *item)
{
	check_plain(item->url, FEEDS_URL_MAX);
	check_plain(item->title, NAME_MAX_BYTES);
	check_plain(item->category, NAME_MAX_BYTES);
	assert(utf8_valid(item->title, strlen(item->title)));
	assert(utf8_valid(item->category, strlen(item->category)));
	assert(strncasecmp(item->url, "http://", 7) == 0 ||
		strncasecmp(item->url, "https://", 8) == 0);
	char *host = feeds_list_host(item->url);
	assert(*host != '\0');
	free(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feeds_list list = { 0 };
	struct error err = { .message = "" };
	int result = feeds_list_parse(&list, "fuzz", (const char *)data, size, &err);
	assert(result == 0 || *err.message != '\0');
	assert((result == 0) == (list.count > 0));
	check_plain(err.message, sizeof(err.message));
	for (size_t i = 0; i < list.count; i++) {
		check_item(&list.items[i]);
		for (size_t j = 0; j < i && i < COMPARED_MAX; j++)
			assert(strcmp(list.items[i].url, list.items[j].url) != 0);
	}
	for (size_t i = 0; i < list.problems_count; i++)
		check_plain(list.problems[i], ERROR_MESSAGE_MAX);
	size_t count = list.count;
	assert(feeds_list_parse(&list, "again", (const char *)data, size, &err) == result);
	assert(list.count == count);
	feeds_list_release(&list);
	return 0;
}
