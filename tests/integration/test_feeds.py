# SPDX-License-Identifier: MIT
"""sciame feeds against a server with every bad manner: what is read, shown, kept, refused."""
import json
import os
import re
import resource
import signal
import sys
import time
import unittest

from support import Case, ROOT, Run, default_signals, of_session, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from feed_server import FeedServer  # noqa: E402

MEMORY_MAX = 200 << 20  # bytes of one process


def memfd_bytes(session):
    """What the bodies of feeds take that are held by processes of this session."""
    sizes = {}
    for pid in of_session(session):
        try:
            for fd in os.listdir("/proc/%d/fd" % pid):
                path = "/proc/%d/fd/%s" % (pid, fd)
                if os.readlink(path).startswith("/memfd:feed"):
                    status = os.stat(path)
                    sizes[status.st_ino] = status.st_size
        except OSError:
            continue
    return sum(sizes.values())


class Feeds(Case):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(FeedServer(hosts=8))
        self.env = {"XDG_CACHE_HOME": self.path("cache"), "XDG_STATE_HOME": self.path("state"),
                    "XDG_CONFIG_HOME": self.path("config"), "TMPDIR": self.folder,
                    "http_proxy": "http://127.0.0.1:1", "BROWSER": "false"}
        self.out = self.path("out.json")

    def list(self, *urls, name="list"):
        with open(self.path(name), "w") as file:
            file.write("".join(url + "\n" for url in urls))
        return self.path(name)

    def start(self, *arguments, **more):
        return Run("feeds", "--no-open", "--allow-private", *arguments,
                   env=dict(self.env, **more.pop("env", {})), **more)

    def read(self, *urls, options=(), status=0, last=None):
        """What the JSON says after a run over these URLs."""
        result = self.start("--format", "json", "-o", self.out, *options,
                            self.list(*urls)).finish()
        self.check(result, status, last)
        with open(self.out, encoding="utf-8") as file:
            self.feeds = json.load(file)["feeds"]
        self.assertEqual([feed["url"] for feed in self.feeds], list(urls))
        return self.feeds

    def wait_copies(self, count):
        folder = self.path("cache/sciame/feeds")
        wait_for(lambda: os.path.isdir(folder) and sum(
            name.endswith(".feed") for name in os.listdir(folder)) == count, "copies")

    def refuse(self, url, reason, options=()):
        feed = self.read(url, options=options, status=1)[0]
        self.assertFalse(feed["ok"])
        self.assertIn(reason, feed["error"])
        return feed


