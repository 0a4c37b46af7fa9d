# SPDX-License-Identifier: MIT
"""Measures sciame against the yardstick (ideal.c) and against vipsthumbnail under xargs -P.

bench.py --bin FOLDER --ideal FILE [--photos FOLDER] [--runs N] [--work FOLDER] [--state FOLDER]

All programs take turns in every round (turns.py). Files live in memory (/dev/shm) unless --work says
otherwise: a disk would be what is measured. Ledgers, whose price is that of syncing them, lie on a
disk, below --state. Without --photos, pictures are made.
"""
import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from support import Run, convert, png, wait_for, write  # noqa: E402
from turns import Program, compare  # noqa: E402

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


def scaling(title, commands, target, files, runs):
    """commands: {name: shell command}; each is to leave so many files in an empty target."""
    def prepare():
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)

    def verdict(status, _text):
        made = len(os.listdir(target))
        return None if status == 0 and made == files else "made %d of %d files" % (made, files)

    compare(title, [Program(name, ["sh", "-c", command], verdict, prepare)
                    for name, command in commands.items()], runs)


def interrupt(sciame, originals, folder, out, runs):
    """Ctrl+C in the middle of a thousand photographs: how long until everything has ended."""
    os.makedirs(folder)
    names = sorted(os.listdir(originals))
    for i in range(1000):
        os.link(os.path.join(originals, names[i % len(names)]), "%s/p%04d.jpg" % (folder, i))
    seconds = []
    for i in range(runs):
        shutil.rmtree(out, ignore_errors=True)
        run = Run("scale", "-s", "400", folder, out, program=sciame)
        made = lambda: os.path.isdir(out) and len(os.listdir(out)) > 40 * (i + 1)
        wait_for(made, "some outputs")
        start = time.monotonic()
        run.signal(signal.SIGINT)
        status, text, _ = run.finish()  # waits for every process of the run
        seconds.append(time.monotonic() - start)
        whole = [name for name in os.listdir(out) if not name.startswith(".")]
        if status != 130 or len(whole) != len(os.listdir(out)) or \
                ("scaled %d " % len(whole)) not in text:
            sys.exit("interrupted badly: %d %s" % (status, text))
    print("interrupted in 1000 photographs: all ended after %.3f s (median), %.3f s (worst of %d)" %
          (statistics.median(seconds), max(seconds), runs))


def ledgers(state):
    """Bytes of the largest ledger."""
    folder = os.path.join(state, "sciame", "runs")
    return max(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))


def memory(sciame, count):
    """Peak resident memory of the master in KiB, and jobs a second."""
    start = time.monotonic()
    process = subprocess.Popen([sciame, "noop", "-c", "2", "--count", str(count)],
                               stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open("/proc/%d/status" % process.pid) as file:
                peak = max([peak] + [int(line.split()[1]) for line in file
                                     if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(0.02)
    seconds = time.monotonic() - start
    print("noop: %8d jobs on 2 lanes: %7.0f jobs/s, master's peak memory %d KiB" %
          (count, count / seconds, peak))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--ideal", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--work", default="/dev/shm")
    parser.add_argument("--state", default="/var/tmp")
    arguments = parser.parse_args()
    sciame = os.path.join(arguments.bin, "sciame")
    lanes = len(os.sched_getaffinity(0))
    work = tempfile.mkdtemp(prefix="sciame-bench-", dir=arguments.work)
    state = tempfile.mkdtemp(prefix="sciame-bench-", dir=arguments.state)
    os.environ["XDG_STATE_HOME"] = state
    try:
        photos, tiny, out = (os.path.join(work, name) for name in ("photos", "small", "out"))
        photographs(photos, arguments.photos, PHOTOS)
        small(tiny, SMALL)
        vips = "ls -d %s/* | xargs -P%d -n16 vipsthumbnail --vips-concurrency=1 -s %s -o %s/%%s.jpg"
        scaling("%d photographs, -s 400, %d lanes" % (PHOTOS, lanes), {
            "ideal": "%s %d 400 %s %s" % (arguments.ideal, lanes, photos, out),
            "sciame": "%s scale -c %d -s 400 %s %s" % (sciame, lanes, photos, out),
            "vipsthumbnail, xargs -P%d -n16" % lanes: vips % (photos, lanes, "400", out),
        }, out, PHOTOS, arguments.runs)
        for size, what in ((400, "copied"), (50, "scaled")):
            scaling("%d pictures of 100x100, -s %d (%s), %d lanes" % (SMALL, size, what, lanes), {
                "ideal": "%s %d %d %s %s" % (arguments.ideal, lanes, size, tiny, out),
                "sciame": "%s scale -c %d -s %d %s %s" % (sciame, lanes, size, tiny, out),
                "sciame --no-ledger": "%s scale --no-ledger -c %d -s %d %s %s" %
                                      (sciame, lanes, size, tiny, out),
            }, out, SMALL, arguments.runs)
        print("the ledger: %.0f bytes for each job" % (ledgers(state) / SMALL))
        scaling("%d pictures of 100x100 by vipsthumbnail, once" % SMALL, {
            "vipsthumbnail, xargs -P%d -n16" % lanes: vips % (tiny, lanes, "50", out),
        }, out, SMALL, 1)
        interrupt(sciame, photos, os.path.join(work, "thousand"), out, arguments.runs)
        for count in (100000, 1000000, 1000000, 1000000, 10000000):
            memory(sciame, count)
    finally:
        shutil.rmtree(work)
        shutil.rmtree(state)


if __name__ == "__main__":
    main()
