# SPDX-License-Identifier: MIT
"""Workers of other machines: they come, go, are let in or are not. All over loopback."""
import json
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from feed_server import FeedServer  # noqa: E402
from network import WORKER, NetworkCase  # noqa: E402
from support import children, sciame, temporaries, tree, wait_for, write  # noqa: E402


class Daemons(NetworkCase):
    def test_daemons_serve_one_run_after_another(self):
        self.make_pictures("in", 12)
        os.makedirs(self.path("out"))
        daemons = [self.daemon(*self.roots(), lanes=2) for _ in range(2)]
        self.check(self.run_alone("scale", "--wait-workers", "2", self.path("in"),
                                  self.path("out")),
                   0, "copied 0 scaled 12 using 4 processes on 2 workers")
        self.check(self.run_alone("noop", "-n", "100", "--wait-workers", "2"),
                   0, "done 100 using 4 processes on 2 workers")
        self.check(sciame("scale", "--no-ledger", self.path("in"), self.path("plain")), 0)
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))
        for daemon in daemons:
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.finish(), 0, daemon.text())

    def test_the_tenth_short_run_finds_its_daemon_as_soon_as_the_first(self):
        self.daemon()
        took = []
        for _ in range(10):
            began = time.monotonic()
            self.check(self.run_alone("noop", "-n", "2"), 0)
            took.append(time.monotonic() - began)
        # a daemon that takes the end of a run for being sent away waits for up to 5 s each time
        self.assertLess(sum(took[-5:]), 7.5, took)

    def test_a_local_worker_takes_part_as_well(self):
        self.daemon(lanes=2)
        # long enough for both to have come
        result = sciame(*self.listen("noop", "-n", "200", "--sleep-ms", "20", "-c", "1",
                                     "--wait-workers", "1", "--json"))
        self.check(result, 0)
        told = json.loads(result[1])
        self.assertEqual((told["done"], told["processes"], told["workers"]), (200, 3, 2))

    def test_a_worker_that_is_to_serve_once_ends_with_the_run(self):
        daemon = self.daemon("--once")
        self.check(self.run_alone("noop", "-n", "20"), 0,
                   "done 20 using 1 processes on 1 worker")
        self.assertEqual(daemon.finish(), 0, daemon.text())

    def test_a_drained_worker_hands_back_what_it_has_not_begun(self):
        first, _ = self.daemon(), self.daemon()
        run = self.start("noop", "-n", "60", "--sleep-ms", "50", "-c", "0", "--wait-workers", "2")
        wait_for(lambda: children(first.pid, b"--lane"), "its lane")
        first.signal(signal.SIGTERM)
        self.assertEqual(first.finish(), 0, first.text())
        self.check(run.finish(), 0, "done 60 using 2 processes on 2 workers")

    def test_a_worker_that_hangs_is_not_healthy(self):
        daemon = self.daemon("--health", self.path("health"))

        def healthy():
            return sciame("--check", self.path("health"), program=WORKER)[0] == 0
        wait_for(healthy, "the worker, which only waits, to be healthy")
        daemon.signal(signal.SIGSTOP)
        wait_for(lambda: not healthy(), "the worker to be found out")
        daemon.signal(signal.SIGCONT)
        wait_for(healthy, "the worker to be healthy again")
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.finish(), 0, daemon.text())
        result = sciame("--check", self.path("health"), program=WORKER)
        self.check(result, 1)
        self.assertIn("No such file or directory", result[2])

    def test_a_killed_worker_costs_nothing_and_another_takes_over(self):
        first = self.daemon()
        run = self.start("noop", "-n", "40", "--sleep-ms", "50", "-c", "0")
        wait_for(lambda: children(first.pid, b"--lane"), "its lane")
        first.kill()
        wait_for(lambda: run.said("no worker is here: waiting for one at " + self.address),
                 "the master to say so")
        self.daemon()
        self.check(run.finish(), 0, "done 40 using 1 processes on 1 worker")

    def test_daemons_go_on_with_a_master_that_was_killed_and_started_again(self):
        self.make_pictures("in", 60, 300, 200)
        os.makedirs(self.path("out"))
        daemons = [self.daemon(*self.roots()) for _ in range(2)]
        command = ("scale", "-c", "0", "--size", "64", self.path("in"), self.path("out"))
        for _ in range(3):
            run = self.start(*command)
            wait_for(lambda: os.listdir(self.path("out")) or run.process.poll() is not None,
                     "the first picture")
            run.kill()
        result = sciame(*self.listen(*command))
        self.check(result, 0)
        self.check(sciame("scale", "--no-ledger", "--size", "64", self.path("in"),
                          self.path("plain")), 0)
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))
        self.assertEqual(temporaries(self.path("out")), [])
        for daemon in daemons:
            self.assertIsNone(daemon.process.poll())

    def test_who_is_there_is_told(self):
        keys = self.make_keys("left", "right")
        for name in ("left", "right"):
            self.daemon("--keys", keys, "--key", "%s/%s.key" % (keys, name), lanes=3)
        run = self.start("noop", "-n", "2000", "--sleep-ms", "20", "-c", "0", "--keys", keys,
                         "--wait-workers", "2")
        ask = ("workers", "--master", self.address, "--keys", keys, "--key", keys + "/left.key")

        def both():
            result = sciame(*ask, "--json")
            told = [json.loads(line) for line in result[1].splitlines()]
            return len(told) == 2 and all(one["done"] for one in told) and told
        told = wait_for(both, "both to have done something")
        self.assertEqual(sorted(one["key"] for one in told), ["left", "right"])
        self.assertEqual({one["host"] for one in told}, {socket.gethostname()})
        self.assertEqual([one["lanes"] for one in told], [3, 3])
        result = sciame(*ask)
        self.check(result, 0)
        self.assertTrue(result[1].startswith("HOST "), result[1])
        self.assertEqual(len(result[1].splitlines()), 3)
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        result = sciame("workers", "--master", self.address, "--timeout", "300ms")
        self.check(result, 3)
        self.assertEqual(result[2], "sciame: no master answers at %s within 0.3 s\n" %
                         self.address)

    def test_cancel_reaches_daemons_and_they_wait_for_the_next_run(self):
        daemon = self.daemon()
        run = self.start("noop", "-n", "100000", "--sleep-ms", "10", "-c", "0")
        wait_for(lambda: children(daemon.pid, b"--lane"), "its lane")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        self.check(self.run_alone("noop", "-n", "10"), 0,
                   "done 10 using 1 processes on 1 worker")


