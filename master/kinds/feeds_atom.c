/* SPDX-License-Identifier: MIT */
/* One Atom feed (RFC 4287) of all entries, newest first. All of it is written at the end. */
#include "master/kinds/feeds_form.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "master/kinds/feeds_escape.h"
#include "master/kinds/feeds_stamp.h"

static void element(FILE *out, const char *name, const char *text)
{
	fprintf(out, "<%s>", name);
	escape_string(out, ESCAPE_TEXT, text);
	fprintf(out, "</%s>\n", name);
}

static void date_element(FILE *out, const char *name, int64_t s)
{
	struct stamp iso;
	element(out, name, stamp_iso(&iso, s));
}

static void link_element(FILE *out, const char *relation, const char *url)
{
	if (!escape_is_link(url))
		return;
	fprintf(out, "<link rel=\"%s\" href=\"", relation);
	escape_string(out, ESCAPE_URL, url);
	fputs("\"/>\n", out);
}

/* Whether an id is an absolute IRI (RFC 3987) and none that a browser would run. */
static bool is_iri(const char *id)
{
	static const char *const active[] = { "javascript:", "vbscript:", "data:" };
	size_t scheme = 0;
	while (isalnum((unsigned char)id[scheme]) || (id[scheme] && strchr("+-.", id[scheme])))
		scheme++;
	if (!isalpha((unsigned char)id[0]) || id[scheme] != ':' || id[scheme + 1] == '\0')
		return false;
	for (size_t i = 0; i < sizeof(active) / sizeof(*active); i++) {
		if (strncasecmp(id, active[i], strlen(active[i])) == 0)
			return false;
	}
	size_t size = strlen(id);
	for (size_t i = 0; i < size;) {
		unsigned code;
		size_t step = escape_decode(id + i, size - i, &code);
		if (code <= ' ' || (code < 0x7F && strchr("\"<>\\^`{|}", (int)code)) ||
			(code >= 0x7F && code < 0xA0) || code == 0xFFFD)
			return false;
		i += step;
	}
	return true;
}

static char *digest_urn(const uint8_t digest[HASH_SHA256_SIZE])
{
	char hex[2 * HASH_SHA256_SIZE + 1];
	for (size_t i = 0; i < HASH_SHA256_SIZE; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return xasprintf("urn:sha256:%s", hex);
}

/* Its own, or one made of what stays the same from run to run. The caller frees it. */
static char *entry_id(const struct output_feed *feed, const struct output_entry *entry)
{
	if (is_iri(entry->id))
		return xstrdup(entry->id);
	const char *own = *entry->id ? entry->id : *entry->link ? entry->link : entry->title;
	char *text = xasprintf("%s\n%s", feed->url, own);
	uint8_t digest[HASH_SHA256_SIZE];
	hash_sha256(text, strlen(text), digest);
	free(text);
	return digest_urn(digest);
}

/* The feed that the entry is from (4.2.11). */
static void write_source(FILE *out, const struct output_feed *feed, int64_t updated_s)
{
	fputs("<source>\n", out);
	element(out, "id", feed->url);
	element(out, "title", form_name(feed));
	link_element(out, "alternate", feed->link);
	link_element(out, "self", feed->url);
	date_element(out, "updated", updated_s);
	fputs("</source>\n", out);
}

static void write_entry(struct output *output, const struct output_feed *feed,
	const struct output_entry *entry, const char *id)
{
	FILE *out = output->entries.file;
	int64_t s = form_river_s(output, entry);
	fputs("<entry>\n", out);
	element(out, "id", id);
	element(out, "title", entry->title);
	link_element(out, "alternate", entry->link);
	date_element(out, "updated", s);
	if (form_is_dated(entry))
		date_element(out, "published", entry->published_s);
	if (*entry->author) {
		fputs("<author>", out);
		element(out, "name", entry->author);
		fputs("</author>\n", out);
	}
	if (*entry->summary)
		element(out, "summary", entry->summary);
	bool checked = feed->checked_s > 0 && stamp_is_writable(feed->checked_s);
	write_source(out, feed, checked ? feed->checked_s : output->options.now_s);
	fputs("</entry>\n", out);
}

/* Two lists are two feeds: the address of each goes into the id of the whole. */
static void add_to_identity(struct output *output, const char *url)
{
	size_t size = strlen(url);
	uint8_t *bytes = xmalloc(HASH_SHA256_SIZE + size);
	memcpy(bytes, output->identity, HASH_SHA256_SIZE);
	memcpy(bytes + HASH_SHA256_SIZE, url, size);
	hash_sha256(bytes, HASH_SHA256_SIZE + size, output->identity);
	free(bytes);
}

static void atom_begin(struct output *output)
{
	(void)output;
}

static int atom_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	add_to_identity(output, feed->url);
	for (size_t i = 0; i < feed->entries_count; i++) {
		const struct output_entry *entry = &feed->entries[i];
		char *id = entry_id(feed, entry);
		uint64_t identity = form_identity(id);
		(void)spool_begin(&output->entries);
		write_entry(output, feed, entry, id);
		free(id);
		int64_t order = -form_river_s(output, entry);
		if (spool_end(&output->entries, order, identity, err) < 0)
			return -1;
	}
	return 0;
}

static void write_head(struct output *output)
{
	FILE *out = output->out;
	const struct spool *entries = &output->entries;
	int64_t updated_s = entries->count ? -entries->fragments[0].order : output->options.now_s;
	char *id = digest_urn(output->identity);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	      "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n",
		out);
	element(out, "id", id);
	element(out, "title", output->title);
	date_element(out, "updated", updated_s);
	/* RFC 4287, 4.1.1: for the entries that name no author */
	fputs("<author>", out);
	element(out, "name", output->title);
	fputs("</author>\n<generator version=\"" SCIAME_VERSION "\">sciame</generator>\n", out);
	free(id);
}

static int atom_end(struct output *output, const struct output_report *report, struct error *err)
{
	(void)report;
	struct spool *entries = &output->entries;
	if (spool_sort(entries, err) < 0)
		return -1;
	/* The same entry of two feeds: 4.1.1 allows no two with the same id and date. */
	spool_unique(entries);
	write_head(output);
	for (size_t i = 0; i < entries->count; i++) {
		if (spool_copy(entries, i, output->out, err) < 0)
			return -1;
	}
	fputs("</feed>\n", output->out);
	return 0;
}

const struct output_form form_atom = {
	.spools_entries = true, .begin = atom_begin, .feed = atom_feed, .end = atom_end
};
