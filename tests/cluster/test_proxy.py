#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The proxy that stands for a network: nothing gets lost or out of order, whatever it is told."""
import contextlib
import errno
import hashlib
import os
import random
import select
import socket
import struct
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "integration")]

from network import free_ports  # noqa: E402
from proxy import Proxy  # noqa: E402
from support import wait_for  # noqa: E402

PATIENCE = 30.0
LARGE = 64 << 20
HELD_ALL_MAX = 64 << 20  # link.h
TCP_INFO_DATA_SEGS_IN = 152  # offset in struct tcp_info


def reset_on_close(one):
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_all(one):
    parts = []
    while True:
        data = one.recv(1 << 20)
        if not data:
            return b"".join(parts)
        parts.append(data)


def send_all(one, data):
    """In a thread of its own, the sending half closed behind it."""
    def run():
        one.sendall(data)
        one.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class ProxyCase(unittest.TestCase):
    def setUp(self):
        self.target = self.listener()

    def listener(self, port=0):
        listener = socket.create_server(("127.0.0.1", port))
        listener.settimeout(PATIENCE)
        self.addCleanup(listener.close)
        return listener

    def proxy(self, **options):
        proxy = Proxy("127.0.0.1:%d" % self.target.getsockname()[1], **options)
        self.addCleanup(proxy.stop)
        return proxy

    def connect(self, proxy, port=0):
        one = socket.create_connection(("127.0.0.1", proxy.port + port), timeout=PATIENCE)
        self.addCleanup(one.close)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def accept(self):
        one = self.target.accept()[0]
        self.addCleanup(one.close)
        one.settimeout(PATIENCE)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return one

    def pair(self, proxy):
        return self.connect(proxy), self.accept()

    def assert_reset(self, one):
        with self.assertRaises(ConnectionResetError):
            while one.recv(1 << 16):
                pass


class Bytes(ProxyCase):
    def exchange(self, proxy, up, down):
        near, far = self.pair(proxy)
        threads = [send_all(near, up), send_all(far, down)]
        got = {}

        def read_far():
            got["up"] = read_all(far)
        reader = threading.Thread(target=read_far, daemon=True)
        reader.start()
        got["down"] = read_all(near)
        for thread in [*threads, reader]:
            thread.join(PATIENCE)
        self.assertEqual(hashlib.sha256(got["up"]).digest(), hashlib.sha256(up).digest())
        self.assertEqual(hashlib.sha256(got["down"]).digest(), hashlib.sha256(down).digest())

    def test_64_mb_arrive_as_they_were_sent_both_ways_at_once(self):
        proxy = self.proxy()
        up, down = os.urandom(LARGE), os.urandom(LARGE)
        self.exchange(proxy, up, down)
        wait_for(lambda: proxy.count() == 0, "the end of the connection")
        told = proxy.stop()
        self.assertEqual((told["up"], told["down"]), (LARGE, LARGE))
        self.assertEqual((told["connections"], told["refused"], told["resets"]), (1, 0, 0))

    def test_the_same_with_a_delay_that_changes(self):
        proxy = self.proxy(delay_ms=30)
        data = os.urandom(LARGE)
        dice = random.Random(7)
        near, far = self.pair(proxy)
        thread = send_all(near, data)
        digest, size = hashlib.sha256(), 0
        while True:
            part = far.recv(1 << 20)
            if not part:
                break
            digest.update(part)
            size += len(part)
            proxy.delay(dice.choice((0, 1, 30)))
        thread.join(PATIENCE)
        self.assertEqual(size, LARGE)
        self.assertEqual(digest.digest(), hashlib.sha256(data).digest())

    def test_each_port_leads_to_its_own(self):
        first = free_ports(3)
        listeners = [self.listener(first + i) for i in range(3)]
        proxy = Proxy("127.0.0.1:%d" % first, ports=3)
        self.addCleanup(proxy.stop)
        for i in (2, 0, 1):
            near = self.connect(proxy, i)
            far = listeners[i].accept()[0]
            self.addCleanup(far.close)
            near.sendall(b"%d" % i)
            self.assertEqual(far.recv(10), b"%d" % i)

    def test_segments_of_one_byte(self):
        proxy = self.proxy(segment=1)
        near, far = self.pair(proxy)
        data = os.urandom(20000)
        thread = send_all(near, data)
        self.assertEqual(read_all(far), data)
        thread.join(PATIENCE)
        info = far.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        segments = struct.unpack_from("=I", info, TCP_INFO_DATA_SEGS_IN)[0]
        # a byte that has to wait for the receiver's window may travel with the next
        self.assertGreater(segments, len(data) * 0.9)


