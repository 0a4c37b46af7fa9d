# SPDX-License-Identifier: MIT
"""deploy/compose with real containers: a thousand pictures while workers, master and network fail.

Each scenario ends with the same questions: is every thumbnail there, is it the one that a plain run
makes, does the ledger agree, is nothing else left?
"""
import os
import re
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import thousand  # noqa: E402
from containers import HERE, USER, Cluster, Ground, Unfit  # noqa: E402
from support import main_or_skip, tree, wait_for  # noqa: E402

RUN_S = 90  # that a run may take
PAUSE_S = 8
GRACE_S = 10  # of docker stop
FLOOD = 1000  # connections
SIZE = "400"
SLOW = "0.1"  # of a core for each worker, until what is to happen has happened
SLOWER = "0.05"

world = None


class World:
    """What all scenarios share: the daemon, the image, keys, pictures, and a plain run's result."""

    def __init__(self):
        started = time.monotonic()
        self.ground = Ground()
        self.folder = tempfile.mkdtemp(prefix="sciame-test-")
        try:
            self.ground.clear()
            self.ground.make_image()
            thousand.make(self.make_folder("pictures"))
            self.env = {
                "SCIAME_USER": "%d:%d" % (USER, USER), "SCIAME_SIZE": SIZE,
                "SCIAME_KEYS": self.make_folder("keys"), "SCIAME_MASTER_CPUS": "1", "SCIAME_PICTURES": self.path("pictures"),
            }
            self.ground.run("docker-compose", "-p", "keys", "-f", "keygen.yaml", "run", "--rm",
                            "keygen", cwd=os.path.join(HERE, "../../deploy/compose"),
                            env=self.env)
            self.plain = self.make_plain()
        except BaseException:
            self.close()
            raise
        say("the image, the pictures and a plain run", started)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_folder(self, name):
        os.makedirs(self.path(name))
        os.chown(self.path(name), USER, USER)
        return self.path(name)

    def make_plain(self):
        """By the same libraries as the workers', which may not be those of this machine."""
        self.ground.docker(
            "run", "--rm", "--network", "none", "-u", self.env["SCIAME_USER"],
            "-v", self.path("pictures") + ":/pictures:ro",
            "-v", self.make_folder("plain") + ":/plain",
            "sciame", "sciame", "scale", "--no-ledger", "--size", SIZE, "/pictures", "/plain")
        return tree(self.path("plain"))

    def close(self):
        self.ground.close()
        shutil.rmtree(self.folder)


def say(what, started):
    print("%-48s %5.1f s" % (what, time.monotonic() - started), flush=True)


def setUpModule():
    global world
    try:
        world = World()
    except Unfit as reason:
        world = str(reason)


def tearDownModule():
    if isinstance(world, World):
        world.close()


class ComposeCase(unittest.TestCase):
    def setUp(self):
        if not isinstance(world, World):
            self.skipTest(world)
        self.started = time.monotonic()
        self.docker = world.ground.docker
        self.notes = ""

    def start(self, workers, services=("master", "worker"), cpus=SLOW):
        """A cluster at work."""
        name = self.id().rpartition(".")[2].replace("test_", "").replace("_", "")[:24]
        self.thumbnails = world.make_folder(name)
        self.sightings = thousand.Sightings(self.thumbnails)
        self.addCleanup(self.sightings.close)
        self.cluster = Cluster(
            world.ground, name, dict(world.env, SCIAME_THUMBNAILS=self.thumbnails,
                                     SCIAME_WORKER_CPUS=cpus), services)
        self.addCleanup(self.cluster.down)
        self.cluster.up(workers)
        return self.cluster

    def reach(self, count):
        """Waits until so many thumbnails are there; then the run must still go on."""
        wait_for(lambda: len(self.sightings.count()) >= count, "%d thumbnails" % count)
        self.assertLess(len(self.sightings.count()), thousand.COUNT, "the run was too quick")

    def joined(self, *hosts):
        """Waits until all these take part and have done something since they came."""
        def all_there():
            done = {one["host"] for one in self.cluster.members() if one["done"]}
            self.assertLess(len(self.sightings.count()), thousand.COUNT, "the run was too quick")
            return done >= set(hosts)
        wait_for(all_there, "workers %s to take part" % (hosts,))

    def gone(self, *hosts):
        def none_there():
            members = self.cluster.members()
            return members and not {one["host"] for one in members} & set(hosts)
        wait_for(none_there, "workers %s to be given up" % (hosts,))

    def verify(self, status=0):
        """The run ends, nothing is lost, nothing else is left. Returns the rows of the ledger."""
        self.docker("update", "--cpus", "1", *self.cluster.workers())
        ended = self.cluster.finish(RUN_S)
        out, err = self.cluster.log(self.cluster.master)
        self.assertEqual(ended, status, out + err)
        lines = out.splitlines()
        self.assertTrue(lines and lines[-1].startswith("copied 0 scaled 1000 using "), out + err)
        found = tree(self.thumbnails)
        self.assertEqual(sorted(set(found) ^ set(world.plain)), [])
        self.assertEqual(found, world.plain)
        rows = self.cluster.ledger()
        self.assertEqual(sorted(row["source"] for row in rows),
                         ["source:" + thousand.name(n) for n in range(thousand.COUNT)])
        self.assertEqual({row["outcome"] for row in rows}, {"done"})
        twice = sum(self.sightings.count().values()) - thousand.COUNT
        again = sum(row["attempts"] - 1 for row in rows)
        say("%s%s" % (self.id().rpartition(".")[2].replace("_", " "), self.notes), self.started)
        print("    %s; sent again %d, done again %d" % (lines[-1], again, twice), flush=True)
        return rows, twice


