/* SPDX-License-Identifier: MIT */
/* Bytes of a feed -> what it says: charset, then JSON or repaired XML, then the message. */
#include "worker/kinds/feeds_read.h"

#include <stdbool.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/feeds_charset.h"
#include "worker/kinds/feeds_draft.h"
#include "worker/kinds/feeds_json.h"
#include "worker/kinds/feeds_page.h"
#include "worker/kinds/feeds_repair.h"
#include "worker/kinds/feeds_xml.h"

enum { SALVAGED_MAX = 256 };

static const struct {
	enum feeds_fault fault;
	const char *text;
} faults_texts[] = {
	{ FAULT_CHARSET, "not in the charset that it names" },
	{ FAULT_JUNK, "text before the feed" },
	{ FAULT_REFERENCE, "bare & or unknown entity" },
	{ FAULT_CONTROL, "control characters" },
	{ FAULT_TAG, "broken tags" },
	{ FAULT_NESTING, "elements closed in the wrong order" },
	{ FAULT_TRUNCATED, "the end is missing" },
	{ FAULT_SIZE, "too large" },
};

static void set_salvaged(Sciame__Feed *feed, unsigned faults)
{
	if (faults == 0)
		return;
	struct feeds_buffer text;
	feeds_buffer_init(&text, SALVAGED_MAX);
	for (size_t i = 0; i < sizeof(faults_texts) / sizeof(*faults_texts); i++) {
		if ((faults & faults_texts[i].fault) == 0)
			continue;
		if (text.size > 0)
			(void)feeds_buffer_add_text(&text, "; "); /* all texts fit */
		(void)feeds_buffer_add_text(&text, faults_texts[i].text);
	}
	feed->salvaged = xstrdup(feeds_buffer_text(&text));
	feeds_buffer_release(&text);
}

static void fail_page(const struct feeds_charset *charset, const char *url, struct error *err)
{
	struct feeds_buffer link;
	feeds_buffer_init(&link, FEED_LINK_MAX);
	if (feeds_page_find(&link, charset->text, charset->size, url))
		(void)error_set(err, ERROR_INPUT, "not a feed: a web page, which names the feed %s",
			feeds_buffer_text(&link));
	else
		(void)error_set(err, ERROR_INPUT, "not a feed: a web page");
	feeds_buffer_release(&link);
}

static bool read_xml(struct feeds_draft *draft, const struct feeds_charset *charset,
	const char *url, unsigned *faults, struct error *err)
{
	struct feeds_repair repair;
	feeds_repair(&repair, charset->text, charset->size);
	*faults |= repair.faults;
	switch (repair.document) {
	case DOCUMENT_FEED:
		feeds_xml_read(draft, &repair, url);
		break;
	case DOCUMENT_PAGE:
		fail_page(charset, url, err);
		break;
	case DOCUMENT_NONE:
		if (charset->size == 0)
			(void)error_set(err, ERROR_INPUT, "not a feed: empty");
		else if (repair.root[0] == '\0')
			(void)error_set(err, ERROR_INPUT, "not a feed: no XML and no JSON");
		else if (strcmp(repair.root, "opml") == 0)
			(void)error_set(err, ERROR_INPUT, "not a feed: a list of feeds (OPML)");
		else
			(void)error_set(
				err, ERROR_INPUT, "not a feed: starts with <%s>", repair.root);
		break;
	}
	feeds_repair_release(&repair);
	return repair.document == DOCUMENT_FEED;
}

static bool read_json(struct feeds_draft *draft, const struct feeds_charset *charset,
	const char *url, unsigned *faults, struct error *err)
{
	bool cut = false;
	if (!feeds_json_read(draft, charset->text, charset->size, url, &cut)) {
		(void)error_set(err, ERROR_INPUT, "not a feed: JSON of another kind");
		return false;
	}
	if (cut)
		*faults |= FAULT_TRUNCATED;
	return true;
}

Sciame__Feed *feeds_read(const struct feeds_body *body, struct error *err)
{
	struct feeds_charset charset;
	struct feeds_draft draft;
	feeds_charset_decode(&charset, body->bytes, body->size, body->content_type);
	feeds_draft_init(&draft);
	unsigned faults = charset.repaired ? FAULT_CHARSET : 0;
	bool json = feeds_json_sniff(charset.text, charset.size);
	Sciame__Feed *feed = NULL;
	if ((json ? read_json : read_xml)(&draft, &charset, body->url, &faults, err)) {
		feed = feeds_draft_finish(&draft);
		set_salvaged(feed, faults);
	}
	feeds_draft_release(&draft);
	feeds_charset_release(&charset);
	return feed;
}
