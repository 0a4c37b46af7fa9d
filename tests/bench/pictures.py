# SPDX-License-Identifier: MIT
"""Pictures a second, beside what people use instead, and beside the limit.

pictures.py --bin FOLDER [--photos FOLDER] [--count N] [--rounds N] [--size N] [--sharp FOLDER]

--sharp names a folder in which `npm install sharp` was run; Pillow is Debian's (python3-pil). What
isn't there is left out, and said. All programs take turns in every round (turns.py); files lie in
memory. JPEG photographs, and the same as PNG of 1920x1080 or so.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from bench import photographs
from turns import Program, compare

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's Pillow


def has(command, env=None):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=dict(os.environ, **(env or {})), check=False).returncode == 0


class Bench:
    def __init__(self, arguments, work):
        self.bin, self.size, self.rounds = arguments.bin, str(arguments.size), arguments.rounds
        self.sharp, self.lanes = arguments.sharp, str(len(os.sched_getaffinity(0)))
        self.out = os.path.join(work, "out")

    def clean(self):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    def program(self, name, command, made, env=None):
        def verdict(status, _text):
            there = len(os.listdir(self.out))
            return None if status == 0 and there == made else "made %d of %d" % (there, made)
        return Program(name, command, verdict, self.clean, env=env)

    def peers(self, files):
        count, lanes, size = len(files), self.lanes, self.size
        vips = ["sh", "-c", "printf '%s\\0' \"$@\" | xargs -0 -P" + lanes + " -n16 vipsthumbnail"
                " --vips-concurrency=1 -s " + size + " -o " + self.out + "/%s" +
                os.path.splitext(files[0])[1], "sh"] + files
        yield self.program("vipsthumbnail, xargs -P%s -n16" % lanes, vips, count)
        if has([PYTHON, "-c", "import PIL"]):
            yield self.program("Pillow, multiprocessing", [
                PYTHON, os.path.join(HERE, "pictures_pillow.py"), lanes, size, self.out] + files,
                count)
        else:
            print("Pillow is not there")
        env = {"SHARP": self.sharp or ".", "UV_THREADPOOL_SIZE": "4"}
        if self.sharp and has(["node", "-e", "require(process.env.SHARP + '/node_modules/sharp')"],
                              env):
            yield self.program("sharp, 4 in flight", [
                "node", os.path.join(HERE, "pictures_sharp.js"), "4", size, self.out] + files,
                count, env)
        else:
            print("sharp is not there")

    def compare(self, title, folder, limit):
        files = sorted(os.path.join(folder, name) for name in os.listdir(folder))
        scale = [os.path.join(self.bin, "sciame"), "scale", "--no-ledger", "-c", self.lanes,
                 "-s", self.size, folder, self.out]
        programs = [self.program("sciame", scale, len(files))]
        if limit:
            programs.append(self.program("libjpeg-turbo decoding alone", [
                os.path.join(self.bin, "jpeg_limit"), self.lanes, self.size] + files, 0))
        programs += self.peers(files)
        if folder.endswith("jpeg"):
            programs.append(self.program("sciame --no-smooth", scale + ["--no-smooth"], len(files)))
        compare("%d %s to %s, %s lanes" % (len(files), title, self.size, self.lanes), programs,
                self.rounds)


def make_pngs(source, target, count):
    os.makedirs(target)
    files = [os.path.join(source, name) for name in sorted(os.listdir(source))[:count]]
    subprocess.run(["vipsthumbnail", "-s", "1920x1920", "-o", target + "/%s.png"] + files,
                   check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--sharp")
    arguments = parser.parse_args()
    work = tempfile.mkdtemp(prefix="sciame-bench-", dir="/dev/shm")
    try:
        jpegs, pngs = (os.path.join(work, name) for name in ("jpeg", "png"))
        photographs(jpegs, arguments.photos, arguments.count)
        make_pngs(jpegs, pngs, arguments.count // 2)
        bench = Bench(arguments, work)
        bench.compare("JPEG photographs", jpegs, True)
        bench.compare("PNG photographs", pngs, False)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
