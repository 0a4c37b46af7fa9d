# SPDX-License-Identifier: MIT
"""Measures sciame against the yardstick (ideal.c) and against vipsthumbnail under xargs -P.

bench.py --bin FOLDER --ideal FILE [--photos FOLDER] [--runs N] [--work FOLDER]

All programs take turns in every round, so that what the machine does besides hits all of them; what
counts are the medians and above all the ratios of each round. Files live in memory (/dev/shm) unless
--work says otherwise: a disk would be what is measured. Without --photos, pictures are made.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from support import convert, png, write  # noqa: E402

PHOTOS = 200
SMALL = 20000


def photographs(folder, originals, count):
    """count copies of the photographs, or of six made ones of 12 megapixels."""
    os.makedirs(folder)
    if originals:
        files = sorted(os.path.join(originals, name) for name in os.listdir(originals)
                       if name.endswith(".jpg"))
    else:
        files = []
        for seed in range(6):
            write(folder + "-made/a.png", png(4000, 3000, seed))
            files.append("%s-made/%d.jpg" % (folder, seed))
            convert(folder + "-made/a.png", files[-1])
    for i in range(count):
        shutil.copy(files[i % len(files)], os.path.join(folder, "p%04d.jpg" % i))


def small(folder, count):
    write(folder + "-made/a.png", png(100, 100))
    convert(folder + "-made/a.png", folder + "-made/a.jpg")
    os.makedirs(folder)
    with open(folder + "-made/a.jpg", "rb") as file:
        data = file.read()
    for i in range(count):
        write("%s/s%05d.jpg" % (folder, i), data)


def timed(command, target):
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, shell=True)
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit("failed: %s\n%s" % (command, done.stderr.decode()[-2000:]))
    return seconds, len(os.listdir(target))


def compare(title, commands, target, files, runs):
    """commands: {name: shell command}; the first is the one that the others are compared to."""
    seconds = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken, made = timed(command, target)
            if made != files:
                sys.exit("%s made %d of %d files" % (name, made, files))
            seconds[name].append(taken)
    first = next(iter(commands))
    print("%s, %d runs, medians" % (title, runs))
    for name, list_ in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(list_, seconds[first]))
        print("  %-42s %7.3f s   %5.2f times %s" %
              (name, statistics.median(list_), ratio, first))
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--ideal", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--work", default="/dev/shm")
    arguments = parser.parse_args()
    sciame = os.path.join(arguments.bin, "sciame")
    lanes = len(os.sched_getaffinity(0))
    work = tempfile.mkdtemp(prefix="sciame-bench-", dir=arguments.work)
    try:
        photos, tiny, out = (os.path.join(work, name) for name in ("photos", "small", "out"))
        photographs(photos, arguments.photos, PHOTOS)
        small(tiny, SMALL)
        vips = "ls -d %s/* | xargs -P%d -n16 vipsthumbnail --vips-concurrency=1 -s %s -o %s/%%s.jpg"
        compare("%d photographs, -s 400, %d lanes" % (PHOTOS, lanes), {
            "ideal": "%s %d 400 %s %s" % (arguments.ideal, lanes, photos, out),
            "sciame": "%s scale -c %d -s 400 %s %s" % (sciame, lanes, photos, out),
            "vipsthumbnail, xargs -P%d -n16" % lanes: vips % (photos, lanes, "400", out),
        }, out, PHOTOS, arguments.runs)
        for size, what in ((400, "copied"), (50, "scaled")):
            compare("%d pictures of 100x100, -s %d (%s), %d lanes" % (SMALL, size, what, lanes), {
                "ideal": "%s %d %d %s %s" % (arguments.ideal, lanes, size, tiny, out),
                "sciame": "%s scale -c %d -s %d %s %s" % (sciame, lanes, size, tiny, out),
            }, out, SMALL, arguments.runs)
        compare("%d pictures of 100x100 by vipsthumbnail, once" % SMALL, {
            "vipsthumbnail, xargs -P%d -n16" % lanes: vips % (tiny, lanes, "50", out),
        }, out, SMALL, 1)
        for count in (100000, 1000000):
            start = time.monotonic()
            subprocess.run([sciame, "noop", "-c", "2", "--count", str(count)], check=True,
                           stdout=subprocess.DEVNULL)
            print("noop: %d jobs on 2 lanes: %.0f jobs/s" %
                  (count, count / (time.monotonic() - start)))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
