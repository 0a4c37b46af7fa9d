# SPDX-License-Identifier: MIT
"""Workers of other machines, all of them on this one: daemons, keys, ports."""
import os
import random
import signal
import socket
import subprocess

from support import BIN, Case, Run, default_signals, of_session, sciame, wait_for

WORKER = os.path.join(BIN, "sciame-worker")
CHANNELS = 8
PORTS = 5 + CHANNELS


def free_ports(count=PORTS):
    """The first of so many ports in a row that nobody has; below those that the kernel gives."""
    while True:
        first = random.randrange(12000, 32000 - count)
        if all(is_free(port) for port in range(first, first + count)):
            return first


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Daemon:
    """sciame-worker in a session of its own; what it says is in a file.

    inside: the words of a command that becomes it, such as one that changes the namespace.
    """

    def __init__(self, log, *arguments, inside=()):
        self.log = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(
                [*inside, WORKER, *arguments], stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True, preexec_fn=default_signals)
        self.pid = self.process.pid

    def said(self, text):
        with open(self.log, "rb") as file:
            return text in file.read().decode("utf-8", "replace")

    def text(self):
        with open(self.log, "rb") as file:
            return file.read().decode("utf-8", "replace")

    def signal(self, number):
        os.kill(self.pid, number)

    def finish(self, patience=30):
        """Its exit status; nothing of it may be left."""
        status = self.process.wait(timeout=patience)
        wait_for(lambda: not of_session(self.pid), "the end of its lanes", 10)
        return status

    def kill(self):
        for pid in of_session(self.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


class NetworkCase(Case):
    """A test with an address, keys, and daemons that end with it."""

    def setUp(self):
        super().setUp()
        self.port = free_ports()
        self.address = "127.0.0.1:%d" % self.port
        self.daemons = 0

    def daemon(self, *arguments, lanes=1, address=None):
        log = self.path("daemon%d.log" % self.daemons)
        self.daemons += 1
        daemon = Daemon(log, "--master", address or self.address, "-c", str(lanes), *arguments)
        self.addCleanup(daemon.kill)
        return daemon

    def roots(self):
        return ("--root", "source=" + self.path("in"), "--root", "target=" + self.path("out"))

    def make_keys(self, *names):
        folder = self.path("keys")
        self.check(sciame("keygen", folder, *names), 0)
        return folder

    def listen(self, command, *arguments):
        return (command, "--listen", self.address, "--channels", str(CHANNELS), *arguments)

    def start(self, command, *arguments):
        run = Run(*self.listen(command, *arguments))
        self.addCleanup(lambda: run.process.poll() is not None or run.kill())
        return run

    def run_alone(self, command, *arguments):
        """All work is left to the daemons."""
        return sciame(*self.listen(command, "-c", "0", *arguments))
