# SPDX-License-Identifier: MIT
"""Runs of sciame over networks that fail: pictures, a master, daemons, and what must come of it.

Whatever happens on the way: each picture counts once, the target is as if nothing had happened, and
nothing is left behind.
"""
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import judge
import ledger
from namespaces import Network, Unavailable
from network import CHANNELS, PORTS, Daemon, NetworkCase
from proxy import Proxy
from support import BIN, SCIAME, Run, children, png, sciame, tree, wait_for, write
from watch import Watch

PICTURES = 4
TILE = (456, 342)
TILES = "5"        # 4 megapixels: some 10 ms each
SAMPLE = 100       # pictures of the run that says how fast this machine is
JOBS_MIN = 60
LONGER_MAX = 8     # so many times longer than that run says, on a machine with other work
PATIENCE_S = 120.0
LEAVE_S = 20.0
PORT = 5555
RUN_ENDED = "the run has ended: it joins again"
JOINS_AGAIN = ": it joins again"


class TooShort(Exception):
    """The run was over before everything had happened."""


def long_enough(test):
    """A test that is done once more, with twice the work, when its run is too short."""
    @functools.wraps(test)
    def wrapped(self):
        self.longer = 1
        while True:
            try:
                return test(self)
            except TooShort as reason:
                self.longer *= 2
                if self.longer > LONGER_MAX:
                    self.fail("the run is over too early each time: %s" % reason)
            self.doCleanups()
            self.setUp()
    return wrapped


class Pool:
    """A few pictures, what an undisturbed run makes of them, and how many of them in a second."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sciame-test-")
        os.environ["XDG_STATE_HOME"] = os.path.join(self.folder, "state")
        self.count = PICTURES
        os.makedirs(os.path.join(self.folder, "pool"))
        for number in range(PICTURES):
            tile = os.path.join(self.folder, "tile.png")
            write(tile, png(TILE[0] + number, TILE[1], number))
            subprocess.run(["vips", "replicate", tile, self.path(number), TILES, TILES],
                           check=True, capture_output=True)
        self.made, self.rate = self.calm()

    def path(self, number):
        return os.path.join(self.folder, "pool", "v%d.jpg" % number)

    def calm(self):
        work = Work(self, os.path.join(self.folder, "calm"), SAMPLE)
        target = os.path.join(self.folder, "made")
        began = time.monotonic()
        status, out, told = sciame("scale", "-c", "2", work.folder, target)
        if status != 0:
            raise AssertionError("the undisturbed run failed: " + out + told)
        rate = SAMPLE / (time.monotonic() - began)
        made = {work.names[name]: digest for name, digest in tree(target).items()}
        return made, rate

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Work:
    """A folder of jobs: names of these pictures. What ledger.problems wants to know of it."""

    def __init__(self, pool, folder, jobs):
        self.pool, self.folder = pool, folder
        self.names = {}
        for i in range(jobs):
            name = b"d%02d/p%05d.jpg" % (i % 10, i)
            path = os.path.join(os.fsencode(folder), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.link(pool.path(i % pool.count), path)
            self.names[name] = i % pool.count

    def expected(self):
        return {name: self.pool.made[number] for name, number in self.names.items()}


class ClusterCase(NetworkCase):
    """One run, its daemons, and the verdict."""

    pool = None  # of the whole module
    longer = 1

    def setUp(self):
        super().setUp()
        self.workers = {}
        self.keys = None

    def prepare(self, seconds):
        """Work for so long, if two lanes are at it all the time."""
        jobs = max(JOBS_MIN, int(self.pool.rate * seconds * self.longer))
        self.work = Work(self.pool, self.path("in"), jobs)
        self.target = self.path("out")
        for name in {os.path.dirname(name) for name in self.work.names}:
            os.makedirs(os.path.join(os.fsencode(self.target), name))
        self.watch = Watch(self.target)
        self.addCleanup(lambda: self.watch and self.watch.stop())

    def secured(self):
        """The arguments of master and workers alike."""
        return ("--keys", self.keys) if self.keys else ()

    def command(self, address, *more):
        return ("scale", "--listen", address, "--channels", str(CHANNELS), "-c", "0",
                *self.secured(), *more, self.work.folder, self.target)

    def started(self, run):
        """A run that ends with the test."""
        self.addCleanup(lambda: run.process.poll() is not None or run.kill())
        return run

    def worker(self, name, address, *more, inside=()):
        """A daemon by this name, after the one that had it, if any."""
        log = self.path("worker-%s-%d.log" % (name, self.daemons))
        self.daemons += 1
        daemon = Daemon(log, "--master", address, "-c", "1", *self.secured(), *more,
                        inside=inside)
        self.addCleanup(daemon.kill)
        self.workers[name] = daemon
        return daemon

    def works(self, name):
        """Whether it has a lane, as it has from its first job on."""
        return children(self.workers[name].pid, b"--lane")

    def wait_all_work(self):
        for name in self.workers:
            wait_for(lambda name=name: self.works(name), "a lane of " + name)

    def pass_time(self, run, seconds):
        """The run has to last longer than that."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(timeout=seconds)
            raise TooShort(self.said(run))

    def wait_share(self, run, share):
        """Until so much of the work is done."""
        wait_for(lambda: len(self.watch.commits) >= share * len(self.work.names)
                 or run.process.poll() is not None, "pictures", PATIENCE_S)
        self.assert_runs(run)

    def assert_runs(self, run):
        if run.process.poll() is not None:
            raise TooShort(self.said(run))

    def said(self, run):
        return os.pread(run.err.fileno(), 1 << 16, 0).decode("utf-8", "replace")

    def rejoins(self):
        """{name: how often it has begun anew in the middle of a run}"""
        texts = {name: daemon.text() for name, daemon in self.workers.items()}
        return {name: text.count(JOINS_AGAIN) - text.count(RUN_ENDED)
                for name, text in texts.items()}

    def judge(self, run):
        """The run ends as if nothing had happened. Its last words on stderr."""
        status, out, told = run.finish(PATIENCE_S)
        whole = "%s\n%s\n%s" % (out, told, "\n".join(
            "%s: %s" % (name, daemon.text()) for name, daemon in self.workers.items()))
        self.assertEqual(status, 0, whole)
        self.assertTrue(out.splitlines()[-1].startswith(
            "copied 0 scaled %d using " % len(self.work.names)), whole)
        self.watch.stop()
        self.again, self.watch = sum(self.watch.twice().values()), None
        self.assertEqual(judge.compare(self.target, self.work.expected()), [], whole)
        found = ledger.find(self.path("state"))
        self.assertTrue(found)
        self.assertEqual(ledger.problems(found, self.work, os.environ), [])
        self.figures = ledger.figures(found)
        self.assertEqual(self.figures["quarantined"], 0, whole)
        return told

    def leave(self):
        """Daemons go when they are asked to, and leave nothing."""
        for daemon in self.workers.values():
            daemon.signal(signal.SIGTERM)
        for name, daemon in self.workers.items():
            self.assertEqual(daemon.finish(LEAVE_S), 0, name + ": " + daemon.text())
        left = [name for name in os.listdir("/dev/shm") if "sciame" in name
                and os.path.isfile(os.path.join("/dev/shm", name))]
        self.assertEqual(left, [])


