# SPDX-License-Identifier: MIT
"""Ctrl+C, SIGTERM, and what dies: nothing half written, nobody left, nothing lost."""
import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile
import time
import unittest

from support import (SCIAME, Case, Run, children, of_session, png, sciame, stat_fields, temporaries, tree,
                     wait_for, write)


def made(folder):
    """How many outputs are visible."""
    if not os.path.isdir(folder):
        return 0
    return sum(not name.startswith(".") for _, _, names in os.walk(folder) for name in names)


class Cancel(Case):
    def setUp(self):
        super().setUp()
        if not hasattr(Cancel, "calm"):
            # the pictures and the undisturbed run are made once for all tests
            shared = Case()
            shared.folder = tempfile.mkdtemp(prefix="sciame-test-")
            unittest.addModuleCleanup(shutil.rmtree, shared.folder, ignore_errors=True)
            Cancel.source = shared.copy_pictures("in", 120)
            self.check(sciame("scale", Cancel.source, shared.path("calm")), 0)
            Cancel.calm = tree(shared.path("calm"))

    def expect_whole(self, target):
        """Every output is what the undisturbed run made, and nothing else is there."""
        outputs = tree(target) if os.path.isdir(target) else {}
        for name, digest in outputs.items():
            self.assertEqual(digest, self.calm.get(name), name)
        return len(outputs)

    def expect_canceled(self, result, target):
        count = self.expect_whole(target)
        self.assertEqual(result[0], 130, result)
        last = result[1].splitlines()[-1]
        self.assertRegex(last, r"^copied 0 scaled %d (skipped \d+ )?using 2 processes \[canceled\]$"
                         % count)
        self.assertIn("canceling...", result[2])

    def test_interrupted_at_several_moments(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for moment in (0, 1, 20, 60):
                target = self.path("out-%d-%d" % (number, moment))
                run = Run("scale", "-c", "2", self.source, target)
                wait_for(lambda: made(target) >= moment, "%d outputs" % moment)
                if moment == 0:
                    run.worker()
                run.signal(number)
                self.expect_canceled(run.finish(), target)

    def test_ignored_signals_stay_ignored(self):
        def ignore():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

        run = Run("scale", "-c", "2", self.source, self.path("out"), preexec_fn=ignore)
        wait_for(lambda: made(self.path("out")) >= 3, "three outputs")
        run.signal(signal.SIGINT)
        os.killpg(run.pid, signal.SIGHUP)
        self.check(run.finish(), 0, "copied 0 scaled 120 using 2 processes")

    def test_before_the_worker_is_there(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        wait_for(lambda: os.path.isdir(self.path("out")), "the target folder")
        run.signal(signal.SIGINT)
        result = run.finish()
        # the signal may come before the master catches it: then it ends as any program does
        if result[0] != -signal.SIGINT:
            self.expect_canceled(result, self.path("out"))

    def test_a_hanging_lane_ends_with_the_grace_time(self):
        run = Run("scale", "-c", "2", "--grace", "200ms", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 3, "three outputs")
        for lane in run.lanes():
            os.kill(lane, signal.SIGSTOP)
        run.signal(signal.SIGINT)
        self.expect_canceled(run.finish(), self.path("out"))

    def test_a_second_interrupt_does_not_wait_for_the_grace_time(self):
        run = Run("scale", "-c", "2", "--grace", "1h", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 3, "three outputs")
        for lane in run.lanes():
            os.kill(lane, signal.SIGSTOP)
        run.signal(signal.SIGINT)
        wait_for(lambda: run.said("canceling..."), "the first to be noticed")
        # two within 50 ms count as one: timeout(1) signals the process and then its group
        later = time.monotonic() + 0.1
        wait_for(lambda: time.monotonic() > later, "a tenth of a second")
        run.signal(signal.SIGINT)
        self.expect_canceled(run.finish(), self.path("out"))

    def test_the_whole_group_gets_the_interrupt_as_from_a_terminal(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 3, "three outputs")
        os.killpg(run.pid, signal.SIGINT)
        self.expect_canceled(run.finish(), self.path("out"))

    def test_serial_ends_after_the_picture_in_work(self):
        run = Run("scale", "--serial", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 3, "three outputs")
        run.signal(signal.SIGINT)
        result = run.finish()
        self.assertEqual(result[0], 130)
        self.assertRegex(result[1], r"^copied 0 scaled \d+ single-threaded \[canceled\]\n$")
        self.expect_whole(self.path("out"))

    def test_lanes_killed_during_the_run(self):
        run = Run("scale", "-c", "2", "-v", self.source, self.path("out"))
        killed = 0
        before = 0
        while run.process.poll() is None and killed < 12:
            lanes = run.lanes()
            # each time after some progress, so that hardly a picture is hit twice
            if lanes and made(self.path("out")) >= before + 8:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(lanes[killed % len(lanes)], signal.SIGKILL)
                    killed += 1
                before = made(self.path("out"))
        status, out, err = run.finish()
        self.assertGreater(killed, 3)
        count = self.expect_whole(self.path("out"))
        self.assertIn("lane ended by SIGKILL", err)
        # one that was hit three times is left alone; hardly any is
        failed = err.count(": quarantined: ") // 2
        self.assertEqual(count + failed, len(self.calm), err)
        self.assertEqual(status, 1 if failed else 0, err)
        self.assertEqual(out.count("scaled p"), count)

    def test_the_worker_killed_during_the_run(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        for moment in (10, 40):
            wait_for(lambda: made(self.path("out")) >= moment, "some outputs")
            worker = run.worker()
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: worker not in children(run.pid), "its end")
        result = run.finish()
        self.check(result, 0, "copied 0 scaled 120 using 2 processes")
        self.assertIn("the worker ended by SIGKILL; it is started again", result[2])
        self.assertEqual(self.expect_whole(self.path("out")), 120)

    def test_the_worker_asked_to_end_hands_its_jobs_back(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 10, "some outputs")
        os.kill(run.worker(), signal.SIGTERM)
        self.check(run.finish(), 0, "copied 0 scaled 120 using 2 processes")
        self.assertEqual(self.expect_whole(self.path("out")), 120)

    def test_the_master_killed_takes_everything_with_it(self):
        os.mkdir(self.path("tmp"))
        run = Run("scale", "-c", "2", self.source, self.path("out"),
                  env={"XDG_RUNTIME_DIR": self.path("tmp")})
        wait_for(lambda: made(self.path("out")) >= 10, "some outputs")
        run.signal(signal.SIGKILL)
        run.finish()
        self.expect_whole(self.path("out"))
        self.assertEqual(os.listdir(self.path("tmp")), [])
        self.check(sciame("scale", "-c", "2", self.source, self.path("out")), 0)
        self.assertEqual(self.expect_whole(self.path("out")), 120)

    def test_leftovers_of_dead_runs_are_swept(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        wait_for(lambda: made(self.path("out")) >= 10, "some outputs")
        for pid in of_session(run.pid):
            os.kill(pid, signal.SIGSTOP)
        left = len(temporaries(self.path("out")))
        run.kill()
        self.assertEqual(len(temporaries(self.path("out"))), left)
        write(self.path("out/.sciame-0123456789abcdef-1-1.tmp"), b"half a pict")
        self.check(sciame("scale", "-c", "2", self.source, self.path("out")), 0)
        self.assertEqual(self.expect_whole(self.path("out")), 120)


class Crash(Case):
    def lane_of(self, run, other_than=None):
        def find():
            # a sleeping lane that has begun: its job is in nanosleep
            for lane in run.lanes():
                if lane != other_than and b"nanosleep" in wchan(lane):
                    return lane
            return None
        return wait_for(find, "a lane at work")

    def kill_lanes(self, run, number, count):
        """One lane after the other as soon as it is at work."""
        lane = None
        for _ in range(count):
            lane = self.lane_of(run, lane)
            os.kill(lane, number)

    def test_a_job_that_kills_three_lanes_is_quarantined_with_its_history(self):
        # a sanitizer would catch the signal and leave with a status of its own
        run = Run("noop", "-c", "1", "--count", "1", "--sleep-ms", "700",
                  env={"ASAN_OPTIONS": "handle_segv=0"})
        self.kill_lanes(run, signal.SIGSEGV, 3)
        result = run.finish()
        self.check(result, 1, "done 0 skipped 1 using 1 processes")
        self.assertEqual(result[2].count("it is tried again, alone"), 2)
        host = re.escape(socket.gethostname())
        death = host + r": lane ended by SIGSEGV after \d\.\d\d s"
        self.assertRegex(result[2], r"job 1: quarantined: %s; %s; %s\n" % (death, death, death))
        self.assertIn("1 failed:", result[2])

    def test_a_job_that_kills_one_lane_is_tried_again(self):
        run = Run("noop", "-c", "1", "--count", "2", "--sleep-ms", "700")
        os.kill(self.lane_of(run), signal.SIGABRT)
        self.check(run.finish(), 0, "done 2 using 1 processes")

    def test_a_job_past_its_time_fails_and_the_others_do_not(self):
        result = sciame("noop", "-c", "2", "--count", "2", "--sleep-ms", "60000",
                        "--job-timeout", "200ms")
        self.check(result, 1, "done 0 skipped 2 using 2 processes")
        self.assertIn("job 2: quarantined: no result after 0.2 s", result[2])

    def test_a_stopped_lane_is_replaced_and_its_job_done(self):
        run = Run("noop", "-c", "2", "--count", "6", "--sleep-ms", "100", "--job-timeout", "1s")
        os.kill(self.lane_of(run), signal.SIGSTOP)
        self.check(run.finish(), 0, "done 6 using 2 processes")

    def test_time_in_which_all_stood_still_counts_for_no_job(self):
        run = Run("noop", "-c", "2", "--count", "8", "--sleep-ms", "300", "--job-timeout", "1s")
        self.lane_of(run)
        os.killpg(run.pid, signal.SIGSTOP)
        resume = time.monotonic() + 2.5
        wait_for(lambda: time.monotonic() > resume, "more than the job's time")
        os.killpg(run.pid, signal.SIGCONT)
        result = run.finish()
        self.check(result, 0, "done 8 using 2 processes")

    def test_ignored_deaths_of_children_are_told_all_the_same(self):
        run = Run("noop", "-c", "1", "--count", "1", "--sleep-ms", "700",
                  preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.kill_lanes(run, signal.SIGKILL, 3)
        result = run.finish()
        self.check(result, 1, "done 0 skipped 1 using 1 processes")
        self.assertIn("lane ended by SIGKILL", result[2])

    def test_two_signals_at_once_count_as_one(self):
        run = Run("noop", "-c", "1", "--count", "9", "--sleep-ms", "1000", "--grace", "20s")
        self.lane_of(run)
        run.signal(signal.SIGINT)
        run.signal(signal.SIGTERM)
        # the job that runs is finished, as after a single one
        result = run.finish()
        self.check(result, 130)
        self.assertRegex(result[1], r"^done 1 skipped \d+ using 1 processes \[canceled\]$")

    def test_a_worker_that_cannot_start_ends_the_run(self):
        shutil.copy(SCIAME, self.path("sciame"))
        write(self.path("sciame-worker"), b"#!/bin/sh\nexit 7\n")
        os.chmod(self.path("sciame-worker"), 0o755)
        result = sciame("noop", "--count", "1", program=self.path("sciame"))
        self.check(result, 3)
        self.assertIn("the worker cannot go on: it ended with status 7", result[2])

    def test_a_job_whose_worker_always_dies_is_quarantined(self):
        run = Run("noop", "-c", "1", "--count", "1", "--sleep-ms", "60000")
        lane = None
        for _ in range(3):
            lane = self.lane_of(run, lane)
            os.kill(run.worker(), signal.SIGKILL)
            wait_for(lambda: stat_fields(lane) is None, "the end of its lane")
        result = run.finish()
        self.check(result, 1, "done 0 skipped 1 using 1 processes")
        self.assertRegex(result[2], r"job 1: quarantined: .*: the worker \(process \d+\) was lost")


def wchan(pid):
    """The system call that a process sleeps in, as far as the kernel tells."""
    fields = stat_fields(pid)
    try:
        with open("/proc/%d/syscall" % pid) as file:
            number = file.read().split()[0]
    except OSError:
        return b""
    # nanosleep and clock_nanosleep on x86-64 and on arm64
    sleeping = number in ("35", "230", "101", "115")
    return b"nanosleep" if fields and sleeping else b""


class Memory(Case):
    def test_the_masters_memory_does_not_grow_with_the_jobs(self):
        peaks = []
        for count in ("20000", "400000"):
            process = Run("noop", "-c", "2", "--count", count)
            peak = 0
            while process.process.poll() is None:
                try:
                    with open("/proc/%d/status" % process.pid) as file:
                        for line in file:
                            if line.startswith("VmHWM:"):
                                peak = int(line.split()[1])
                except OSError:
                    break
            self.check(process.finish(), 0, "done %s using 2 processes" % count)
            peaks.append(peak)
        sanitized = "build-asan" in os.environ.get("SCIAME_BIN", "")
        self.assertLess(peaks[1], 64 * 1024 * (8 if sanitized else 1))
        if not sanitized:
            self.assertLess(peaks[1], 2 * peaks[0] + 4096)


if __name__ == "__main__":
    unittest.main()
