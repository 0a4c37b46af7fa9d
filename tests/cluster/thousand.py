# SPDX-License-Identifier: MIT
"""A thousand small pictures, all different, quickly made; and who sees their thumbnails appear."""
import collections
import ctypes
import multiprocessing
import os
import struct
import zlib

COUNT = 1000
WIDTH, HEIGHT = 640, 480
IN_MOVED_TO = 0x80
EVENT = struct.Struct("iIII")  # of inotify(7): watch, mask, cookie, length of the name


def picture(number):
    """PNG: a texture that each number shears otherwise."""
    line = bytes((x * 7 ^ (x >> 3) * number) & 255 for x in range(3 * WIDTH)) * 2
    rows = bytearray()
    for y in range(HEIGHT):
        start = (y * (1 + number % 7) + number) % (3 * WIDTH)
        rows += b"\0" + line[start:start + 3 * WIDTH]

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
            chunk(b"IDAT", zlib.compress(bytes(rows), 1)) + chunk(b"IEND", b""))


def name(number):
    return "p%04d.png" % number


def save(task):
    folder, number = task
    with open(os.path.join(folder, name(number)), "wb") as file:
        file.write(picture(number))


def make(folder):
    with multiprocessing.Pool() as pool:
        pool.map(save, [(folder, number) for number in range(COUNT)], chunksize=20)


class Sightings:
    """How often a file got each name in a folder, whoever did it: nothing counts twice unseen."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0 or self.libc.inotify_add_watch(
                self.fd, os.fsencode(folder), IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.seen = collections.Counter()

    def count(self):
        """{name: times} so far."""
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return self.seen
            while data:
                watch, mask, _, length = EVENT.unpack_from(data)
                if watch < 0:
                    raise AssertionError("events were lost: mask %x" % mask)
                self.seen[data[EVENT.size:EVENT.size + length].rstrip(b"\0")] += 1
                data = data[EVENT.size + length:]

    def close(self):
        os.close(self.fd)
