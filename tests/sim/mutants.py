#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one fault after the other in a copy of master/scheduler.c and demands that the
simulator catches each of them: a rule without a mutant may be a rule that nobody checks.

    mutants.py --source-dir . --compiler cc

Exit: 0 the real scheduler passes and every mutant is caught; 1 otherwise.
"""

import argparse
import concurrent.futures
import glob
import os
import signal
import subprocess
import sys
import tempfile

SEEDS = 2000
PARALLEL = 2
RUN_SECONDS_MAX = 40
FLAGS = ["-std=c17", "-D_GNU_SOURCE", "-O1"]
HELPERS = ["common/table.c", "common/error.c"]

# (name, text that master/scheduler.c has exactly once, what stands there instead)
MUTANTS = [
    ("a job is settled twice",
     "\temit(actions, action);\n\ts->counts.settled++;",
     "\temit(actions, action);\n\temit(actions, action);\n\ts->counts.settled++;"),
    ("a job is never settled",
     "\temit(actions, action);\n\ts->counts.settled++;",
     "\tif (code != ERROR_LIMIT)\n\t\temit(actions, action);\n\ts->counts.settled++;"),
    ("a job that was found after cancellation is never settled",
     "\tif (s->state == STATE_CANCELING)\n\t\tsettle(s, entry, ERROR_CANCELED, actions);\n"
     "\telse\n\t\tpend_last(s, entry);",
     "\tif (s->state != STATE_CANCELING)\n\t\tpend_last(s, entry);"),
    ("more is sent to a worker than it has credits",
     "worker->credits > worker->held_count;",
     "worker->credits >= worker->held_count;"),
    ("a job that comes back after cancellation is sent again",
     "\tif (s->state == STATE_CANCELING)\n\t\tsettle(s, entry, ERROR_CANCELED, actions);\n"
     "\telse\n\t\tpend_first(s, entry);",
     "\tpend_first(s, entry);"),
    ("a job that fails after cancellation is tried again",
     "if (s->state == STATE_CANCELING || entry->tries >= error_attempts_max(event->code))",
     "if (entry->tries >= error_attempts_max(event->code))"),
    ("a job that waits at cancellation stays",
     "\twhile (s->counts.pending > 0)\n\t\tsettle(s, take_pending(s), ERROR_CANCELED, actions);",
     ""),
    ("a job that was found after cancellation is sent",
     "\tif (s->state == STATE_CANCELING)\n\t\tsettle(s, entry, ERROR_CANCELED, actions);\n"
     "\telse\n\t\tpend_last(s, entry);",
     "\tpend_last(s, entry);"),
    ("jobs are asked for after cancellation",
     "if (s->state != STATE_LISTING || s->free_credits <= coming)",
     "if (s->state == STATE_DRAINING || s->free_credits <= coming)"),
    ("a lost worker's jobs are not given to others",
     "\t\ttake_back(s, entry);\n\t\tpend_or_cancel(s, entry, actions);",
     "\t\ttake_back(s, entry);"),
    ("a lost worker is not noticed",
     "\tcase EVENT_LOST:\n\t\ton_lost(s, event, actions);",
     "\tcase EVENT_LOST:"),
    ("attempts go above the maximum",
     "entry->tries >= error_attempts_max(event->code)",
     "entry->tries > error_attempts_max(event->code)"),
    ("a job is never tried again",
     "entry->tries >= error_attempts_max(event->code)",
     "entry->tries > 0"),
    ("a job that nobody started is blamed",
     "\telse\n\t\tpend_first(s, entry);\n}\n\nstatic void on_found",
     "\telse\n\t\tpend_first(s, entry);\n\tentry->tries++;\n}\n\nstatic void on_found"),
    ("the run never ends",
     "\tif (s->state == STATE_LISTING)\n\t\tenter(s, STATE_DRAINING);",
     ""),
    ("the run ends before the last job",
     "s->counts.found != s->counts.settled)",
     "s->counts.pending > 0)"),
    ("the run ends twice",
     "\tenter(s, STATE_FINISHED);\n",
     ""),
    ("a late result of an old attempt counts",
     "entry->worker->number != event->worker || entry->attempt != event->attempt",
     "entry->worker->number != event->worker"),
    ("a result of another worker counts",
     "entry->worker->number != event->worker || entry->attempt != event->attempt",
     "entry->attempt != event->attempt"),
    ("a second attempt has the number of the first",
     "\t\tentry->attempt++;\n",
     "\t\tentry->attempt = 1;\n"),
    ("drain is ignored",
     "\tworker->draining = true;\n\tworker_update(s, worker);\n\tworker_forget_if_drained(",
     "\tworker_forget_if_drained("),
    ("a draining worker gets more",
     "bool can_take = !worker->draining && ",
     "bool can_take = "),
    ("a drained worker is not forgotten",
     "\t\tpend_first(s, entry);\n\tworker_forget_if_drained(s, worker, actions);\n",
     "\t\tpend_first(s, entry);\n"),
    ("credit is not given back for what was handed back",
     "\ttake_back(s, entry);\n\tpend_or_cancel(s, entry, actions);\n\tworker_forget_if_drained",
     "\ttake_back(s, entry);\n\tworker->held_count++;\n\tworker_update(s, worker);\n"
     "\tpend_or_cancel(s, entry, actions);\n\tworker_forget_if_drained"),
    ("more is asked for than credits are free",
     "uint64_t count = s->free_credits - coming;",
     "uint64_t count = s->free_credits;"),
    ("what was asked for is asked for again",
     "uint64_t coming = s->counts.pending + s->asked;",
     "uint64_t coming = s->counts.pending;"),
    ("one job is asked for at a time",
     "uint64_t count = s->free_credits - coming;",
     "uint64_t count = 1;"),
    ("what comes back goes to the end",
     "\tlink_insert(&s->pending, &entry->link);",
     "\tlink_insert(s->pending.previous, &entry->link);"),
    ("what was found last goes first",
     "\tlink_insert(s->pending.previous, &entry->link);",
     "\tlink_insert(&s->pending, &entry->link);"),
    ("a lost worker's jobs come back in reverse",
     "(struct entry *)worker->held.previous;",
     "(struct entry *)worker->held.next;"),
    ("one worker gets all until it is full",
     "link_insert(s->ring.previous, &worker->link);",
     "link_insert(&s->ring, &worker->link);"),
    ("a new worker gets nothing",
     "\ts->counts.workers++;\n\tworker_update(s, worker);",
     "\ts->counts.workers++;"),
    ("the mean follows too fast",
     "MEAN_WEIGHT = 16,",
     "MEAN_WEIGHT = 8,"),
    ("the credits are rounded down",
     "(ahead_ns + worker->means_ns - 1) / worker->means_ns",
     "ahead_ns / worker->means_ns"),
    ("the credits have no maximum",
     "\tif (credits > most)\n\t\tcredits = most;\n",
     ""),
    ("the credits never change",
     "\tworker->credits = credits_for(worker);\n",
     ""),
    ("canceled jobs count for the mean",
     "\tif (event->code != ERROR_CANCELED)\n\t\tworker_learn",
     "\tworker_learn"),
    ("the workers are told twice of the cancellation",
     "\temit(actions, (struct action) { .type = ACTION_CANCEL });",
     "\temit(actions, (struct action) { .type = ACTION_CANCEL });\n"
     "\temit(actions, (struct action) { .type = ACTION_CANCEL });"),
]


def compile_source(options, source, target):
    command = [options.compiler, *FLAGS, "-I", options.source_dir, "-c", source, "-o", target]
    subprocess.run(command, check=True)
    return target


def compile_helpers(options, folder):
    """All that a simulator needs besides the scheduler, compiled once."""
    pattern = os.path.join(glob.escape(options.source_dir), "tests/sim/*.c")
    sources = sorted(glob.glob(pattern))
    sources += [os.path.join(options.source_dir, name) for name in HELPERS]
    names = [os.path.basename(source) + ".o" for source in sources]
    targets = [os.path.join(folder, name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda pair: compile_source(options, *pair), zip(sources, targets)))


def run_simulator(options, folder, objects, name, text):
    """Returns the simulator's return code and last line for a scheduler with this text."""
    stem = os.path.join(folder, "mutant_" + "".join(c if c.isalnum() else "_" for c in name))
    with open(stem + ".c", "w", encoding="utf-8") as file:
        file.write(text)
    compile_source(options, stem + ".c", stem + ".o")
    subprocess.run([options.compiler, stem + ".o", *objects, "-lm", "-o", stem], check=True)
    command = [stem, "--seeds", str(SEEDS)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=RUN_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return None, "no end after %d s" % RUN_SECONDS_MAX
    lines = done.stdout.decode("utf-8", "replace").splitlines() or ["no output"]
    return done.returncode, lines[-1]


def judge(options, folder, objects, original, mutant):
    """Returns whether the mutant was caught, and a line that says by what."""
    name, old, new = mutant
    if original.count(old) != 1:
        return False, "%s: its text stands %d times in scheduler.c, not once" % (
            name, original.count(old))
    code, line = run_simulator(options, folder, objects, name, original.replace(old, new))
    caught = code in (1, -signal.SIGABRT)
    return caught, "%s: %s: %s" % (name, "caught" if caught else "SURVIVED", line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source-dir", default=".")
    parser.add_argument("--compiler", default="cc")
    options = parser.parse_args()
    with open(os.path.join(options.source_dir, "master/scheduler.c"), encoding="utf-8") as file:
        original = file.read()
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        objects = compile_helpers(options, folder)
        code, line = run_simulator(options, folder, objects, "none", original)
        print("unchanged scheduler: %s" % line)
        if code != 0:
            return 1
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            verdicts = pool.map(
                lambda mutant: judge(options, folder, objects, original, mutant), MUTANTS)
            survivors = 0
            for caught, line in verdicts:
                print(line, flush=True)
                survivors += not caught
    print("%d mutants, %d not caught" % (len(MUTANTS), survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
