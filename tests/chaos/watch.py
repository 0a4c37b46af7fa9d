# SPDX-License-Identifier: MIT
"""Counts what happens in the folders of a target (inotify), in a thread of its own.

    watch = Watch(target); ...; watch.stop()
    watch.commits[b"d01/p000001.png"]   how often something was renamed to that name
    watch.creations                     temporary files so far
    watch.makers                        workers so far, by the tag in their temporaries' names
    watch.made[b"d01/p000001.png"]      who made it, in this order
"""
import collections
import ctypes
import os
import select
import struct
import threading

IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_Q_OVERFLOW = 0x40, 0x80, 0x100, 0x4000
EVENT = struct.Struct("iIII")


PREFIX = b".sciame-"


def maker(name):
    """".sciame-TAG-JOB-ATTEMPT-OUTPUT.tmp" -> TAG, which each worker has its own of."""
    return name[len(PREFIX):].partition(b"-")[0]


class Watch:
    def __init__(self, target):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.commits = collections.Counter()
        self.creations = 0
        self.overflow = False
        self.makers, self.made = set(), collections.defaultdict(list)
        self.moving = {}  # cookie of a rename: who does it
        self.folders = {}
        top = os.fsencode(target)
        for path, _, _ in os.walk(top):
            number = libc.inotify_add_watch(self.fd, path, IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE)
            if number < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
            self.folders[number] = os.path.relpath(path, top)
        self.wake, self.stopper = os.pipe()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def take(self, data):
        at = 0
        while at < len(data):
            number, mask, cookie, length = EVENT.unpack_from(data, at)
            name = data[at + EVENT.size:at + EVENT.size + length].rstrip(b"\0")
            at += EVENT.size + length
            if mask & IN_Q_OVERFLOW:
                self.overflow = True
            elif mask & IN_MOVED_FROM:
                self.moving[cookie] = maker(name)
            elif mask & IN_MOVED_TO:
                path = os.path.normpath(os.path.join(self.folders[number], name))
                self.commits[path] += 1
                self.made[path].append(self.moving.pop(cookie, None))
            elif mask & IN_CREATE and name.startswith(PREFIX):
                self.creations += 1
                self.makers.add(maker(name))

    def drain(self):
        while True:
            try:
                self.take(os.read(self.fd, 1 << 16))
            except BlockingIOError:
                return

    def serve(self):
        while True:
            ready, _, _ = select.select([self.fd, self.wake], [], [])
            self.drain()
            if self.wake in ready:
                return

    def stop(self):
        """All that has happened until now is counted."""
        os.write(self.stopper, b"x")
        self.thread.join()
        for fd in (self.fd, self.wake, self.stopper):
            os.close(fd)

    def twice(self):
        """{name: commits beyond the first}"""
        return {name: count - 1 for name, count in self.commits.items() if count > 1}
