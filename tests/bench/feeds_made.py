# SPDX-License-Identifier: MIT
"""Feeds for the bench: RSS 2.0 and Atom as real sites have them, HTML in the descriptions.

make(number) is always the same feed for the same number: 20 to 100 KB, two of three RSS.
"""
import calendar
import email.utils
import random
import time
from xml.sax.saxutils import escape

WANTED_BYTES = (20000, 95000)  # the last item comes on top
NEWEST_S = calendar.timegm((2026, 1, 1, 0, 0, 0))
WORDS = (
    "the of and a to in is that for it was on with as be at by this from have or an they which one "
    "you were all her she there would their we him been has when who will no more if out so up said "
    "what its about than into them can only other time new some could these two may first then do "
    "any like my now over such our man me even most made after also well did many fore must through "
    "back years where much your way down should because long each just state those people too mister "
    "how little good world make very year still see own work men day get here between both life being "
    "under three never know same last another while us off might great go come since against right "
    "came take used himself few house use place during high without again home around small however "
    "found part school every once don\u2019t caf\u00e9 na\u00efve R&D M\u00fcller \u2014 \u201cquoted\u201d 5<6"
).split(" ")

RSS_HEAD = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
\txmlns:content="http://purl.org/rss/1.0/modules/content/"
\txmlns:dc="http://purl.org/dc/elements/1.1/"
\txmlns:atom="http://www.w3.org/2005/Atom"
\txmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
<channel>
\t<title>%(title)s</title>
\t<atom:link href="%(site)s/feed/" rel="self" type="application/rss+xml" />
\t<link>%(site)s</link>
\t<description>%(text)s</description>
\t<lastBuildDate>%(rfc822)s</lastBuildDate>
\t<language>en-US</language>
\t<sy:updatePeriod>hourly</sy:updatePeriod>
\t<generator>https://press.example/?v=6.4</generator>
"""
RSS_ITEM = """\t<item>
\t\t<title>%(title)s</title>
\t\t<link>%(link)s</link>
\t\t<dc:creator><![CDATA[%(author)s]]></dc:creator>
\t\t<pubDate>%(rfc822)s</pubDate>
\t\t<category><![CDATA[%(category)s]]></category>
\t\t<guid isPermaLink="false">%(site)s/?p=%(number)d</guid>
\t\t<description><![CDATA[<p>%(text)s [&#8230;]</p>]]></description>
\t\t<content:encoded><![CDATA[%(html)s]]></content:encoded>
\t</item>
"""
ATOM_HEAD = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
  <title>%(title)s</title>
  <link href="%(site)s/atom.xml" rel="self"/>
  <link href="%(site)s/"/>
  <updated>%(iso)s</updated>
  <id>%(site)s/</id>
  <generator uri="https://static.example/" version="4.3">Static</generator>
"""
ATOM_ITEM = """  <entry>
    <title type="html">%(title)s</title>
    <link href="%(link)s" rel="alternate" type="text/html"/>
    <published>%(iso)s</published>
    <updated>%(iso)s</updated>
    <id>%(link)s</id>
    <author><name>%(author)s</name></author>
    <category term="%(category)s"/>
    <summary type="html">%(text)s</summary>
    <content type="html" xml:base="%(link)s">%(escaped)s</content>
  </entry>
"""


class Author:
    """Writes words, sentences and HTML, always the same for the same seed."""

    def __init__(self, seed):
        self.dice = random.Random(seed)

    def words(self, least, most):
        return " ".join(self.dice.choices(WORDS, k=self.dice.randint(least, most)))

    def paragraph(self, site):
        kind = self.dice.randrange(8)
        text = escape(self.words(30, 90)).capitalize()
        if kind == 0:
            return '<p><a href="%s/%d?a=1&amp;b=2">%s</a> %s.</p>' % (
                site, self.dice.randrange(9999), escape(self.words(2, 5)), text)
        if kind == 1:
            return ('<figure><img loading="lazy" width="1024" height="683" src="%s/i/%d.jpg"'
                    ' alt="%s" /></figure>' % (site, self.dice.randrange(9999), text[:60]))
        if kind == 2:
            points = "".join("<li>%s</li>" % escape(self.words(4, 12)) for _ in range(4))
            return "<ul>%s</ul>" % points
        return "<p>%s. <em>%s</em>&nbsp;%s</p>" % (
            text, escape(self.words(1, 4)), escape(self.words(5, 20)))

    def html(self, site):
        return "\n".join(self.paragraph(site) for _ in range(self.dice.randint(2, 7)))


def fields(author, number, site, when):
    html = author.html(site)
    return {
        "title": escape(author.words(4, 12).capitalize()), "author": "Ada M\u00fcller",
        "link": "%s/2025/%d/a-post" % (site, number), "site": site, "number": number,
        "category": "Notes", "text": escape(author.words(20, 50)), "html": html,
        "escaped": escape(html), "rfc822": email.utils.formatdate(when, usegmt=True),
        "iso": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
    }


def make(number):
    """(bytes, count of items) of one feed."""
    author = Author(number)
    wanted = author.dice.randint(*WANTED_BYTES)
    head, item, tail = (RSS_HEAD, RSS_ITEM, "</channel>\n</rss>\n")
    if number % 3 == 2:
        head, item, tail = (ATOM_HEAD, ATOM_ITEM, "</feed>\n")
    site = "https://site%d.example" % number
    parts, items = [head % fields(author, 0, site, NEWEST_S)], 0
    size = len(parts[0].encode()) + len(tail)
    while size < wanted:
        part = item % fields(author, items + 1, site, NEWEST_S - items * 7013)
        size += len(part.encode())
        parts.append(part)
        items += 1
    return "".join(parts + [tail]).encode(), items