class Reading(Feeds):
    def test_all_kinds_in_the_order_of_the_list(self):
        urls = [self.server.url("/" + kind, host=i, items=i + 2, title="Feed " + kind)
                for i, kind in enumerate(("rss", "atom", "rdf", "json"))]
        urls.append(self.server.url("/rss", host=5, gzip=1, delay=0.05, title="Late"))
        feeds = self.read(*urls, options=("-c", "3"), last="read 5/5 feeds using 3 transfers")
        self.assertEqual([feed["title"] for feed in feeds],
                         ["Feed rss", "Feed atom", "Feed rdf", "Feed json", "Late"])
        self.assertEqual([len(feed["entries"]) for feed in feeds], [2, 3, 4, 5, 3])
        for feed in feeds:
            self.assertEqual(feed["http_status"], 200)
            self.assertIsNone(feed["error"])
            entry = feed["entries"][0]
            self.assertEqual(entry["title"], "Item 0")
            self.assertEqual(entry["published"], "2024-01-01T12:00:00Z")
            self.assertEqual(entry["link"], "http://site.example/0")

    def test_serial_does_the_same(self):
        urls = [self.server.url("/rss"), self.server.url("/atom"),
                self.server.url("/status", code=404)]
        feeds = self.read(*urls, options=("-c", "2"), status=1)
        serial = self.read(*urls, options=("--serial",), status=1,
                           last="read 2/3 feeds single-threaded")
        self.assertEqual([(f["ok"], f["title"], f["entries"]) for f in feeds],
                         [(f["ok"], f["title"], f["entries"]) for f in serial])

    def test_limits(self):
        url = self.server.url("/rss", items=30)
        self.assertEqual(len(self.read(url, options=("-l", "4"))[0]["entries"]), 4)
        self.assertEqual(len(self.read(url)[0]["entries"]), 30)
        now = int(time.time())
        recent = self.server.url("/atom", items=30, first=now - 60, step=86400)
        self.assertEqual(len(self.read(recent, options=("--since", "7d"))[0]["entries"]), 7)

    def test_new_is_what_no_run_has_shown(self):
        url = self.server.url("/news")
        from feed_documents import Feed, document
        first = 1704110400

        def publish(items):
            self.server.put("/news", document(
                Feed("rss", items=items, first_s=first, item_title="Item %d"), "utf-8"))

        publish(2)
        self.assertEqual(len(self.read(url, options=("--new",))[0]["entries"]), 2)
        self.assertEqual(len(self.read(url, options=("--new",))[0]["entries"]), 0)
        publish(3)
        self.assertEqual([e["title"] for e in self.read(url, options=("--new",))[0]["entries"]],
                         ["Item 2"])
        self.assertEqual(len(self.read(url)[0]["entries"]), 3)

    def test_lists_joined_and_from_stdin(self):
        a, b = self.server.url("/rss"), self.server.url("/atom")
        with open(self.path("classic"), "w") as file:
            file.write("# my feeds\n\nOne\n%s\n" % a)
        with open(self.path("tabs"), "w") as file:
            file.write("One again\t%s\nTwo\t%s\n" % (a, b))
        with open(self.path("classic")) as stdin:
            result = self.start("--format", "text", "-o", self.out, "-", self.path("tabs"),
                                stdin=stdin).finish()
        self.check(result, 0)
        self.assertRegex(result[1], r"^read 2/2 feeds using \d+ transfers\n$")

    def test_every_format_is_written(self):
        url = self.server.url("/rss", title="Ti & <tle>")
        for form in ("html", "json", "atom", "opml", "text"):
            for sort in ("list", "date"):
                result = self.start("--format", form, "--sort", sort, "-o", self.out,
                                    self.list(url)).finish()
                self.check(result, 0)
                with open(self.out, encoding="utf-8") as file:
                    self.assertIn("Ti ", file.read())

    def test_stdout_takes_the_output_alone(self):
        result = self.start("--format", "json", "-o", "-",
                            self.list(self.server.url("/rss"))).finish()
        self.assertEqual(result[0], 0, result)
        self.assertEqual(json.loads(result[1])["feeds"][0]["title"], "A feed")
        self.assertIn("read 1/1 feeds using", result[2])

    def test_lines_that_are_no_feeds_stand_on_the_page(self):
        list_ = self.list(self.server.url("/rss"), "ftp://no.example/<b>")
        for form in ("html", "text"):
            result = self.start("--format", form, "-o", self.out, list_).finish()
            self.check(result, 1)
            self.assertRegex(result[1], r"^read 1/2 feeds using")
            with open(self.out, encoding="utf-8") as file:
                self.assertRegex(file.read(), r"list:2: 'ftp://no.example/(<b>|&lt;b&gt;)'|"
                                 r"list:2: &#39;ftp://no.example/&lt;b&gt;&#39;")

    def test_verbose_lines_stay_out_of_the_output(self):
        result = self.start("-v", "--format", "json", "-o", "-",
                            self.list(self.server.url("/rss"))).finish()
        json.loads(result[1])
        self.assertIn("read http://", result[2])

    def test_default_page_in_the_temporary_folder(self):
        result = self.start(self.list(self.server.url("/rss"))).finish()
        self.check(result, 0)
        with open(self.path("whatsnew.html"), encoding="utf-8") as file:
            self.assertIn("A feed", file.read())
        self.assertIn(self.path("whatsnew.html"), result[2])

    def test_charsets_are_told_apart(self):
        urls = [self.server.url("/rss", host=i, title="Grüße", **more) for i, more in enumerate((
            dict(), dict(declare="iso-8859-1", encode="iso-8859-1"),
            dict(declare="", encode="windows-1252"), dict(charset="utf-8", declare="us-ascii"),
            dict(declare="utf-16", encode="utf-16")))]
        self.assertEqual([feed["title"] for feed in self.read(*urls)], ["Grüße"] * 5)


