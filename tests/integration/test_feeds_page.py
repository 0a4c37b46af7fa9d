# SPDX-License-Identifier: MIT
"""The page of `sciame feeds` in a real browser: it works, asks for nothing and runs nothing else.

The pages are samples that page_sample writes. Without a Chromium the tests are skipped; those of
the other forms are not.
"""
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import browser  # noqa: E402

BIN = os.path.abspath(os.environ.get("SCIAME_BIN", "build/bin"))
KEYSTROKE_MS_MAX = 50.0  # for the filter, with 25,000 entries
SLOWER = float(os.environ.get("SCIAME_SLOWER", "1"))  # times longer where a machine is known slow
ACTIVE = {"script", "style", "meta", "link", "base", "iframe", "object", "embed", "form", "input",
          "img", "svg", "math", "template", "audio", "video", "button", "applet", "frame"}
FRAME = {"meta": 7, "style": 1, "script": 1, "input": 1}  # of these, all that the page has itself
VOID = {"meta", "input", "br", "link", "img", "base", "embed"}
CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def sample(form, name, texts=None):
    return subprocess.run([os.path.join(BIN, "page_sample"), form, name], input=texts, check=True,
                          stdout=subprocess.PIPE).stdout


class Tags(html.parser.HTMLParser):
    """Counts the tags of a page, and what is wrong with how they are nested."""

    def __init__(self, text):
        super().__init__()
        self.count, self.open, self.mistakes, self.ids, self.links = {}, [], [], set(), []
        self.feed(text)
        self.close()
        self.mistakes += ["not closed: " + tag for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)):
            self.mistakes.append("attribute twice in " + tag)
        for name, value in attributes:
            if name.startswith("on") or name in ("style", "src", "srcdoc", "srcset"):
                self.mistakes.append("%s %s=" % (tag, name))
            if name == "id" and value in self.ids:
                self.mistakes.append("id %s twice" % value)
            if name == "id":
                self.ids.add(value)
            if name == "href":
                self.links.append(value)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append("</%s> closes another" % tag)


