# SPDX-License-Identifier: MIT
"""Feeds as tests want them: RSS 2.0, Atom, RSS 1.0 and JSON Feed with a given number of items.

The same arguments always make the same bytes. document(kind, ...) makes a whole one; blocks(kind,
...) makes it piece by piece, so that ten million items need no memory.
"""
import calendar
import email.utils
import itertools
import json
import time
from xml.sax.saxutils import escape

FIRST_S = calendar.timegm((2024, 1, 1, 12, 0, 0))  # the newest item's date unless told otherwise
STEP_S = 3600  # each following item is so much older
ITEMS_A_BLOCK = 1000

TYPES = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "rdf": "application/rdf+xml",
    "json": "application/feed+json",
}


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def rfc822(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


class Feed:
    """What all kinds have in common; each kind is three functions: head, one item, tail."""

    def __init__(self, kind="rss", items=3, title="A feed", first_s=FIRST_S, step_s=STEP_S,
                 site="http://site.example", declare="utf-8", item_title="Item %d"):
        self.kind, self.items, self.title = kind, items, title
        self.first_s, self.step_s = first_s, step_s
        self.site, self.declare, self.item_title = site, declare, item_title

    def declaration(self):
        return '<?xml version="1.0" encoding="%s"?>\n' % self.declare if self.declare else ""

    def fields(self, number):
        """title, link, date in seconds, text of an item; numbers count from 0."""
        title = self.item_title.replace("%d", str(number))
        return (title, "%s/%d" % (self.site, number), self.first_s - number * self.step_s,
                "Text of item %d" % number)


def rss_head(feed):
    return (feed.declaration() + '<rss version="2.0"><channel>\n<title>%s</title>'
            "<link>%s</link><description>Made for tests</description>\n" %
            (escape(feed.title), escape(feed.site)))


def rss_item(feed, number):
    title, link, date, text = feed.fields(number)
    return ("<item><title>%s</title><link>%s</link><guid>%s</guid><pubDate>%s</pubDate>"
            "<description>%s</description></item>\n" %
            (escape(title), escape(link), escape(link), rfc822(date), escape(text)))


def rss_tail(_feed):
    return "</channel></rss>\n"


def atom_head(feed):
    return (feed.declaration() + '<feed xmlns="http://www.w3.org/2005/Atom">\n<title>%s</title>'
            '<link href="%s"/><id>%s</id><updated>%s</updated>\n' %
            (escape(feed.title), escape(feed.site), escape(feed.site), iso(feed.first_s)))


def atom_item(feed, number):
    title, link, date, text = feed.fields(number)
    return ('<entry><title>%s</title><link href="%s"/><id>%s</id><published>%s</published>'
            "<updated>%s</updated><summary>%s</summary></entry>\n" %
            (escape(title), escape(link), escape(link), iso(date), iso(date), escape(text)))


def atom_tail(_feed):
    return "</feed>\n"


def rdf_head(feed):
    return (feed.declaration() +
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
            ' xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
            '<channel rdf:about="%s"><title>%s</title><link>%s</link>'
            "<description>Made for tests</description></channel>\n" %
            (escape(feed.site), escape(feed.title), escape(feed.site)))


def rdf_item(feed, number):
    title, link, date, text = feed.fields(number)
    return ('<item rdf:about="%s"><title>%s</title><link>%s</link><dc:date>%s</dc:date>'
            "<description>%s</description></item>\n" %
            (escape(link), escape(title), escape(link), iso(date), escape(text)))


def rdf_tail(_feed):
    return "</rdf:RDF>\n"


def json_head(feed):
    return ('{"version":"https://jsonfeed.org/version/1.1","title":%s,"home_page_url":%s,'
            '"items":[\n' % (json.dumps(feed.title), json.dumps(feed.site)))


def json_item(feed, number):
    title, link, date, text = feed.fields(number)
    item = {"id": link, "url": link, "title": title, "date_published": iso(date),
            "content_text": text}
    return (",\n" if number else "") + json.dumps(item)


def json_tail(_feed):
    return "]}\n"


KINDS = {
    "rss": (rss_head, rss_item, rss_tail),
    "atom": (atom_head, atom_item, atom_tail),
    "rdf": (rdf_head, rdf_item, rdf_tail),
    "json": (json_head, json_item, json_tail),
}


def blocks(feed, encode="utf-8"):
    """The document in pieces of at most ITEMS_A_BLOCK items, in the given encoding."""
    head, item, tail = KINDS[feed.kind]
    yield head(feed).encode(encode, "replace")
    for start in range(0, feed.items, ITEMS_A_BLOCK):
        numbers = range(start, min(start + ITEMS_A_BLOCK, feed.items))
        yield "".join(item(feed, number) for number in numbers).encode(encode, "replace")
    yield tail(feed).encode(encode, "replace")


def document(feed, encode="utf-8"):
    return b"".join(blocks(feed, encode))


def endless(feed):
    """Items without end, of which any number is the start of a good feed."""
    head, item, _ = KINDS[feed.kind]
    yield head(feed).encode()
    for start in itertools.count(0, ITEMS_A_BLOCK):
        numbers = range(start, start + ITEMS_A_BLOCK)
        yield "".join(item(feed, number) for number in numbers).encode()


def long_title(feed, size):
    """A feed with one item, whose title has `size` bytes, in pieces."""
    head, item, tail = KINDS[feed.kind]
    mark = "@title@"
    feed.item_title = mark
    before, _, after = item(feed, 0).partition(mark)
    yield (head(feed) + before).encode()
    piece = b"long title " * 5958  # just below 64 KiB
    for start in range(0, size, len(piece)):
        yield piece[:min(len(piece), size - start)]
    yield (after + tail(feed)).encode()
