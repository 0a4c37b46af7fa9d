/* SPDX-License-Identifier: MIT */
/*
 * What programs write as OPML has quotes and tags inside of attributes, since they put in text as
 * it is. So the end of an attribute is where something follows that can follow an attribute; only
 * where that finds nothing, a quote is believed as in XML. Each tag is looked at so at most
 * twice, and never past the next outline.
 */
#include "master/kinds/feeds_list_opml.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "master/kinds/feeds_list_text.h"

struct span {
	const char *start;
	size_t size;
};

/* A tag that is being read. */
struct tag {
	struct span url, title, text, type, category;
	bool cut;    /* the file ends inside */
	bool closed; /* <outline ... /> */
	bool opened; /* <outline ... > */
	bool strict; /* a quote ends an attribute, whatever follows */
};

static bool is_space(const char *at, const char *end)
{
	return at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r');
}

static const char *skip_space(const char *at, const char *end)
{
	while (is_space(at, end))
		at++;
	return at;
}

static bool is_name(const char *at, const char *end)
{
	return at < end && !is_space(at, end) && strchr("=/<>\"'?&", *at) == NULL;
}

static bool starts(const char *at, const char *end, const char *prefix)
{
	size_t size = strlen(prefix);
	return (size_t)(end - at) >= size && strncasecmp(at, prefix, size) == 0;
}

static bool is(struct span name, const char *other)
{
	return name.size == strlen(other) && strncasecmp(name.start, other, name.size) == 0;
}

/* Whether the place is "<outline" or "</outline". */
static bool is_outline(const char *at, const char *end)
{
	if (*at != '<')
		return false;
	at += 1 + (at + 1 < end && at[1] == '/');
	return starts(at, end, "outline") && !is_name(at + strlen("outline"), end);
}

/* Whether the place is a tag that a list has around its outlines; HTML in attributes is not. */
static bool is_markup(const char *at, const char *end)
{
	return is_outline(at, end) || starts(at, end, "</body") || starts(at, end, "</opml") ||
	       starts(at, end, "<!--");
}

/* Whether a tag can end at the place. */
static bool ends_tag(const char *at, const char *end)
{
	if (at == end || is_markup(at, end))
		return true;
	at += at + 1 < end && (*at == '/' || *at == '?');
	if (*at != '>')
		return false;
	at = skip_space(at + 1, end);
	return at == end || is_markup(at, end);
}

/* The name of the attribute that starts at the place; of size 0 if there is none. */
static struct span attribute_name(const char *at, const char *end)
{
	struct span name = { at, 0 };
	while (is_name(at, end))
		at++;
	const char *equals = skip_space(at, end);
	if (equals < end && *equals == '=')
		name.size = (size_t)(at - name.start);
	return name;
}

/* Attributes that outlines have and HTML has not. */
static bool is_opml_name(struct span name)
{
	return is(name, "xmlUrl") || is(name, "htmlUrl") || is(name, "text") ||
	       is(name, "description");
}

/* Whether a value can end before the place, which is behind a quote. html: a tag of it is open. */
static bool ends_value(const char *at, const char *end, bool html)
{
	at = skip_space(at, end);
	if (ends_tag(at, end))
		return true;
	struct span name = attribute_name(at, end);
	return name.size > 0 && (!html || is_opml_name(name));
}

/*
 * The beginning of xmlUrl= or the like if that is what stands before a quote, so that the quote
 * opens and an earlier one is missing. NULL: something else does.
 */
static const char *attribute_before(const char *start, const char *quote)
{
	const char *end = quote;
	while (end > start && is_space(end - 1, quote))
		end--;
	if (end == start || end[-1] != '=')
		return NULL;
	end--;
	while (end > start && is_space(end - 1, quote))
		end--;
	const char *name = end;
	while (name > start && is_name(name - 1, end))
		name--;
	struct span span = { name, (size_t)(end - name) };
	return name > start && is_space(name - 1, end) && is_opml_name(span) ? name : NULL;
}

/* Ends a value that lacks its quote, in front of limit. */
static const char *end_unquoted(struct span *value, const char *limit)
{
	const char *end = value->start;
	while (end < limit && *end != '>' && *end != '\n' && *end != '\r')
		end++;
	const char *after = end;
	while (end > value->start && (is_space(end - 1, limit) || end[-1] == '/'))
		end--;
	value->size = (size_t)(end - value->start);
	return after;
}

/*
 * A value behind its quote. Returns the place behind it. *cut: the file ends first; the value is
 * then not to be used, as half a URL would be another feed.
 */
