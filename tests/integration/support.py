# SPDX-License-Identifier: MIT
"""What the integration tests share: the executables, generated pictures, processes and waiting.

The executables are looked for in the folder that SCIAME_BIN names. Nothing here sleeps for a
guessed time: `wait_for` polls a condition with a deadline.
"""
import contextlib
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

BIN = os.path.abspath(os.environ.get("SCIAME_BIN", "build/bin"))
SCIAME = os.path.join(BIN, "sciame")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORPUS = os.path.join(os.path.dirname(ROOT), "shared", "corpus")
PATIENCE = 60.0  # seconds that a condition may take: long, because sanitizers are slow


def wait_for(condition, what, patience=PATIENCE):
    """The first true value of condition(), asked again and again."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.002)


def png(width, height, seed=0):
    """A picture with gradients and texture as PNG, the same for the same arguments."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        row = bytearray(3 * width)
        row[0::3] = bytes((x * 255 // width + seed) & 255 for x in range(width))
        row[1::3] = bytes([(y * 255 // height) & 255]) * width
        row[2::3] = bytes(((x ^ y) + 7 * seed) & 255 for x in range(width))
        rows += row

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b""))


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def convert(source, target):
    """By libvips' own command, which the tests trust, without metadata."""
    subprocess.run(["vips", "copy", source, target + "[strip]"], check=True, capture_output=True)


def tree(folder):
    """{relative path as bytes: digest} of every file, hidden ones too."""
    found = {}
    top = os.fsencode(folder)
    for path, _, names in os.walk(top):
        for name in names:
            file = os.path.join(path, name)
            with open(file, "rb") as stream:
                found[os.path.relpath(file, top)] = hashlib.sha256(stream.read()).hexdigest()
    return found


def temporaries(folder):
    return [name for name in tree(folder) if os.path.basename(name).startswith(b".sciame-")]


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name, from the state on; None when it has ended."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def of_session(session):
    """Living processes of a session (zombies are dead)."""
    found = []
    for pid in processes():
        fields = stat_fields(pid)
        if fields and int(fields[3]) == session and fields[0] not in b"ZX":
            found.append(pid)
    return found


def children(pid, word=None):
    """Living children of pid, those with `word` in their command line."""
    found = []
    for child in processes():
        fields = stat_fields(child)
        if not fields or int(fields[1]) != pid or fields[0] in b"ZX":
            continue
        with contextlib.suppress(OSError):
            with open("/proc/%d/cmdline" % child, "rb") as file:
                if word is None or word in file.read().split(b"\0"):
                    found.append(child)
    return found


def default_signals():
    """Whatever ran the tests may ignore some (the background of a script), and sciame heeds that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Run:
    """sciame as a leader of a session of its own, so that all its processes can be found."""

    def __init__(self, *arguments, env=None, program=SCIAME, **more):
        variables = dict(os.environ, **(env or {}))
        # files instead of pipes: they can be read while it runs, and never fill up
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, *arguments], stdout=self.out, stderr=self.err, start_new_session=True,
            env=variables,
            **{"stdin": subprocess.DEVNULL, "preexec_fn": default_signals, **more})
        self.pid = self.process.pid

    def said(self, text):
        """Whether stderr holds the text by now."""
        return text in os.pread(self.err.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def worker(self):
        return wait_for(lambda: children(self.pid, b"--master"), "the worker")[0]

    def lanes(self):
        workers = children(self.pid, b"--master")
        return children(workers[0], b"--lane") if workers else []

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, patience=PATIENCE * 5):
        """Exit status, stdout, stderr; then no process of it may be left."""
        try:
            self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        wait_for(lambda: not of_session(self.pid), "the end of every process of the run", 10)
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
            file.close()
        return self.process.returncode, texts[0], texts[1]

    def kill(self):
        for pid in of_session(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not of_session(self.pid), "the end of what was killed", 10)
        self.out.close()
        self.err.close()


def sciame(*arguments, **more):
    return Run(*arguments, **more).finish()


class Case(unittest.TestCase):
    """A test with a folder of its own: self.path("a/b")."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sciame-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.environ["XDG_STATE_HOME"] = self.path("state")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_pictures(self, folder, count, width=800, height=600, formats=("jpg",)):
        """count pictures in subfolders, different from each other."""
        for i in range(count):
            seed = self.path("seed.png")
            ending = formats[i % len(formats)]
            target = self.path("%s/d%d/p%03d.%s" % (folder, i % 3, i, ending))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            write(seed, png(width + i, height, i))
            convert(seed, target)
            os.unlink(seed)
        return self.path(folder)

    def copy_pictures(self, folder, count):
        """count copies of four pictures of 10 megapixels: quick to make, slow enough to scale."""
        made = []
        for i in range(4):
            write(self.path("tile.png"), png(456 + i, 342, i))
            made.append(self.path("made%d.jpg" % i))
            subprocess.run(["vips", "replicate", self.path("tile.png"), made[i], "8", "8"],
                           check=True, capture_output=True)
        os.makedirs(self.path(folder))
        for i in range(count):
            shutil.copy(made[i % 4], self.path("%s/p%04d.jpg" % (folder, i)))
        return self.path(folder)

    def check(self, result, status, last_line=None):
        """The exit status, and the last line of stdout."""
        shown = "stdout: %s\nstderr: %s" % (result[1][-1000:], result[2][:3000])
        self.assertEqual(result[0], status, shown)
        if last_line is not None:
            lines = result[1].splitlines()
            self.assertEqual(lines[-1] if lines else "", last_line, shown)

    @contextlib.contextmanager
    def small_disk(self, options):
        """A tmpfs mounted on a folder of the test; skips where that is not allowed."""
        folder = self.path("disk")
        os.makedirs(folder)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
                              capture_output=True)
        if done.returncode:
            self.skipTest("no right to mount: " + done.stderr.decode().strip())
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)


def main_or_skip():
    """unittest.main for tests that a machine may not be able to run: then the status is 77."""
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if not result.wasSuccessful():
        raise SystemExit(1)
    if result.testsRun == len(result.skipped):
        for _, why in result.skipped[:1]:
            print("skipped: " + why)
        raise SystemExit(77)
