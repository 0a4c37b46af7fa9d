# SPDX-License-Identifier: MIT
"""The example programs, as a reader would run them, and a kind of one's own on a cluster."""
import os
import signal
import subprocess
import sys
import unittest

from network import NetworkCase
from support import BIN, ROOT, Run, png, processes, sciame, wait_for, write

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from feed_server import FeedServer  # noqa: E402

EXAMPLES = os.path.join(ROOT, "tests", "examples")
LINES_MAX = 120
WORDCOUNT_LINES_MAX = 60
KIND = os.path.join(BIN, "wordcount.so")


def example(name, *arguments, **more):
    done = subprocess.run([os.path.join(BIN, "example_" + name), *arguments],
                          capture_output=True, timeout=300, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Lengths(unittest.TestCase):
    def test_each_can_be_read_at_once(self):
        names = sorted(name for name in os.listdir(EXAMPLES) if name.endswith(".c"))
        self.assertEqual(len(names), 7)
        for name in names:
            with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                count = len(file.readlines())
            most = WORDCOUNT_LINES_MAX if name.startswith("wordcount") else LINES_MAX
            self.assertLessEqual(count, most, name)


class Pictures(NetworkCase):
    def setUp(self):
        super().setUp()
        for number in range(5):
            write(self.path("in/%d.png" % number), png(300, 200, number))
        for number in range(2):
            write(self.path("in/small%d.png" % number), png(20, 10, number))

    def scale(self, name):
        return example("imagescale_" + name, "-c", "2", "-s", "64", self.path("in"),
                       self.path(name))

    def test_the_same_last_line(self):
        count = len(os.listdir(self.path("in")))
        result = sciame("scale", "--no-ledger", "-c", "2", "-s", "64", self.path("in"),
                        self.path("plain"))
        line = "copied 2 scaled %d using 2 processes" % (count - 2)
        self.check(result, 0, line)
        both = (("serial", "single-threaded"), ("queue", "using 2 processes"),
                ("futures", "using 2 processes"))
        for name, using in both:
            with self.subTest(name):
                self.assertEqual(self.scale(name),
                                 (0, line.replace("using 2 processes", using) + "\n", ""))
                self.assertEqual(sorted(os.listdir(self.path(name))),
                                 sorted(os.listdir(self.path("plain"))))

    def test_what_fails_is_named(self):
        write(self.path("in/broken.jpg"), b"no picture")
        for name in ("serial", "queue", "futures"):
            with self.subTest(name):
                status, out, err = self.scale(name)
                self.assertEqual(status, 1)
                self.assertIn(" skipped 1 ", out)
                self.assertIn("broken.jpg", err)

    def test_a_folder_that_is_not_there(self):
        for name in ("serial", "queue", "futures"):
            with self.subTest(name):
                status, out, _ = example("imagescale_" + name, self.path("no"), self.path("out"))
                self.assertEqual((status, out), (3, ""))
                self.assertEqual(example("imagescale_" + name, "-x")[0], 2)

    def test_nothing_is_left_of_one_that_is_killed(self):
        for number in range(40):
            write(self.path("many/%d.png" % number), png(800, 600, number))
        process = subprocess.Popen(
            [os.path.join(BIN, "example_imagescale_futures"), "-c", "2", self.path("many"),
             self.path("out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        wait_for(lambda: os.path.isdir(self.path("out")) and os.listdir(self.path("out")),
                 "the first picture")
        process.send_signal(signal.SIGKILL)
        process.wait()
        mark = self.path("many").encode()

        def is_ours(pid):
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as file:
                    return mark in file.read()
            except OSError:
                return False
        wait_for(lambda: not any(map(is_ours, processes())), "the end of its worker")


class Feeds(NetworkCase):
    def test_the_same_last_line(self):
        with FeedServer(hosts=2) as server:
            urls = [server.url("/rss", title="Feed %d" % number) for number in range(6)]
            write(self.path("list"), "\n".join(urls + ["# no feed", ""]).encode())
            for name, using in (("queue", "threads"), ("futures", "processes")):
                with self.subTest(name):
                    page = self.path(name + ".html")
                    status, out, err = example("whatsnew_" + name, "-c", "2", "-l", "2",
                                               self.path("list"), page)
                    self.assertEqual((status, err), (0, ""))
                    self.assertEqual(out, "read 6 using 2 %s\n" % using)
                    with open(page, encoding="utf-8") as file:
                        text = file.read()
                    self.assertEqual(text.count("<h2>"), 6)
                    self.assertEqual(text.count("<li>"), 12)

    def test_what_fails_is_named(self):
        with FeedServer(hosts=2) as server:
            gone = server.url("/status", code=404)
            write(self.path("list"), ("%s\n%s\n" % (gone, server.url("/atom"))).encode())
            for name in ("queue", "futures"):
                with self.subTest(name):
                    status, out, err = example("whatsnew_" + name, self.path("list"),
                                               self.path("page"))
                    self.assertEqual(status, 1)
                    self.assertTrue(out.startswith("read 1 skipped 1 "), out)
                    self.assertIn("404", err)


class Wordcount(NetworkCase):
    def setUp(self):
        super().setUp()
        for number in range(20):
            write(self.path("texts/%d.txt" % number), b"one two\nthree " * number)

    def test_on_one_host(self):
        self.assertEqual(example("wordcount", KIND, self.path("texts")), (0, "570 words\n", ""))

    def test_on_a_cluster_in_which_a_worker_dies(self):
        keys = self.make_keys()
        daemons = [self.daemon("--keys", keys, "--kind", KIND, lanes=2) for _ in range(2)]
        run = Run(KIND, self.path("texts"), self.address, keys,
                  program=os.path.join(BIN, "example_wordcount"))
        self.addCleanup(lambda: run.process.poll() is not None or run.kill())
        daemons[0].kill()
        self.check(run.finish(), 0, "570 words")

    def test_a_worker_without_the_kind_says_so(self):
        keys = self.make_keys()
        self.daemon("--keys", keys)
        run = Run(KIND, self.path("texts"), self.address, keys,
                  program=os.path.join(BIN, "example_wordcount"))
        self.addCleanup(lambda: run.process.poll() is not None or run.kill())
        status, out, err = run.finish()
        self.assertEqual((status, out), (1, "0 words\n"))
        self.assertIn("the worker does not have this kind of jobs: --kind FILE gives it one", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
