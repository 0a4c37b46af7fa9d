#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs sciame while its processes, its connections and its disks fail: chaos.py --scenario NAME ...

    chaos.py --quick                                      every scenario, a few seconds each
    chaos.py --scenario kill --seconds 60 --jobs 20000
Prints figures, and what went wrong. Exit status: 0 nothing; 1 something; 2 called wrongly;
77 this machine can't do any of it (the reason is printed).
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "integration")]
SKIPPED = 77


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=os.environ.get("SCIAME_BIN", "build/bin"),
                        help="folder of the executables")
    parser.add_argument("--scenario", nargs="+", metavar="NAME", help="default: all of them")
    parser.add_argument("--quick", action="store_true", help="a few seconds each")
    parser.add_argument("--seconds", type=float, help="how long faults go on")
    parser.add_argument("--jobs", type=int, help="default: as many as take that long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--faulty", help="the executable faulty_fs")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    return parser.parse_args()


class Bench:
    """What the scenarios share: pictures, what becomes of them, how long things take."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.quick = options.quick
        self.dice = random.Random(options.seed)
        self.seconds = options.seconds or (2.0 if self.quick else 60.0)
        self.disk_wait = 1 if self.quick else 10  # s
        self.stop_max = 2.0 if self.quick else 8.0
        self.master_kills = 4 if self.quick else 20
        self.known = set()  # processes of ours that are not the run's
        self.pool = pictures.Pool(os.path.join(folder, "pool"), 12 if self.quick else 200,
                                  options.seed)
        self.calm()
        self.jobs = options.jobs or int(max(200, self.rate * self.seconds))
        self.patience = 60 + 4 * self.seconds + 10 * self.jobs / self.rate

    def calm(self):
        """The undisturbed run over each picture: what it makes, and how fast."""
        place = self.place("calm")
        jobs = 10 * self.pool.count
        source = self.source(place.path("source"), jobs, False)
        source.add(b"broken.png", self.pool.count)
        swarm = Swarm(place, source.folder, place.path("target"), Options())
        began = time.monotonic()
        swarm.start()
        status = scenarios.wait_end(swarm, 600)
        self.rate = jobs / (time.monotonic() - began)
        swarm.finish()
        made = {source.names[name]: digest for name, digest in tree(swarm.target).items()}
        if status != 1 or sorted(made) != list(range(self.pool.count)):
            sys.exit("chaos: the undisturbed run failed with status %s: %s" % (
                status, swarm.printed()[-500:] + swarm.said()[-2000:]))
        self.made = made

    def undisturbed(self, name, jobs):
        """Milliseconds of a run of so many jobs in which nothing happens."""
        place = self.place(name)
        source = self.source(place.path("source"), jobs, True)
        swarm = Swarm(place, source.folder, place.path("target"), Options())
        swarm.start()
        scenarios.wait_end(swarm, self.patience)
        swarm.finish()
        return swarm.figures["wall ms"]

    def place(self, name):
        return Place(os.path.join(self.folder, name))

    def source(self, folder, jobs, damaged):
        return pictures.Source(self.pool, folder, jobs, damaged)

    def expected(self, source):
        return judge.expected_of(source, self.made)


def report(name, verdict, seconds):
    for what, value in verdict.figures.items():
        print("  %-42s %12s" % (what, format(value, ",") if isinstance(value, int) else value))
    for problem in verdict.problems:
        print("  PROBLEM: " + problem)
    print("%s: %s in %.1f s" % (name, "FAILED" if verdict.problems else "ok", seconds), flush=True)


def run(bench, name, scenario):
    """Whether it went well; None when it can't be done here."""
    print("%s: %s" % (name, scenario.__doc__.splitlines()[0]), flush=True)
    began = time.monotonic()
    verdict = scenarios.Verdict()
    try:
        verdict = scenario(bench)
    except disks.Unavailable as reason:
        print("%s: skipped: %s" % (name, reason), flush=True)
        return None
    except Exception:  # whatever it was: it is a failure with a report, and the next one is run
        verdict.problems.append(traceback.format_exc())
        verdict.problems.append("then there were:\n" + "\n".join(processes.describe()))
    ended = processes.end_everything()
    if ended:
        verdict.figures["processes that had to be ended"] = ended
    report(name, verdict, time.monotonic() - began)
    return not verdict.problems


def main():
    options = parse()
    table = {"kill": scenarios.kill, "stop": scenarios.stop, "master": scenarios.master,
             "all": scenarios.everything, "cut": roads.cut, "vanish": roads.vanish,
             "full": storage.full, "readonly": storage.readonly, "eio": storage.eio,
             "gone": storage.gone, "poison": poison.poison}
    unknown = set(options.scenario or ()) - set(table)
    if unknown:
        print("chaos.py: no such scenario: %s; there are: %s" % (
            ", ".join(sorted(unknown)), ", ".join(table)), file=sys.stderr)
        return 2
    processes.adopt_orphans()
    folder = tempfile.mkdtemp(prefix="sciame-test-")
    os.chmod(folder, 0o755)
    print("seed %d" % options.seed, flush=True)
    outcomes = []
    try:
        bench = Bench(options, folder)
        print("%d jobs, undisturbed about %.0f a second" % (bench.jobs, bench.rate), flush=True)
        for name in options.scenario or table:
            outcomes.append(run(bench, name, table[name]))
    finally:
        processes.end_everything()
        if options.keep:
            print("kept: " + folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if outcomes and all(outcome is None for outcome in outcomes):
        return SKIPPED
    return 1 if False in outcomes else 0


if __name__ == "__main__":
    if "--bin" in " ".join(sys.argv):
        os.environ["SCIAME_BIN"] = parse().bin
    import disks
    import judge
    import pictures
    import poison
    import processes
    import roads
    import scenarios
    import storage
    from support import tree
    from swarm import Options, Place, Swarm
    sys.exit(main())