class Time(ProxyCase):
    def round_trip_ms(self, near, far):
        began = time.monotonic()
        near.sendall(b"?")
        self.assertEqual(far.recv(1), b"?")
        far.sendall(b"!")
        self.assertEqual(near.recv(1), b"!")
        return 1000 * (time.monotonic() - began)

    def test_each_way_takes_the_delay_and_hardly_more(self):
        for delay_ms in (20, 50):
            with self.subTest(delay_ms=delay_ms):
                near, far = self.pair(self.proxy(delay_ms=delay_ms))
                took = sorted(self.round_trip_ms(near, far) for _ in range(15))
                self.assertGreaterEqual(took[0], 2 * delay_ms)
                self.assertLess(took[7], 2 * delay_ms + 5)

    def test_without_a_delay_nothing_is_added(self):
        near, far = self.pair(self.proxy())
        took = sorted(self.round_trip_ms(near, far) for _ in range(50))
        self.assertLess(took[25], 2)

    def test_the_delay_can_be_changed(self):
        proxy = self.proxy()
        near, far = self.pair(proxy)
        proxy.delay(40)
        self.assertGreaterEqual(self.round_trip_ms(near, far), 80)
        proxy.delay(0)
        self.assertLess(min(self.round_trip_ms(near, far) for _ in range(5)), 5)

    def test_a_delay_costs_no_bandwidth(self):
        near, far = self.pair(self.proxy(delay_ms=20))
        data = os.urandom(LARGE)
        began = time.monotonic()
        thread = send_all(near, data)
        self.assertEqual(len(read_all(far)), LARGE)
        thread.join(PATIENCE)
        # one window of the kernel for each 20 ms would take longer than 6 s
        self.assertLess(time.monotonic() - began, 3)

    def test_an_idle_connection_takes_no_processor_time(self):
        proxy = self.proxy(delay_ms=20)
        near, far = self.pair(proxy)
        self.round_trip_ms(near, far)
        proxy.cut("up")
        near.sendall(b"held")
        with contextlib.suppress(ConnectionError):
            self.connect(proxy)  # waits in the listener
        before = proxy.cpu_ticks()
        select.select([far], [], [], 1.0)
        self.assertLess(proxy.cpu_ticks() - before, 10)


class Ends(ProxyCase):
    def test_a_half_that_is_closed_is_closed_at_the_other_end_only(self):
        for delay_ms in (0, 20):
            with self.subTest(delay_ms=delay_ms):
                proxy = self.proxy(delay_ms=delay_ms)
                near, far = self.pair(proxy)
                near.sendall(b"the last")
                near.shutdown(socket.SHUT_WR)
                self.assertEqual(read_all(far), b"the last")
                far.sendall(b"an answer")
                self.assertEqual(near.recv(100), b"an answer")
                far.close()
                self.assertEqual(near.recv(100), b"")
                wait_for(lambda: proxy.count() == 0, "the end of the connection")

    def test_what_was_sent_before_a_reset_arrives_before_it(self):
        near, far = self.pair(self.proxy(delay_ms=20))
        near.sendall(b"the last")
        reset_on_close(near)
        near.close()
        self.assertEqual(far.recv(100), b"the last")
        self.assert_reset(far)

    def test_who_sends_to_somebody_who_left_is_reset_and_what_they_said_arrives(self):
        proxy = self.proxy(delay_ms=20)
        near, far = self.pair(proxy)
        near.sendall(b"goodbye")
        near.close()
        # on its way while the other has closed already
        with contextlib.suppress(ConnectionError):
            for _ in range(10):
                far.sendall(b"are you there")
        self.assertEqual(far.recv(100), b"goodbye")
        wait_for(lambda: proxy.count() == 0, "the end of the connection")
        with self.assertRaises(ConnectionError):
            far.sendall(b"x")
            far.sendall(b"x")

    def test_a_target_that_refuses_is_a_reset(self):
        proxy = self.proxy()
        self.target.close()
        self.assert_reset(self.connect(proxy))
        self.assertEqual(proxy.stop()["refused"], 1)

    def test_resets_come_by_the_clock_at_both_ends(self):
        proxy = self.proxy(reset_every=100, seed=7)
        began = time.monotonic()
        for _ in range(5):
            near, far = self.pair(proxy)
            self.assert_reset(near)
            self.assert_reset(far)
        self.assertGreater(time.monotonic() - began, 0.35)
        self.assertLess(time.monotonic() - began, 3)
        self.assertGreaterEqual(proxy.stop()["resets"], 5)

    def test_the_same_seed_breaks_the_same_connections(self):
        def broken(seed):
            proxy = self.proxy(seed=seed)
            pairs = [self.pair(proxy) for _ in range(8)]
            order = []
            for _ in range(5):
                proxy.order("reset")
                gone = [i for i, (near, _) in enumerate(pairs) if i not in order and
                        select.select([near], [], [], 0)[0]]
                self.assertEqual(len(gone), 1)
                order += gone
            return order
        self.assertEqual(broken(3), broken(3))
        self.assertGreater(len({tuple(broken(seed)) for seed in range(4)}), 1)

    def test_a_reset_of_all_leaves_the_listener(self):
        proxy = self.proxy()
        pairs = [self.pair(proxy) for _ in range(5)]
        proxy.reset()
        for one in sum(pairs, ()):
            self.assert_reset(one)
        near, far = self.pair(proxy)
        near.sendall(b"x")
        self.assertEqual(far.recv(1), b"x")


