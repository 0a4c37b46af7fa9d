# SPDX-License-Identifier: MIT
"""Disks that misbehave: one that is small, and one that fails on demand (faulty_fs.c)."""
import contextlib
import errno
import mmap
import os
import shutil
import struct
import subprocess

from support import wait_for

CALLS = ("open", "create", "read", "write", "rename", "fsync", "mkdir", "unlink")
SEED = struct.Struct("=Q")
FAULT = struct.Struct("=IIQQ")  # one in so many fails, errno, calls, failed: as in faulty_fs.c
FUSE = "/dev/fuse"


class Unavailable(Exception):
    """This machine can't do what the scenario needs; the text says why."""


@contextlib.contextmanager
def small_disk(folder, megabytes):
    """A tmpfs of that size on the folder."""
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dm,mode=0777" % megabytes,
                           "tmpfs", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable("no right to mount: " + done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    """A file that takes all the room there is."""
    with open(path, "wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)


class FaultyDisk:
    """folder shows what is in folder.real."""

    def __init__(self, program, folder, seed):
        if not program or not os.path.exists(program):
            raise Unavailable("faulty_fs was not built (libfuse3-dev)")
        if not os.path.exists(FUSE) or not shutil.which("fusermount3"):
            raise Unavailable("no %s or no fusermount3" % FUSE)
        if not os.access(FUSE, os.R_OK | os.W_OK):
            raise Unavailable("no right to use " + FUSE)
        self.folder = folder
        os.makedirs(folder)
        os.makedirs(folder + ".real", exist_ok=True)
        with open(folder + ".control", "w+b") as file:
            file.truncate(SEED.size + len(CALLS) * FAULT.size)
            self.control = mmap.mmap(file.fileno(), 0)
        SEED.pack_into(self.control, 0, seed or 1)
        self.process = subprocess.Popen([program, folder + ".real", folder, folder + ".control"],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(lambda: os.path.ismount(folder) or self.process.poll() is not None, "the mount")
        if self.process.poll() is not None:
            raise Unavailable("can't mount: " + self.process.stderr.read().decode().strip())

    def fail(self, one_in, number=errno.EIO, calls=CALLS):
        """One in so many of these calls fails from now on: 0 none, 1 all."""
        for i, name in enumerate(CALLS):
            if name in calls:
                struct.pack_into("=II", self.control, SEED.size + i * FAULT.size, one_in, number)

    def failed(self):
        """{call: how many of it were made to fail}"""
        found = {}
        for i, name in enumerate(CALLS):
            found[name] = FAULT.unpack_from(self.control, SEED.size + i * FAULT.size)[3]
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.fail(0)
        subprocess.run(["fusermount3", "-u", "-z", self.folder], check=True)
        # a container that starts meanwhile has a copy of the mount, and keeps it alive
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stderr.close()
        self.control.close()