class Manners(Feeds):
    def test_copy_is_asked_for_with_its_validators(self):
        urls = [self.server.url("/rss", etag="abc", modified=1700000000), self.server.url("/atom")]
        before = self.read(*urls)
        after = self.read(*urls, last=None)
        self.assertEqual([feed["entries"] for feed in before],
                         [feed["entries"] for feed in after])
        self.assertEqual(after[0]["http_status"], 304)
        self.assertTrue(after[0]["ok"])
        self.assertEqual(self.server.conditional("/rss"), (1, 1, 1))

    def test_last_good_copy_is_shown_when_it_fails(self):
        url = self.server.url("/news")
        self.server.alias("/news", "/rss")
        good = self.read(url)[0]
        self.server.alias("/news", "/status?code=500")
        bad = self.read(url, status=1)[0]
        self.assertFalse(bad["ok"])
        self.assertEqual(bad["http_status"], 500)
        self.assertEqual(bad["entries"], good["entries"])
        self.assertTrue(bad["stale"])
        self.server.put("/news", b"not a feed at all")
        self.assertEqual(self.read(url, status=1)[0]["entries"], good["entries"])

    def test_host_that_says_so_is_left_alone_in_later_runs(self):
        url = self.server.url("/status", code=429, retry=3600)
        self.assertEqual(self.read(url, status=1)[0]["http_status"], 429)
        self.assertEqual(self.server.count("/status"), 1)
        feed = self.refuse(url, "left alone")
        self.assertEqual(feed["http_status"], 429)
        self.assertEqual(self.server.count("/status"), 1)

    def test_host_is_asked_for_at_most_so_much_at_once(self):
        urls = [self.server.url("/rss", host=i % 2, hold="all", n=i) for i in range(40)]
        run = self.start("-c", "30", "--per-host", "3", "-o", self.out, self.list(*urls))
        self.server.wait_count(6)
        self.server.release("all")
        self.check(run.finish(), 0, "read 40/40 feeds using 30 transfers")
        hosts = {request.host for request in self.server.requests()}
        self.assertEqual(len(hosts), 2)
        for host in hosts:
            self.assertLessEqual(self.server.most_at_once(host), 3)
        self.assertLessEqual(self.server.most_at_once(), 6)

    def test_spelling_of_a_host_gains_nothing(self):
        port = self.server.url("/").split(":")[2].split("/")[0]
        names = ("127.0.0.1", "127.1", "0x7f.1", "2130706433")
        urls = ["http://%s:%s/rss?hold=all&n=%d" % (name, port, i)
                for i in range(4) for name in names]
        run = self.start("-c", "30", "--per-host", "2", "-o", self.out, self.list(*urls))
        self.server.wait_count(2)
        self.server.release("all")
        self.check(run.finish(), 0, "read 16/16 feeds using 30 transfers")
        self.assertLessEqual(self.server.most_at_once(), 2)

    def test_dead_hosts_take_no_places(self):
        dead = [self.server.url("/silence", host=i % 4, n=i) for i in range(6)]
        quick = [self.server.url("/rss", host=4 + i % 4, n=i) for i in range(40)]
        run = self.start("-c", "4", "--timeout", "10m", "--grace", "0s", "-o", self.out,
                         self.list(*dead, *quick))
        self.wait_copies(40)  # the time of the dead is longer than this is waited for
        run.signal(signal.SIGINT)
        self.check(run.finish(), 130, "read 40/46 feeds using 4 transfers [canceled]")

    def test_slow_host_holds_up_no_other(self):
        slow = [self.server.url("/rss", hold="slow", n=i) for i in range(60)]
        quick = [self.server.url("/atom", host=1 + i % 6, n=i) for i in range(60)]
        run = self.start("-c", "8", "-o", self.out, self.list(*slow, *quick))
        self.server.wait_count(60, "/atom")  # all others are served while it holds
        self.assertLessEqual(self.server.count("/rss"), 4)
        self.server.release("slow")
        self.check(run.finish(), 0, "read 120/120 feeds using 8 transfers")

    def test_redirects(self):
        moved = self.server.url("/redirect", to=self.server.url("/rss"), status=301)
        feed = self.read(moved)[0]
        self.assertEqual(feed["moved_to"], self.server.url("/rss"))
        self.assertIsNone(self.read(self.server.url(
            "/redirect", to=self.server.url("/rss"), status=302))[0].get("moved_to"))
        self.read(self.server.url("/hops", n=5))
        self.refuse(self.server.url("/hops", n=6), "redirected more than 5 times")
        self.refuse(self.server.url("/circle"), "redirected more than 5 times")
        self.refuse(self.server.url("/redirect", to="file:///etc/passwd"), "")
        self.refuse(self.server.url("/redirect", to="gopher://127.0.0.1/"), "")

    def test_dropped_connection_is_tried_once_more(self):
        self.read(self.server.url("/rss", close=1))
        self.refuse(self.server.url("/atom", close=2), "")
        self.assertEqual(self.server.count("/atom"), 2)

    def test_who_asks_is_honest(self):
        self.read(self.server.url("/rss"))
        self.assertRegex(self.server.requests("/rss")[0].headers["user-agent"],
                         r"^sciame/\d+\.\d+\.\d+")