class Workers(ComposeCase):
    def test_four_workers(self):
        cluster = self.start(4)
        self.reach(1)
        self.joined(*map(cluster.host, cluster.workers()))
        rows, twice = self.verify()
        self.assertEqual(len({row["worker"] for row in rows}), 4)
        # and then they wait for the next master, in good health
        for worker in cluster.workers():
            wait_for(lambda: cluster.inspect(worker, "{{.State.Health.Status}}") == "healthy",
                     "a healthy worker")

    def test_workers_are_killed(self):
        cluster = self.start(4)
        self.reach(200)
        self.docker("kill", *cluster.workers()[:2])
        self.verify()

    def test_worker_is_paused(self):
        cluster = self.start(4, cpus=SLOWER)
        self.reach(100)
        worker = cluster.workers()[0]
        host = cluster.host(worker)
        # what is throttled can't be frozen on all kernels
        self.docker("update", "--cpus", "1", worker)
        began = time.monotonic()
        self.docker("pause", worker)
        self.gone(host)
        wait_for(lambda: time.monotonic() - began >= PAUSE_S, "the end of the pause")
        self.docker("unpause", worker)
        self.joined(host)
        self.verify()

    def test_worker_loses_its_network(self):
        cluster = self.start(4, cpus=SLOWER)
        self.reach(100)
        worker = cluster.workers()[0]
        host = cluster.host(worker)
        self.docker("network", "disconnect", cluster.name + "_default", worker)
        self.gone(host)
        self.docker("network", "connect", cluster.name + "_default", worker)
        self.joined(host)
        self.verify()

    def test_workers_come_and_go(self):
        cluster = self.start(2)
        self.reach(100)
        cluster.scale(5)
        self.joined(*map(cluster.host, cluster.workers()))
        cluster.scale(2)
        self.assertEqual(len(cluster.workers()), 2)
        rows, twice = self.verify()
        self.assertEqual(len({row["worker"] for row in rows}), 5)
        self.assertEqual({row["blames"] for row in rows}, {0})

    def test_workers_are_restarted_one_by_one(self):
        cluster = self.start(4, cpus=SLOWER)
        self.reach(100)
        drained = []
        for worker in cluster.workers():
            began = time.monotonic()
            self.docker("stop", "-t", str(GRACE_S), worker)
            drained.append(time.monotonic() - began)
            self.assertEqual(cluster.inspect(worker, "{{.State.ExitCode}}"), "0")
            self.docker("start", worker)
            self.joined(cluster.host(worker))
        self.notes = " (docker stop took %.1f s)" % max(drained)
        rows, twice = self.verify()
        self.assertEqual(twice, 0)
        self.assertEqual({row["blames"] for row in rows}, {0})
        self.assertLess(max(drained), GRACE_S)

    def test_hung_worker_is_not_healthy(self):
        cluster = self.start(1)
        self.reach(1)
        worker = cluster.workers()[0]

        def healthy():
            return world.ground.run("sh", "-c", "docker exec %s sciame-worker --check /tmp/health "
                                    "2>/dev/null && echo yes || echo no" % worker) == "yes\n"
        self.assertTrue(healthy())
        self.docker("kill", "-s", "STOP", worker)
        wait_for(lambda: not healthy(), "the check to fail")
        self.docker("kill", "-s", "CONT", worker)
        wait_for(healthy, "the check to succeed")
        say("hung worker is not healthy", self.started)