class Waiting(NetworkCase):
    def test_a_run_for_which_nobody_comes_ends(self):
        result = self.run_alone("noop", "--wait-timeout", "300ms")
        self.check(result, 3)
        self.assertEqual(result[2], "sciame: 0 of 1 workers have come to %s within 0.3 s\n" %
                         self.address)

    def test_a_run_that_all_have_left_ends_and_can_go_on(self):
        self.make_pictures("in", 30, 300, 200)
        os.makedirs(self.path("out"))
        daemon = self.daemon(*self.roots())
        command = ("scale", "-c", "0", "--size", "64", "--wait-timeout", "2s",
                   self.path("in"), self.path("out"))
        run = self.start(*command)
        wait_for(lambda: os.listdir(self.path("out")), "the first picture")
        daemon.kill()
        result = run.finish()
        self.check(result, 3)
        self.assertIn("no worker was here for 2 s; the same command goes on from here",
                      result[2])
        self.daemon(*self.roots())
        result = sciame(*self.listen(*command))
        self.check(result, 0, "copied 0 scaled 30 using 1 processes on 1 worker")
        self.assertIn("resuming: ", result[2])

    def test_a_worker_without_the_folders_is_told_which(self):
        self.make_pictures("in", 1)
        os.makedirs(self.path("out"))
        daemon = self.daemon("--root", "source=" + self.path("in"))
        result = self.run_alone("scale", "--wait-timeout", "1s", self.path("in"),
                                self.path("out"))
        self.check(result, 3)
        self.assertIn("it serves no root 'target'; start it with --root target=FOLDER",
                      result[2])
        self.assertTrue(daemon.said("the master refuses this worker: it serves no root "
                                    "'target'"))


