# SPDX-License-Identifier: MIT
"""Runs with a worker behind a road that is cut, or that vanishes as a whole machine does."""
import os
import signal
import statistics
import subprocess
import time

import processes
from relay import TO_MASTER, TO_WORKER, Relay
from scenarios import Verdict, make, settle, wait_end
from storage import join
from support import png, wait_for, write
from swarm import Options
from watch import Watch

BOTH = (TO_MASTER, TO_WORKER)
BLIP_S = 2.0     # a cut that may cost nothing
KILLED_S = 1.5   # after the death of a worker its jobs run elsewhere
VANISHED_S = 6.0  # and after that of its machine
DELAY_S = 0.3    # at most, from the begin of a job to the loss of its worker
BOX = "5000"     # writing so large a picture takes a second
REJOIN_S = 12.0  # after a cut the worker has to take part again


def cases(bench):
    """(name, directions, seconds)"""
    if bench.quick:
        return [("2 s both ways", BOTH, 2.0), ("closed", (), 0.0)]
    ways = [("to the master", (TO_MASTER,)), ("to the worker", (TO_WORKER,)), ("both ways", BOTH)]
    found = [("%d s %s" % (seconds, text), way, float(seconds))
             for seconds in (2, 8, 30) for text, way in ways]
    return found + [("closed", (), 0.0)]


def behind_relay(swarm, name):
    """One more worker, which only the relay connects."""
    relay = Relay(os.path.join(swarm.place.runtime, "r" + name), swarm.address)
    worker = swarm.start_extra(relay.folder)
    swarm.extras.append(worker)
    wait_for(lambda: relay.channel_bytes > 0 or swarm.tick() is not None, "jobs for the worker")
    return relay, worker


def cut_once(bench, number, name, ways, seconds):
    """One run and one cut in it."""
    jobs = int(bench.rate * (max(seconds, REJOIN_S / 4) + (1.0 if bench.quick else 4.0)))
    options = Options(extras=0, lanes=1, arguments=["--no-twins"] if seconds <= BLIP_S else [])
    swarm = make(bench, "cut-%d" % number, jobs, options)
    watch = Watch(swarm.target)
    swarm.start()
    relay, worker = behind_relay(swarm, str(number))
    if ways:
        relay.cut(*ways)
    else:
        relay.close()
    status = swarm.tick(seconds)
    relay.heal()
    before, healed = relay.channel_bytes, time.monotonic()
    back = None
    while status is None:
        status = swarm.tick(0.02)
        if back is None and relay.channel_bytes > before:
            back = time.monotonic() - healed
        if time.monotonic() - healed > bench.patience:
            wait_end(swarm, 0)
    verdict = settle(bench, swarm, status, swarm.jobs.status())
    lasted = time.monotonic() - healed
    relay.stop()
    watch.stop()
    verdict.check(back is not None or lasted < REJOIN_S,
                  "the worker got no job in %.1f s after the cut" % lasted)
    made_again = sum(watch.twice().values())
    if 0 < seconds <= BLIP_S:
        verdict.check(made_again == 0, "a blip: %d outputs made again" % made_again)
        verdict.check(verdict.figures.get("attempts, most of one job") == 1, "a blip: a job was sent twice")
    verdict.figures = {"back after ms": int(1000 * back) if back is not None else "not",
                       "outputs made again": made_again}
    return verdict


def cut(bench):
    """A worker's connections are cut one way, the other or both, or closed."""
    verdict = Verdict()
    for number, (name, ways, seconds) in enumerate(cases(bench)):
        join(verdict, cut_once(bench, number, name, ways, seconds), name)
    return verdict


def big_picture(place, side):
    """One that keeps a lane busy for long enough to be seen."""
    tile = place.path("tile.png")
    write(tile, png(500, 400, 7))
    path = place.path("big.png")
    subprocess.run(["vips", "replicate", tile, path, str(side), str(side)], check=True,
                   capture_output=True)
    return path


def holders(swarm, path):
    """Lanes that have the file open."""
    return [lane for lane in swarm.lanes() if processes.open_files(lane, path)]


def worker_of_lane(swarm, lane):
    for worker in swarm.workers():
        if lane in processes.lanes_of(worker):
            return worker
    return None


def vanish_once(bench, number, signal_number):
    """Seconds from the loss of the worker that has the only job until another one has it."""
    swarm = make(bench, "vanish-%d" % number, 0,
                 Options(extras=1, arguments=["--no-twins", "--size", BOX]), False)
    path = os.path.join(swarm.source, "big.png")
    os.makedirs(swarm.source)
    os.link(bench.big, path)
    os.makedirs(swarm.target, exist_ok=True)
    swarm.start()
    found = wait_for(lambda: holders(swarm, path) or swarm.tick() is not None,
                     "a lane with the picture")
    if found is True:
        raise AssertionError("it ended too early: " + swarm.printed() + swarm.said()[-1000:])
    first = found[0]
    swarm.tick(bench.dice.uniform(0.0, DELAY_S))
    worker = worker_of_lane(swarm, first)
    if worker is None:
        raise AssertionError("the picture is too small: it is done within %.1f s" % DELAY_S)
    victims = swarm.with_lanes(worker)
    began = time.monotonic()
    if signal_number == signal.SIGKILL:
        processes.end(worker)
    else:
        swarm.stop(victims, float("inf"))
    wait_for(lambda: [lane for lane in holders(swarm, path) if lane not in victims]
             or swarm.tick() is not None, "the picture in another lane")
    took = time.monotonic() - began
    ended = swarm.tick()
    if signal_number != signal.SIGKILL:
        swarm.stopped.clear()
        processes.signal_all(victims, signal.SIGKILL)
    status = ended if ended is not None else wait_end(swarm, 60)
    swarm.finish()
    return took, status, ended is not None


def vanish(bench):
    """How long the jobs of a lost worker wait: killed, and stopped for good."""
    verdict = Verdict()
    place = bench.place("vanish")
    bench.big = big_picture(place, 12)
    number = 0
    for text, signal_number, limit, times in (
            ("killed", signal.SIGKILL, KILLED_S, 1 if bench.quick else 20),
            ("stopped for good", signal.SIGSTOP, VANISHED_S, 1 if bench.quick else 20)):
        took = []
        for _ in range(times):
            number += 1
            seconds, status, early = vanish_once(bench, number, signal_number)
            verdict.check(status == 0 and not early, "%s: status %s%s" % (
                text, status, " before another lane had it" if early else ""))
            took.append(seconds)
        verdict.figures[text + ": median ms"] = int(1000 * statistics.median(took))
        verdict.figures[text + ": worst ms"] = int(1000 * max(took))
        verdict.check(max(took) < limit, "%s: %.2f s until its job ran elsewhere, not below %.1f"
                      % (text, max(took), limit))
    return verdict
