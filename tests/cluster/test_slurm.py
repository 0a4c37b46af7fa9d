# SPDX-License-Identifier: MIT
"""The batch script under a real Slurm: three slurmd on this machine, with keys and ports of their own."""
import os
import shutil
import socket
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from network import free_ports  # noqa: E402
from support import BIN, Case, main_or_skip, sciame, temporaries, tree, wait_for  # noqa: E402

SCRIPT = os.path.join(ROOT, "deploy", "slurm", "sciame.sbatch")
NODES = 3
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "sinfo", "squeue")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPort={port}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=5
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=1 RealMemory=100
PartitionName=all Nodes=n[1-{nodes}] Default=YES MaxTime=5 State=UP
"""


class Cluster:
    """munged, slurmctld and slurmds, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []
        port = free_ports()
        os.chmod(folder, 0o755)  # munged wants to know that nobody else can change its socket
        os.makedirs(os.path.join(folder, "state"))
        with open(folder + "/munge.key", "wb") as file:
            file.write(os.urandom(1024))
        os.chmod(folder + "/munge.key", 0o400)
        with open(folder + "/slurm.conf", "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(folder=folder, host=socket.gethostname(), port=port,
                                            nodes=NODES, first=port + 1, last=port + NODES))
        self.env = dict(os.environ, SLURM_CONF=folder + "/slurm.conf",
                        PATH=BIN + os.pathsep + os.environ["PATH"])

    def start(self, *command):
        log = open(self.folder + "/daemons.log", "ab")
        self.started.append(subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log))
        log.close()

    def open(self):
        f = self.folder
        self.start("munged", "--foreground", "--force", "--key-file=%s/munge.key" % f,
                   "--socket=%s/munge.sock" % f, "--pid-file=%s/munge.pid" % f,
                   "--log-file=%s/munge.log" % f, "--seed-file=%s/munge.seed" % f)
        wait_for(lambda: os.path.exists(f + "/munge.sock"), "munged", 20)
        self.start("slurmctld", "-D", "-f", f + "/slurm.conf")
        for number in range(1, NODES + 1):
            os.makedirs("%s/spool-n%d" % (f, number))
            self.start("slurmd", "-D", "-N", "n%d" % number, "-f", f + "/slurm.conf")
        wait_for(lambda: self.ask("sinfo", "-h", "-t", "idle", "-o", "%D").strip() == str(NODES),
                 "idle nodes", 60)

    def ask(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False).stdout

    def close(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@unittest.skipUnless(os.geteuid() == 0, "Slurm's daemons need root")
@unittest.skipUnless(all(map(shutil.which, COMMANDS)), "Slurm is not installed")
class Slurm(Case):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("slurm"))
        self.cluster = Cluster(self.path("slurm"))
        self.addCleanup(self.cluster.close)
        self.cluster.open()
        self.port = free_ports()

    def submit(self, *arguments):
        """The number of a job."""
        env = dict(self.cluster.env, SCIAME_PORT=str(self.port), SCIAME_HOST="127.0.0.1")
        done = subprocess.run(
            ["sbatch", "--parsable", "--oversubscribe", "--nodes=%d" % NODES, "--chdir",
             self.folder, "--output", self.path("job-%j.txt"), SCRIPT, *arguments],
            env=env, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def state(self, job):
        told = self.cluster.ask("scontrol", "show", "job", job, "-o")
        words = dict(word.split("=", 1) for word in told.split() if "=" in word)
        return words.get("JobState", ""), words.get("ExitCode", "")

    def await_end(self, job):
        wait_for(lambda: self.state(job)[0] not in ("PENDING", "RUNNING", "COMPLETING",
                                                    "CONFIGURING", ""), "the end of the job", 90)
        return self.state(job)

    def said(self, job):
        with open(self.path("job-%s.txt" % job), encoding="utf-8") as file:
            return file.read()

    def test_all_nodes_share_the_work_and_a_canceled_job_goes_on(self):
        source = self.copy_pictures("in", 60)
        target = self.path("out")
        command = (source, target, "--size", "1500")
        first = self.submit(*command)
        wait_for(lambda: os.path.isdir(target) and len(tree(target)) > 3, "some pictures", 90)
        self.cluster.ask("scancel", first)
        self.await_end(first)
        wait_for(lambda: not self.cluster.ask("squeue", "-h").strip(), "an empty queue", 60)
        done = len(tree(target)) - len(temporaries(target))
        self.assertLess(done, 60)
        began = time.monotonic()
        second = self.submit(*command)
        self.assertEqual(self.await_end(second), ("COMPLETED", "0:0"), self.said(second))
        text = self.said(second)
        self.assertIn("copied 0 scaled 60 using 3 processes on 3 workers", text)
        self.assertRegex(text, r"resuming: \d+ of 60 done")
        self.check(sciame("scale", "--no-ledger", "--size", "1500", source, self.path("plain")), 0)
        self.assertEqual(tree(target), tree(self.path("plain")))
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".sciame")],
                         [], "keys are left")
        print("slurm: %d of 60 done when canceled, the rest in %.1f s" %
              (done, time.monotonic() - began), file=sys.stderr)

    def test_a_job_that_can_t_run_says_why(self):
        job = self.submit(self.path("nowhere"), self.path("out"))
        self.assertEqual(self.await_end(job), ("FAILED", "2:0"), self.said(job))
        self.assertIn("nowhere: No such file or directory", self.said(job))


if __name__ == "__main__":
    main_or_skip()
