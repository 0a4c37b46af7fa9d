# SPDX-License-Identifier: MIT
"""What feed_server.py answers: one response for one request, as its URL wants it.

Paths
  /rss /atom /rdf /json   a feed: items=3 title= first=SECONDS step=SECONDS item_title="Item %d"
  /page                   HTML that names to=/rss as its feed
  /huge                   items=10000000 kind=rss, made while it is sent
  /long-title             kind=rss bytes=14680064
  /endless                kind=rss: good items without end
  /drip                   the same, a byte a second
  /bomb                   bytes=1073741824 of spaces in a feed, always gzip
  /endless-headers        header fields without end
  /garbage                bytes that are not HTTP
  /silence                accepts and never answers
  /redirect               to=URL status=302
  /circle                 redirects to itself, with another query each time
  /hops                   n=3 redirects, then to=/rss; status=302
  /status                 code=404 with a short HTML body
  and what put() and alias() added

Parameters of every path
  status=N                another status with the same body
  delay=SECONDS           before the response;  hold=NAME: until release(NAME)
  drip=SECONDS            between the bytes of the body;  drip_head=SECONDS: of the header
  close=K                 the first K requests of this path get a closed connection only
  error=CODE first=K      the first K requests of this path get CODE
  drop=BYTES              closes after so many bytes of the body
  length=+N | -N          Content-Length is so much too large or too small
  gzip=1                  the body compressed;  gzip=lie: says so, but it isn't
  charset=NAME type=TYPE  of Content-Type, true or not; type=none: no such field
  declare=NAME encode=NAME   of the XML declaration (empty: none), and of the bytes
  etag=TEXT modified=SECONDS  validators; 304 to who sends them back
  retry=SECONDS retry_date=SECONDS   Retry-After as a number, as a date so far from now
  header=NAME:VALUE       one more field
"""
import email.utils
import json
import time
import urllib.parse
import zlib

import feed_documents

BLOCK = 65536
REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
           304: "Not Modified", 404: "Not Found", 410: "Gone", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable"}
NO_BODY = (204, 304)


class Body:
    """Pieces of bytes; length is None when it isn't known before."""

    def __init__(self, pieces, length, content_type):
        self.pieces, self.length, self.content_type = pieces, length, content_type

    @staticmethod
    def whole(data, content_type):
        return Body(iter((data,)), len(data), content_type)


def number(query, name, default):
    return int(query.get(name, default))


def seconds(query, name):
    return float(query.get(name, 0))


def http_date(when):
    return email.utils.formatdate(when, usegmt=True)


def feed_of(query, kind):
    return feed_documents.Feed(
        kind, items=number(query, "items", 3), title=query.get("title", "A feed"),
        first_s=number(query, "first", feed_documents.FIRST_S),
        step_s=number(query, "step", feed_documents.STEP_S),
        site=query.get("site", "http://site.example"), declare=query.get("declare", "utf-8"),
        item_title=query.get("item_title", "Item %d"))


def feed_body(query, kind):
    data = feed_documents.document(feed_of(query, kind), query.get("encode", "utf-8"))
    return Body.whole(data, feed_documents.TYPES[kind])


def streamed(pieces, query):
    return Body(pieces, None, feed_documents.TYPES[query.get("kind", "rss")])


def huge_body(query):
    feed = feed_of(dict({"items": "10000000"}, **query), query.get("kind", "rss"))
    return streamed(feed_documents.blocks(feed), query)


def long_title_body(query):
    feed = feed_of(query, query.get("kind", "rss"))
    size = number(query, "bytes", 14 << 20)
    return streamed(feed_documents.long_title(feed, size), query)


def endless_body(query):
    return streamed(feed_documents.endless(feed_of(query, query.get("kind", "rss"))), query)


def bomb_body(query):
    def pieces():
        yield b"<?xml version='1.0'?><rss version='2.0'><channel><title>"
        left = number(query, "bytes", 1 << 30)
        while left > 0:
            yield b" " * min(left, BLOCK)
            left -= BLOCK
        yield b"</title></channel></rss>"
    return streamed(pieces(), query)


def page_body(query):
    page = ('<!DOCTYPE html><html><head><title>Page</title><link rel="alternate"'
            ' type="application/rss+xml" href="%s"></head><body><p>Not a feed</body></html>')
    return Body.whole((page % query.get("to", "/rss")).encode(), "text/html")


def short_body(status):
    text = "<html><title>%d</title><p>%s</p></html>" % (status, REASONS.get(status, "Status"))
    return Body.whole(text.encode(), "text/html")


def compressed(pieces):
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: in the frame of gzip
    for piece in pieces:
        data = pack.compress(piece)
        if data:
            yield data
    yield pack.flush()


def chunked(pieces):
    for piece in pieces:
        if piece:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def cut(pieces, size):
    """The first `size` bytes, then a closed connection."""
    for piece in pieces:
        if len(piece) >= size:
            yield piece[:size]
            return
        size -= len(piece)
        yield piece


