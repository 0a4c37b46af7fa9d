# SPDX-License-Identifier: MIT
"""Runs that are cut off and taken up again, jobs that nobody survives, targets that are full."""
import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import unittest

from support import (BIN, Case, Run, children, png, sciame, temporaries, tree, wait_for, write)

WORKER = os.path.join(BIN, "sciame-worker")


def outputs(folder):
    """{path: (inode, mtime)} of what is visible."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if not name.startswith("."):
                file = os.path.join(path, name)
                status = os.stat(file)
                found[os.path.relpath(file, folder)] = status.st_ino, status.st_mtime_ns
    return found


def holders(run, path):
    """Lanes of the run that have the file open."""
    found = []
    for lane in run.lanes():
        with contextlib.suppress(OSError):
            for fd in os.listdir("/proc/%d/fd" % lane):
                with contextlib.suppress(OSError):
                    if os.readlink("/proc/%d/fd/%s" % (lane, fd)) == path:
                        found.append(lane)
    return found


def is_confined(lane):
    """Whether it has done what a lane does before its first job."""
    with contextlib.suppress(OSError), open("/proc/%d/status" % lane) as file:
        return "\nSeccomp:\t2\n" in file.read()
    return False


class Resume(Case):
    def setUp(self):
        super().setUp()
        if not hasattr(Resume, "source"):
            shared = Case()
            shared.folder = tempfile.mkdtemp(prefix="sciame-test-")
            unittest.addModuleCleanup(shutil.rmtree, shared.folder, ignore_errors=True)
            Resume.source = shared.copy_pictures("in", 40)
            shared.path = lambda name: os.path.join(shared.folder, name)
            result = sciame("scale", "--no-ledger", Resume.source, shared.path("calm"))
            shared.check(result, 0)
            Resume.calm = tree(shared.path("calm"))

    def cut_off(self, at, *options):
        """A run that is killed, with all its processes, as soon as so many outputs are noted."""
        run = Run("scale", "-c", "2", *options, self.source, self.path("out"))
        wait_for(lambda: self.noted() >= at, "outputs in the ledger")
        run.kill()
        return outputs(self.path("out"))

    def ledger(self):
        folder = self.path("state/sciame/runs")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        names = [name for name in names if name.endswith(".db")]
        return os.path.join(folder, names[0]) if names else None

    def noted(self):
        if not self.ledger():
            return 0
        with contextlib.suppress(sqlite3.OperationalError):
            with contextlib.closing(sqlite3.connect(self.ledger(), timeout=5)) as file:
                return file.execute("select count(*) from job").fetchone()[0]
        return 0

    def test_a_killed_run_goes_on_where_it_was(self):
        before = self.cut_off(8)
        noted = self.noted()
        result = sciame("scale", "-c", "2", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 using 2 processes")
        self.assertRegex(result[2], r"^resuming: %d of 40 done\n$" % noted)
        self.assertEqual(tree(self.path("out")), self.calm)
        after = outputs(self.path("out"))
        again = [name for name in before if after[name] != before[name]]
        self.assertLessEqual(len(again), len(before) - noted)

    def test_a_canceled_run_goes_on_and_an_ended_one_does_not(self):
        run = Run("scale", "-c", "2", self.source, self.path("out"))
        wait_for(lambda: self.noted() >= 3, "outputs in the ledger")
        run.signal(signal.SIGINT)
        self.check(run.finish(), 130)
        noted = self.noted()
        result = sciame("scale", "--serial", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 single-threaded")
        self.assertRegex(result[2], r"^resuming: %d of " % noted)
        before = outputs(self.path("out"))
        result = sciame("scale", "-c", "2", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 using 2 processes")
        self.assertEqual(result[2], "")
        after = outputs(self.path("out"))
        self.assertEqual([name for name in before if after[name] == before[name]], [])

    def test_what_changed_since_is_done_again_with_its_reason(self):
        self.cut_off(12)
        source = self.path("in")
        shutil.copytree(self.source, source, copy_function=shutil.copy2)
        with contextlib.closing(sqlite3.connect(self.ledger())) as file:
            done = [row[0] for row in file.execute("select source from job order by source")]
        names = [name.decode() if isinstance(name, bytes) else name for name in done]
        names = [name.partition(":")[2] for name in names]
        changed, missing, short = names[:3]
        os.utime(os.path.join(self.source, changed))
        self.addCleanup(shutil.copystat, os.path.join(source, changed),
                        os.path.join(self.source, changed))
        os.unlink(self.path("out/" + missing))
        os.truncate(self.path("out/" + short), 100)
        result = sciame("scale", "-c", "2", "-v", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 using 2 processes")
        self.assertRegex(result[1], r"(?m)^again %s: .*changed" % re.escape(changed))
        self.assertRegex(result[1], r"(?m)^again %s: its output is missing$" % re.escape(missing))
        self.assertRegex(result[1], r"(?m)^again %s: its output has 100 bytes" % re.escape(short))
        self.assertEqual(tree(self.path("out")), self.calm)

    def test_other_options_start_anew(self):
        self.cut_off(4)
        result = sciame("scale", "-c", "2", "-s", "200", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 using 2 processes")
        self.assertNotIn("resuming", result[2])

    def test_a_second_run_on_the_same_target_is_refused(self):
        run = Run("scale", "-c", "1", self.source, self.path("out"))
        wait_for(lambda: self.noted() >= 1, "the first outcome")
        result = sciame("scale", "-c", "1", self.source, self.path("out"))
        run.signal(signal.SIGINT)
        self.check(run.finish(), 130)
        self.check(result, 3)
        self.assertRegex(result[2], r"ledger .*: in use by another run \(process %d on .*\)"
                         % run.pid)

    def test_a_damaged_ledger_is_an_error_that_names_it(self):
        self.cut_off(4)
        with open(self.ledger(), "r+b") as file:
            file.write(b"no longer a database")
        for name in os.listdir(os.path.dirname(self.ledger())):
            if name.endswith(("-wal", "-shm")):
                os.unlink(os.path.join(os.path.dirname(self.ledger()), name))
        before = outputs(self.path("out"))
        result = sciame("scale", self.source, self.path("out"))
        self.check(result, 3)
        self.assertIn(self.ledger(), result[2])
        self.assertEqual(outputs(self.path("out")), before)
        self.check(sciame("scale", "--no-ledger", self.source, self.path("out")), 0)
        self.check(sciame("scale", "--ledger", self.path("other.db"), self.source,
                          self.path("out")), 0)
        self.assertTrue(os.path.exists(self.path("other.db")))

    def test_without_a_ledger_none_is_made(self):
        result = sciame("scale", "--no-ledger", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 40 using %d processes" % os.cpu_count())
        self.assertFalse(os.path.exists(self.path("state")))

    def test_a_kind_without_targets_keeps_none(self):
        self.assertEqual(sciame("noop", "--ledger", self.path("a.db")),
                         (2, "", "sciame: noop keeps no ledger\n"))
        self.check(sciame("noop", "--count", "3"), 0)
        self.assertFalse(os.path.exists(self.path("state")))

    def test_a_place_for_the_ledger_has_to_be_known(self):
        env = {"XDG_STATE_HOME": "", "HOME": ""}
        result = sciame("scale", self.source, self.path("out"), env=env)
        self.check(result, 3)
        self.assertIn("neither XDG_STATE_HOME nor HOME names a folder", result[2])
        self.assertIn("--no-ledger", result[2])

    def test_content_tells_sources_apart_when_asked(self):
        self.cut_off(8, "--checksum")
        with contextlib.closing(sqlite3.connect(self.ledger())) as file:
            done = file.execute("select source from job").fetchall()
        name = done[0][0]
        name = (name.decode() if isinstance(name, bytes) else name).partition(":")[2]
        path = os.path.join(self.source, name)
        before = outputs(self.path("out"))
        status = os.stat(path)
        self.addCleanup(os.utime, path, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.utime(path)
        self.check(sciame("scale", "--checksum", self.source, self.path("out")), 0)
        self.assertEqual(outputs(self.path("out"))[name], before[name])


class Poison(Case):
    def make_poison(self, name):
        """Large enough that its lane is surely caught at it."""
        write(self.path("tile.png"), png(400, 300))
        os.unlink(self.path(name))
        subprocess.run(["vips", "replicate", self.path("tile.png"), self.path(name), "28", "28"],
                       check=True, capture_output=True)
        return self.path(name)

    def poisoned_run(self, *options):
        run = Run("scale", "-c", "2", *options, self.source, self.path("out"),
                  env={"ASAN_OPTIONS": "handle_segv=0"})
        killed, seen = set(), set()

        def struck():
            # twice in a row: then it is surely at work on it
            found = {lane for lane in holders(run, self.poison) if is_confined(lane)} - killed
            for lane in found & seen:
                os.kill(lane, signal.SIGSEGV)
                killed.add(lane)
            seen.clear()
            seen.update(found)
            return run.process.poll() is not None
        wait_for(struck, "the end of the run")
        return run.finish(), len(killed)

    def test_a_picture_that_kills_its_lanes_is_left_alone_until_it_changes(self):
        self.source = self.copy_pictures("in", 24)
        self.poison = self.make_poison("in/p0007.jpg")
        result, killed = self.poisoned_run()
        self.check(result, 1, "copied 0 scaled 23 skipped 1 using 2 processes")
        self.assertEqual(killed, 3)
        host = re.escape(socket.gethostname())
        death = host + r": lane ended by SIGSEGV after \d+\.\d\d s"
        self.assertRegex(result[2], r"p0007\.jpg: quarantined: %s; %s; %s" % (death, death, death))
        self.assertEqual(temporaries(self.path("out")), [])
        result, killed = self.poisoned_run()
        self.check(result, 1, "copied 0 scaled 23 skipped 1 using 2 processes")
        self.assertEqual(killed, 0)
        self.assertIn("p0007.jpg: ", result[2])
        self.assertIn("--retry-failed", result[2])
        result = sciame("scale", "-c", "2", "--retry-failed", self.source, self.path("out"))
        self.check(result, 0, "copied 0 scaled 24 using 2 processes")

    def test_a_changed_picture_is_no_longer_quarantined(self):
        self.source = self.copy_pictures("in", 6)
        self.poison = self.make_poison("in/p0003.jpg")
        self.check(self.poisoned_run()[0], 1)
        os.utime(self.poison)
        result = sciame("scale", self.source, self.path("out"))
        self.assertEqual(result[0], 0, result)
        self.assertEqual(len(outputs(self.path("out"))), 6)


class Workers(Case):
    """A run with a second worker, over the same private folder."""

    def setUp(self):
        super().setUp()
        os.makedirs(self.path("run"), mode=0o700)

    def start(self, *arguments):
        return Run(*arguments, env={"XDG_RUNTIME_DIR": self.path("run")})

    def add_worker(self):
        def address():
            found = [name for name in os.listdir(self.path("run")) if name.startswith("sciame-")]
            return found and os.path.exists(self.path("run/%s/results" % found[0])) and found[0]
        folder = self.path("run/" + wait_for(address, "the sockets"))
        worker = Run("--master", "ipc:" + folder, "-c", "1", program=WORKER)
        wait_for(lambda: children(worker.pid, b"--lane"), "its lane")
        return worker

    def test_the_last_job_of_a_worker_that_stands_still_is_done_by_another(self):
        run = self.start("noop", "-c", "1", "--count", "30", "--sleep-ms", "100")
        worker = self.add_worker()
        # the lane alone: its worker goes on beating
        os.kill(children(worker.pid, b"--lane")[0], signal.SIGSTOP)
        start = time.monotonic()
        self.check(run.finish(), 0, "done 30 using 1 processes")
        self.assertLess(time.monotonic() - start, 45)  # its time would be over after 60 s
        worker.finish()

    def test_a_frozen_worker_loses_its_jobs_and_comes_back(self):
        run = self.start("noop", "-c", "1", "--count", "150", "--sleep-ms", "100")
        worker = self.add_worker()
        os.kill(worker.pid, signal.SIGSTOP)
        wait_for(lambda: run.said("not heard for 5 s"), "its end for the master")
        os.kill(worker.pid, signal.SIGCONT)
        wait_for(lambda: worker.said("joins again") or children(worker.pid, b"--lane"),
                 "its return")
        self.check(run.finish(), 0, "done 150 using 1 processes")
        worker.finish()

    def test_a_worker_that_is_asked_to_end_loses_nothing(self):
        run = self.start("noop", "-c", "1", "--count", "40", "--sleep-ms", "50")
        worker = self.add_worker()
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.finish()[0], 0)
        result = run.finish()
        self.check(result, 0, "done 40 using 1 processes")
        self.assertNotIn("tried again", result[2])


class Target(Case):
    def test_a_full_target_is_waited_for(self):
        source = self.make_pictures("in", 20, 500, 400)
        with self.small_disk("size=400k") as disk:
            filler = os.path.join(disk, "filler")
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            run = Run("scale", "-c", "2", source, os.path.join(disk, "out"))
            wait_for(lambda: run.said("the run waits for it"), "the pause")
            os.unlink(filler)
            result = run.finish()
            self.check(result, 0, "copied 0 scaled 20 using 2 processes")
            self.assertIn("the target takes files again", result[2])
            self.assertEqual(temporaries(disk), [])

    def test_a_run_that_a_full_target_ended_goes_on_when_there_is_room(self):
        source = self.make_pictures("in", 40, 500, 400)
        with self.small_disk("size=96k") as disk:
            result = sciame("scale", "-c", "2", "--disk-wait", "1s", source, disk)
            self.check(result, 74)
            done = len(outputs(disk))
            self.assertIn("scaled %d skipped %d" % (done, 40 - done), result[1])
            subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
            result = sciame("scale", "-c", "2", "--disk-wait", "1s", source, disk)
            self.check(result, 0, "copied 0 scaled 40 using 2 processes")
            self.assertRegex(result[2], r"^resuming: %d of 40 done\n" % done)

    def test_serial_does_not_fail_what_a_full_target_takes_no_more(self):
        source = self.make_pictures("in", 40, 500, 400)
        command = ("scale", "--serial", "--disk-wait", "1s", source)
        with self.small_disk("size=96k") as disk:
            result = sciame(*command, disk)
            self.check(result, 74)
            done = len(outputs(disk))
            self.assertIn("scaled %d skipped %d" % (done, 1), result[1])
            self.assertEqual(temporaries(disk), [])
            subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
            result = sciame(*command, disk)
            self.check(result, 0, "copied 0 scaled 40 single-threaded")
            self.assertRegex(result[2], r"^resuming: %d of %d or more done\n" % (done, done + 1))
            self.assertIn("40 of 40 done", sciame("ledger", "show", disk)[1])

    def test_serial_waits_until_there_is_room(self):
        source = self.make_pictures("in", 40, 500, 400)
        with self.small_disk("size=96k") as disk:
            run = Run("scale", "--serial", source, disk)
            wait_for(lambda: run.said("the run waits for it"), "the pause")
            subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
            self.check(run.finish(), 0, "copied 0 scaled 40 single-threaded")

    def test_a_removed_target_ends_the_run(self):
        source = self.copy_pictures("in", 60)
        run = Run("scale", "-c", "2", "--disk-wait", "1s", source, self.path("out"))
        wait_for(lambda: os.path.isdir(self.path("out")) and outputs(self.path("out")), "outputs")
        shutil.rmtree(self.path("out"), ignore_errors=True)
        shutil.rmtree(self.path("out"), ignore_errors=True)  # one came in between
        result = run.finish()
        self.check(result, 74)
        self.assertIn("the target folder is gone", result[2])


    def test_a_target_that_was_made_again_is_not_whole(self):
        source, target = self.copy_pictures("in", 60), self.path("out")
        run = Run("scale", "-c", "2", source, target)
        wait_for(lambda: os.path.isdir(target) and outputs(target), "outputs")
        os.rename(target, self.path("old"))
        while os.path.isdir(self.path("old")):
            shutil.rmtree(self.path("old"), ignore_errors=True)
        os.mkdir(target)
        result = run.finish()
        self.check(result, 74)
        self.assertIn("removed under the run", result[2])
        result = sciame("scale", "-c", "2", source, target)
        self.check(result, 0)
        self.assertIn("resuming: ", result[2])
        self.assertEqual(len(outputs(target)), 60)


class Halt(Case):
    def setUp(self):
        super().setUp()
        for i in range(300):
            write(self.path("in/p%03d.png" % i), b"no picture" if i % 2 else png(60, 40))

    def halted(self, when, *options):
        result = sciame("scale", "--no-ledger", "-c", "2", "--halt", when, *options,
                        self.path("in"), self.path("out"))
        self.assertEqual(result[0], 1, result)
        self.assertTrue(result[1].endswith("[halted]\n"), result[1])
        self.assertEqual(temporaries(self.path("out")), [])
        return int(re.search(r"(\d+) failed:", result[2]).group(1))

    def test_a_run_halts_after_so_many_failures(self):
        for when in ("soon,fail=3", "now,fail=3"):
            self.assertIn(self.halted(when), range(3, 300))

    def test_a_run_halts_at_a_share_of_failures(self):
        self.assertIn(self.halted("soon,fail=10%"), range(3, 150))

    def test_serial_halts_as_well(self):
        result = sciame("scale", "--no-ledger", "--serial", "--halt", "soon,fail=3",
                        self.path("in"), self.path("out"))
        self.assertEqual(result[0], 1)
        self.assertIn("3 failed:", result[2])
        self.assertTrue(result[1].endswith("[halted]\n"), result[1])

    def test_the_same_command_goes_on_after_a_halt(self):
        for name, options in (("out", ("-c", "2")), ("serial", ("--serial",))):
            for _ in range(150 // 20 + 1):  # 150 fail, at least 20 each time
                result = sciame("scale", *options, "--halt", "soon,fail=20", self.path("in"),
                                self.path(name))
                self.assertEqual(result[0], 1, result)
                if not result[1].endswith("[halted]\n"):
                    break
            self.assertEqual(len(outputs(self.path(name))), 150, result[1])
            self.assertIn("150 failed:", result[2])

    def test_never_and_too_few_do_not_halt(self):
        for when in ("never", "soon,fail=151", "now,fail=151"):
            result = sciame("scale", "--no-ledger", "--halt", when, self.path("in"),
                            self.path("out"))
            self.assertEqual(result[0], 1)
            self.assertIn("150 failed:", result[2])

    def test_what_is_no_halt_is_said(self):
        for when in ("", "soon", "later,fail=1", "soon,fail=0", "soon,fail=-1", "now,fail=101%",
                     "soon,fail=1x"):
            result = sciame("noop", "--halt", when)
            self.assertEqual(result[0], 2)
            self.assertIn("not '%s'" % when, result[2])


class Retries(Case):
    def closed_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def fetch(self, *options):
        write(self.path("list"), b"http://127.0.0.1:%d/feed\n" % self.closed_port())
        return sciame("feeds", "--allow-private", "--json", *options, self.path("list"),
                      env={"XDG_CACHE_HOME": self.path("cache")})

    def test_a_failure_that_may_pass_is_tried_again(self):
        self.assertEqual(self.fetch("--retries", "1")[2].count("it is tried again in"), 1)
        self.assertEqual(self.fetch("--retries", "0")[2].count("it is tried again in"), 0)

    def test_a_broken_picture_is_not(self):
        write(self.path("in/a.png"), b"no picture")
        result = sciame("scale", "--retries", "9", self.path("in"), self.path("out"))
        self.check(result, 1)
        self.assertNotIn("it is tried again", result[2])


if __name__ == "__main__":
    unittest.main()