class Forms(unittest.TestCase):
    """What can be said without a browser."""

    def test_pages_are_well_nested_and_hold_no_markup_but_their_own(self):
        for form in ("html", "river"):
            for name in ("nice", "hostile"):
                with self.subTest(form=form, sample=name):
                    tags = Tags(sample(form, name).decode("utf-8", "strict"))
                    self.assertEqual(tags.mistakes, [])
                    active = {tag: tags.count[tag] for tag in ACTIVE & set(tags.count)}
                    self.assertEqual(active, FRAME)
                    for link in tags.links:
                        self.assertRegex(link, r"\A(https?://|mailto:|#)[^\s<>\"]*\Z")
                        if link.startswith("#"):
                            self.assertIn(link[1:], tags.ids)

    def test_no_form_holds_control_characters(self):
        for form in ("html", "river", "json", "atom", "opml", "text", "text-river"):
            text = sample(form, "hostile").decode("utf-8", "strict")
            self.assertIsNone(CONTROL.search(text.replace("\n", " ")), form)

    def test_json_has_the_feeds_in_order_with_the_keys_promised(self):
        for name in ("nice", "hostile"):
            feeds = json.loads(sample("json", name))["feeds"]
            for feed in feeds:
                self.assertEqual(list(feed)[:7], ["url", "ok", "title", "link", "error",
                                                  "http_status", "entries"])
                for entry in feed["entries"]:
                    self.assertEqual(list(entry), ["id", "title", "link", "published", "author",
                                                   "summary"])
                self.assertIsNone(CONTROL.search(json.dumps(feed, ensure_ascii=False)))
        titles = [feed["title"] for feed in json.loads(sample("json", "nice"))["feeds"]]
        self.assertEqual(titles, ["The Hive Mind", "kernel.example", "World & Wide",
                                  "A Blog That Was", "Long Gone", "Moved House", "Almost XML"])

    def test_atom_has_what_the_standard_requires(self):
        ns = "{http://www.w3.org/2005/Atom}"
        for name in ("nice", "hostile"):
            feed = ElementTree.fromstring(sample("atom", name))
            entries = feed.findall(ns + "entry")
            for element in [feed, *entries]:
                for child in ("id", "title", "updated"):
                    self.assertEqual(len(element.findall(ns + child)), 1)
            self.assertEqual(len(feed.findall(ns + "author")), 1)
            self.assertEqual(len({entry.find(ns + "id").text for entry in entries}), len(entries))
            dates = [entry.find(ns + "updated").text for entry in entries]
            self.assertEqual(dates, sorted(dates, reverse=True))
            for entry in entries:
                self.assertEqual(len(entry.findall(ns + "source")), 1)

    def test_opml_has_each_feed_once(self):
        for name in ("nice", "hostile"):
            opml = ElementTree.fromstring(sample("opml", name))
            self.assertEqual(opml.get("version"), "2.0")
            feeds = [outline for outline in opml.iter("outline") if outline.get("xmlUrl")]
            self.assertEqual(len(feeds), len(json.loads(sample("json", name))["feeds"]))


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not browser.find():
            raise unittest.SkipTest("no chromium")
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.chromium = browser.Browser()
        cls.addClassCleanup(cls.chromium.close)

    def open(self, form, name, **view):
        path = os.path.join(self.folder.name, "%s-%s.html" % (form, name))
        if not os.path.exists(path):
            with open(path, "wb") as file:
                file.write(sample(form, name))
        self.url = "file://" + path
        return self.chromium.open(self.url, **view)

    def assert_quiet(self, page):
        self.assertEqual(page.complaints(), [])
        self.assertEqual(page.requests(), [self.url])

    @staticmethod
    def shown(page, what="article"):
        return page.evaluate("[...document.querySelectorAll('%s')]"
                             ".filter(e => e.checkVisibility()).length" % what)

    def type(self, page, text):
        page.press("/")
        page.type(text)
        return page.evaluate("document.getElementById('found').textContent")

    def test_page_renders_and_asks_for_nothing(self):
        for form, sections in (("html", 7), ("river", 6)):
            for dark in (False, True):
                page = self.open(form, "nice", dark=dark)
                self.assertEqual(page.evaluate("document.title"), "What\u2019s new")
                self.assertEqual(self.shown(page), 15)
                self.assertEqual(self.shown(page, "main > section"), sections)
                self.assertEqual(self.shown(page, "#filter"), 1)
                # the style is in force
                self.assertEqual(page.evaluate("getComputedStyle(document.body).backgroundColor"),
                                 "rgb(21, 23, 26)" if dark else "rgb(251, 250, 247)")
                self.assert_quiet(page)

    def test_filter_filters_entries_and_feeds_and_says_how_many(self):
        page = self.open("html", "nice")
        self.assertEqual(self.type(page, "cafe soc"), "1 entry in 1 feed")
        self.assertEqual((self.shown(page), self.shown(page, "section")), (1, 1))
        self.assertEqual(self.shown(page, ".index li:not(.of)"), 1)
        page.press("Escape")
        self.assertEqual((self.shown(page), self.shown(page, "section")), (15, 7))
        # the name of a feed is that of all its entries
        self.assertEqual(self.type(page, "KERNEL"), "5 entries in 1 feed")
        page.press("Escape")
        self.assertEqual(self.type(page, "gone"), "0 entries in 1 feed")
        page.press("Escape")
        self.assertEqual(self.type(page, "nowhere-to-be-found"), "0 entries in 0 feeds")
        self.assertEqual(self.shown(page, "#none"), 1)
        page.press("Escape")
        self.assertEqual(self.shown(page, "#none"), 0)
        self.assertEqual(page.evaluate("document.getElementById('found').textContent"), "")
        self.assert_quiet(page)

    def test_filter_of_the_river_counts_days(self):
        page = self.open("river", "nice")
        self.assertEqual(self.type(page, "hive mind"), "3 entries in 3 days")
        self.assertEqual((self.shown(page), self.shown(page, "section")), (3, 3))

    def test_keys_move_open_and_explain(self):
        page = self.open("html", "nice")
        page.evaluate("opened = []; window.open = (...a) => opened.push(a)")

        def current():
            return page.evaluate("(document.querySelector('.current h3') || {}).textContent")

        page.press("j")
        self.assertRegex(current(), "^How a colony")
        page.press("j")
        self.assertRegex(current(), "^Field notes")
        self.assertTrue(page.evaluate("document.activeElement.classList.contains('current')"))
        page.press("k")
        page.press("k")
        self.assertRegex(current(), "^How a colony")
        page.press("o")
        page.press("Enter")
        self.assertEqual(page.evaluate("opened"), 2 * [
            ["https://hive.example/2026/agreement", "_blank", "noopener,noreferrer"]])
        page.press("?")
        self.assertEqual(self.shown(page, "#keys"), 1)
        page.press("Escape")
        self.assertEqual(self.shown(page, "#keys"), 0)
        # j and k go over what the filter hides, and are letters inside of it
        self.assertEqual(self.type(page, "jake"), "1 entry in 1 feed")
        page.evaluate("document.activeElement.blur()")
        page.press("j")
        self.assertRegex(current(), "^Security updates")
        self.assert_quiet(page)

    def test_entry_that_keys_go_to_is_in_view_below_the_headings(self):
        for width in (1280, 360):
            page = self.open("html", "large", width=width, height=700)
            for step in 60 * ["j"] + 30 * ["k"]:
                page.press(step)
                self.assertTrue(page.evaluate(
                    "(() => { const e = document.querySelector('.current');"
                    " const r = e.getBoundingClientRect();"
                    " const h = e.closest('section').querySelector('header');"
                    " return r.top >= h.getBoundingClientRect().bottom - 1"
                    " && r.bottom <= innerHeight; })()"))

    def test_hostile_feeds_run_nothing_and_ask_for_nothing(self):
        for form in ("html", "river"):
            page = self.open(form, "hostile")
            self.assertEqual(page.evaluate("typeof window.pwned"), "undefined")
            self.assertEqual(page.evaluate("document.scripts.length"), 1)
            self.assertEqual(page.evaluate(
                "[...document.links].filter(a => !/^(https?|mailto|file):$/.test(a.protocol)"
                " || a.protocol === 'file:' && !a.hash).length"), 0)
            # nor when used: each handler is tried, the filter and the keys
            page.evaluate("document.querySelectorAll('article *').forEach(e => {"
                          "for (const n of ['mouseover', 'focus', 'load', 'error'])"
                          " e.dispatchEvent(new Event(n)); })")
            self.type(page, "script")
            for key in ("Escape", "j", "j", "k", "?"):
                page.press(key)
            self.assertEqual(page.evaluate("typeof window.pwned"), "undefined")
            self.assert_quiet(page)

    def test_policy_stops_what_escaping_should_have(self):
        page = self.open("html", "nice")
        page.evaluate("document.body.insertAdjacentHTML('beforeend',"
                      " '<img src=http://127.0.0.1:9/x onerror=window.pwned=1>')")
        page.evaluate("new Promise(done => setTimeout(done))")
        self.assertEqual(page.evaluate("typeof window.pwned"), "undefined")
        self.assertIn("Content Security Policy", " ".join(page.complaints()))

    def test_nothing_overflows_a_phone(self):
        for form in ("html", "river"):
            for name in ("nice", "hostile"):
                for width in (320, 360):
                    page = self.open(form, name, width=width, height=640)
                    self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), width)
                    wide = page.evaluate(
                        "[...document.querySelectorAll('body *')].filter(e => e.checkVisibility()"
                        " && e.getBoundingClientRect().right > innerWidth + .5)"
                        ".map(e => e.outerHTML.slice(0, 120))")
                    self.assertEqual(wide, [])

    def test_page_is_whole_without_script(self):
        page = self.open("html", "nice", script=False)
        self.assertEqual(self.shown(page), 15)
        self.assertEqual(self.shown(page, "#filter, .hint"), 0)

    def test_filter_of_25000_entries_keeps_up_with_typing(self):
        for form in ("html", "river"):
            page = self.open(form, "large")
            # the best of three rounds: what a busy machine does meanwhile is not the page's
            times = page.evaluate("""(async () => {
                const box = document.getElementById("filter"), best = {};
                const texts = ["s", "sw", "swa", "swarm", "swarm h", "swarm honey f", "", "q", "qu",
                               "number 17", "nothing at all", ""];
                box.focus();
                for (const text of [...texts, ...texts, ...texts]) {
                    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                    const start = performance.now();
                    box.value = text;
                    box.dispatchEvent(new Event("input"));
                    document.body.getBoundingClientRect();
                    const time = performance.now() - start;
                    best[text] = Math.min(time, best[text] ?? time);
                }
                return Object.values(best);
            })()""")
            self.assertEqual(self.shown(page, "main > section:last-of-type"), 1)
            worst = max(times)
            print("%s: worst keystroke %.1f ms of %s" % (form, worst, [round(t) for t in times]))
            self.assertLess(worst, KEYSTROKE_MS_MAX * SLOWER)


if __name__ == "__main__":
    unittest.main()
