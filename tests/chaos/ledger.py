# SPDX-License-Identifier: MIT
"""What the ledger says, read in both ways there are: SQLite, and `sciame ledger export --json`."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

from support import SCIAME

BLAMED, DONE, FAILED, QUARANTINED = range(4)  # enum ledger_outcome
OUTCOMES = {"done": DONE, "failed": FAILED, "quarantined": QUARANTINED, "blamed": BLAMED}


def find(state):
    """The one SQLite file below a folder, or None."""
    found = []
    for folder, _, names in os.walk(state):
        for name in names:
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError), open(path, "rb") as file:
                if file.read(15) == b"SQLite format 3":
                    found.append(path)
    if len(found) > 1:
        raise AssertionError("more than one ledger: %s" % found)
    return found[0] if found else None


def rows(path):
    """One dictionary for each source. Of a copy, so that whatever runs is not disturbed."""
    with tempfile.TemporaryDirectory(prefix="sciame-test-") as folder:
        for ending in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path + ending, os.path.join(folder, "copy" + ending))
        with contextlib.closing(sqlite3.connect(os.path.join(folder, "copy"))) as database:
            database.row_factory = sqlite3.Row
            database.text_factory = bytes
            tables = [name.decode() for name, in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                columns = {row["name"].decode() for row in database.execute(
                    "PRAGMA table_info(%s)" % table)}
                if {"source", "outcome"} <= columns:
                    return [dict(row) for row in database.execute("SELECT * FROM " + table)]
    return []


def name_of(source):
    """"source:d01/a.png" as bytes -> "d01/a.png"."""
    source = source if isinstance(source, bytes) else os.fsencode(source)
    return source.partition(b":")[2]


def done(path):
    """Names that the ledger has as done."""
    return {name_of(row["source"]) for row in rows(path) if row["outcome"] == DONE}


def exported(path, env):
    """{source: outcome} of the export."""
    result = subprocess.run([SCIAME, "ledger", "export", "--json", "--ledger", path],
                            capture_output=True, env=env, check=False, timeout=60)
    if result.returncode:
        raise AssertionError("ledger export: %d %s" % (result.returncode, result.stderr[:300]))
    lines = [json.loads(line) for line in result.stdout.decode("utf-8").splitlines()]
    return {line["source"]: OUTCOMES[line["outcome"]] for line in lines}


def problems(path, source, env, quarantined=()):
    """Whether each source has exactly the outcome that it should have."""
    found = []
    entries = rows(path)
    names = [name_of(row["source"]) for row in entries]
    by_name = {name_of(row["source"]): row for row in entries}
    if len(names) != len(by_name):
        found.append("ledger: %d sources have more than one row" % (len(names) - len(by_name)))
    missing = set(source.names) - set(by_name)
    foreign = set(by_name) - set(source.names)
    if missing:
        found.append("ledger: %d sources are missing, such as %s" % (len(missing), min(missing)))
    if foreign:
        found.append("ledger: %d were never there, such as %s" % (len(foreign), min(foreign)))
    for name, number in source.names.items():
        row = by_name.get(name)
        want = FAILED if number == source.pool.count else DONE
        want = QUARANTINED if name in quarantined else want
        if row and row["outcome"] != want:
            found.append("ledger: %s has outcome %s, not %s: %s" % (
                name, row["outcome"], want, row.get("reason")))
    told = exported(path, env)
    if told != {os.fsdecode(row["source"]): row["outcome"] for row in entries}:
        found.append("ledger: the export tells of %d sources otherwise than the %d rows" % (
            len(told), len(entries)))
    return found[:6]


def figures(path):
    """What the ledger tells of the trouble that there was."""
    entries = rows(path)
    return {"attempts beyond the first": sum(max(0, row["attempts"] - 1) for row in entries),
            "attempts, most of one job": max((row["attempts"] for row in entries), default=0),
            "blamed deaths": sum(row["blames"] for row in entries),
            "quarantined": sum(1 for row in entries if row["outcome"] == QUARANTINED)}
