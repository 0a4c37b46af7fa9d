/* SPDX-License-Identifier: MIT */
/* A feed while it is read. Slots keep their memory from entry to entry. */
#include "worker/kinds/feeds_draft.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/feeds_date.h"
#include "worker/kinds/feeds_read.h"
#include "worker/kinds/feeds_text.h"
#include "worker/kinds/feeds_url.h"

enum {
	ENTRIES_FIRST = 32,
	TITLE_MADE_MAX = 100, /* bytes of a title that is made of the summary */
};

static const size_t sizes_max[FEEDS_FIELDS] = {
	[FIELD_ID] = FEED_TITLE_MAX,
	[FIELD_TITLE] = FEED_TITLE_MAX,
	[FIELD_LINK] = FEED_LINK_MAX,
	[FIELD_AUTHOR] = FEED_TITLE_MAX,
	[FIELD_SUMMARY] = FEED_SUMMARY_MAX,
};

void feeds_draft_init(struct feeds_draft *draft)
{
	*draft = (struct feeds_draft) { 0 };
	for (int i = 0; i < FEEDS_FIELDS; i++) {
		feeds_buffer_init(&draft->feed_slots[i].text, sizes_max[i]);
		feeds_buffer_init(&draft->entry_slots[i].text, sizes_max[i]);
	}
	feeds_buffer_init(&draft->scratch, FEED_SUMMARY_MAX);
	draft->feed = xmalloc(sizeof(*draft->feed));
	sciame__feed__init(draft->feed);
	draft->feed->version = SCIAME__FEED_VERSION__FEED_VERSION_CURRENT;
}

void feeds_draft_release(struct feeds_draft *draft)
{
	for (int i = 0; i < FEEDS_FIELDS; i++) {
		feeds_buffer_release(&draft->feed_slots[i].text);
		feeds_buffer_release(&draft->entry_slots[i].text);
	}
	feeds_buffer_release(&draft->scratch);
	if (draft->feed != NULL)
		sciame__feed__free_unpacked(draft->feed, NULL);
	draft->feed = NULL;
}

static void clear(struct feeds_slot *slots)
{
	for (int i = 0; i < FEEDS_FIELDS; i++) {
		feeds_buffer_clear(&slots[i].text);
		slots[i].rank = 0;
	}
}

static struct feeds_slot *slot_of(struct feeds_draft *draft, enum feeds_field field)
{
	return draft->in_entry ? &draft->entry_slots[field] : &draft->feed_slots[field];
}

bool feeds_draft_is_full(const struct feeds_draft *draft)
{
	return draft->feed->left_out > 0 || draft->feed->n_entries == FEED_ENTRIES_MAX;
}

bool feeds_draft_wants(const struct feeds_draft *draft, enum feeds_field field, int rank)
{
	if (draft->in_entry && feeds_draft_is_full(draft))
		return false;
	return rank > (draft->in_entry ? draft->entry_slots : draft->feed_slots)[field].rank;
}

/* A link that may leave, in scratch; false when there is none. */
static bool make_link(struct feeds_draft *draft, const struct feeds_value *value)
{
	draft->scratch.max = FEED_LINK_MAX;
	if (!feeds_url_resolve(&draft->scratch, value->base, value->text, value->size))
		return false;
	enum feeds_url_kind kind = feeds_url_kind(draft->scratch.bytes, draft->scratch.size);
	return kind == FEEDS_URL_WEB || (kind == FEEDS_URL_MAIL && draft->in_entry);
}

static bool make_text(struct feeds_draft *draft, const struct feeds_value *value)
{
	switch (value->form) {
	case FORM_PLAIN:
		feeds_text_plain(&draft->scratch, value->text, value->size);
		break;
	case FORM_LOOSE:
		feeds_text_loose(&draft->scratch, value->text, value->size);
		break;
	case FORM_HTML:
		feeds_text_html(&draft->scratch, value->text, value->size);
		break;
	}
	return draft->scratch.size > 0;
}

