# SPDX-License-Identifier: MIT
"""One command line of sciame with workers besides its own, each of which may be ended at any time.

    swarm = Swarm(place, source, target, options)
    swarm.start()                      the master; its worker comes with it
    while swarm.tick() is None: ...    restarts the extra workers that ended; the master's status
    swarm.finish()                     stops what is left; then nothing of it may live
"""
import collections
import contextlib
import os
import shutil
import signal
import subprocess
import time

import processes
from support import BIN, SCIAME, default_signals, wait_for

WORKER = os.path.join(BIN, "sciame-worker")
START_PATIENCE = 60.0
JOIN_S = 2.0     # a worker that was started so late may have missed its run
ORPHAN_TIME = "10s"  # then one that has missed it leaves
ORPHANS_MAX = 4  # workers of dead masters that are let live on for a while


class Options:
    """What a scenario chooses. arguments: of sciame itself."""

    def __init__(self, extras=2, lanes=1, arguments=(), env=None, user=None):
        self.extras, self.lanes = extras, lanes
        self.arguments, self.env, self.user = list(arguments), dict(env or {}), user


class Place:
    """A folder for one scenario: state, sockets, logs."""

    def __init__(self, folder):
        self.folder = folder
        self.logs, self.runtime, self.state = (
            os.path.join(folder, name) for name in ("logs", "run", "state"))
        for path in (self.logs, self.runtime, self.state):
            os.makedirs(path, mode=0o700)
        self.env = dict(os.environ, XDG_RUNTIME_DIR=self.runtime, XDG_STATE_HOME=self.state,
                        TMPDIR=self.runtime)
        # a lane that is killed with SIGSEGV is to die of it, not to print a report
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "") + ":handle_segv=0"

    def sockets(self):
        return sorted(name for name in os.listdir(self.runtime) if name.startswith("sciame-"))

    def path(self, name):
        return os.path.join(self.folder, name)