class Safety(Feeds):
    def private(self, *urls):
        result = Run("feeds", "--no-open", "--format", "json", "-o", self.out,
                     self.list(*urls), env=self.env).finish()
        self.assertEqual(result[0], 1, result)
        self.assertEqual(self.server.connection_count(), 0)
        with open(self.out) as file:
            return json.load(file)["feeds"]

    def test_answer_that_was_not_asked_for_is_a_failure(self):
        self.refuse(self.server.url("/rss", status=304), "there is no copy")

    def test_few_descriptors_cost_only_time(self):
        def few():
            default_signals()
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

        urls = [self.server.url("/rss", host=i % 8, n=i) for i in range(120)]
        result = self.start("-c", "100", "--per-host", "50", "-o", self.out, self.list(*urls),
                            preexec_fn=few).finish()
        self.check(result, 0, "read 120/120 feeds using 100 transfers")

    def test_large_bodies_wait_for_each_other(self):
        urls = [self.server.url("/long-title", host=i % 8, n=i) for i in range(24)]
        most = 0
        run = self.start("-c", "24", "--timeout", "100s", "--format", "json", "-o", self.out,
                         self.list(*urls))
        while run.process.poll() is None:
            most = max(most, memfd_bytes(run.pid))
        self.check(run.finish(), 0, "read 24/24 feeds using 24 transfers")
        self.assertGreater(most, 20 << 20)
        self.assertLess(most, 100 << 20)

    def test_private_addresses_are_refused(self):
        port = self.server.url("/").split(":")[2].split("/")[0]
        names = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0")
        for feed in self.private(*("http://%s:%s/rss" % (name, port) for name in names)):
            self.assertFalse(feed["ok"], feed)
            self.assertIn("--allow-private", feed["error"])

    def test_bombs_are_stopped(self):
        self.refuse(self.server.url("/bomb"), "larger than 15 MiB")
        self.refuse(self.server.url("/endless"), "larger than 15 MiB")
        self.refuse(self.server.url("/endless-headers"), "")

    def test_dripping_feed_ends_at_the_timeout(self):
        urls = [self.server.url("/drip"), self.server.url("/silence", host=1),
                *(self.server.url("/rss", host=2 + i % 5, n=i) for i in range(20))]
        start = time.monotonic()
        feeds = self.read(*urls, options=("-c", "8", "--timeout", "2s"), status=1,
                          last="read 20/22 feeds using 8 transfers")
        self.assertGreaterEqual(time.monotonic() - start, 2)
        for feed in feeds[:2]:
            self.assertIn("timed out after 2 s", feed["error"])

    def test_no_feed_grows_a_process_beyond_measure(self):
        urls = [self.server.url("/huge", items=400000), self.server.url("/long-title", host=1),
                self.server.url("/huge", host=2, kind="atom", items=90000),
                self.server.url("/huge", host=3, kind="json", items=120000)]
        most = {}
        run = self.start("--format", "json", "-o", self.out, self.list(*urls))
        while run.process.poll() is None:
            for pid in of_session(run.pid):
                try:
                    with open("/proc/%d/status" % pid) as file:
                        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
                except OSError:
                    continue
                if found:
                    most[pid] = int(found[1]) << 10
        result = run.finish()
        self.assertIn(result[0], (0, 1), result)
        if "asan" not in os.environ.get("SCIAME_BIN", ""):
            self.assertLess(max(most.values()), MEMORY_MAX)
        with open(self.out, encoding="utf-8") as file:
            self.assertEqual(len(json.load(file)["feeds"]), 4)

    def test_web_page_names_its_feed(self):
        feed = self.refuse(self.server.url("/page"), "not a feed")
        self.assertIn(self.server.url("/rss"), feed["error"])

    def test_what_feeds_say_reaches_no_terminal(self):
        title = "T\x1b[31m\u009b\u202e"
        self.server.put("/evil", ("<rss version='2.0'><channel><title>%s</title><item>"
                                  "<title>%s</title></item></channel></rss>"
                                  % (title, title)).encode())
        for form in ("json", "text", "html"):
            self.check(self.start("--format", form, "-o", self.out,
                                  self.list(self.server.url("/evil"))).finish(), 0)
            with open(self.out, encoding="utf-8") as file:
                self.assertNotRegex(file.read(), "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


class Ends(Feeds):
    def test_ctrl_c_counts_what_was_read_and_leaves_the_old_page(self):
        with open(self.out, "w") as file:
            file.write("old")
        urls = [self.server.url("/rss", host=i % 5, n=i) for i in range(10)]
        urls += [self.server.url("/rss", host=6, hold="ever", n=i) for i in range(5)]
        run = self.start("-c", "20", "-v", "--grace", "100ms", "-o", self.out, self.list(*urls))
        self.server.wait_count(14)
        self.wait_copies(10)
        run.signal(signal.SIGINT)
        result = run.finish()
        self.check(result, 130, "read 10/15 feeds using 20 transfers [canceled]")
        self.assertIn("was not written", result[2])
        with open(self.out) as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual([name for name in os.listdir(self.folder) if "sciame-" in name], [])

    def test_worker_that_dies_is_replaced(self):
        urls = [self.server.url("/rss", host=i % 5, hold="go", n=i) for i in range(20)]
        run = self.start("-c", "8", "-o", self.out, self.list(*urls))
        self.server.wait_count(8)
        os.kill(run.worker(), signal.SIGKILL)
        self.server.release("go")
        self.check(run.finish(), 0, "read 20/20 feeds using 8 transfers")

    def test_lane_that_dies_costs_nothing(self):
        urls = [self.server.url("/rss", host=i % 5, n=i) for i in range(4)]
        urls.append(self.server.url("/rss", host=6, hold="go"))
        run = self.start("-c", "8", "-o", self.out, self.list(*urls))
        lane = wait_for(run.lanes, "a lane")[0]
        os.kill(lane, signal.SIGKILL)
        self.server.release("go")
        self.check(run.finish(), 0, "read 5/5 feeds using 8 transfers")

    def test_master_that_is_killed_leaves_no_page_behind(self):
        os.mkdir(self.path("pages"))
        run = self.start("-o", self.path("pages/page"),
                         self.list(self.server.url("/atom"), self.server.url("/rss", hold="ever")))
        self.server.wait_count(2)
        os.kill(run.pid, signal.SIGKILL)
        run.finish()
        self.assertEqual(os.listdir(self.path("pages")), [])

    def test_pipe_that_nobody_reads_can_be_interrupted(self):
        os.mkfifo(self.path("pipe"))
        reader = os.open(self.path("pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        run = self.start("-o", self.path("pipe"), self.list(self.server.url("/rss", items=3000)))

        def is_writing():
            with open("/proc/%d/wchan" % run.pid) as file:
                return "pipe" in file.read()

        wait_for(is_writing, "a full pipe")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], -signal.SIGINT)

    def test_damaged_ledger_costs_only_what_it_remembers(self):
        url = self.server.url("/rss", items=50)
        self.read(url)
        ledger = self.path("state/sciame/feeds.sqlite")
        with open(ledger, "r+b") as file:
            file.seek(4096)
            file.write(os.urandom(os.path.getsize(ledger) - 4096))
        result = self.start("--format", "json", "-o", self.out, self.list(url)).finish()
        self.check(result, 0)
        self.assertIn("is not remembered", result[2])
        self.assertEqual(self.start("--new", "-o", self.out, self.list(url)).finish()[0], 3)

    def test_called_wrongly(self):
        good = self.list(self.server.url("/rss"))
        with open(self.path("binary"), "wb") as file:
            file.write(os.urandom(5000))
        for arguments in ((self.path("missing"),), (self.path("binary"),), (self.folder,),
                          ("--limit", "x", good), ("--format", "pdf", good),
                          ("-o", self.folder, good), ("--json", "-o", "-", good)):
            result = self.start(*arguments).finish()
            self.assertEqual(result[0], 2, result)
            self.assertEqual(result[1], "")
        self.assertEqual(self.server.connection_count(), 0)

    def test_full_disk_names_the_page_and_keeps_the_old_one(self):
        with self.small_disk("size=64k") as disk:
            page = os.path.join(disk, "page.html")
            with open(page, "w") as file:
                file.write("old")
            url = self.server.url("/rss", items=2000)
            result = self.start("-o", page, self.list(url)).finish()
            self.assertEqual(result[0], 3, result)
            self.assertIn(page, result[2])
            self.assertIn("No space left", result[2])
            with open(page) as file:
                self.assertEqual(file.read(), "old")
            self.assertEqual(os.listdir(disk), ["page.html"])

    def test_cache_that_cannot_be_written_is_done_without(self):
        with open(self.path("file"), "w"):
            pass
        result = self.start("--format", "json", "-o", self.out,
                            self.list(self.server.url("/rss")),
                            env={"XDG_CACHE_HOME": self.path("file"),
                                 "XDG_STATE_HOME": self.path("file")}).finish()
        self.check(result, 0, None)
        self.assertIn("nothing is kept", result[2])
        self.assertEqual([name for name in os.listdir(self.folder) if "sciame-" in name], [])


if __name__ == "__main__":
    unittest.main()