class Cuts(ProxyCase):
    def silent(self, one, seconds=0.2):
        return not select.select([one], [], [], seconds)[0]

    def test_one_way_is_cut_and_the_other_goes_on(self):
        for way in ("up", "down"):
            with self.subTest(way=way):
                proxy = self.proxy()
                near, far = self.pair(proxy)
                sender, receiver = (near, far) if way == "up" else (far, near)
                proxy.cut(way)
                sender.sendall(b"held")
                receiver.sendall(b"passed")
                self.assertEqual(sender.recv(100), b"passed")
                self.assertTrue(self.silent(receiver))
                proxy.heal()
                self.assertEqual(receiver.recv(100), b"held")

    def test_both_ways_are_cut_and_ends_wait_as_well(self):
        proxy = self.proxy(cut="both")
        near = self.connect(proxy)
        self.target.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            self.target.accept()
        self.target.settimeout(PATIENCE)
        proxy.heal()
        far = self.accept()
        proxy.cut("both")
        near.sendall(b"held")
        near.close()
        self.assertTrue(self.silent(far))
        proxy.heal()
        self.assertEqual(read_all(far), b"held")

    def test_an_unknown_order_is_an_error_and_changes_nothing(self):
        proxy = self.proxy()
        for order in ("cut", "cut sideways", "delay", "delay -1", "delay 1x", "reset", "reset x",
                      "", "dance"):
            with self.assertRaises(ValueError):
                proxy.order(order)
        near, far = self.pair(proxy)
        near.sendall(b"x")
        self.assertEqual(far.recv(1), b"x")


class Memory(ProxyCase):
    def test_a_receiver_that_does_not_read_makes_the_sender_wait(self):
        proxy = self.proxy()
        before = proxy.peak_bytes()
        pairs = [self.pair(proxy) for _ in range(6)]
        block, sent = bytes(1 << 20), 0
        nears = [near for near, _ in pairs]
        for near in nears:
            near.setblocking(False)
        while True:
            writable = select.select([], nears, [], 0.5)[1]
            if not writable:
                break
            for near in writable:
                with contextlib.suppress(BlockingIOError):
                    sent += near.send(block)
            self.assertLess(sent, 1 << 30, "nobody ever has to wait")
        self.assertLess(proxy.peak_bytes() - before, HELD_ALL_MAX * 1.5)
        total = 0
        for near, far in pairs:
            near.shutdown(socket.SHUT_WR)
            total += len(read_all(far))
        self.assertEqual(total, sent)
        self.assertLess(proxy.stop()["held"], HELD_ALL_MAX * 1.2)

    def test_single_bytes_that_wait_count_as_what_they_take(self):
        proxy = self.proxy(cut="none")
        before = proxy.peak_bytes()
        near, far = self.pair(proxy)
        proxy.cut("up")
        near.setblocking(False)
        sent = 0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                sent += near.send(b"x")
        self.assertLess(proxy.peak_bytes() - before, HELD_ALL_MAX)
        near.shutdown(socket.SHUT_WR)
        proxy.heal()
        self.assertEqual(len(read_all(far)), sent)

    def test_many_connections_come_and_go(self):
        proxy = self.proxy()
        for _ in range(300):
            near, far = self.pair(proxy)
            near.sendall(b"x")
            self.assertEqual(far.recv(1), b"x")
            near.close()
            far.close()
        wait_for(lambda: proxy.count() == 0, "the end of all connections")
        self.assertEqual(len(os.listdir("/proc/%d/fd" % proxy.pid)), 6)


class Usage(unittest.TestCase):
    def test_a_port_that_is_taken_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            with self.assertRaisesRegex(OSError, os.strerror(errno.EADDRINUSE)):
                Proxy("127.0.0.1:1", listen=address)

    def test_an_address_without_a_port_is_told(self):
        with self.assertRaisesRegex(OSError, "not HOST:PORT"):
            Proxy("localhost")


if __name__ == "__main__":
    unittest.main()
