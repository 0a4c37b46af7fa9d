#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Master and workers over networks that are cut, slow, broken or moved.

With the name of a class (Partitions, Masters, Workers, Roads) only its tests. Those that need a
network of their own are skipped where there can be none.
"""
import os
import signal
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("integration", "chaos")]

from cluster import ClusterCase, HostsCase, Pool, RoadCase, TooShort, long_enough  # noqa: E402
from support import main_or_skip, wait_for  # noqa: E402

WORKERS = ("a", "b", "c", "d")
WAYS = {"a": "in", "b": "out", "c": "both"}
BLIP_S = 2.0
LONG_S = 8.0
RESETS_MIN = 6
REJOIN_S = 12.0  # after a cut a worker has to be back


def setUpModule():
    ClusterCase.pool = Pool()


def tearDownModule():
    ClusterCase.pool.close()


class Partitions(HostsCase):
    def start(self, seconds, *more):
        self.prepare(seconds)
        run = self.master_on("m", "--wait-workers", str(len(WORKERS)), *more)
        for name in WORKERS:
            self.worker_on(name)
        self.wait_all_work()
        return run

    @long_enough
    def test_cuts_of_2_s_cost_nothing(self):
        run = self.start(8, "--no-twins")
        for _ in range(2):
            for name, way in WAYS.items():
                self.network.cut(name, way)
            self.pass_time(run, BLIP_S)
            for name in WAYS:
                self.network.heal(name)
            self.pass_time(run, BLIP_S)
        told = self.judge(run)
        self.assertNotIn("worker on", told)
        self.assertEqual(self.rejoins(), dict.fromkeys(WORKERS, 0))
        self.assertEqual(self.again, 0)
        self.leave()

    @long_enough
    def test_cuts_of_8_s_cost_the_time_of_who_is_cut_off(self):
        run = self.start(10)
        for name, way in WAYS.items():
            self.network.cut(name, way)
        self.pass_time(run, LONG_S)
        for name in WAYS:
            self.network.heal(name)
        healed = time.monotonic()
        self.wait_members(run, WORKERS)
        self.assertLess(time.monotonic() - healed, REJOIN_S)
        self.judge(run)
        rejoins = self.rejoins()
        self.assertEqual(rejoins.pop("d"), 0)
        self.assertTrue(all(rejoins.values()), rejoins)
        self.leave()

    @long_enough
    def test_a_master_that_is_cut_off_gets_its_workers_back(self):
        run = self.start(4)
        self.network.cut("m", "both")
        wait_for(lambda: run.said("no worker is here"), "the master to notice")
        self.pass_time(run, BLIP_S)
        self.network.heal("m")
        self.wait_members(run, WORKERS)
        self.judge(run)
        self.assertTrue(all(self.rejoins().values()))
        self.leave()


class Masters(HostsCase):
    hosts = ("m", "n", "a", "b")

    def start_workers(self, address=None):
        for name in ("a", "b"):
            self.worker_on(name, address)

    @long_enough
    def test_killed_and_started_again_it_gets_its_workers_back(self):
        self.prepare(4)
        run = self.master_on("m")
        self.start_workers()
        for share in (0.2, 0.4, 0.6):
            self.wait_share(run, share)
            run.kill()
            run = self.master_on("m")
        told = self.judge(run)
        self.assertIn("resuming: ", told)
        self.leave()

    @long_enough
    def test_its_machine_vanishes_and_its_name_means_another(self):
        self.prepare(4)
        for name in ("a", "b"):
            self.network[name].names({"master.example": self.network["m"].address})
        run = self.master_on("m")
        self.start_workers("master.example:5555")
        self.wait_share(run, 0.3)
        # nobody is told: no connection is closed
        self.network.cut("m", "both")
        run.kill()
        run = self.master_on("n")
        for name in ("a", "b"):
            self.network[name].names({"master.example": self.network["n"].address})
        told = self.judge(run)
        self.assertIn("resuming: ", told)
        self.leave()

    @long_enough
    def test_its_address_moves_to_another_machine(self):
        self.prepare(4)
        address = self.network.add_address("m", 100)
        run = self.master_on("m")
        self.start_workers(address + ":5555")
        self.wait_share(run, 0.3)
        run.kill()
        self.network.add_address("n", 100)
        told = self.judge(self.master_on("n"))
        self.assertIn("resuming: ", told)
        self.leave()


class Workers(HostsCase):
    hosts = ("m", "a", "b")

    @long_enough
    def test_started_again_they_take_part_again(self):
        self.prepare(4)
        run = self.master_on("m", "--wait-workers", "2")
        for name in ("a", "b"):
            self.worker_on(name)
        self.wait_all_work()
        for share, name, number in ((0.1, "a", signal.SIGKILL), (0.3, "b", signal.SIGTERM),
                                    (0.5, "b", signal.SIGKILL)):
            self.wait_share(run, share)
            old = self.workers[name]
            if number == signal.SIGKILL:
                old.kill()
            else:
                old.signal(number)
                self.assertEqual(old.finish(), 0, old.text())
            self.worker_on(name)
            self.wait_members(run, ("a", "b"))
        self.judge(run)
        self.leave()


class Roads(RoadCase):
    def run_over(self, roads, *more, secure=False, inline=False):
        if secure:
            self.keys = self.make_keys()
        if inline:
            more = ("--transfer", "inline", *more)
        run = self.master("--wait-workers", str(len(roads)), *more)
        for number, road in enumerate(roads):
            self.worker_behind("w%d" % number, road, *(("--orphan-timeout", "0") if inline else ()))
        return run

    def quiet(self, told):
        """Nobody had to begin anew, nothing was done twice."""
        self.assertNotIn("worker on", told)
        self.assertEqual(set(self.rejoins().values()), {0})
        self.assertEqual(self.again, 0)

    def enough_resets(self, roads):
        if sum(road.stop()["resets"] for road in roads) < RESETS_MIN:
            raise TooShort("hardly a connection was broken")

    def one_byte_after_another(self, secure):
        self.prepare(1)
        roads = [self.road(segment=1) for _ in range(2)]
        self.quiet(self.judge(self.run_over(roads, "--no-twins", secure=secure)))
        self.leave()
        self.assertGreater(sum(road.stop()["down"] for road in roads), 1000)

    def test_one_byte_after_another(self):
        self.one_byte_after_another(False)

    def test_one_byte_after_another_with_keys(self):
        self.one_byte_after_another(True)

    @long_enough
    def test_40_ms_there_and_back(self):
        self.prepare(2)
        roads = [self.road(delay_ms=20) for _ in range(2)]
        self.quiet(self.judge(self.run_over(roads, "--no-twins", secure=True)))
        self.leave()

    @long_enough
    def test_as_far_as_a_satellite(self):
        self.prepare(1)
        roads = [self.road(delay_ms=300) for _ in range(2)]
        self.judge(self.run_over(roads, secure=True))
        self.leave()

    @long_enough
    def test_a_connection_breaks_each_second(self):
        self.prepare(6)
        roads = [self.road(reset_every=1000, seed=seed) for seed in range(2)]
        told = self.judge(self.run_over(roads, secure=True))
        self.assertNotIn("sent away", told)
        self.leave()
        self.enough_resets(roads)

    @long_enough
    def test_connections_break_while_files_travel(self):
        self.prepare(5)
        roads = [self.road(reset_every=1000, delay_ms=5, seed=seed) for seed in range(2)]
        self.judge(self.run_over(roads, secure=True, inline=True))
        self.leave()
        self.enough_resets(roads)

    @long_enough
    def test_who_is_there_again_at_once_is_not_blamed(self):
        self.prepare(3)
        roads = [self.road() for _ in range(2)]
        run = self.run_over(roads, secure=True)
        self.wait_all_work()
        self.wait_share(run, 0.3)
        for road in roads:
            road.reset()
        told = self.judge(run)
        self.assertTrue(all(self.rejoins().values()), self.rejoins())
        self.assertNotIn("was lost", told)
        self.assertEqual(self.figures["blamed deaths"], 0)
        self.leave()


if __name__ == "__main__":
    main_or_skip()
