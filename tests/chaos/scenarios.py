# SPDX-License-Identifier: MIT
"""Runs whose processes are killed and stopped, and what all scenarios share.

A scenario takes a Bench (chaos.py) and returns its Verdict; its first line says what it does.
"""
import time

import judge
import ledger
import processes
from support import wait_for
from swarm import Options, Swarm
from watch import Watch

BATCH = 256         # outcomes that the ledger may not have yet when its master dies
BATCH_MS = 100
CREDITS_MAX = 1024  # jobs at one worker
AHEAD_MS = 250      # work that a worker has ahead of it
KILL_PERIOD = 0.2


class Hang(Exception):
    """Something did not end in its time; the text is what was running."""


class Verdict:
    def __init__(self):
        self.problems = []
        self.figures = {}

    def check(self, holds, text):
        if not holds:
            self.problems.append(text)

    def add(self, swarm):
        self.problems += swarm.complaints
        for name, value in swarm.figures.items():
            self.figures[name] = self.figures.get(name, 0) + value


def wait_end(swarm, patience):
    """The status of the master, which has so long to end."""
    deadline = time.monotonic() + patience
    while True:
        status = swarm.tick(0.2)
        if status is not None:
            return status
        if time.monotonic() > deadline:
            raise Hang("the run did not end in %d s:\n%s\nit said:\n%s" % (
                patience, "\n".join(processes.describe()), swarm.said()[-2000:]))


def settle(bench, swarm, status, want):
    """Ends what the swarm still has, and judges it all."""
    verdict = Verdict()
    swarm.finish()
    verdict.check(status == want, "exit status %s instead of %s; it said: %s" % (
        status, want, swarm.said()[-1500:]))
    verdict.problems += judge.compare(swarm.target, bench.expected(swarm.jobs))
    verdict.problems += judge.leftovers(swarm.place, bench.known)
    got, due = judge.counters(swarm.printed()), swarm.jobs.counts()
    verdict.check({word: got.get(word, 0) for word in due} == due,
                  "the last line counts %s instead of %s" % (got, due))
    path = ledger.find(swarm.place.state)
    verdict.check(path, "there is no ledger")
    if path:
        verdict.problems += ledger.problems(path, swarm.jobs, swarm.place.env)
        verdict.figures.update(ledger.figures(path))
    verdict.add(swarm)
    return verdict


def make(bench, name, jobs, options=None, damaged=True):
    """A swarm over so many jobs, with its target watched; nothing runs yet."""
    place = bench.place(name)
    source = bench.source(place.path("source"), jobs, damaged)
    target = place.path("target")
    source.prepare(target)
    swarm = Swarm(place, source.folder, target, options or Options())
    swarm.jobs = source
    return swarm


def pick(bench, swarm):
    """What to hurt: the name of its sort, and its processes with the worker first."""
    local = swarm.local_worker()
    extras = [extra.pid for extra in swarm.extras if processes.state(extra.pid)]
    lanes = swarm.lanes()
    chance = bench.dice.random()
    if chance < 0.5 and lanes:
        return "lanes", [bench.dice.choice(lanes)]
    if chance < 0.8 and extras:
        return "extra workers", [bench.dice.choice(extras)]
    if local:
        return "local workers", [local]
    return None, []


def may_kill(swarm, lane):
    """Not a third time with the same picture: it would rightly be quarantined."""
    held = processes.open_files(lane, swarm.source)
    if any(swarm.hits[path] >= 2 for path in held):
        return False
    swarm.hits.update(held)
    return True


def kill_one(bench, swarm):
    sort, pids = pick(bench, swarm)
    if sort == "lanes" and not may_kill(swarm, pids[0]):
        return
    if pids and processes.end(pids[0]):
        swarm.figures["kills of " + sort] += 1


def stop_one(bench, swarm):
    """A lane, a worker without its lanes, or a whole machine; seldom the master."""
    until = time.monotonic() + bench.dice.uniform(0.5, bench.stop_max)
    if bench.dice.random() < 0.1:
        swarm.stop([swarm.master.pid], until)
        swarm.figures["stops of the master"] += 1
        return
    sort, pids = pick(bench, swarm)
    if not pids or len(swarm.stopped) > 4:
        return
    if sort != "lanes" and bench.dice.random() < 0.5:
        pids = swarm.with_lanes(pids[0])
    swarm.stop(pids, until)
    swarm.figures["stops of " + sort] += 1