class Roots(NetworkCase):
    """One root with all folders, which each side has at another place."""

    def setUp(self):
        super().setUp()
        self.make_pictures("data/2024/in", 9)
        os.symlink(self.path("data"), self.path("elsewhere"))
        self.daemon("--root", "data=" + self.path("elsewhere"))

    def scale(self, *operands):
        return self.run_alone("scale", "--root", "data=" + self.path("data"),
                              *map(self.path, operands))

    def test_any_folder_in_it_will_do(self):
        self.check(self.scale("data/2024/in", "data/small/out"), 0,
                   "copied 0 scaled 9 using 1 processes on 1 worker")
        self.check(sciame("scale", "--no-ledger", self.path("data/2024/in"), self.path("plain")),
                   0)
        self.assertEqual(tree(self.path("data/small/out")), tree(self.path("plain")))
        self.check(self.scale("data/2024/in/d0/p000.jpg", "data/one.jpg"), 0,
                   "copied 0 scaled 1 using 1 processes on 1 worker")
        self.assertTrue(os.path.isfile(self.path("data/one.jpg")))

    def test_a_folder_outside_of_it_needs_a_root_of_its_own(self):
        result = sciame(*self.listen("scale", "-c", "0", "--wait-timeout", "500ms", "--root",
                                     "data=" + self.path("data"), self.path("data/2024"),
                                     self.path("outside")))
        self.check(result, 3)
        self.assertIn("it serves no root 'target'", result[2])

    def test_wrong_roots_are_named(self):
        for value, words in (("data", "--root takes NAME=FOLDER, not 'data'"),
                             ("data=/no/where", "root /no/where: No such file or directory")):
            result = sciame("scale", "--root", value, self.path("data"), self.path("out"))
            self.check(result, 2)
            self.assertIn(words, result[2])


class Inline(NetworkCase):
    """Workers that share no folder with the master."""

    def mixed(self):
        """Some pictures of one piece and some of several, and a file that is none."""
        self.make_pictures("in", 8, 300, 200, ("jpg", "png"))
        self.copy_pictures("large", 6)
        for name in os.listdir(self.path("large")):
            os.rename(self.path("large/" + name), self.path("in/" + name))
        write(self.path("in/noise.png"), os.urandom(3 << 20))
        write(self.path("in/empty.jpg"), b"")
        return ("scale", "--size", "3000", self.path("in"))

    def plain(self, command):
        result = sciame(*command, "--no-ledger", self.path("plain"))
        self.assertEqual(result[0], 1)
        return tree(self.path("plain"))

    def finished(self):
        """How many outputs have their names by now."""
        if not os.path.isdir(self.path("out")):
            return 0
        return len([name for name in os.listdir(self.path("out")) if not name.startswith(".")])

    def test_files_travel_over_the_master(self):
        command = self.mixed()
        keys = self.make_keys()
        for _ in range(2):
            self.daemon("--keys", keys)
        self.check(self.run_alone(*command, "--keys", keys, "--transfer", "inline",
                                  "--wait-workers", "2", self.path("out")),
                   1, "copied 8 scaled 6 skipped 2 using 2 processes on 2 workers")
        self.assertEqual(tree(self.path("out")), self.plain(command))

    def test_a_local_worker_and_others_share_the_work(self):
        command = self.mixed()
        self.daemon()
        self.check(sciame(*self.listen(*command, "-c", "1", "--transfer", "inline",
                                       "--wait-workers", "1", self.path("out"))),
                   1, "copied 8 scaled 6 skipped 2 using 2 processes on 2 workers")
        self.assertEqual(tree(self.path("out")), self.plain(command))

    def test_outputs_that_travel_get_the_time_of_their_source(self):
        self.make_pictures("in", 3, 300, 200)
        for i, name in enumerate(sorted(tree(self.path("in")))):
            path = os.path.join(os.fsencode(self.path("in")), name)
            os.chmod(path, 0o640 + i)
            os.utime(path, ns=(0, 1234567890123456789 + i))
        self.daemon()
        self.check(self.run_alone("scale", "--preserve", "--size", "50", "--transfer", "inline",
                                  self.path("in"), self.path("out")), 0)
        for name in tree(self.path("in")):
            there, made = (os.stat(os.path.join(os.fsencode(self.path(folder)), name))
                           for folder in ("in", "out"))
            self.assertEqual((made.st_mode, made.st_mtime_ns),
                             (there.st_mode, there.st_mtime_ns))

    def test_workers_may_be_killed_while_files_travel(self):
        self.copy_pictures("in", 40)
        command = ("scale", "--size", "2000", self.path("in"))
        daemons = [self.daemon() for _ in range(2)]
        run = self.start(*command, "-c", "0", "--transfer", "inline", self.path("out"))
        for count in (2, 6, 10, 14):
            wait_for(lambda: run.process.poll() is not None or self.finished() >= count,
                     "some pictures")
            daemons.pop(0).kill()
            daemons.append(self.daemon())
        result = run.finish()
        self.check(result, 0)
        self.assertTrue(result[1].startswith("copied 0 scaled 40 "), result[1])
        self.check(sciame(*command, "--no-ledger", self.path("plain")), 0)
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))

    def test_a_full_target_of_the_master_ends_the_run(self):
        self.make_pictures("in", 20, 300, 200)
        self.daemon()
        with self.small_disk("size=40k") as disk:
            result = self.run_alone("scale", "--transfer", "inline", "--disk-wait", "300ms",
                                    self.path("in"), disk)
            self.check(result, 74)
            self.assertIn("the target is full: No space left on device", result[2])
            self.assertEqual(temporaries(disk), [])

    def test_a_canceled_run_leaves_nothing_half_written(self):
        self.copy_pictures("in", 30)
        self.daemon(lanes=2)
        run = self.start("scale", "-c", "0", "--size", "2000", "--transfer", "inline",
                         self.path("in"), self.path("out"))
        wait_for(self.finished, "the first picture")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        self.assertEqual(temporaries(self.path("out")), [])
        self.check(self.run_alone("scale", "--size", "2000", "--transfer", "inline",
                                  self.path("in"), self.path("out")), 0)
        self.check(sciame("scale", "--no-ledger", "--size", "2000", self.path("in"),
                          self.path("plain")), 0)
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))


