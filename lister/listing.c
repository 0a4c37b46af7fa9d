/* SPDX-License-Identifier: MIT */
#include "lister/listing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/object_record.h"
#include "common/sigv4.h"
#include "lister/page.h"

#define PAGE_KEYS "1000" /* as many as Amazon gives at once */

/* What is asked for. */
struct search {
	const struct s3_location *bucket; /* its key is empty */
	const char *prefix, *keys_max;
	const char *token; /* NULL: from the beginning */
};

static bool is_folder(const char *key)
{
	size_t length = strlen(key);
	return length == 0 || key[length - 1] == '/';
}

static int write_object(FILE *out, const struct page_object *object)
{
	const struct object_record record = {
		.type = object->refused ? OBJECT_RECORD_REFUSED : OBJECT_RECORD_OBJECT,
		.key = object->key,
		.size = object->size,
		.mtime_ns = object->mtime_ns,
	};
	object_record_write(out, &record);
	return ferror(out) ? -1 : 0;
}

static int read_page(struct requests *requests, const struct search *search, struct page *page,
	struct error *err)
{
	const char *body;
	size_t size;
	const struct sigv4_pair query[] = {
		{ "list-type", "2" },
		{ "encoding-type", "url" }, /* XML can't hold every key */
		{ "max-keys", search->keys_max },
		{ "prefix", search->prefix },
		{ "continuation-token", search->token },
	};
	const struct s3_demand demand = {
		.method = "GET",
		.location = search->bucket,
		.query = query,
		.query_count = sizeof(query) / sizeof(*query) - (search->token ? 0 : 1),
		.payload = SIGV4_EMPTY,
	};
	if (requests_get(requests, &demand, &body, &size, err))
		return -1;
	return page_read(page, body, size, err);
}

static int write_page(FILE *out, const struct page *page, const char *prefix, struct error *err)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct page_object *object = &page->objects[i];
		if (strncmp(object->key, prefix, strlen(prefix)) != 0 && !object->refused)
			return error_set(err, ERROR_PROTOCOL,
				"the server lists objects that were not asked for");
		if (!is_folder(object->key) && write_object(out, object))
			return error_errno(err, ERROR_IO, "write");
	}
	return fflush(out) ? error_errno(err, ERROR_IO, "write") : 0;
}

/* 1: the key itself was an object, and is written. It would be the first of all that begin so. */
static int write_single(FILE *out, struct requests *requests, const struct search *folder,
	const char *key, struct error *err)
{
	struct search search = *folder;
	struct page page;
	search.prefix = key;
	search.keys_max = "1";
	if (read_page(requests, &search, &page, err))
		return -1;
	bool found = page.count > 0 && strcmp(page.objects[0].key, key) == 0;
	int status = 0;
	if (found && write_object(out, &page.objects[0]))
		status = error_errno(err, ERROR_IO, "write");
	page_release(&page);
	return status ? status : found;
}

static int write_folder(
	FILE *out, struct requests *requests, struct search *search, struct error *err)
{
	char *token = NULL;
	int status;
	do {
		struct page page;
		search->token = token;
		status = read_page(requests, search, &page, err);
		if (status)
			break;
		status = write_page(out, &page, search->prefix, err);
		bool again = token && page.token && strcmp(token, page.token) == 0;
		free(token);
		token = page.token;
		page.token = NULL;
		page_release(&page);
		if (status == 0 && again)
			status = error_set(err, ERROR_PROTOCOL, "the server repeats itself");
	} while (status == 0 && token);
	free(token);
	return status;
}

int listing_write(
	FILE *out, struct requests *requests, const struct s3_location *location, struct error *err)
{
	struct s3_location bucket = *location;
	bucket.key = "";
	char *prefix = xasprintf("%s%s", location->key, is_folder(location->key) ? "" : "/");
	struct search search = { &bucket, prefix, PAGE_KEYS, NULL };
	int status = 0;
	if (!is_folder(location->key))
		status = write_single(out, requests, &search, location->key, err);
	if (status == 0)
		status = write_folder(out, requests, &search, err);
	free(prefix);
	return status < 0 ? -1 : 0;
}
