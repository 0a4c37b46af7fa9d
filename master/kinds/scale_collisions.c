/* SPDX-License-Identifier: MIT */
/* Names are compared as they are; digests only tell which ones to keep. */
#include "master/kinds/scale_collisions.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/quote.h"
#include "common/table.h"

enum {
	KEYS_FIRST = 4096,
	COLLIDING_FIRST = 64,
};

/* A picture whose output may be another's, too. */
struct colliding {
	char *source, *output;
	char *folded;  /* of the output: what is compared */
	char *renamed; /* or NULL */
};

struct scale_collisions {
	locale_t locale; /* 0: names are compared as they are */
	uint64_t *keys;  /* of all outputs; sorted once they are all there */
	size_t keys_count, keys_capacity;
	bool sorted;
	uint64_t *shared; /* keys that came twice, sorted */
	size_t shared_count;
	struct colliding *items;
	size_t count, capacity;
	bool by_source;       /* the items are sorted by source, no longer by output */
	struct table renamed; /* keys of new names; the values say nothing */
};

struct scale_collisions *scale_collisions_new(bool folds)
{
	struct scale_collisions *c = xcalloc(1, sizeof(*c));
	if (folds)
		c->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	assert(!folds || c->locale); /* built into the C library */
	return c;
}

void scale_collisions_free(struct scale_collisions *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++) {
		free(c->items[i].source);
		free(c->items[i].output);
		free(c->items[i].folded);
		free(c->items[i].renamed);
	}
	table_release(&c->renamed);
	free(c->items);
	free(c->keys);
	free(c->shared);
	if (c->locale)
		freelocale(c->locale);
	free(c);
}

/* Of one letter in UTF-8: its bytes; 0: it is none. */
static size_t decode(const unsigned char *text, wint_t *letter)
{
	static const struct {
		unsigned char mask, lead, bits;
	} forms[] = { { 0x80, 0x00, 0x7F }, { 0xE0, 0xC0, 0x1F }, { 0xF0, 0xE0, 0x0F },
		{ 0xF8, 0xF0, 0x07 } };
	for (size_t more = 0; more < sizeof(forms) / sizeof(*forms); more++) {
		if ((text[0] & forms[more].mask) != forms[more].lead)
			continue;
		*letter = text[0] & forms[more].bits;
		for (size_t i = 1; i <= more; i++) {
			if ((text[i] & 0xC0) != 0x80)
				return 0;
			*letter = *letter << 6 | (text[i] & 0x3F);
		}
		return more + 1;
	}
	return 0;
}

/* What is the same for names that are one file; the caller frees it. */
static char *fold(const struct scale_collisions *c, const char *name)
{
	if (!c->locale)
		return xstrdup(name);
	/* a letter never takes more than this as a number */
	size_t length = strlen(name), used = 0;
	char *folded = xmalloc(length * 6 + 1);
	const unsigned char *text = (const unsigned char *)name;
	while (*text) {
		wint_t letter;
		size_t size = decode(text, &letter);
		if (size > 1)
			used += (size_t)sprintf(
				folded + used, "<%X>", (unsigned)towlower_l(letter, c->locale));
		else
			folded[used++] = (char)(size ? towlower_l(*text, c->locale) : *text);
		text += size ? size : 1;
	}
	folded[used] = '\0';
	return folded;
}

/* 64 bits of a digest; a chance meeting only costs memory, for the names are compared after. */
static uint64_t key_of(const struct scale_collisions *c, const char *output)
{
	uint8_t digest[HASH_SHA256_SIZE];
	uint64_t key;
	char *folded = fold(c, output);
	hash_sha256(folded, strlen(folded), digest);
	free(folded);
	memcpy(&key, digest, sizeof(key));
	return key | (key == 0); /* 0 is no key of a table */
}

void scale_collisions_note(struct scale_collisions *c, const char *output)
{
	assert(!c->sorted);
	if (c->keys_count == c->keys_capacity) {
		c->keys_capacity = c->keys_capacity ? c->keys_capacity * 2 : KEYS_FIRST;
		c->keys = xreallocarray(c->keys, c->keys_capacity, sizeof(*c->keys));
	}
	c->keys[c->keys_count++] = key_of(c, output);
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
	return one < other ? -1 : one > other;
}

static bool has_key(const uint64_t *keys, size_t count, uint64_t key)
{
	return count > 0 && bsearch(&key, keys, count, sizeof(*keys), compare_keys);
}