static const char *read_quoted(struct tag *tag, char quote, struct span *value, const char *end)
{
	const char *likely = NULL; /* a quote that may be the end, if none is better */
	bool html = false;
	const char *p = value->start;
	for (; p < end; p++) {
		if (*p == '<' && is_outline(p, end))
			break;
		if (*p == '<' || *p == '>')
			html = *p == '<' && p + 1 < end && isalpha((unsigned char)p[1]);
		if (*p != quote)
			continue;
		if (tag->strict || ends_value(p + 1, end, html)) {
			/* A tag of HTML that is open to the end was none: "I <you". */
			if (html && likely != NULL)
				break;
			value->size = (size_t)(p - value->start);
			return p + 1;
		}
		const char *name = attribute_before(value->start, p);
		if (name != NULL && likely == NULL) {
			/* All of what there is before the name, as in: title="News xmlUrl="... */
			value->size = (size_t)(name - value->start);
			return name;
		}
		if (name != NULL)
			break;
		if (likely == NULL && (is_space(p + 1, end) || strchr("/>", p[1]) != NULL))
			likely = p;
	}
	tag->strict = true;
	if (likely != NULL) {
		value->size = (size_t)(likely - value->start);
		return likely + 1;
	}
	tag->cut |= p == end;
	return p == end ? end : end_unquoted(value, p);
}

static const char *read_bare(struct span *value, const char *end)
{
	const char *p = value->start;
	while (p < end && !is_space(p, end) && *p != '>' && *p != '<')
		p++;
	/* HTML counts the / of xmlUrl=http://x/feed/> as the URL's; writers of OPML don't. */
	const char *after = p;
	if (p < end && *p == '>' && p > value->start && p[-1] == '/')
		after = --p;
	value->size = (size_t)(p - value->start);
	return after;
}

/* Keeps the first value of an attribute that matters and has one. */
static void keep(struct tag *tag, struct span name, struct span value)
{
	const struct {
		const char *name;
		struct span *value;
	} kept[] = { { "xmlUrl", &tag->url }, { "title", &tag->title }, { "text", &tag->text },
		{ "type", &tag->type }, { "category", &tag->category } };
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (is(name, kept[i].name) && kept[i].value->size == 0)
			*kept[i].value = value;
	}
}

/* Reads an attribute, with a value or without. Returns the place behind it. */
static const char *read_attribute(struct tag *tag, const char *at, const char *end)
{
	struct span name = { at, 0 };
	while (is_name(at, end))
		at++;
	name.size = (size_t)(at - name.start);
	const char *equals = skip_space(at, end);
	if (equals == end || *equals != '=')
		return at;
	struct span value = { skip_space(equals + 1, end), 0 };
	if (value.start == end) {
		tag->cut = true;
		return end;
	}
	char quote = *value.start;
	if (quote == '"' || quote == '\'') {
		value.start++;
		at = read_quoted(tag, quote, &value, end);
	} else {
		at = read_bare(&value, end);
		tag->cut |= at == end;
	}
	if (at < end || !tag->cut)
		keep(tag, name, value);
	return at;
}

/*
 * The rest of an outline's tag. Returns the place behind it. A > that no tag follows may be one of
 * HTML in an attribute whose end was taken for too early, so xmlUrl is looked for behind it too.
 */
static const char *read_tag(struct tag *tag, const char *at, const char *end)
{
	for (;;) {
		at = skip_space(at, end);
		if (at == end) {
			tag->cut = !tag->opened && !tag->closed;
			return end;
		}
		/* If neither > was there, nothing can be inside. */
		if (is_markup(at, end)) {
			tag->closed |= !tag->opened;
			return at;
		}
		if (*at == '>')
			tag->opened |= !tag->closed;
		else if (*at == '/' && at + 1 < end && at[1] == '>')
			tag->closed |= !tag->opened;
		else if (is_name(at, end)) {
			at = read_attribute(tag, at, end);
			continue;
		}
		at++;
	}
}

static size_t line_of(struct feeds_list_opml *opml, const char *place)
{
	for (; opml->line_at < place; opml->line_at++) {
		char c = *opml->line_at;
		opml->line += c == '\n' || (c == '\r' && opml->line_at[1] != '\n');
	}
	return opml->line;
}

static char *take_text(struct span span)
{
	return feeds_list_clean(feeds_list_unescape(span.start, span.size));
}

static char *join_names(const struct feeds_list_opml *opml)
{
	char category[FEEDS_LIST_NAME_MAX + 1] = "";
	size_t size = 0;
	for (size_t i = 0; i < opml->depth && i < FEEDS_LIST_DEPTH_MAX; i++) {
		const char *name = opml->names[i];
		if (name == NULL || *name == '\0')
			continue;
		if (size + strlen(name) + 1 > FEEDS_LIST_NAME_MAX)
			break;
		if (size > 0)
			category[size++] = '/';
		memcpy(category + size, name, strlen(name) + 1);
		size += strlen(name);
	}
	return xstrdup(category);
}

