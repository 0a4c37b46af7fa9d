# SPDX-License-Identifier: MIT
"""Small pictures for many jobs: a few different ones under many names (hard links)."""
import os
import random

from support import png, write

FOLDERS = 40
SMALL = 10    # one in so many is smaller than the box and is copied
DAMAGED = 500  # one in so many is cut off in the middle and fails


class Pool:
    """Different pictures, each in a file of its own."""

    def __init__(self, folder, count, seed):
        self.folder, self.count = folder, count
        dice = random.Random(seed)
        for number in range(count):
            write(self.path(number), make(dice, number))
        # one more, whose first chunk no decoder can read
        with open(self.path(1), "rb") as file:
            whole = file.read()
        write(self.path(count), whole[:20])

    def path(self, number):
        return os.path.join(self.folder, "v%04d.png" % number)


class Source:
    """A folder of jobs. names: {relative path as bytes: number of its picture in the pool}."""

    def __init__(self, pool, folder, jobs, damaged=True):
        self.pool, self.folder = pool, folder
        self.names = {}
        for i in range(jobs):
            number = i % pool.count
            if damaged and i % DAMAGED == DAMAGED // 2:
                number = pool.count
            self.add(b"d%02d/p%06d.png" % (i % FOLDERS, i), number)

    def add(self, name, number):
        path = os.path.join(os.fsencode(self.folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.link(self.pool.path(number), path)
        self.names[name] = number

    def counts(self):
        """What the last line of a run is to count."""
        failed = sum(1 for number in self.names.values() if number == self.pool.count)
        copied = sum(1 for number in self.names.values()
                     if number < self.pool.count and number % SMALL == 0)
        return {"copied": copied, "scaled": len(self.names) - copied - failed, "skipped": failed}

    def status(self):
        return 1 if self.counts()["skipped"] else 0

    def prepare(self, target):
        """The folders of the target, so that they can be watched from the beginning."""
        for name in {os.path.dirname(name) for name in self.names}:
            os.makedirs(os.path.join(os.fsencode(target), name), exist_ok=True)


def make(dice, number):
    if number % SMALL == 0:
        return png(dice.randrange(60, 400), dice.randrange(40, 300), number)
    return png(dice.randrange(420, 900), dice.randrange(200, 500), number)
