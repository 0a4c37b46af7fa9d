# SPDX-License-Identifier: MIT
"""How much of their time workers in containers work: cluster.py [--rounds N] [WORKERS ...]

For each number of workers (default 2 4 8 16), each a container with one lane: jobs that sleep 50 ms,
100 for each worker. Ideal is 5 s, whatever their number. Measured is from the start of the first job to
the report of the last one, by the time stamps that Docker gives to the master's lines. Beside it the
same without containers and without a network: what the lanes themselves and this machine cost.
Needs what tests/cluster needs.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cluster"))
from containers import BIN, COMPOSE, USER, Cluster, Ground  # noqa: E402
from support import wait_for  # noqa: E402

SLEEP_S = 0.05
JOBS = 100  # for each worker
PATIENCE_S = 60
LINES = ("stdbuf", "-oL")  # each line as it is written, or time stamps say nothing


def options(workers):
    return ("noop", "--verbose", "-n", str(JOBS * workers),
            "--sleep-ms", str(round(SLEEP_S * 1000)))


def seconds(stamp):
    """Of the day, from 2026-03-01T22:10:04.123456789Z; no run lasts until midnight."""
    hours, minutes, rest = stamp.rstrip("Z").partition("T")[2].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(rest)


def in_containers(cluster, workers):
    """Efficiency of one run."""
    ground = cluster.ground
    cluster.scale(workers)
    name = cluster.name + "-run"
    cluster.compose("run", "-d", "--use-aliases", "--name", name, "master", *LINES, "sciame",
                    *options(workers), "--listen", "*:5555", "--keys", "/run/secrets", "-c", "0",
                    "--wait-workers", str(workers))
    try:
        wait_for(lambda: cluster.inspect(name, "{{.State.Running}}") == "false", "the end",
                 PATIENCE_S)
        done = subprocess.run(["docker", "logs", "-t", name], env=ground.env, check=True, text=True,
                              capture_output=True)
    finally:
        ground.docker("rm", "-f", name)
    lines = (done.stdout + done.stderr).splitlines()
    stamps = sorted(seconds(line.split()[0]) for line in lines if " done job " in line)
    if len(stamps) != JOBS * workers:
        raise AssertionError("\n".join(lines[-20:]))
    return JOBS * SLEEP_S / (stamps[-1] - stamps[0] + SLEEP_S)


def alone(workers):
    """The same with as many lanes of one worker on this host."""
    process = subprocess.Popen(
        [*LINES, os.path.join(BIN, "sciame"), *options(workers), "-c", str(workers)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    stamps = [time.monotonic() for line in process.stdout if "done job " in line]
    if process.wait() or len(stamps) != JOBS * workers:
        raise AssertionError("sciame: status %d" % process.returncode)
    return JOBS * SLEEP_S / (stamps[-1] - stamps[0] + SLEEP_S)


def shown(values):
    return "%5.1f %% (%s)" % (100 * statistics.median(values),
                             " ".join("%.1f" % (100 * value) for value in sorted(values)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("workers", nargs="*", type=int, default=[2, 4, 8, 16])
    arguments = parser.parse_args()
    ground = Ground()
    folder = tempfile.mkdtemp(prefix="sciame-bench-")
    try:
        os.chown(folder, USER, USER)
        ground.clear()
        ground.make_image()
        env = {"SCIAME_USER": "%d:%d" % (USER, USER), "SCIAME_KEYS": folder,
               "SCIAME_PICTURES": folder, "SCIAME_THUMBNAILS": folder,
               "SCIAME_WORKER_CPUS": "1", "SCIAME_MASTER_CPUS": "1"}
        ground.run("docker-compose", "-f", "keygen.yaml", "-p", "bench", "run", "--rm", "keygen",
                   cwd=COMPOSE, env=env)
        cluster = Cluster(ground, "bench", env)
        for workers in arguments.workers:
            print("%2d workers: %s; lanes of one host: %s" % (
                workers, shown([in_containers(cluster, workers)
                                for _ in range(arguments.rounds)]),
                shown([alone(workers) for _ in range(arguments.rounds)])), flush=True)
        cluster.down()
    finally:
        ground.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
