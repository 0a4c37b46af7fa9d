# SPDX-License-Identifier: MIT
"""Whether a run ended as if nothing had happened: its target, its last line, what it left behind.
The ledger is judged in ledger.py.
"""
import hashlib
import os
import re
import time

import processes

SHOWN = 3        # names of each sort of mistake
LINGER = 10.0    # seconds that processes may take to end after the master


def expected_of(source, made):
    """{name: digest}, from what an undisturbed run made of each picture of the pool.

    made: {number of the picture: digest}; one that fails is not in it.
    """
    return {name: made[number] for name, number in source.names.items() if number in made}


def counters(line):
    """"copied 1 scaled 20 failed 1 using 2 processes" -> {"copied": 1, ...}"""
    found = re.findall(r"\b([a-z-]+) (\d+)", line.split(" using ")[0])
    return {word: int(number) for word, number in found}


def names(found):
    return "%d, such as %s" % (len(found), ", ".join(repr(name) for name in sorted(found)[:SHOWN]))


def look(target):
    """({name: digest}, temporaries) of a folder in which others may be at work."""
    found, temporaries = {}, set()
    top = os.fsencode(target)
    for folder, _, files in os.walk(top):
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, top)
            if file.startswith(b".sciame-"):
                temporaries.add(name)
                continue
            with open(path, "rb") as stream:
                found[name] = hashlib.sha256(stream.read()).hexdigest()
    return found, temporaries


def compare(target, expected):
    """What is wrong with the target; expected: {name: digest}."""
    problems = []
    got, left = look(target)
    lost = set(expected) - set(got)
    foreign = set(got) - set(expected)
    wrong = {name for name in expected if name in got and got[name] != expected[name]}
    if lost:
        problems.append("lost: " + names(lost))
    if wrong:
        problems.append("half-written or wrong: " + names(wrong))
    if foreign:
        problems.append("nobody ordered: " + names(foreign))
    if left:
        problems.append("temporary files left: " + names(left))
    return problems


def visible_problems(target, expected):
    """While a run goes on: what has a name must be whole."""
    problems = compare(target, expected)
    return [text for text in problems if text.startswith(("half", "nobody"))]


def leftovers(place, known=()):
    """Processes, sockets and shared memory; known: processes that are not the run's."""
    problems = []
    deadline = time.monotonic() + LINGER

    def living():
        return [pid for pid in processes.below(os.getpid()) if pid not in known]

    while living() and time.monotonic() < deadline:
        processes.reap_adopted(known)
        time.sleep(0.01)
    for pid in living():
        problems.append("process left: %d %s" % (pid, " ".join(processes.command(pid))))
    for name in place.sockets():
        problems.append("socket folder left: " + name)
    for name in os.listdir("/dev/shm"):
        path = os.path.join("/dev/shm", name)
        # folders there are of other tests
        if "sciame" in name and os.path.isfile(path) and os.stat(path).st_uid == os.getuid():
            problems.append("shared memory left: " + path)
    return problems
