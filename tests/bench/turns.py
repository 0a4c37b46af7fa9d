# SPDX-License-Identifier: MIT
"""Programs that do the same work take turns, and are compared round by round.

What the machine does besides hits all of them; what counts are the medians and above all the
ratios of each round.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time


class Program:
    """A command; prepare() goes before each run, verdict(status, stdout) is what was wrong or None.

    rounds limits in how many rounds it takes part, for the slow ones.
    """

    def __init__(self, name, command, verdict, prepare=None, rounds=None, env=None):
        self.name, self.command, self.verdict = name, command, verdict
        self.prepare, self.rounds, self.env = prepare, rounds, env
        self.seconds, self.cpu = [], []

    def run(self):
        """Once; seconds until it has ended, and seconds of processor time with its children's."""
        if self.prepare:
            self.prepare()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.monotonic()
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err, env=dict(os.environ, **(self.env or {})))
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            for file in (out, err):
                file.seek(0)
            wrong = self.verdict(process.returncode, out.read().decode("utf-8", "replace"))
            if wrong:
                sys.exit("%s: %s (status %d)\n%s\n%s" % (
                    self.name, wrong, process.returncode, " ".join(self.command),
                    err.read().decode("utf-8", "replace")[-2000:]))
        return seconds, usage.ru_utime + usage.ru_stime

    def take_turn(self, round_):
        if self.rounds is None or round_ < self.rounds:
            seconds, cpu = self.run()
            self.seconds.append(seconds)
            self.cpu.append(cpu)

    def ratio(self, other):
        """The median of the rounds in which both took part."""
        return statistics.median(a / b for a, b in zip(self.seconds, other.seconds))


def compare(title, programs, rounds):
    """All others are compared to the first."""
    for round_ in range(rounds):
        for program in programs:
            program.take_turn(round_)
    first = programs[0]
    print("%s, %d runs, medians" % (title, rounds))
    for program in programs:
        print("  %-42s %7.3f s   %5.2f times %s, %.2f s of CPU" %
              (program.name, statistics.median(program.seconds), program.ratio(first), first.name,
               statistics.median(program.cpu)))
    sys.stdout.flush()
