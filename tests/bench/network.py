#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What workers of other machines cost beside the worker of this host, all of them over loopback:

    network.py --bin build/bin [--photos FOLDER] [--rounds 7] [--jobs 300000]

Photographs and empty jobs; on this host, over TCP, with keys, with files that travel over the master
with and without keys. In turns; ratios are medians of the rounds. Memory is the most that master and
workers (without their lanes) had.
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

PHOTOS = 60  # made where no folder is given
LANES = 2


def make_photos(folder):
    """12 megapixels each, four different ones."""
    import support
    os.makedirs(folder)
    tile = os.path.join(folder, "tile.png")
    for i in range(4):
        support.write(tile, support.png(500 + i, 375, i))
        subprocess.run(["vips", "replicate", tile, "%s/p%d.jpg[Q=92]" % (folder, i), "8", "8"],
                       check=True, capture_output=True)
    os.unlink(tile)
    for i in range(4, PHOTOS):
        shutil.copy("%s/p%d.jpg" % (folder, i % 4), "%s/p%d.jpg" % (folder, i))


class Way:
    """One way to run a command."""

    def __init__(self, bench, name, tcp=False, keys=False, inline=False):
        self.bench, self.name = bench, name
        self.tcp, self.keys, self.inline = tcp, keys, inline
        self.walls, self.cpus, self.rss = [], [], (0, 0)

    def daemon(self):
        bench = self.bench
        command = [bench.bin + "/sciame-worker", "--master", bench.address, "-c", str(LANES)]
        if self.keys:
            command += ["--keys", bench.keys]
        if not self.inline:
            command += ["--root", "source=" + bench.photos, "--root", "target=" + bench.target]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def run(self, command):
        bench, daemon, peak = self.bench, None, 0
        shutil.rmtree(bench.target, ignore_errors=True)
        os.makedirs(bench.target)
        words = [bench.bin + "/sciame", *command, "-q"]
        if self.tcp:
            daemon = self.daemon()
            words += ["--listen", bench.address, "-c", "0", "--wait-workers", "1"]
        else:
            words += ["-c", str(LANES)]
        if self.keys:
            words += ["--keys", bench.keys]
        if self.inline:
            words += ["--transfer", "inline"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
        wall = time.monotonic() - began
        if daemon:
            with open("/proc/%d/status" % daemon.pid, encoding="ascii") as file:
                peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
            daemon.terminate()
            daemon.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.walls.append(wall)
        self.cpus.append(cpu)
        self.rss = (max(self.rss[0], after.ru_maxrss), max(self.rss[1], peak))


class Bench:
    def __init__(self, options, folder):
        self.bin = os.path.abspath(options.bin)
        self.photos = options.photos or os.path.join(folder, "photos")
        if not options.photos:
            make_photos(self.photos)
        self.target = os.path.join(folder, "target")
        self.keys = os.path.join(folder, "keys")
        self.address = "127.0.0.1:%d" % options.port
        os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
        subprocess.run([self.bin + "/sciame", "keygen", self.keys], check=True,
                       stdout=subprocess.DEVNULL)

    def compare(self, title, count, command, ways, rounds):
        for way in ways:
            way.run(command)  # warms up
            way.walls.clear()
            way.cpus.clear()
        for _ in range(rounds):
            for way in ways:
                way.run(command)
        print("\n%s (%d jobs, %d rounds)" % (title, count, rounds))
        print("%-24s %10s %8s %8s %12s" % ("", "jobs/s", "wall", "CPU", "worker MiB"))
        first = ways[0]
        for way in ways:
            def ratio(ours, theirs):
                return statistics.median(a / b for a, b in zip(ours, theirs))
            print("%-24s %10.1f %8.3f %8.3f %12s" % (
                way.name, count / statistics.median(way.walls), ratio(way.walls, first.walls),
                ratio(way.cpus, first.cpus), way.rss[1] // 1024 or ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--photos")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=300000)
    parser.add_argument("--port", type=int, default=27155)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sciame-bench-", dir="/dev/shm") as folder:
        bench = Bench(options, folder)
        scale = ["scale", "--no-ledger", bench.photos, bench.target]
        count = sum(len(names) for _, _, names in os.walk(bench.photos))

        def ways(*files):
            return [Way(bench, "this host"), Way(bench, "TCP", tcp=True),
                    Way(bench, "TCP, keys", tcp=True, keys=True), *files]
        bench.compare("photographs", count, scale, ways(
            Way(bench, "inline", tcp=True, inline=True),
            Way(bench, "inline, keys", tcp=True, keys=True, inline=True)), options.rounds)
        bench.compare("empty jobs", options.jobs, ["noop", "-n", str(options.jobs)], ways(),
                      options.rounds)


if __name__ == "__main__":
    main()