class Swarm:
    def __init__(self, place, source, target, options):
        self.place, self.source, self.target, self.options = place, source, target, options
        self.hits = collections.Counter()  # kills of lanes that had a picture open
        self.figures = collections.Counter()
        self.complaints = []
        self.master = None
        self.address = None  # folder of the master's sockets
        self.extras = []
        self.orphans = []  # extra workers whose master is dead
        self.starts = 0
        self.stale = set()  # socket folders that nobody was left to remove
        self.stopped = {}  # pid: when it goes on
        self.began = time.monotonic()
        self.ended = None  # when the master had

    def log(self, name):
        return open(os.path.join(self.place.logs, name), "ab")

    def spawn(self, arguments, name, **more):
        with self.log(name + ".out") as out, self.log(name + ".err") as err:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       env=dict(self.place.env, **self.options.env),
                                       start_new_session=True, preexec_fn=default_signals, **more)
            process.began = time.monotonic()
            return process

    def command(self):
        return [SCIAME, "scale", "-c", str(self.options.lanes), *self.options.arguments,
                self.source, self.target]

    def start(self):
        """The master, and the extra workers as soon as they can reach it."""
        self.starts += 1
        self.ended = None
        before = set(self.place.sockets())
        more = {}
        if self.options.user:
            more = {"user": self.options.user, "group": self.options.user, "extra_groups": []}
        self.master = self.spawn(self.command(), "master-%d" % self.starts, **more)
        self.address = None

        def bound():
            for name in set(self.place.sockets()) - before:
                if os.path.exists(os.path.join(self.place.runtime, name, "state")):
                    return name
            return self.master.poll() is not None

        name = wait_for(bound, "the master's sockets", START_PATIENCE)
        if name is not True:
            self.address = os.path.join(self.place.runtime, name)
            self.extras = [self.start_extra() for _ in range(self.options.extras)]

    def start_extra(self, folder=None):
        self.figures["workers started"] += 1
        return self.spawn(
            [WORKER, "--master", "ipc:" + (folder or self.address), "-c", "1", "--root",
             "source=" + self.source, "--root", "target=" + self.target, "--follow-links",
             "--orphan-timeout", ORPHAN_TIME],
            "worker-%d" % self.figures["workers started"])

    def said(self, start=None):
        """stderr of the master, of its last start or another one."""
        path = os.path.join(self.place.logs, "master-%d.err" % (start or self.starts))
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def printed(self):
        path = os.path.join(self.place.logs, "master-%d.out" % self.starts)
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def local_worker(self):
        return processes.worker_of(self.master.pid)

    def workers(self):
        """Pids of living workers, the local one first."""
        local = self.local_worker()
        return ([local] if local else []) + [
            extra.pid for extra in self.extras if processes.state(extra.pid)]

    def lanes(self):
        return [lane for worker in self.workers() for lane in processes.lanes_of(worker)]

    def with_lanes(self, worker):
        return [worker] + processes.lanes_of(worker)

    def tick(self, seconds=0.0):
        """Waits for the master's end, but not longer; its status or None."""
        status = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self.master.wait(timeout=seconds)
        if status is not None and self.ended is None:
            self.ended = time.monotonic()
        self.wake(time.monotonic())
        known = {extra.pid for extra in self.extras + self.orphans} | {self.master.pid}
        processes.reap_adopted(known)
        if status is None and self.address and os.path.isdir(self.address):
            self.extras = [extra if extra.poll() is None else self.replace(extra)
                           for extra in self.extras]
            self.extras = [extra for extra in self.extras if extra]
        return status

    def replace(self, extra):
        """One that was killed; one that left with 0 was told that the run has ended."""
        if extra.returncode == 0:
            return None
        if extra.returncode != -signal.SIGKILL:
            self.figures["workers that ended by themselves"] += 1
        return self.start_extra()

    def stop(self, pids, until):
        for pid in pids:
            if processes.end(pid, signal.SIGSTOP):
                self.stopped[pid] = until

    def wake(self, now):
        for pid, until in list(self.stopped.items()):
            if now >= until:
                del self.stopped[pid]
                processes.end(pid, signal.SIGCONT)

    def kill_master(self):
        """With -9. Its extra workers live on for a while, as they would on other machines."""
        local = self.local_worker()
        if not local or local in self.stopped or processes.state(local) == "T":
            self.stale.add(os.path.basename(self.address or ""))
        processes.end(self.master.pid)
        self.master.wait()
        self.figures["kills of the master"] += 1
        self.orphans += self.extras
        self.extras = []
        while len(self.orphans) > ORPHANS_MAX:
            orphan = self.orphans.pop(0)
            orphan.kill()
            orphan.wait()

    def wait_for_locals(self):
        """The end of the dead master's own worker and lanes, which its leash brings about."""
        orphans = {pid for orphan in self.orphans for pid in
                   [orphan.pid] + processes.below(orphan.pid)}

        def ended():
            self.tick()
            return not [pid for pid in processes.below(os.getpid())
                        if pid not in orphans and "--leash" in " ".join(processes.command(pid))]
        wait_for(ended, "the end of a dead master's worker", 20)

    def part(self, patience=15.0):
        """The workers of a run that has ended leave by themselves."""
        deadline = time.monotonic() + patience
        for extra in self.extras:
            try:
                extra.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                if self.ended and extra.began < self.ended - JOIN_S:
                    self.complaints.append("an extra worker did not leave after the run")
                extra.kill()
                extra.wait()
        self.extras = []

    def finish(self, patience=15.0):
        """Everything goes on, workers of this run leave by themselves, orphans are killed."""
        self.wake(float("inf"))
        self.part(patience)
        # not with -9: nobody comes after the run to tidy up behind them
        for orphan in self.orphans:
            processes.end(orphan.pid, signal.SIGTERM)
        for orphan in self.orphans:
            orphan.wait(timeout=patience)
        for name in self.stale:
            if name and os.path.isdir(os.path.join(self.place.runtime, name)):
                self.figures["socket folders that nobody could remove"] += 1
                shutil.rmtree(os.path.join(self.place.runtime, name))
        self.figures["wall ms"] = int(1000 * (time.monotonic() - self.began))
