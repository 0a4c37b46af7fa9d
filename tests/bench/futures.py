#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Futures of the library beside Python's ProcessPoolExecutor, in turns and in one run."""
import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import time

ALONE = 2000


def nothing(_):
    return None


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def python(count, lanes):
    """The same as futures.c does, by the standard library; chunks are of one job, as ours are."""
    with concurrent.futures.ProcessPoolExecutor(lanes) as pool:
        for _ in range(200):
            pool.submit(nothing, 0).result()
        alone = []
        for _ in range(ALONE):
            start = time.perf_counter()
            pool.submit(nothing, 0).result()
            alone.append((time.perf_counter() - start) * 1e6)
        alone.sort()
        before = resident()
        start = time.perf_counter()
        futures = [pool.submit(nothing, 0) for _ in range(count)]
        most = resident() - before
        done, _ = concurrent.futures.wait(futures)
        seconds = time.perf_counter() - start
        after = resident() - before
    return {"p50_us": alone[len(alone) // 2], "p99_us": alone[len(alone) * 99 // 100],
            "per_second": count / seconds, "done": len(done),
            "bytes_at_most": max(most, after) / count, "bytes_done": after / count}


def child(words):
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--count", type=int, default=1000000)
    parser.add_argument("--python-count", type=int, default=50000)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.python:
        print(json.dumps(python(options.python_count, options.lanes)))
        return 0
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(child([os.path.join(options.bin, "futures"), str(options.count),
                           str(options.lanes)]))
        theirs.append(child([sys.executable, __file__, "--python", "--python-count",
                             str(options.python_count), "--lanes", str(options.lanes)]))
    print("%-16s %14s %14s %10s" % ("", "sciame", "Python", "ratio"))
    for name in ("p50_us", "p99_us", "per_second", "bytes_at_most", "bytes_done"):
        a, b = (statistics.median(one[name] for one in all_) for all_ in (ours, theirs))
        print("%-16s %14.0f %14.0f %10.2f" % (name, a, b, a / b if b else 0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
