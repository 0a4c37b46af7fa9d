# SPDX-License-Identifier: MIT
"""A picture that its lane dies of: whoever opens it is killed, as a broken decoder would be."""
import os
import signal
import threading

import judge
import ledger
import processes
from roads import big_picture
from scenarios import Verdict, make, wait_end
from support import tree
from swarm import Options

DEATHS = 3
NAME = "d00/poison.png"


def sandboxed(pid):
    """Whether the lane has left its start behind: its filter of system calls is on."""
    try:
        with open("/proc/%d/status" % pid, encoding="utf-8", errors="replace") as file:
            return "\nSeccomp:\t2\n" in file.read()
    except OSError:
        return False


def at_work_on(pid):
    """The source that a lane is at: of those in its packet, the first that is not closed yet."""
    folder = "/proc/%d/fd" % pid
    try:
        for fd in sorted(os.listdir(folder), key=int):
            path = os.readlink(os.path.join(folder, fd))
            if path.endswith(".png") and "/source/" in path:
                return path
    except OSError:
        pass
    return None


class Hunter:
    """Kills each lane that has begun with a file, in a thread of its own."""

    def __init__(self, swarm, path):
        self.swarm, self.path = swarm, path
        self.killed, self.seen = set(), set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.hunt, daemon=True)
        self.thread.start()

    def hunt(self):
        while not self.over.wait(0.003):
            found = {lane for lane in self.swarm.lanes() if lane not in self.killed
                     and at_work_on(lane) == self.path and sandboxed(lane)}
            # seen twice: then it is surely in the middle of it
            for lane in found & self.seen:
                if processes.end(lane, signal.SIGSEGV):
                    self.killed.add(lane)
            self.seen = found

    def stop(self):
        self.over.set()
        self.thread.join()
        return len(self.killed)


def run_hunted(bench, swarm):
    """One run of the command; its status and how many lanes opened the picture."""
    swarm.start()
    hunter = Hunter(swarm, os.path.join(swarm.source, NAME))
    status = wait_end(swarm, bench.patience)
    return status, hunter.stop()


def judge_run(bench, swarm, verdict, which, deaths):
    """Everything else is done, and the ledger knows why this one is not."""
    status, killed = run_hunted(bench, swarm)
    swarm.part()
    said = swarm.said()
    verdict.figures["%s: lanes that died" % which] = killed
    verdict.check(killed == deaths, "%s: %d lanes opened it instead of %d" % (
        which, killed, deaths))
    verdict.check(status == 1, "%s: status %s: %s" % (which, status, said[-1000:]))
    verdict.check(NAME in said, "%s: it is not named: %s" % (which, said[-1000:]))
    verdict.problems += ["%s: %s" % (which, text) for text in
                         judge.compare(swarm.target, bench.expected(swarm.jobs))]
    path = ledger.find(swarm.place.state)
    verdict.check(path, "%s: there is no ledger" % which)
    if path:
        swarm.jobs.names[os.fsencode(NAME)] = -1
        verdict.problems += ["%s: %s" % (which, text) for text in
                             ledger.problems(
                                 path, swarm.jobs, swarm.place.env, {os.fsencode(NAME)})]
        del swarm.jobs.names[os.fsencode(NAME)]


def poison(bench):
    """A picture that kills every lane that opens it, among others that must not suffer."""
    verdict = Verdict()
    swarm = make(bench, "poison", bench.jobs, Options(extras=1, lanes=2), damaged=False)
    big = big_picture(swarm.place, 10)
    os.link(big, os.path.join(swarm.source, NAME))
    judge_run(bench, swarm, verdict, "first run", DEATHS)
    judge_run(bench, swarm, verdict, "second run", 0)
    swarm.options.arguments.append("--retry-failed")
    swarm.start()
    status = wait_end(swarm, bench.patience)
    swarm.finish()
    verdict.check(status == 0, "let out: status %s: %s" % (status, swarm.said()[-1000:]))
    verdict.check(os.fsencode(NAME) in tree(swarm.target), "let out: it was not made")
    verdict.problems += judge.leftovers(swarm.place, bench.known)
    verdict.add(swarm)
    return verdict
