# SPDX-License-Identifier: MIT
"""A Docker daemon of the test's own (ground.sh), the image, and clusters of compose on it.

Whatever keeps a machine from running Docker is Unfit, with the reason; what breaks once it does
is an error.
"""
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
from support import BIN, wait_for  # noqa: E402

COMPOSE = os.path.join(ROOT, "deploy", "compose")
STATE = os.path.join(os.path.dirname(BIN), "cluster")  # images and the base, from run to run
USER = 12345  # whom the containers run as: nobody that an image knows of
TOOLS = {"dockerd": "docker.io", "docker-compose": "docker-compose", "debootstrap": "debootstrap",
         "ip": "iproute2", "iptables-nft": "iptables"}
START_S = 180  # to start the daemon
BUILD_S = 900  # to make the base and the image, when nothing is there yet
COMMAND_S = 120


class Unfit(Exception):
    """Docker can't run here."""


class Ground:
    """The daemon; it ends with this process, however that ends."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Unfit("only root may start a Docker daemon")
        absent = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
        if absent:
            raise Unfit("not installed: %s (deploy/packages.sh cluster)" % " ".join(absent))
        self.keeper = subprocess.Popen(
            [os.path.join(HERE, "ground.sh"), "hold", STATE], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("DOCKER_", "COMPOSE_", "SCIAME_"))}
        said = dict(line.rstrip("\n").split("=", 1)
                    for line in iter(self.keeper.stdout.readline, "\n") if line)
        if "DOCKER_HOST" not in said:
            self.keeper.wait(START_S)
            raise Unfit("no Docker daemon starts here (see above)")
        self.env.update(said)
        self.env["COMPOSE_ANSI"] = "never"

    def close(self):
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(START_S)

    def run(self, *command, cwd=ROOT, patience=COMMAND_S, check=True, env=None):
        """stdout of a command; with stderr in what a failure says."""
        done = subprocess.run(command, cwd=cwd, env={**self.env, **(env or {})}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=patience)
        if check and done.returncode:
            raise AssertionError("%s: status %d\n%s\n%s" % (
                " ".join(command), done.returncode, done.stdout[-3000:], done.stderr[-3000:]))
        return done.stdout

    def docker(self, *arguments, **more):
        return self.run("docker", *arguments, **more)

    def make_image(self):
        """The image as compose builds it; layers that did not change are there already."""
        self.run(os.path.join(HERE, "base_image.sh"), os.path.join(STATE, "base"),
                 patience=BUILD_S)
        # under a name, so that its layers stay when what has none is removed
        self.docker("build", "-t", "sciame-build", "--target", "build",
                    "-f", "deploy/compose/Dockerfile", ".", patience=BUILD_S)
        self.run("docker-compose", "-f", "keygen.yaml", "build", cwd=COMPOSE, patience=BUILD_S)
        self.docker("image", "prune", "-f")

    def clear(self):
        """Nothing of a test that was killed may be in the way."""
        left = self.docker("ps", "-aq").split()
        if left:
            self.docker("rm", "-f", *left)
        self.docker("network", "prune", "-f")
        self.docker("volume", "prune", "-f")


class Cluster:
    """One project of compose.yaml: a master's service and a worker's."""

    def __init__(self, ground, name, env, services=("master", "worker")):
        self.ground, self.name, self.env = ground, name, env
        self.master_service, self.worker_service = services

    def compose(self, *arguments, **more):
        return self.ground.run("docker-compose", "-p", self.name, *arguments, cwd=COMPOSE,
                               env=self.env, **more)

    def up(self, workers):
        """Starts the master and so many workers, or what of them is not there."""
        self.compose("up", "-d", "--scale", "%s=%d" % (self.worker_service, workers),
                     self.master_service, self.worker_service)

    def scale(self, workers):
        self.compose("up", "-d", "--no-deps", "--scale",
                     "%s=%d" % (self.worker_service, workers), self.worker_service)

    def down(self):
        self.compose("down", "-v", "-t", "1", "--remove-orphans")

    def containers(self, service, everything=False):
        """Names, in the order of their numbers."""
        found = self.ground.docker(
            "ps", *(["-a"] if everything else []), "--format", "{{.Names}}",
            "-f", "label=com.docker.compose.project=" + self.name,
            "-f", "label=com.docker.compose.service=" + service,
            "-f", "label=com.docker.compose.oneoff=False").split()
        return sorted(found, key=lambda one: int(one.replace("-", "_").rpartition("_")[2]))

    @property
    def master(self):
        return self.containers(self.master_service, everything=True)[0]

    def workers(self):
        return self.containers(self.worker_service)

    def inspect(self, container, form):
        return self.ground.docker("inspect", "-f", form, container).strip()

    def host(self, container):
        """By which name the master knows it."""
        return self.inspect(container, "{{.Config.Hostname}}")

    def log(self, container):
        """stdout, stderr."""
        done = subprocess.run(["docker", "logs", container], env=self.ground.env, check=True,
                              text=True, capture_output=True, timeout=COMMAND_S)
        return done.stdout, done.stderr

    def members(self):
        """Who takes part, as the master tells a client."""
        told = self.ground.docker("exec", self.master, "sciame", "workers", "--master",
                                  "localhost:5555", "--keys", "/run/secrets", "--json",
                                  check=False)
        return [json.loads(line) for line in told.splitlines()]

    def finish(self, patience):
        """The master's exit status."""
        end = time.monotonic() + patience
        wait_for(lambda: self.inspect(self.master, "{{.State.Running}}") == "false",
                 "the end of the run; the master says:\n" + "".join(self.log(self.master)),
                 end - time.monotonic())
        return int(self.inspect(self.master, "{{.State.ExitCode}}"))

    def ledger(self):
        """The rows of the ledger."""
        text = self.compose("run", "--rm", "--no-deps", "-T", self.master_service,
                            "sciame", "ledger", "export", "--json", "/thumbnails")
        return [json.loads(line) for line in text.splitlines()]