class Answer:
    """One response: its header fields and body, with all lies, from one request."""

    BODIES = {
        "/page": page_body, "/huge": huge_body, "/long-title": long_title_body,
        "/endless": endless_body, "/drip": endless_body, "/bomb": bomb_body,
        **{"/" + kind: (lambda query, kind=kind: feed_body(query, kind))
           for kind in feed_documents.KINDS},
    }

    def __init__(self, server, request, route, query):
        self.server, self.request, self.route, self.query = server, request, route, query
        self.fields, self.status, self.keep = [], 200, True
        self.tail = 1  # bytes without which the response may look complete to the client

    def redirect(self):
        """The Location, when this path is a redirect."""
        query, again = self.query, self.request.path
        if self.route == "/redirect":
            return query.get("to", "/rss")
        if self.route == "/circle":
            return "%s?k=%d" % (again, number(query, "k", 0) + 1)
        left = number(query, "n", 3) - 1
        if left < 1:
            return query.get("to", "/rss")
        return again + "?" + urllib.parse.urlencode(dict(query, n=left))

    def body(self):
        if self.route == "/_report":
            return Body.whole(json.dumps(self.server.report()).encode(), "application/json")
        stored = self.server.stored(self.route)
        if stored:
            return Body.whole(*stored)
        if self.route in ("/redirect", "/circle", "/hops"):
            self.status = 302
            self.fields.append(("Location", self.redirect()))
            return short_body(self.status)
        if self.route in self.BODIES:
            return self.BODIES[self.route](self.query)
        self.status = number(self.query, "code", 404) if self.route == "/status" else 404
        return short_body(self.status)

    def not_modified(self):
        """Names the validators; whether the request has them and nothing is to be sent."""
        given = {}
        if "etag" in self.query:
            tag = self.query["etag"]
            given["if-none-match"] = tag if tag.endswith('"') else '"%s"' % tag
            self.fields.append(("ETag", given["if-none-match"]))
        if "modified" in self.query:
            given["if-modified-since"] = http_date(number(self.query, "modified", 0))
            self.fields.append(("Last-Modified", given["if-modified-since"]))
        asked = {name: self.request.headers[name]
                 for name in ("if-none-match", "if-modified-since") if name in self.request.headers}
        if not asked:
            return False
        # RFC 9110, 13.2.2: If-None-Match alone decides when it is there
        first = "if-none-match" if "if-none-match" in asked else "if-modified-since"
        fresh = first in given and asked[first] == given[first]
        self.server.record.condition(self.request.path, asked == given, fresh)
        return fresh

    def typed(self, body):
        """Content-Type, as true as the query wants it."""
        content_type = self.query.get("type", body.content_type)
        if content_type == "none":
            return
        if "charset" in self.query:
            content_type += "; charset=" + self.query["charset"]
        self.fields.append(("Content-Type", content_type))

    def more_fields(self):
        if "retry" in self.query:
            self.fields.append(("Retry-After", self.query["retry"]))
        if "retry_date" in self.query:
            when = time.time() + number(self.query, "retry_date", 0)
            self.fields.append(("Retry-After", http_date(when)))
        if "header" in self.query:
            self.fields.append(tuple(self.query["header"].split(":", 1)))

    def framed(self, body):
        """Pieces of the body as they go over the wire, compressed and with their lies."""
        pieces, length = body.pieces, body.length
        zipped = "1" if self.route == "/bomb" else self.query.get("gzip")
        if zipped:
            self.fields.append(("Content-Encoding", "gzip"))
        if zipped == "1":
            pieces, length = compressed(pieces), None
            if body.length is not None:
                data = b"".join(pieces)
                pieces, length = iter((data,)), len(data)
        if length is None:
            self.fields.append(("Transfer-Encoding", "chunked"))
            pieces = chunked(pieces)
        else:
            said = max(0, length + number(self.query, "length", 0))
            self.keep = said == length
            self.tail += max(0, length - said)
            self.fields.append(("Content-Length", str(said)))
        if "drop" in self.query:
            self.keep = False
            pieces = cut(pieces, number(self.query, "drop", 0))
        return pieces

    def early(self):
        """An error that only the first requests see, or None."""
        if "error" in self.query and self.request.number < number(self.query, "first", 1):
            return number(self.query, "error", 503)
        return None

    def make(self):
        """(head, pieces of the body)."""
        early, pieces = self.early(), iter(())
        if early:
            body, self.status = short_body(early), early
        elif self.not_modified():
            body, self.status = None, 304
        else:
            body = self.body()
            self.status = number(self.query, "status", self.status)
        if body:
            self.typed(body)
            pieces = self.framed(body)
        if self.status in NO_BODY:
            pieces = iter(())
        self.more_fields()
        if not self.keep:
            self.fields.append(("Connection", "close"))
        head = ["HTTP/1.1 %d %s" % (self.status, REASONS.get(self.status, "Status"))]
        head += ["%s: %s" % field for field in self.fields]
        return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace"), pieces