bool scale_collisions_suspects(struct scale_collisions *c)
{
	assert(!c->sorted);
	c->sorted = true;
	if (c->keys_count < 2)
		return false;
	qsort(c->keys, c->keys_count, sizeof(*c->keys), compare_keys);
	for (size_t i = 1; i < c->keys_count; i++) {
		uint64_t key = c->keys[i];
		if (key != c->keys[i - 1] ||
			(c->shared_count && c->shared[c->shared_count - 1] == key))
			continue;
		c->shared = xreallocarray(c->shared, c->shared_count + 1, sizeof(*c->shared));
		c->shared[c->shared_count++] = key;
	}
	return c->shared_count > 0;
}

void scale_collisions_add(struct scale_collisions *c, const char *source, const char *output)
{
	assert(c->sorted && !c->by_source);
	if (!has_key(c->shared, c->shared_count, key_of(c, output)))
		return;
	if (c->count == c->capacity) {
		c->capacity = c->capacity ? c->capacity * 2 : COLLIDING_FIRST;
		c->items = xreallocarray(c->items, c->capacity, sizeof(*c->items));
	}
	c->items[c->count++] = (struct colliding) {
		.source = xstrdup(source),
		.output = xstrdup(output),
		.folded = fold(c, output),
	};
}

static int compare_outputs(const void *a, const void *b)
{
	const struct colliding *one = a, *other = b;
	int order = strcmp(one->folded, other->folded);
	return order ? order : strcmp(one->source, other->source);
}

static int compare_sources(const void *a, const void *b)
{
	const struct colliding *one = a, *other = b;
	return strcmp(one->source, other->source);
}

/* Whether an item has the output of the one before it: those with one output are neighbours. */
static bool follows(const struct scale_collisions *c, size_t i)
{
	return i > 0 && strcmp(c->items[i - 1].folded, c->items[i].folded) == 0;
}

static void sort(struct scale_collisions *c, int (*compare)(const void *, const void *))
{
	if (c->count > 1)
		qsort(c->items, c->count, sizeof(*c->items), compare);
}

static void show(const struct colliding *one, const struct colliding *other)
{
	struct quote first, second, output;
	log_line("%s and %s would both become %s", quote_name(&first, one->source),
		quote_name(&second, other->source), quote_name(&output, one->output));
}

int scale_collisions_refuse(struct scale_collisions *c, struct error *err)
{
	size_t pairs = 0, first = 0;
	sort(c, compare_outputs);
	for (size_t i = 0; i < c->count; i++) {
		if (!follows(c, i))
			first = i;
		else if (pairs++ < SCALE_COLLISIONS_SHOWN_MAX)
			show(&c->items[first], &c->items[i]);
	}
	if (pairs == 0)
		return 0;
	if (pairs > SCALE_COLLISIONS_SHOWN_MAX)
		log_line("and %zu more", pairs - SCALE_COLLISIONS_SHOWN_MAX);
	return error_set(err, ERROR_USAGE,
		"%zu picture%s would replace another's output; nothing was written; "
		"--on-collision suffix gives each its own name",
		pairs, pairs == 1 ? "" : "s");
}

/* The first free name with a number after the last one; a chance meeting of digests skips one. */
static char *rename_output(struct scale_collisions *c, const char *output, uint64_t *number)
{
	const char *slash = strrchr(output, '/'), *name = slash ? slash + 1 : output;
	const char *dot = strrchr(name, '.');
	const char *end = dot && dot != name ? dot : name + strlen(name);
	for (;;) {
		char *renamed = xasprintf(
			"%.*s-%" PRIu64 "%s", (int)(end - output), output, ++*number, end);
		uint64_t key = key_of(c, renamed);
		if (!has_key(c->keys, c->keys_count, key) && !table_find(&c->renamed, key)) {
			table_insert(&c->renamed, key, c);
			return renamed;
		}
		free(renamed);
	}
}

void scale_collisions_resolve(struct scale_collisions *c)
{
	uint64_t number = 0;
	assert(!c->by_source);
	sort(c, compare_outputs);
	for (size_t i = 0; i < c->count; i++) {
		struct colliding *item = &c->items[i];
		if (follows(c, i))
			item->renamed = rename_output(c, item->output, &number);
		else
			number = 0;
	}
	table_release(&c->renamed);
	sort(c, compare_sources);
	c->by_source = true;
}

const char *scale_collisions_find(const struct scale_collisions *c, const char *source)
{
	const struct colliding key = { .source = (char *)source }; /* only compared */
	assert(c->by_source || c->count == 0);
	const struct colliding *found =
		c->count ? bsearch(&key, c->items, c->count, sizeof(key), compare_sources) : NULL;
	return found ? found->renamed : NULL;
}