void feeds_draft_set(
	struct feeds_draft *draft, enum feeds_field field, const struct feeds_value *value)
{
	struct feeds_slot *slot = slot_of(draft, field);
	if (value->rank <= slot->rank || (draft->in_entry && feeds_draft_is_full(draft)))
		return;
	feeds_buffer_clear(&draft->scratch);
	draft->scratch.max = sizes_max[field];
	if (!(field == FIELD_LINK ? make_link(draft, value) : make_text(draft, value)))
		return;
	struct feeds_buffer old = slot->text;
	slot->text = draft->scratch;
	slot->rank = value->rank;
	draft->scratch = old;
}

void feeds_draft_date(struct feeds_draft *draft, int rank, const char *text, size_t size)
{
	if (draft->in_entry && rank > draft->date_rank &&
		feeds_date(text, size, &draft->published_s))
		draft->date_rank = rank;
}

/* A title for an entry that has none: the start of its summary, whole words. */
static void make_title(struct feeds_draft *draft)
{
	struct feeds_buffer *title = &draft->entry_slots[FIELD_TITLE].text;
	struct feeds_buffer *summary = &draft->entry_slots[FIELD_SUMMARY].text;
	if (title->size > 0 || summary->size == 0)
		return;
	title->max = TITLE_MADE_MAX;
	feeds_buffer_add_head(title, summary->bytes, summary->size);
	title->max = sizes_max[FIELD_TITLE];
	if (!title->full)
		return;
	const char *space = memrchr(title->bytes, ' ', title->size);
	if (space != NULL && space != title->bytes)
		title->size = (size_t)(space - title->bytes);
	(void)feeds_buffer_add_text(title, "\xE2\x80\xA6"); /* "..."; fits by far */
}

static char *copy(const struct feeds_slot *slot)
{
	if (slot->text.size == 0)
		return (char *)(uintptr_t)protobuf_c_empty_string;
	char *text = xmalloc(slot->text.size + 1);
	memcpy(text, slot->text.bytes, slot->text.size);
	text[slot->text.size] = '\0';
	return text;
}

static void append(struct feeds_draft *draft)
{
	Sciame__Feed *feed = draft->feed;
	if (feed->n_entries == draft->room) {
		draft->room = draft->room == 0 ? ENTRIES_FIRST : draft->room * 2;
		feed->entries = xreallocarray(feed->entries, draft->room, sizeof(*feed->entries));
	}
	Sciame__FeedEntry *entry = xmalloc(sizeof(*entry));
	sciame__feed_entry__init(entry);
	entry->id = copy(&draft->entry_slots[FIELD_ID]);
	entry->title = copy(&draft->entry_slots[FIELD_TITLE]);
	entry->link = copy(&draft->entry_slots[FIELD_LINK]);
	entry->author = copy(&draft->entry_slots[FIELD_AUTHOR]);
	entry->summary = copy(&draft->entry_slots[FIELD_SUMMARY]);
	entry->dated = draft->date_rank > 0;
	entry->published_s = entry->dated ? draft->published_s : 0;
	feed->entries[feed->n_entries++] = entry;
}

void feeds_draft_end(struct feeds_draft *draft)
{
	if (!draft->in_entry)
		return;
	draft->in_entry = false;
	if (feeds_draft_is_full(draft)) {
		draft->feed->left_out++;
		return;
	}
	make_title(draft);
	size_t bytes = 0;
	for (int i = 0; i < FEEDS_FIELDS; i++)
		bytes += draft->entry_slots[i].text.size;
	if (draft->bytes + bytes > FEED_BYTES_MAX) {
		draft->feed->left_out++;
		return;
	}
	draft->bytes += bytes;
	append(draft);
}

void feeds_draft_begin(struct feeds_draft *draft)
{
	feeds_draft_end(draft);
	clear(draft->entry_slots);
	draft->date_rank = 0;
	draft->in_entry = true;
}

Sciame__Feed *feeds_draft_finish(struct feeds_draft *draft)
{
	feeds_draft_end(draft);
	Sciame__Feed *feed = draft->feed;
	draft->feed = NULL;
	feed->title = copy(&draft->feed_slots[FIELD_TITLE]);
	feed->link = copy(&draft->feed_slots[FIELD_LINK]);
	return feed;
}
