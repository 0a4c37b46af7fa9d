# SPDX-License-Identifier: MIT
"""Workers that come and go: drained, stopped, without a master, with a target that is full."""
import os
import signal
import subprocess
import time
import unittest

from support import (BIN, Case, Run, children, convert, default_signals, png, sciame, stat_fields,
                     wait_for, write)
from test_cancel import wchan

WORKER = os.path.join(BIN, "sciame-worker")


class Guest:
    """A worker besides the one that the master has started, without a leash."""

    def __init__(self, address, *arguments):
        self.process = subprocess.Popen([WORKER, "--master", address, *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=default_signals)
        self.pid = self.process.pid

    def lanes(self):
        return children(self.pid, b"--lane")

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, patience=60):
        """Exit status and stderr; its lanes have ended with it."""
        lanes = self.lanes()
        err = self.process.communicate(timeout=patience)[1].decode()
        wait_for(lambda: not any(map(lives, lanes)), "the end of its lanes", 10)
        return self.process.returncode, err

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def lives(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in b"ZX"


class Workers(Case):
    def run_noop(self, *arguments):
        run = Run("noop", *arguments)
        self.addCleanup(lambda: run.process.poll() is not None or run.kill())
        return run

    def guest(self, run, *arguments):
        with open("/proc/%d/cmdline" % run.worker(), "rb") as file:
            words = file.read().decode().split("\0")
        guest = Guest(words[words.index("--master") + 1], *arguments)
        self.addCleanup(guest.kill)
        wait_for(guest.lanes, "a lane of the guest")
        return guest

    def test_a_worker_that_is_asked_to_end_finishes_what_it_has_begun(self):
        for sleep, count in (("200", "60"), ("1", "20000")):
            run = self.run_noop("-c", "1", "--count", count, "--sleep-ms", sleep)
            guest = self.guest(run, "-c", "3")
            wait_for(lambda: len(guest.lanes()) == 3, "all of its lanes")
            guest.signal(signal.SIGTERM)
            self.assertEqual(guest.finish(), (0, ""))
            result = run.finish()
            self.check(result, 0, "done %s using 1 processes" % count)
            self.assertNotIn("again", result[2])

    def test_a_worker_without_a_leash_is_drained_by_an_interrupt(self):
        run = self.run_noop("-c", "1", "--count", "40", "--sleep-ms", "100")
        guest = self.guest(run, "-c", "2")
        guest.signal(signal.SIGINT)
        self.assertEqual(guest.finish(), (0, ""))
        self.check(run.finish(), 0, "done 40 using 1 processes")

    def test_the_second_signal_does_not_wait_for_what_runs(self):
        run = self.run_noop("-c", "1", "--count", "2", "--sleep-ms", "600000")
        guest = self.guest(run, "-c", "1")
        wait_for(lambda: b"nanosleep" in wchan(guest.lanes()[0]), "the lane at work")
        guest.signal(signal.SIGTERM)
        later = time.monotonic() + 0.2
        wait_for(lambda: time.monotonic() > later, "more than an echo")
        self.assertIsNone(guest.process.poll())
        guest.signal(signal.SIGTERM)
        self.assertEqual(guest.finish(10), (0, ""))

    def test_a_short_stop_costs_nothing(self):
        run = self.run_noop("-c", "2", "--count", "60", "--sleep-ms", "50")
        wait_for(run.lanes, "a lane")
        worker = run.worker()
        os.kill(worker, signal.SIGSTOP)
        resume = time.monotonic() + 2.5
        wait_for(lambda: time.monotonic() > resume, "some seconds")
        os.kill(worker, signal.SIGCONT)
        result = run.finish()
        self.check(result, 0, "done 60 using 2 processes")
        self.assertEqual(result[2], "")

    def test_a_job_under_suspicion_has_a_lane_of_its_own(self):
        run = self.run_noop("-c", "1", "--count", "4", "--sleep-ms", "300")
        first = wait_for(run.lanes, "a lane")[0]
        wait_for(lambda: b"nanosleep" in wchan(first), "the lane at work")
        os.kill(first, signal.SIGKILL)
        seen = {first}
        while run.process.poll() is None:
            seen.update(run.lanes())
        self.check(run.finish(), 0, "done 4 using 1 processes")
        # the one that was killed, one for the three others, and one for the suspect
        self.assertGreaterEqual(len(seen), 3)

    def test_a_worker_that_stood_still_joins_again(self):
        run = self.run_noop("-c", "1", "--count", "50", "--sleep-ms", "200")
        guest = self.guest(run, "-c", "1")
        lanes = guest.lanes()
        guest.signal(signal.SIGSTOP)
        resume = time.monotonic() + 5.5
        wait_for(lambda: time.monotonic() > resume, "more than its lease")
        guest.signal(signal.SIGCONT)
        wait_for(lambda: not any(map(lives, lanes)), "the end of what it had begun")
        wait_for(guest.lanes, "another lane")
        self.check(run.finish(), 0, "done 50 using 1 processes")
        status, err = guest.finish()
        self.assertEqual(status, 0)
        self.assertRegex(err, r"^sciame-worker: this worker stood still for [45]\.\d s: "
                              r"it joins again\n$")

    def test_a_worker_whose_master_is_gone_gives_up(self):
        run = self.run_noop("-c", "1", "--count", "1000", "--sleep-ms", "200")
        guest = self.guest(run, "-c", "1", "--orphan-timeout", "300ms")
        run.kill()
        status, err = guest.finish()
        self.assertEqual(status, 3)
        self.assertEqual(err, "sciame-worker: nothing was heard of the master for 4.0 s: "
                              "it joins again\n"
                              "sciame-worker: no master has answered for 0.3 s\n")

    def test_a_worker_that_finds_no_master_gives_up(self):
        guest = Guest("ipc:" + self.folder, "--orphan-timeout", "200ms")
        self.addCleanup(guest.kill)
        self.assertEqual(guest.finish(),
                         (3, "sciame-worker: no master has answered for 0.2 s\n"))


class Target(Case):
    def test_every_way_of_writing_says_that_the_target_is_full(self):
        # scaled by our own JPEG and PNG, by libvips into two formats, and copied
        ways = (("a.jpg", "400x300"), ("a.png", "400x300"), ("a.webp", "400x300"),
                ("a.tif", "400x300"), ("b.png", "4000x3000"))
        os.makedirs(self.path("in"))
        write(self.path("seed.png"), png(640, 480, 1))
        with self.small_disk("size=4k") as disk:
            for name, size in ways:
                convert(self.path("seed.png"), self.path("in/" + name))
                result = sciame("scale", "--disk-wait", "100ms", "--size", size,
                                self.path("in"), disk)
                self.assertIn("the target is full: No space left on device", result[2], name)
                self.assertNotEqual(result[0], 0)
                self.assertEqual(os.listdir(disk), [])
                os.unlink(self.path("in/" + name))


if __name__ == "__main__":
    unittest.main()