/* The first of the attribute's categories: "/Tech/News,/Other". */
static char *take_category(struct span span)
{
	const char *comma = memchr(span.start, ',', span.size);
	if (comma != NULL)
		span.size = (size_t)(comma - span.start);
	while (span.size > 0 && *span.start == '/') {
		span.start++;
		span.size--;
	}
	return take_text(span);
}

static void forget(struct feeds_list_opml *opml)
{
	free(opml->url);
	free(opml->title);
	free(opml->category);
	opml->url = opml->title = opml->category = NULL;
}

/* Closes the innermost outline. Ends without a beginning are passed over. */
static void leave(struct feeds_list_opml *opml)
{
	if (opml->depth == 0)
		return;
	opml->depth--;
	if (opml->depth >= FEEDS_LIST_DEPTH_MAX)
		return;
	free(opml->names[opml->depth]);
	opml->names[opml->depth] = NULL;
}

/* name: taken over, may be NULL. */
static void enter(struct feeds_list_opml *opml, char *name)
{
	if (opml->depth < FEEDS_LIST_DEPTH_MAX)
		opml->names[opml->depth] = name;
	else
		free(name);
	opml->depth++;
}

/* Whether the outline is to be given to the caller. */
static bool take_outline(
	struct feeds_list_opml *opml, const struct tag *tag, struct feeds_list_outline *outline)
{
	bool feed = tag->url.start != NULL;
	bool named = is(tag->type, "rss") || is(tag->type, "atom");
	struct span none = { "", 0 };
	forget(opml);
	opml->title = take_text(tag->title.size > 0  ? tag->title
				: tag->text.size > 0 ? tag->text
						     : none);
	if (!feed && !named && !tag->cut) {
		if (!tag->closed)
			enter(opml, xstrdup(opml->title));
		return false;
	}
	opml->category = join_names(opml);
	if (*opml->category == '\0' && tag->category.size > 0) {
		free(opml->category);
		opml->category = take_category(tag->category);
	}
	if (feed)
		opml->url = feeds_list_unescape(tag->url.start, tag->url.size);
	else if (tag->cut)
		outline->problem = "the file ends inside of an outline";
	else
		outline->problem = "an outline of a feed has no xmlUrl";
	outline->url = opml->url;
	outline->title = opml->title;
	outline->category = opml->category;
	if (!tag->closed)
		enter(opml, NULL);
	return true;
}

/* Passes over what is between two marks. false: the second one is missing. */
static bool skip_to(struct feeds_list_opml *opml, const char *mark)
{
	size_t left = (size_t)(opml->end - opml->at);
	const char *found = memmem(opml->at, left, mark, strlen(mark));
	opml->at = found != NULL ? found + strlen(mark) : opml->end;
	return found != NULL;
}

/* Takes what starts with <. Whether it is to be given to the caller. */
static bool take_markup(struct feeds_list_opml *opml, struct feeds_list_outline *outline)
{
	const char *start = opml->at;
	if (starts(start, opml->end, "<!--") || starts(start, opml->end, "<![CDATA[")) {
		if (skip_to(opml, start[2] == '-' ? "-->" : "]]>"))
			return false;
		outline->problem = "what starts here, a comment or CDATA, has no end";
		outline->line = line_of(opml, start);
		return true;
	}
	if (!is_outline(start, opml->end)) {
		opml->at++;
		return false;
	}
	if (start[1] == '/') {
		leave(opml);
		opml->at += strlen("</outline");
		return false;
	}
	struct tag tag = { .cut = false };
	opml->at = read_tag(&tag, start + strlen("<outline"), opml->end);
	if (!take_outline(opml, &tag, outline))
		return false;
	outline->line = line_of(opml, start);
	return true;
}

void feeds_list_opml_init(struct feeds_list_opml *opml, const char *text, size_t size)
{
	assert(text[size] == '\0');
	*opml = (struct feeds_list_opml) {
		.at = text,
		.end = text + size,
		.line_at = text,
		.line = 1,
	};
}

bool feeds_list_opml_next(struct feeds_list_opml *opml, struct feeds_list_outline *outline)
{
	for (;;) {
		*outline = (struct feeds_list_outline) { .title = "", .category = "" };
		const char *tag = memchr(opml->at, '<', (size_t)(opml->end - opml->at));
		if (tag == NULL) {
			opml->at = opml->end;
			return false;
		}
		opml->at = tag;
		if (take_markup(opml, outline))
			return true;
	}
}

void feeds_list_opml_release(struct feeds_list_opml *opml)
{
	forget(opml);
	while (opml->depth > 0)
		leave(opml);
}
