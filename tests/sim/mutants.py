#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants one fault after the other in a copy of master/scheduler*.c and demands that the
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

# (name, file in master/, text that it has exactly once, what stands there instead)
MUTANTS = [
    ("a job is settled twice", "scheduler_jobs.c",
     "\temit(s, action);\n\ts->counts.settled++;",
     "\temit(s, action);\n\temit(s, action);\n\ts->counts.settled++;"),
    ("a job is never settled", "scheduler_jobs.c",
     "\temit(s, action);\n\ts->counts.settled++;",
     "\tif (code != ERROR_LIMIT)\n\t\temit(s, action);\n\ts->counts.settled++;"),
    ("more is sent to a worker than it has credits", "scheduler_workers.c",
     "return worker->able ? worker->credits - worker->held_count : 0;",
     "return worker->able ? worker->credits - worker->held_count + 1 : 0;"),
    ("the credits have no maximum", "scheduler_workers.c",
     "\tif (credits > most)\n\t\tcredits = most;\n", ""),
    ("the credits are rounded down", "scheduler_workers.c",
     "(ahead_ns + worker->means_ns - 1) / worker->means_ns", "ahead_ns / worker->means_ns"),
    ("the mean follows too fast", "scheduler_workers.c", "MEAN_WEIGHT = 16,  ", "MEAN_WEIGHT = 8,  "),
    ("what timed out counts for the mean", "scheduler.c",
     "class == ERROR_CLASS_PERMANENT ||\n\t       class == ERROR_CLASS_TRANSIENT",
     "class == ERROR_CLASS_PERMANENT ||\n\t       class != ERROR_CLASS_CANCELED"),
    ("a twin that came second gives its credit back", "scheduler_jobs.c",
     "\tlink_remove(&entry->flight.link);\n\tstruct action action = {",
     "\tlink_remove(&entry->flight.link);\n"
     "\tfor (size_t i = 0; i < SCHEDULER_COPIES_MAX; i++) {\n"
     "\t\tif (entry->copies[i].worker)\n\t\t\tentry->copies[i].worker->held_count--;\n\t}\n"
     "\tstruct action action = {"),
    ("a suspect gets jobs", "scheduler_workers.c",
     "return !worker->draining && !worker->suspect && node->rest_until_ms < 0 &&",
     "return !worker->draining && node->rest_until_ms < 0 &&"),
    ("a draining worker gets jobs", "scheduler_workers.c",
     "return !worker->draining && !worker->suspect && node->rest_until_ms < 0 &&",
     "return !worker->suspect && node->rest_until_ms < 0 &&"),
    ("a resting node gets jobs", "scheduler_workers.c",
     "return !worker->draining && !worker->suspect && node->rest_until_ms < 0 &&",
     "return !worker->draining && !worker->suspect &&"),
    ("a node that can't write gets jobs", "scheduler_workers.c",
     "\t       node->paused_ms < 0;", "\t       true;"),
    ("a worker is suspect too late", "scheduler_workers.c",
     "s->now_ms - worker->heard_ms < SCHEDULER_SUSPECT_MS",
     "s->now_ms - worker->heard_ms <= SCHEDULER_SUSPECT_MS"),
    ("a worker is evicted too early", "scheduler_workers.c",
     "s->now_ms - worker->heard_ms < SCHEDULER_DEAD_MS",
     "s->now_ms - worker->heard_ms < SCHEDULER_DEAD_MS - 1"),
    ("a worker is never evicted", "scheduler_workers.c",
     "\t\tworker_evict(s, worker, EVICT_SILENT);\n", "\t\tbreak;\n"),
    ("a suspect that is heard stays one", "scheduler_workers.c",
     "\tworker->suspect = false;\n", ""),
    ("a beat is no sign of life", "scheduler.c",
     "\tworker_hear(s, worker);\n\tif (event->type == EVENT_BEAT)",
     "\tif (event->type == EVENT_BEAT)"),
    ("silence before the master woke counts", "scheduler.c",
     "\t\tworkers_forgive(s);\n", ""),
    ("a deaf worker is kept", "scheduler_workers.c",
     "received < worker->old_mark_sent;", "false;"),
    ("a worker is deaf at once", "scheduler_workers.c",
     "received < worker->old_mark_sent;", "received < worker->sent;"),
    ("a worker that left is to blame", "scheduler.c",
     "worker_lose(s, worker, event->blame);", "worker_lose(s, worker, true);"),
    ("a worker that died is not to blame", "scheduler.c",
     "worker_lose(s, worker, event->blame);", "worker_lose(s, worker, false);"),
    ("a deaf worker is to blame", "scheduler_workers.c",
     "worker_lose(s, worker, reason == EVICT_SILENT);", "worker_lose(s, worker, true);"),
    ("all that a dead worker held is to blame", "scheduler_workers.c",
     "\tif (*more == 0)\n\t\treturn false;\n\t(*more)--;\n\treturn true;",
     "\treturn true;"),
    ("only what a beat listed is to blame", "scheduler_workers.c",
     "\tif (*more == 0)\n\t\treturn false;\n\t(*more)--;\n\treturn true;",
     "\treturn false;"),
    ("what was to run alone is to blame before it has begun", "scheduler_workers.c",
     "copy->beat > 0 || ++copy->entry->losses % SCHEDULER_LOSSES_MAX == 0", "true"),
    ("what kills its worker before a beat is never to blame", "scheduler_workers.c",
     "copy->beat > 0 || ++copy->entry->losses % SCHEDULER_LOSSES_MAX == 0", "copy->beat > 0"),
    ("the last node is sent away", "scheduler_workers.c",
     " || s->able == worker->node->able)", ")"),
    ("what the last beat listed is not looked at", "scheduler_workers.c",
     "\tif (is_listed(worker, copy))\n\t\treturn true;\n", ""),
    ("a job is quarantined with its second blame", "scheduler_jobs.c",
     "entry->blames >= SCHEDULER_BLAMES_MAX", "entry->blames >= SCHEDULER_BLAMES_MAX - 1"),
    ("a job is never quarantined", "scheduler_jobs.c",
     "entry->blames >= SCHEDULER_BLAMES_MAX", "entry->blames > SCHEDULER_BLAMES_MAX"),
    ("a job may hang three times", "scheduler_jobs.c",
     "++entry->hangs >= SCHEDULER_HANGS_MAX", "++entry->hangs > SCHEDULER_HANGS_MAX"),
    ("blames of an earlier start are forgotten", "scheduler.c",
     "\tentry->blames = event->blames;\n", ""),
    ("a blamed job does not run alone", "scheduler_jobs.c",
     "\telse\n\t\twait_in(s, entry, WHERE_ALONE, s->alone.previous);\n}\n\nvoid entry_hang",
     "\telse\n\t\tentry_pend_first(s, entry);\n}\n\nvoid entry_hang"),
    ("a blamed job that comes back does not run alone", "scheduler_jobs.c",
     "\telse if (entry->blames > 0) /* still under suspicion */\n"
     "\t\twait_in(s, entry, WHERE_ALONE, &s->alone);\n", ""),
    ("who has a job alone gets others", "scheduler_workers.c",
     "if (worker->reserved || worker->credits", "if (worker->credits"),
    ("one retry more than allowed", "scheduler.c",
     "entry->retries < s->options.retries", "entry->retries <= s->options.retries"),
    ("no retry", "scheduler.c", "entry->retries < s->options.retries", "false"),
    ("the backoff does not grow", "scheduler_jobs.c", "BACKOFF_FACTOR = 4,", "BACKOFF_FACTOR = 1,"),
    ("the backoff has no maximum", "scheduler_jobs.c",
     "\tif (length_ms > SCHEDULER_BACKOFF_MAX_MS)\n\t\tlength_ms = SCHEDULER_BACKOFF_MAX_MS;\n"
     "\tentry->retries++;",
     "\tlength_ms = SCHEDULER_BACKOFF_MS << 2 * entry->retries;\n\tentry->retries++;"),
    ("the jitter is twice as large", "scheduler_jobs.c",
     "return length_ms / 2 +", "return length_ms +"),
    ("a delay ends early", "scheduler_jobs.c",
     "s->delayed[0]->due_ms <= s->now_ms)", "s->delayed[0]->due_ms <= s->now_ms + 1)"),
    ("a delay never ends", "scheduler_jobs.c",
     "while (s->counts.delayed > 0 && s->delayed[0]->due_ms <= s->now_ms)", "while (false)"),
    ("delays are no deadline", "scheduler.c",
     "\t\tat_ms = earlier(at_ms, s->delayed[0]->due_ms);\n", "\t\t;\n"),
    ("silence is no deadline", "scheduler.c",
     "\tat_ms = earlier(at_ms, silence_deadline_ms(&s->suspects, SCHEDULER_DEAD_MS));\n", ""),
    ("twins are no deadline", "scheduler.c",
     "return is_stopping(s) ? at_ms : earlier(at_ms, twin_deadline_ms(s));", "return at_ms;"),
    ("jobs are asked for however many are delayed", "scheduler.c",
     "\tif (s->counts.delayed >= SCHEDULER_DELAYED_MAX)\n\t\treturn;\n", ""),
    ("more is asked for than credits are free", "scheduler.c",
     "uint64_t count = s->free_credits - coming;", "uint64_t count = s->free_credits;"),
    ("what was asked for is asked for again", "scheduler.c",
     "uint64_t coming = s->counts.pending + s->asked;", "uint64_t coming = s->counts.pending;"),
    ("an untrusted node is believed", "scheduler_workers.c",
     "return node->trust <= 0 && s->able > node->able;", "return false;"),
    ("every node is asked for a second opinion for ever", "scheduler.c",
     "bool asks = !entry->second_opinion && doubtful;", "bool asks = doubtful;"),
    ("the node that failed a job gets it again", "scheduler_dispatch.c",
     "if (elsewhere && worker->node->number == doubted)", "if (false)"),
    ("a sick node is never given a rest", "scheduler_workers.c",
     "\tif (node->rests < SCHEDULER_RESTS_MAX) {", "\tif (node->rests < 0) {"),
    ("all rests of a node are as long", "scheduler_workers.c",
     "(uint32_t)SCHEDULER_REST_MS << node->rests;", "(uint32_t)SCHEDULER_REST_MS;"),
    ("a full target does not pause the run", "scheduler.c",
     "\t\temit(s, (struct action) { .type = ACTION_PAUSE });\n", ""),
    ("a run that can write again does not resume", "scheduler.c",
     "\t\temit(s, (struct action) { .type = ACTION_RESUME });\n", ""),
    ("a full target never aborts the run", "scheduler.c",
     "s->now_ms - s->full_since_ms >= s->options.target_wait_ms", "false"),
    ("a full target aborts the run at once", "scheduler.c",
     "s->now_ms - s->full_since_ms >= s->options.target_wait_ms", "true"),
    ("a node that can't write gets no probe", "scheduler_workers.c",
     "\t\t\tnode->may_probe = true;\n", "\t\t\tnode->may_probe = false;\n"),
    ("probes come twice as often", "scheduler_workers.c",
     "node->probe_at_ms = s->now_ms + SCHEDULER_PROBE_MS;",
     "node->probe_at_ms = s->now_ms + SCHEDULER_PROBE_MS / 2;"),
    ("twins although there are to be none", "scheduler_dispatch.c",
     "return s->options.twins && s->state", "return s->state"),
    ("never a twin", "scheduler_dispatch.c", "return s->options.twins && s->state",
     "return false && s->state"),
    ("twins of young jobs", "scheduler_dispatch.c",
     "(age_ms > SCHEDULER_TWIN_MS ? age_ms : SCHEDULER_TWIN_MS);", "age_ms;"),
    ("a twin of everything", "scheduler_dispatch.c",
     "\t       s->counts.twins < most;", "\t       most > 0;"),
    ("a twin at the same worker", "scheduler_dispatch.c", "if (worker != holder && worker->able",
     "if (worker->able"),
    ("a late success does not count", "scheduler.c",
     "\tif (entry && entry->where != WHERE_SETTLED &&",
     "\tif (false && entry->where != WHERE_SETTLED &&"),
    ("a forged late success counts", "scheduler.c",
     "event->attempt > 0 &&\n\t\tevent->attempt <= entry->attempt)", "true)"),
    ("a late result of an old attempt counts", "scheduler_jobs.c",
     "copy->worker->number == event->worker &&\n\t\t\tcopy->attempt == event->attempt)",
     "copy->worker->number == event->worker)"),
    ("jobs are sent after cancellation", "scheduler.c",
     "\tif (!is_stopping(s))\n\t\tdispatch(s);",
     "\tif (s->state != STATE_FINISHED)\n\t\tdispatch(s);"),
    ("a failure is tried again after cancellation", "scheduler.c",
     "\t\tif (tried)\n\t\t\tentry_come_back(s, entry);\n\t\telse\n", ""),
    ("what waits at cancellation stays", "scheduler.c", "\tjobs_cancel(s);\n", ""),
    ("the run ends before the last job", "scheduler.c",
     "s->counts.found != s->counts.settled)", "s->counts.pending > 0)"),
    ("a drained worker is not forgotten", "scheduler_workers.c",
     "if (worker->draining && worker->held_count == 0)", "if (false)"),
    ("one worker gets all until it is full", "scheduler_jobs.c",
     "\tlink_remove(&worker->link); /* worker_update puts it at the end of the ring */\n", ""),
    ("what was found last goes first", "scheduler.c",
     "\telse\n\t\tentry_pend_last(s, entry);\n", "\telse\n\t\tentry_pend_first(s, entry);\n"),
]


