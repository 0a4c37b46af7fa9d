#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a distance between master and worker costs: distance.py [--delay-ms 20] [--photos N] ...

One daemon with two lanes reaches its master directly, another one through tcp_proxy, which holds
everything for so long each way. Both take turns; a round's ratio is what counts. Told are the whole
run, with the worker's joining; the time from its first output to its last; and which share of its
middle the lanes were at work or waited for a processor, which other work on the machine does not
change: what is missing they waited for jobs.
"""
import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name)
                for name in ("integration", "chaos", "cluster")]

SAMPLE_S = 0.02


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--work", default="/dev/shm")
    parser.add_argument("--delay-ms", type=int, default=20, help="each way")
    parser.add_argument("--photos", type=int, default=240, help="of 12 megapixels")
    parser.add_argument("--noop", type=int, help="so many empty jobs instead, with --sleep-ms")
    parser.add_argument("--sleep-ms", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--transfer", default="shared", choices=("shared", "inline"))
    parser.add_argument("--insecure", action="store_true", help="without keys")
    return parser.parse_args()


class Lanes(threading.Thread):
    """Watches how busy the lanes of a worker are, until stop()."""

    def __init__(self, worker, target):
        super().__init__(daemon=True)
        self.worker, self.target = worker, target
        self.ended = threading.Event()
        self.samples = []  # (seconds, outputs, nanoseconds that the lanes did not wait for jobs)

    def busy_ns(self):
        total = 0
        for lane in children(self.worker, b"--lane"):
            for thread in os.listdir("/proc/%d/task" % lane):
                with open("/proc/%d/task/%s/schedstat" % (lane, thread), encoding="ascii") as file:
                    total += sum(map(int, file.read().split()[:2]))
        return total

    def run(self):
        while not self.ended.wait(SAMPLE_S):
            with contextlib.suppress(OSError):  # a lane or the target is gone: it is over
                now = time.monotonic()
                self.samples.append((now, len(os.listdir(self.target)), self.busy_ns()))

    def stop(self, outputs, lanes):
        """The share between a tenth and nine tenths of the outputs."""
        self.ended.set()
        self.join()
        middle = [(now, busy) for now, count, busy in self.samples
                  if outputs / 10 <= count <= outputs * 9 / 10]
        (began, before), (ended, after) = middle[0], middle[-1]
        return (after - before) / 1e9 / (ended - began) / lanes


class Side:
    """A daemon at its address, and the runs over it."""

    def __init__(self, bench, name, **road):
        self.bench, self.name = bench, name
        self.address = "127.0.0.1:%d" % free_ports()
        self.road = Proxy(self.address, ports=PORTS, **road) if road else None
        roots = () if bench.options.transfer == "inline" else (
            "--root", "source=" + bench.source, "--root", "target=" + bench.target)
        self.daemon = Daemon(os.path.join(bench.folder, name + ".log"), "--master",
                             self.road.address if self.road else self.address, "-c",
                             str(bench.options.lanes), *bench.keys, *roots)
        self.walls, self.spans, self.busy = [], [], []

    def command(self):
        options = self.bench.options
        command = ["--listen", self.address, "--channels", str(CHANNELS), "-c", "0",
                   "--wait-workers", "1", *self.bench.keys]
        if options.noop:
            return ["noop", *command, "-n", str(options.noop), "--sleep-ms",
                    str(options.sleep_ms)]
        return ["scale", *command, "--no-ledger", "--transfer", options.transfer,
                self.bench.source, self.bench.target]

    def run(self):
        shutil.rmtree(self.bench.target, ignore_errors=True)
        os.makedirs(self.bench.target)
        began = time.monotonic()
        lanes = Lanes(self.daemon.pid, self.bench.target)
        lanes.start()
        result = sciame(*self.command())
        self.walls.append(time.monotonic() - began)
        if result[0] != 0:
            sys.exit("%s: %s" % (self.name, result))
        times = sorted(os.stat(os.path.join(self.bench.target, name)).st_mtime_ns
                       for name in os.listdir(self.bench.target))
        if not self.bench.options.noop:
            if len(times) != self.bench.options.photos:
                sys.exit("%s: %d outputs: %s" % (self.name, len(times), result))
            self.spans.append((times[-1] - times[0]) / 1e9)
            self.busy.append(lanes.stop(len(times), self.bench.options.lanes))

    def close(self):
        self.daemon.kill()
        return self.road.stop() if self.road else {}


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.source, self.target = (os.path.join(folder, name) for name in ("in", "out"))
        os.makedirs(self.target)
        self.keys = []
        if not options.insecure:
            keys = os.path.join(folder, "keys")
            if sciame("keygen", keys)[0]:
                sys.exit("no keys")
            self.keys = ["--keys", keys]
        if options.noop:
            os.makedirs(self.source)
        else:
            photographs(self.source, None, options.photos)


def tell(title, unit, near, far):
    if near:
        ratios = [b / a for a, b in zip(near, far)]
        print("%-28s direct %.3f%s, far %.3f%s; ratio %.3f (median of %d, %.3f to %.3f)" % (
            title, statistics.median(near), unit, statistics.median(far), unit,
            statistics.median(ratios), len(ratios), min(ratios), max(ratios)), flush=True)


def main():
    options = parse()
    folder = tempfile.mkdtemp(prefix="sciame-bench-", dir=options.work)
    os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
    sides = []
    try:
        bench = Bench(options, folder)
        sides.append(Side(bench, "direct"))
        sides.append(Side(bench, "far", delay_ms=options.delay_ms))
        for side in sides:
            side.run()
            for times in (side.walls, side.spans, side.busy):
                times.clear()
        for number in range(options.rounds):
            for side in sides if number % 2 else reversed(sides):
                side.run()
        near, far = sides
        tell("whole run", " s", near.walls, far.walls)
        tell("first output to last", " s", near.spans, far.spans)
        tell("lanes busy", "", near.busy, far.busy)
    finally:
        for side in sides:
            side.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    os.environ["SCIAME_BIN"] = parse().bin
    from bench import photographs
    from network import CHANNELS, PORTS, Daemon, free_ports
    from proxy import Proxy
    from support import children, sciame
    main()
