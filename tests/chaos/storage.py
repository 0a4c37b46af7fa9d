# SPDX-License-Identifier: MIT
"""Runs whose disks are full, read-only, broken or gone."""
import errno
import os
import shutil
import time

import disks
import judge
import ledger
from scenarios import Verdict, in_flight_max, make, settle, wait_end
from support import wait_for
from swarm import Options
from watch import Watch

TARGET_STATUS = 74  # no output can be written
START_STATUS = 3    # the ledger can't be written
SPARE_MEGABYTES = 64
OUTPUTS_A_MEGABYTE = 4  # at least
FAULTS_ONE_IN = 120  # calls of a file system: a job makes some five of them


def room_for(jobs):
    """Megabytes in which every output finds its place."""
    return SPARE_MEGABYTES + jobs // OUTPUTS_A_MEGABYTE


def under_way(swarm, watch, jobs):
    """Until a tenth of the jobs is done."""
    wait_for(lambda: len(watch.commits) > jobs // 10 or swarm.tick() is not None, "progress")
    if swarm.tick() is not None:
        raise AssertionError("it ended too early: " + swarm.said()[-1500:])


def join(verdict, other, prefix):
    """One verdict for the parts of a scenario."""
    verdict.problems += ["%s: %s" % (prefix, text) for text in other.problems]
    for name, value in other.figures.items():
        verdict.figures["%s: %s" % (prefix, name)] = value
    return verdict


def again(bench, swarm, verdict):
    """The same command, to its end; everything has to be there then."""
    swarm.start()
    status = wait_end(swarm, bench.patience)
    last = settle(bench, swarm, status, swarm.jobs.status())
    last.problems += verdict.problems
    last.figures.update(verdict.figures)
    return last


def give_up(bench, swarm, watch, verdict):
    """The run that can't write ends by itself, with few attempts and its own status."""
    before = watch.creations - sum(watch.commits.values())
    began = time.monotonic()
    status = wait_end(swarm, bench.disk_wait + 20)
    took = time.monotonic() - began
    swarm.part()
    attempts = watch.creations - sum(watch.commits.values()) - before
    bound = in_flight_max(bench, swarm) + 4 * (1 + swarm.options.extras) * (1 + int(bench.disk_wait / 2))
    verdict.check(status == TARGET_STATUS, "status %s instead of %d: %s" % (
        status, TARGET_STATUS, swarm.said()[-1000:]))
    verdict.check(attempts <= bound, "%d failed attempts, more than %d" % (attempts, bound))
    verdict.figures["ended after ms"] = int(1000 * took)
    verdict.figures["failed attempts"] = attempts


def full_for_ever(bench):
    verdict = Verdict()
    swarm = make(bench, "full", bench.jobs, Options(arguments=["--disk-wait", "%ds" % bench.disk_wait]),
                 damaged=False)
    shutil.rmtree(swarm.target)
    with disks.small_disk(swarm.target, room_for(bench.jobs)):
        swarm.jobs.prepare(swarm.target)
        watch = Watch(swarm.target)
        swarm.start()
        under_way(swarm, watch, bench.jobs)
        filler = os.path.join(swarm.target, "filler")
        disks.fill(filler)
        give_up(bench, swarm, watch, verdict)
        os.unlink(filler)
        verdict = again(bench, swarm, verdict)
        watch.stop()
    return verdict


def pause(bench, swarm, watch, spoil, repair):
    """The run stands still while nothing can be written, and goes on afterwards."""
    seconds = 1.0 if bench.quick else 5.0
    swarm.start()
    under_way(swarm, watch, bench.jobs)
    spoil()
    commits = sum(watch.commits.values())
    ended = swarm.tick(seconds)
    gained = sum(watch.commits.values()) - commits
    repair()
    began = time.monotonic()
    wait_for(lambda: sum(watch.commits.values()) > commits + gained or swarm.tick() is not None,
             "work after the repair")
    resumed_ms = int(1000 * (time.monotonic() - began))
    status = wait_end(swarm, bench.patience)
    verdict = settle(bench, swarm, status, swarm.jobs.status())
    verdict.check(ended is None, "it ended while the target took nothing")
    verdict.figures["went on after ms"] = resumed_ms
    return verdict


def full_for_a_while(bench):
    swarm = make(bench, "full-pause", bench.jobs, damaged=False)
    shutil.rmtree(swarm.target)
    with disks.small_disk(swarm.target, room_for(bench.jobs)):
        swarm.jobs.prepare(swarm.target)
        watch = Watch(swarm.target)
        filler = os.path.join(swarm.target, "filler")
        verdict = pause(bench, swarm, watch, lambda: disks.fill(filler), lambda: os.unlink(filler))
        watch.stop()
    return verdict


def full(bench):
    """The target's disk is full, for ever and for a while."""
    verdict = join(Verdict(), full_for_ever(bench), "for ever")
    return join(verdict, full_for_a_while(bench), "a while")


def on_faulty_disk(bench, name, options=None, damaged=False):
    """A swarm whose target is on a disk that fails on demand."""
    swarm = make(bench, name, bench.jobs, options, damaged)
    shutil.rmtree(swarm.target)
    disk = disks.FaultyDisk(bench.options.faulty, swarm.target, bench.options.seed)
    bench.known.add(disk.process.pid)
    swarm.jobs.prepare(swarm.target)
    return swarm, disk


def readonly(bench):
    """The target turns read-only, for ever and for a while."""
    calls = ("open", "create", "mkdir", "rename", "unlink")
    swarm, disk = on_faulty_disk(bench, "readonly",
                                 Options(arguments=["--disk-wait", "%ds" % bench.disk_wait]))
    with disk:
        watch = Watch(swarm.target)
        swarm.start()
        under_way(swarm, watch, bench.jobs)
        disk.fail(1, errno.EROFS, calls)
        verdict = Verdict()
        give_up(bench, swarm, watch, verdict)
        disk.fail(0)
        verdict = join(Verdict(), again(bench, swarm, verdict), "for ever")
        watch.stop()
    swarm, disk = on_faulty_disk(bench, "readonly-pause")
    with disk:
        watch = Watch(swarm.target)
        part = pause(bench, swarm, watch, lambda: disk.fail(1, errno.EROFS, calls),
                     lambda: disk.fail(0))
        watch.stop()
    return join(verdict, part, "a while")


def eio_target(bench):
    """Calls of the target's file system fail by chance: each job is tried again."""
    swarm, disk = on_faulty_disk(bench, "eio", damaged=True)
    with disk:
        disk.fail(FAULTS_ONE_IN)
        swarm.start()
        swarm.tick(bench.seconds)
        disk.fail(0)
        verdict = settle(bench, swarm, wait_end(swarm, bench.patience), swarm.jobs.status())
        for call, count in disk.failed().items():
            verdict.figures["failed calls of " + call] = count
        verdict.check(sum(disk.failed().values()) > 0, "no call failed: nothing was tried")
    return verdict


def eio_source(bench):
    """The same where the pictures are read."""
    swarm = make(bench, "eio-source", bench.jobs)
    os.rename(swarm.source, swarm.source + ".real")
    disk = disks.FaultyDisk(bench.options.faulty, swarm.source, bench.options.seed)
    bench.known.add(disk.process.pid)
    with disk:
        disk.fail(FAULTS_ONE_IN, errno.EIO, ("open", "read"))
        swarm.start()
        swarm.tick(bench.seconds)
        disk.fail(0)
        verdict = settle(bench, swarm, wait_end(swarm, bench.patience), swarm.jobs.status())
        verdict.figures["failed calls"] = sum(disk.failed().values())
        verdict.check(sum(disk.failed().values()) > 0, "no call failed: nothing was tried")
    return verdict


def eio_ledger(bench):
    """The ledger's disk breaks: the run says so and ends; repaired, the command finishes."""
    swarm = make(bench, "eio-ledger", bench.jobs)
    shutil.rmtree(swarm.place.state)
    disk = disks.FaultyDisk(bench.options.faulty, swarm.place.state, bench.options.seed)
    bench.known.add(disk.process.pid)
    verdict = Verdict()
    with disk:
        watch = Watch(swarm.target)
        swarm.start()
        under_way(swarm, watch, bench.jobs)
        disk.fail(1, errno.EIO, ("write", "fsync", "create"))
        status = wait_end(swarm, 30)
        said = swarm.said()
        verdict.check(status == START_STATUS, "status %s instead of %d: %s" % (
            status, START_STATUS, said[-1000:]))
        path = ledger.find(swarm.place.state)
        verdict.check(path and os.path.basename(path) in said,
                      "it does not name its ledger: " + said[-1000:])
        swarm.part()
        disk.fail(0)
        verdict = again(bench, swarm, verdict)
        watch.stop()
    return verdict


def eio(bench):
    """Input and output errors: of the target's disk, the source's and the ledger's."""
    verdict = join(Verdict(), eio_target(bench), "target")
    join(verdict, eio_source(bench), "source")
    return join(verdict, eio_ledger(bench), "ledger")


def remove_in_mid_run(bench, name):
    swarm = make(bench, name, bench.jobs, Options(arguments=["--disk-wait", "%ds" % bench.disk_wait]),
                 damaged=False)
    watch = Watch(swarm.target)
    swarm.start()
    under_way(swarm, watch, bench.jobs)

    def removed():
        shutil.rmtree(swarm.target, ignore_errors=True)
        return not os.path.exists(swarm.target)

    wait_for(removed, "the target to be gone")
    return swarm, watch


def gone(bench):
    """The target is removed in the middle of the run, and made again or not."""
    swarm, watch = remove_in_mid_run(bench, "gone")
    part = Verdict()
    give_up(bench, swarm, watch, part)
    watch.stop()
    verdict = join(Verdict(), again(bench, swarm, part), "for ever")
    swarm, watch = remove_in_mid_run(bench, "gone-again")
    os.makedirs(swarm.target)
    status = wait_end(swarm, bench.patience)
    watch.stop()
    part = Verdict()
    part.check(status in (0, TARGET_STATUS), "status %s: %s" % (status, swarm.said()[-1000:]))
    # what had been written before is nobody's fault: the same command makes it again
    part.figures["missing after the first end"] = len(
        set(bench.expected(swarm.jobs)) - set(judge.look(swarm.target)[0]))
    return join(verdict, again(bench, swarm, part), "made again")
