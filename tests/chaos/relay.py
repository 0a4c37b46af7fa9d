# SPDX-License-Identifier: MIT
"""A worker's road to its master that can be cut: sockets of the same names in another folder.

What is sent while a direction is cut waits in the relay, as TCP would send it again; close() is a
connection that breaks. Runs in a thread of its own.
"""
import contextlib
import os
import selectors
import socket
import threading

CHUNK = 1 << 16
HELD_MAX = 1 << 20  # bytes that wait for a cut to heal; then the sender has to wait
TO_MASTER, TO_WORKER = "to the master", "to the worker"


class Pipe:
    """Two connected sockets and what is on its way between them."""

    def __init__(self, near, far):
        self.passed = {TO_MASTER: 0, TO_WORKER: 0}  # bytes
        self.ends = {TO_MASTER: (near, far), TO_WORKER: (far, near)}
        self.held = {TO_MASTER: bytearray(), TO_WORKER: bytearray()}

    def sockets(self):
        return self.ends[TO_MASTER]

    def take(self, direction):
        """False when an end is closed."""
        source, held = self.ends[direction][0], self.held[direction]
        try:
            if len(held) < HELD_MAX:
                data = source.recv(CHUNK)
                if not data:
                    return False
                held += data
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def give(self, direction):
        """The same."""
        sink, held = self.ends[direction][1], self.held[direction]
        try:
            while held:
                sent = sink.send(held)
                self.passed[direction] += sent
                del held[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def close(self):
        for end in self.sockets():
            end.close()


class Relay:
    def __init__(self, folder, real):
        os.makedirs(folder, mode=0o700)
        self.folder, self.real = folder, real
        self.lock = threading.Lock()
        self.cuts = set()
        self.pipes, self.listeners = [], {}
        self.closing, self.stopping = False, False
        self.past_bytes = 0  # of channels that are closed
        self.selector = selectors.DefaultSelector()
        self.wake, self.waker = socket.socketpair()
        self.wake.setblocking(False)
        self.selector.register(self.wake, selectors.EVENT_READ)
        self.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def listen(self):
        """A socket for each of the master's: those of channels come with each worker."""
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.real):
                if name not in self.listeners:
                    listener = socket.socket(socket.AF_UNIX)
                    listener.setblocking(False)
                    listener.bind(os.path.join(self.folder, name))
                    listener.listen()
                    self.listeners[name] = listener
                    self.selector.register(listener, selectors.EVENT_READ)

    def accept(self, name):
        with contextlib.suppress(BlockingIOError):
            near, _ = self.listeners[name].accept()
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(os.path.join(self.real, name))
            except OSError:
                near.close()
                far.close()
                return
            pipe = Pipe(near, far)
            pipe.is_channel = name.startswith("channel")
            for end in pipe.sockets():
                end.setblocking(False)
                self.selector.register(end, selectors.EVENT_READ)
            self.pipes.append(pipe)

    def drop(self, pipe):
        for end in pipe.sockets():
            self.selector.unregister(end)
        pipe.close()
        self.pipes.remove(pipe)
        if pipe.is_channel:
            self.past_bytes += pipe.passed[TO_WORKER]

    @property
    def channel_bytes(self):
        """How much has come to the worker on all its channels so far."""
        return self.past_bytes + sum(pipe.passed[TO_WORKER] for pipe in list(self.pipes)
                                     if pipe.is_channel)

    def step(self):
        # bytes wait in the kernel while a direction is cut: poll slowly then, not in a circle
        with self.lock:
            cuts, closing = set(self.cuts), self.closing
            self.closing = False
        if cuts:
            threading.Event().wait(0.005)
        self.selector.select(0.02)
        with contextlib.suppress(BlockingIOError):
            self.wake.recv(CHUNK)
        for name in list(self.listeners):
            if not cuts:
                self.accept(name)
        ways = (TO_MASTER, TO_WORKER)
        ended = [pipe for pipe in self.pipes
                 if closing or not all([pipe.take(way) for way in ways])]
        # before any of it is passed on: it may be a Welcome that names a channel that is new
        self.listen()
        for pipe in list(self.pipes):
            if pipe in ended or not all([pipe.give(way) for way in ways if way not in cuts]):
                self.drop(pipe)

    def serve(self):
        while not self.stopping:
            self.step()
        for pipe in list(self.pipes):
            self.drop(pipe)
        for name, listener in self.listeners.items():
            listener.close()
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)

    def cut(self, *directions):
        with self.lock:
            self.cuts = set(directions)
        self.waker.send(b"x")

    def heal(self):
        self.cut()

    def close(self):
        """Every connection breaks; new ones may be made."""
        with self.lock:
            self.closing = True
        self.waker.send(b"x")

    def stop(self):
        self.stopping = True
        self.waker.send(b"x")
        self.thread.join()
