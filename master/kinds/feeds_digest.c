/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_digest.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"

/* How an entry is known again: a part of the SHA-256 of what names it. */
static uint64_t identity(const Sciame__FeedEntry *entry, bool whole)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t number = 0;
	const char *name = entry->id[0] ? entry->id : entry->link[0] ? entry->link : entry->title;
	char *all = whole ? xasprintf("%s\n%s\n%s", entry->id, entry->link, entry->title) : NULL;
	hash_sha256(all ? all : name, strlen(all ? all : name), digest);
	free(all);
	for (size_t i = 0; i < sizeof(number); i++)
		number = number << 8 | digest[i];
	return number;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool has_doubles(const uint64_t *numbers, size_t count)
{
	bool found = false;
	uint64_t *sorted = xcalloc(count, sizeof(*sorted));
	memcpy(sorted, numbers, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_numbers);
	for (size_t i = 1; i < count && !found; i++)
		found = sorted[i] == sorted[i - 1];
	free(sorted);
	return found;
}

/* By id, else link, else title; feeds that give one id to several entries by all of them. */
static void identify(const Sciame__Feed *feed, uint64_t *identities)
{
	for (size_t i = 0; i < feed->n_entries; i++)
		identities[i] = identity(feed->entries[i], false);
	if (feed->n_entries < 2 || !has_doubles(identities, feed->n_entries))
		return;
	for (size_t i = 0; i < feed->n_entries; i++)
		identities[i] = identity(feed->entries[i], true);
}

/* Keeps those that are recent and, if so asked, new. */
static void pick(struct digest *digest, const Sciame__Feed *feed, const int64_t *seen,
	const struct digest_options *options)
{
	for (size_t i = 0; i < feed->n_entries; i++) {
		const Sciame__FeedEntry *from = feed->entries[i];
		int64_t first_seen_s = seen[i] ? seen[i] : options->now_s;
		int64_t time_s = from->dated ? from->published_s : first_seen_s;
		if ((options->only_new && seen[i]) || time_s < options->since_s)
			continue;
		digest->identities[digest->count] = digest->identities[i];
		digest->entries[digest->count++] = (struct output_entry) {
			.id = from->id,
			.title = from->title,
			.link = from->link,
			.author = from->author,
			.summary = from->summary,
			.dated = from->dated,
			.published_s = from->published_s,
			.first_seen_s = first_seen_s,
		};
	}
}

struct dated {
	int64_t published_s;
	size_t index;
};

/* Newest first; of equal ones the first in the feed. */
static int compare_dates(const void *a, const void *b)
{
	const struct dated *x = a, *y = b;
	if (x->published_s != y->published_s)
		return x->published_s < y->published_s ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

/* Marks the entries that stay (keep[i]); a date to come is now. False: not all have a date. */
static bool keep_newest(const struct digest *digest, size_t limit, int64_t now_s, bool *keep)
{
	struct dated *dates = xcalloc(digest->count, sizeof(*dates));
	bool all = true;
	for (size_t i = 0; i < digest->count; i++) {
		int64_t published_s = digest->entries[i].published_s;
		all = all && digest->entries[i].dated;
		dates[i] = (struct dated) { published_s < now_s ? published_s : now_s, i };
	}
	if (all) {
		qsort(dates, digest->count, sizeof(*dates), compare_dates);
		for (size_t i = 0; i < limit; i++)
			keep[dates[i].index] = true;
	}
	free(dates);
	return all;
}

static void cut(struct digest *digest, size_t limit, int64_t now_s)
{
	size_t count = 0;
	if (limit == 0 || digest->count <= limit)
		return;
	bool *keep = xcalloc(digest->count, sizeof(*keep));
	bool by_date = keep_newest(digest, limit, now_s, keep);
	for (size_t i = 0; i < digest->count; i++) {
		if (by_date ? !keep[i] : i >= limit)
			continue;
		digest->entries[count] = digest->entries[i];
		digest->identities[count++] = digest->identities[i];
	}
	digest->count = count;
	free(keep);
}

int feeds_digest_make(struct digest *digest, const Sciame__Feed *feed,
	const struct digest_known *known, const struct digest_options *options, struct error *err)
{
	size_t room = feed->n_entries ? feed->n_entries : 1;
	int64_t *seen = xcalloc(room, sizeof(*seen));
	*digest = (struct digest) {
		.entries = xcalloc(room, sizeof(*digest->entries)),
		.identities = xcalloc(room, sizeof(*digest->identities)),
	};
	identify(feed, digest->identities);
	int status = 0;
	const struct ledger_entries all = { digest->identities, feed->n_entries };
	if (known->ledger)
		status = feeds_ledger_seen(known->ledger, known->url, &all, seen, err);
	if (status && err->code == ERROR_INPUT) {
		log_line("%s; all of it counts as new", err->message);
		status = 0;
	}
	if (status == 0) {
		pick(digest, feed, seen, options);
		cut(digest, (size_t)options->limit, options->now_s);
	} else {
		feeds_digest_release(digest);
	}
	free(seen);
	return status;
}

void feeds_digest_release(struct digest *digest)
{
	free(digest->entries);
	free(digest->identities);
	*digest = (struct digest) { 0 };
}
