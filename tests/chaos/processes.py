# SPDX-License-Identifier: MIT
"""Processes below this one: found, described, ended. Only what descends from here is ever touched.

adopt_orphans() first: then a process whose parent was killed becomes a child of this one, and no
descendant can get out of sight.
"""
import contextlib
import ctypes
import os
import signal

from support import stat_fields, wait_for

PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def children(pid):
    """Children of a process in any state, zombies too."""
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread), "rb") as file:
                found += [int(word) for word in file.read().split()]
    return found


def state(pid):
    """R, S, D, T ... as in /proc; None when it has ended (zombies have)."""
    fields = stat_fields(pid)
    if not fields or fields[0] in b"ZX":
        return None
    return fields[0].decode()


def alive(pids):
    return [pid for pid in pids if state(pid)]


def command(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    return []


def below(pid):
    """Every living descendant, parents first."""
    found = []
    for child in children(pid):
        if state(child):
            found.append(child)
        found += below(child)
    return found


def lanes_of(worker):
    return [pid for pid in alive(children(worker)) if "--lane" in command(pid)]


def worker_of(master):
    """The worker that the master started, or None."""
    for pid in alive(children(master)):
        if "--master" in command(pid):
            return pid
    return None


def open_files(pid, place):
    """Paths of the files that a process has open: place itself, or all below it."""
    folder, found = "/proc/%d/fd" % pid, set()
    with contextlib.suppress(OSError):
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                path = os.readlink(os.path.join(folder, fd))
                if path == place or path.startswith(place + "/"):
                    found.add(path)
    return found


def end(pid, number=signal.SIGKILL):
    """Whether there was something to signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def signal_all(pids, number):
    for pid in pids:
        end(pid, number)


def reap_adopted(known):
    """Takes leave of ended children that nobody here started (known: those that somebody did)."""
    for pid in children(os.getpid()):
        if pid not in known and not state(pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def describe():
    """A line for each living descendant, for the report of a hang."""
    lines = []
    for pid in below(os.getpid()):
        fields = stat_fields(pid)
        waits = ""
        with contextlib.suppress(OSError):
            with open("/proc/%d/wchan" % pid, encoding="ascii") as file:
                waits = file.read()
        if fields:
            lines.append("%7d parent %7d %s %-20s %s" % (
                pid, int(fields[1]), fields[0].decode(), waits, " ".join(command(pid))[:120]))
    return lines


def end_everything(spared=()):
    """SIGKILL for every descendant; how many there were."""
    found = [pid for pid in below(os.getpid()) if pid not in spared]
    signal_all(found, signal.SIGKILL)
    wait_for(lambda: not alive(found), "the end of what was killed", 20)
    return len(found)