def disturb(bench, swarm, seconds, period, hurt):
    """hurt() every period for so long; the status of a master that ended meanwhile, or None."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = swarm.tick(period)
        if status is not None:
            return status
        hurt(bench, swarm)
    return None


def endure(bench, name, period, hurt):
    """One run that is hurt again and again, and has to end all the same."""
    swarm = make(bench, name, bench.jobs)
    watch = Watch(swarm.target)
    swarm.start()
    status = disturb(bench, swarm, bench.seconds, period, hurt)
    swarm.figures["hurt for ms"] = int(1000 * (time.monotonic() - swarm.began))
    swarm.wake(float("inf"))
    if status is None:
        status = wait_end(swarm, bench.patience)
    verdict = settle(bench, swarm, status, swarm.jobs.status())
    watch.stop()
    verdict.figures["outputs made again"] = sum(watch.twice().values())
    if not bench.quick:
        verdict.figures["undisturbed wall ms"] = bench.undisturbed(name + "-calm", bench.jobs)
    return verdict


def kill(bench):
    """A random lane or worker is killed every 200 ms."""
    return endure(bench, "kill", KILL_PERIOD, kill_one)


def stop(bench):
    """A random lane, worker, or seldom the master, stands still for a while."""
    return endure(bench, "stop", 0.4, stop_one)


def in_flight_max(bench, swarm):
    """Jobs that may be at workers at once."""
    mean_ms = 1000.0 * 2 / bench.rate
    ahead = 2 + int(AHEAD_MS / mean_ms)
    return (swarm.options.lanes + swarm.options.extras) * min(CREDITS_MAX, 2 * ahead)


class Memory:
    """What the ledger of a killed master had: none of that may be made again."""

    def __init__(self, swarm, watch):
        self.swarm, self.watch = swarm, watch
        self.recorded = {}  # name: (how often it was made when first in the ledger, by whom so far)
        self.unrecorded = []  # for each kill: outputs of this master that its ledger had not yet
        self.commits = {}  # at the kill before

    def look(self):
        """Call when the master is dead and what it started has ended."""
        path = ledger.find(self.swarm.place.state)
        done = ledger.done(path) if path else set()
        commits, makers = dict(self.watch.commits), set(self.watch.makers)
        self.unrecorded.append(sum(1 for name, count in commits.items() if name not in done
                                   and count > self.commits.get(name, 0)))
        self.commits = commits
        for name in done:
            self.recorded.setdefault(name, (commits.get(name, 0), makers))
        return len(done)

    def again(self):
        """Made by workers that came later. Those of dead masters finish what they had."""
        return [name for name, (count, makers) in self.recorded.items()
                if set(self.watch.made[name][count:]) - makers]


def resumed(text):
    """(done, of) of "resuming: 7,412 of 10,000 done", or None."""
    for line in text.splitlines():
        if "resuming: " in line:
            words = line.partition("resuming: ")[2].replace(",", "").split()
            return int(words[0]), int(words[2])
    return None


def restart(bench, swarm, memory, verdict):
    """Kills the master, looks at what is there, and gives the same command again."""
    swarm.kill_master()
    swarm.wait_for_locals()
    done = memory.look()
    verdict.problems += judge.visible_problems(swarm.target, bench.expected(swarm.jobs))
    swarm.start()
    if done:
        wait_for(lambda: resumed(swarm.said()) or swarm.master.poll() is not None,
                 "the word that the run is resumed", 30)
        told = resumed(swarm.said())
        verdict.check(told and told[0] >= done, "it resumes %s, the ledger has %d done: %s" % (
            told, done, swarm.said()[-300:]))


def finish_restarts(bench, swarm, status, watch, memory, verdict):
    if status is None:
        status = wait_end(swarm, bench.patience)
    last = settle(bench, swarm, status, swarm.jobs.status())
    watch.stop()
    last.problems += verdict.problems
    worst = max(memory.unrecorded, default=0)
    bound = BATCH + in_flight_max(bench, swarm)
    last.check(worst <= bound, "%d outputs were not in the ledger at a kill of the master, more "
               "than the last batch and what was in flight (%d)" % (worst, bound))
    last.figures["outputs made again"] = sum(watch.twice().values())
    last.figures["not in the ledger at a kill: worst"] = worst
    last.figures["not in the ledger at a kill: all"] = sum(memory.unrecorded)
    return last


def master(bench):
    """The master is killed at random moments, and the same command given again each time."""
    swarm = make(bench, "master", bench.jobs)
    watch = Watch(swarm.target)
    memory, verdict = Memory(swarm, watch), Verdict()
    share = 1.6 * bench.jobs / bench.rate / (bench.master_kills + 1)
    swarm.start()
    status = None
    for _ in range(bench.master_kills):
        status = swarm.tick(bench.dice.uniform(0.02, share))
        if status is not None:
            break
        restart(bench, swarm, memory, verdict)
    verdict.check(swarm.figures["kills of the master"] > bench.master_kills // 2,
                  "the run ended before it was killed often enough: more --jobs")
    last = finish_restarts(bench, swarm, status, watch, memory, verdict)
    again = memory.again()
    last.check(not again, "made again although the ledger had them: %d, such as %s" % (
        len(again), again[:3]))
    return last


def everything(bench):
    """Kills and stops of whatever there is, and kills of the master."""
    swarm = make(bench, "all", bench.jobs)
    watch = Watch(swarm.target)
    memory, verdict = Memory(swarm, watch), Verdict()
    deadline = time.monotonic() + bench.seconds
    pause = bench.seconds / (bench.master_kills + 1)
    master_at = time.monotonic() + pause
    swarm.start()
    status = None
    while status is None and time.monotonic() < deadline:
        status = swarm.tick(KILL_PERIOD)
        if status is not None:
            break
        if time.monotonic() > master_at:
            swarm.wake(float("inf"))
            restart(bench, swarm, memory, verdict)
            master_at = time.monotonic() + pause
        elif bench.dice.random() < 0.2:
            stop_one(bench, swarm)
        else:
            kill_one(bench, swarm)
    swarm.wake(float("inf"))
    last = finish_restarts(bench, swarm, status, watch, memory, verdict)
    last.figures["made again although recorded"] = len(memory.again())
    return last