def compile_source(options, source, target):
    command = [options.compiler, *FLAGS, "-I", options.source_dir, "-c", source, "-o", target]
    subprocess.run(command, check=True)
    return target


def compile_all(options, folder):
    """The simulator and the unchanged scheduler, compiled once."""
    root = glob.escape(options.source_dir)
    sources = sorted(glob.glob(os.path.join(root, "tests/sim/*.c")))
    sources += sorted(glob.glob(os.path.join(root, "master/scheduler*.c")))
    sources += [os.path.join(options.source_dir, name) for name in HELPERS]
    names = [os.path.basename(source) + ".o" for source in sources]
    targets = [os.path.join(folder, name) for name in names]
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(lambda pair: compile_source(options, *pair), zip(sources, targets)))


def link_and_run(options, folder, objects, name):
    """Returns the simulator's return code and last line."""
    stem = os.path.join(folder, "simulator_" + "".join(c if c.isalnum() else "_" for c in name))
    subprocess.run([options.compiler, *objects, "-lm", "-o", stem], check=True)
    try:
        done = subprocess.run([stem, "--seeds", str(SEEDS)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=RUN_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return None, "no end after %d s" % RUN_SECONDS_MAX
    os.unlink(stem)
    lines = [line for line in done.stdout.decode("utf-8", "replace").splitlines()
             if not line.startswith("it once found")] or ["no output"]
    return done.returncode, lines[-1]


def judge(options, folder, objects, mutant):
    """Returns whether the mutant was caught, and a line that says by what."""
    name, file_name, old, new = mutant
    with open(os.path.join(options.source_dir, "master", file_name), encoding="utf-8") as file:
        original = file.read()
    if original.count(old) != 1:
        return False, "%s: its text stands %d times in %s, not once" % (
            name, original.count(old), file_name)
    stem = os.path.join(folder, "mutant_" + "".join(c if c.isalnum() else "_" for c in name))
    with open(stem + ".c", "w", encoding="utf-8") as file:
        file.write(original.replace(old, new))
    compile_source(options, stem + ".c", stem + ".o")
    changed = [stem + ".o" if os.path.basename(o) == file_name + ".o" else o for o in objects]
    code, line = link_and_run(options, folder, changed, name)
    caught = code in (1, -signal.SIGABRT) or code is None
    return caught, "%s: %s: %s" % (name, "caught" if caught else "SURVIVED", line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source-dir", default=".")
    parser.add_argument("--compiler", default="cc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants") as folder:
        objects = compile_all(options, folder)
        code, line = link_and_run(options, folder, objects, "none")
        print("unchanged scheduler: %s" % line)
        if code != 0:
            return 1
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            verdicts = pool.map(
                lambda mutant: judge(options, folder, objects, mutant), MUTANTS)
            survivors = 0
            for caught, line in verdicts:
                print(line, flush=True)
                survivors += not caught
    print("%d mutants, %d not caught" % (len(MUTANTS), survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