class Masters(ComposeCase):
    def test_run_is_canceled_and_goes_on(self):
        cluster = self.start(4)
        self.reach(200)
        began = time.monotonic()
        self.docker("kill", "-s", "INT", cluster.master)
        self.assertEqual(cluster.finish(RUN_S), 130)
        self.notes = " (canceled within %.1f s)" % (time.monotonic() - began)
        found = tree(self.thumbnails)
        self.assertEqual(found, {name: world.plain[name] for name in found})
        self.assertLess(len(found), thousand.COUNT)
        cluster.up(4)
        self.verify()

    def test_master_is_killed_and_started_again(self):
        cluster = self.start(4)
        self.reach(300)
        self.docker("kill", cluster.master)
        cluster.up(4)
        self.verify()
        self.assertIn("resuming: ", cluster.log(cluster.master)[1])


class Strangers(ComposeCase):
    def stranger(self, image, *command):
        """A container on the cluster's network that knows what is public, but has no key."""
        name = "stranger%d" % len(self.names)
        self.names.append(name)
        self.docker("run", "-d", "--name", name, "--network", self.cluster.name + "_default",
                    "--cpus", "0.5", "-u", "4711:4711", "-v", HERE + "/stranger.sh:/stranger.sh:ro",
                    "-v", world.path("keys/master.pub") + ":/master.pub:ro", image, *command)
        self.addCleanup(self.docker, "rm", "-f", name)
        return name

    def connections(self, flood):
        return int(("0\n" + self.cluster.log(flood)[0]).splitlines()[-1])

    def test_strangers_flood_the_ports(self):
        self.names = []
        cluster = self.start(4)
        self.reach(50)
        flood = self.stranger("debian:bookworm-slim", "/stranger.sh", "master", "5555", "5556",
                              "5560", "5561", "5562", "5563")
        join = ("sciame-worker", "--master", "master:5555")
        workers = [self.stranger("sciame", *join, "--insecure"), self.stranger(
            "sciame", "sh", "-c", "sciame keygen /tmp/keys && cp /master.pub /tmp/keys && "
            "exec %s --keys /tmp/keys" % " ".join(join))]
        hosts = {cluster.host(worker) for worker in workers}
        wait_for(lambda: self.connections(flood) >= FLOOD, "the flood")
        self.assertFalse(hosts & {one["host"] for one in cluster.members()})
        self.assertLess(len(self.sightings.count()), thousand.COUNT, "the run was too quick")
        memory = self.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", cluster.master)
        rows, _ = self.verify()
        self.assertFalse(hosts & {row["worker"] for row in rows})
        for stranger in (flood, *workers):
            self.assertEqual(cluster.inspect(stranger, "{{.State.Running}}"), "true")
        said = cluster.log(cluster.master)[1]
        self.assertIn(" connections without an allowed key", said)
        broken = sum(map(int, re.findall(r"(\d+) that broke off or made no sense", said)))
        self.assertGreater(broken, FLOOD / 4)
        print("    a flood of %d connections; refused %d; the master's memory: %s" % (
            self.connections(flood), broken, memory.strip()))


class Inline(ComposeCase):
    def test_workers_without_a_folder_in_common(self):
        cluster = self.start(4, ("inline-master", "inline-worker"))
        self.reach(200)
        mounts = cluster.inspect(cluster.workers()[0], "{{range .Mounts}}{{.Destination}} {{end}}")
        self.assertEqual(sorted(mounts.split()),
                         ["/run/secrets/master.pub", "/run/secrets/worker.key"])
        self.docker("kill", cluster.workers()[0])
        self.verify()


if __name__ == "__main__":
    main_or_skip()