class RoadCase(ClusterCase):
    """Master and workers on this host, with a proxy in front of each worker."""

    def road(self, **options):
        proxy = Proxy(self.address, ports=PORTS, **options)
        self.addCleanup(proxy.stop)
        return proxy

    def master(self, *more):
        return self.started(Run(*self.command(self.address, *more)))

    def worker_behind(self, name, road, *more):
        return self.worker(name, road.address, *(more or self.roots()))


class HostsCase(ClusterCase):
    """Master and workers on hosts of a network of their own; all of them have the same folders."""

    hosts = ("m", "a", "b", "c", "d")

    def setUp(self):
        super().setUp()
        network = Network(self.hosts)
        try:
            self.network = network.__enter__()
        except Unavailable as reason:
            self.skipTest(str(reason))
        self.addCleanup(network.close)
        self.keys = self.make_keys()

    def address_of(self, name):
        return "%s:%d" % (self.network[name].address, PORT)

    def master_on(self, name, *more):
        program, *words = self.network[name].inside(
            SCIAME, *self.command("*:%d" % PORT, *more))
        return self.started(Run(*words, program=program))

    def worker_on(self, name, address=None):
        return self.worker(name, address or self.address_of("m"), *self.roots(),
                           inside=self.network[name].inside())

    def members(self, asking="m"):
        """What the master tells of its workers: {process: {...}}."""
        done = subprocess.run(
            self.network[asking].inside(SCIAME, "workers", "--json", *self.secured(), "--master",
                                        "127.0.0.1:%d" % PORT), capture_output=True, text=True,
            timeout=PATIENCE_S)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["process"]: line for line in lines}

    def wait_members(self, run, names, asking="m"):
        """Until the master has all of these."""
        pids = {self.workers[name].pid for name in names}
        wait_for(lambda: run.process.poll() is not None or pids <= set(self.members(asking)),
                 "workers to be back")
        self.assert_runs(run)

    def leave(self):
        super().leave()
        for name, host in self.network.hosts.items():
            self.assertEqual(host.processes(), [], "left on " + name)