class Feeds(NetworkCase):
    """Feeds that daemons fetch; the master keeps the copies, and makes the page."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(FeedServer(hosts=4))
        for name in ("CACHE", "STATE", "CONFIG"):
            os.environ["XDG_%s_HOME" % name] = self.path(name)
            self.addCleanup(os.environ.pop, "XDG_%s_HOME" % name)
        self.urls = [self.server.url("/" + kind, host=number % 4, items=number + 1,
                                     etag="tag%d" % number)
                     for number, kind in enumerate(("rss", "atom", "rdf", "json") * 4)]
        self.urls.append(self.server.url("/status", code=404))
        write(self.path("list"), "".join(url + "\n" for url in self.urls).encode())

    def command(self, output):
        return ("feeds", "--no-open", "--allow-private", "--format", "json", "-o",
                self.path(output), self.path("list"))

    def said(self, output):
        with open(self.path(output), encoding="utf-8") as file:
            return [(feed["url"], feed["ok"], feed["entries"]) for feed in json.load(file)["feeds"]]

    def check_two_runs(self, *arguments):
        """The second finds nothing new; both say what a run on one host says."""
        for output in ("first", "second"):
            self.check(self.run_alone(*self.command(output), "--wait-workers", "2", *arguments),
                       1, "read 16/17 feeds using 8 processes on 2 workers")
        self.assertEqual(sum(self.server.conditional("/" + kind).not_modified
                             for kind in ("rss", "atom", "rdf", "json")), 16)
        os.environ["XDG_CACHE_HOME"] = self.path("empty")
        self.check(sciame(*self.command("local")), 1)
        self.assertEqual(len(self.said("local")), len(self.urls))
        for output in ("first", "second"):
            self.assertEqual(self.said(output), self.said("local"))

    def test_copies_travel_over_the_master(self):
        keys = self.make_keys()
        for _ in range(2):
            self.daemon("--keys", keys, lanes=4)
        self.check_two_runs("--keys", keys, "--transfer", "inline")

    def test_copies_are_in_a_folder_that_all_have(self):
        copies = self.path("CACHE/sciame/feeds")
        os.makedirs(copies)
        for _ in range(2):
            self.daemon("--root", "cache=" + copies, lanes=4)
        self.check_two_runs()

    def test_a_worker_that_is_killed_costs_no_feed(self):
        for _ in range(2):
            self.daemon(lanes=4)
        victim = self.daemon(lanes=4)
        urls = [self.server.url("/rss", host=number % 4, n=number, hold="all")
                for number in range(40)]
        write(self.path("list"), "".join(url + "\n" for url in urls).encode())
        run = self.start(*self.command("first"), "-c", "0", "--transfer", "inline",
                         "--wait-workers", "3")
        self.server.wait_count(12)
        victim.kill()
        self.server.release("all")
        self.check(run.finish(), 0, "read 40/40 feeds using 12 processes on 3 workers")
        self.assertEqual([url for url, ok, _ in self.said("first") if ok], urls)

    def test_daemons_serve_every_kind_in_turn(self):
        self.make_pictures("in", 6, 300, 200, ("jpg", "png"))
        self.daemon(lanes=2)
        for _ in range(2):
            self.check(self.run_alone("noop", "-n", "10"), 0)
            self.check(self.run_alone("scale", "--size", "100", "--transfer", "inline",
                                      self.path("in"), self.path("out")),
                       0, "copied 0 scaled 6 using 2 processes on 1 worker")
            self.check(self.run_alone(*self.command("first"), "--transfer", "inline"), 1,
                       "read 16/17 feeds using 2 processes on 1 worker")


class Strangers(NetworkCase):
    def refused(self, keys, *arguments):
        """A daemon that must not be let in, and the run that it does not take part in."""
        daemon = self.daemon(*arguments)
        run = self.start("noop", "-n", "10", "-c", "0", "--keys", keys, "--wait-timeout", "0s")
        wait_for(lambda: run.said("refused: "), "the refusal to be told")
        self.assertFalse(children(daemon.pid, b"--lane"))
        friend = self.daemon("--keys", keys)
        self.check(run.finish(), 0, "done 10 using 1 processes on 1 worker")
        self.assertEqual(daemon.text().count("refuses"), 0)
        friend.kill()

    def test_a_stranger_with_keys_of_its_own_is_not_let_in(self):
        keys = self.make_keys()
        self.check(sciame("keygen", self.path("other")), 0)
        # it knows which master it talks to
        os.replace(os.path.join(keys, "master.pub"), self.path("other/master.pub"))
        self.check(sciame("keygen", keys), 0)
        self.refused(keys, "--keys", self.path("other"))

    def test_a_stranger_without_keys_is_not_let_in(self):
        self.refused(self.make_keys())

    def test_who_is_struck_off_the_list_is_sent_away(self):
        keys = self.make_keys("good", "bad")
        bad = self.daemon("--keys", keys, "--key", keys + "/bad.key")
        run = self.start("noop", "-n", "100", "--sleep-ms", "20", "-c", "0", "--keys", keys)
        wait_for(lambda: children(bad.pid, b"--lane"), "its lane")
        with open(keys + "/allowed", encoding="ascii") as file:
            lines = [line for line in file if not line.endswith(" bad\n")]
        with open(keys + "/allowed.new", "w", encoding="ascii") as file:
            file.writelines(lines)
        os.replace(keys + "/allowed.new", keys + "/allowed")
        wait_for(lambda: run.said("key 'bad' is no longer allowed"), "its eviction")
        self.daemon("--keys", keys, "--key", keys + "/good.key")
        self.check(run.finish(), 0, "done 100 using 1 processes on 1 worker")

    def test_an_address_for_everybody_needs_keys_or_a_word(self):
        wide = "0.0.0.0:%d" % self.port
        result = sciame("noop", "-n", "1", "--listen", wide)
        self.check(result, 2)
        self.assertEqual(result[2], "sciame: %s may be reached from other machines: it needs "
                         "--keys (see sciame keygen), or --insecure\n" % wide)
        result = sciame("noop", "-n", "1", "--listen", wide, "--insecure")
        self.check(result, 0)
        self.assertIn("sciame: warning: %s is not secured" % wide, result[2])
        daemon = self.daemon(address="master.example:5555")
        self.assertEqual(daemon.finish(), 3)
        self.assertIn("master.example:5555 may be reached from other machines", daemon.text())

    def test_garbage_and_half_open_connections_harm_nobody(self):
        keys = self.make_keys()
        run = self.start("noop", "-n", "200", "--sleep-ms", "10", "-c", "0", "--keys", keys,
                         "--wait-timeout", "0s")
        wait_for(lambda: run.said("no worker is here"), "the master")
        half_open = []
        for _ in range(200):
            one = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            half_open.append(one)
            self.addCleanup(one.close)
        for i in range(200):
            with socket.create_connection(("127.0.0.1", self.port + i % 2), timeout=5) as one:
                one.sendall(bytes((7 * i + k) & 255 for k in range(64)))
        self.daemon("--keys", keys)
        result = run.finish()
        self.check(result, 0, "done 200 using 1 processes on 1 worker")
        self.assertIn("that broke off or made no sense", result[2])


if __name__ == "__main__":
    unittest.main()
