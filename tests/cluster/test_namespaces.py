#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hosts that are namespaces hear each other as long as nothing is cut, and leave nothing."""
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "integration")]

from namespaces import Network, Unavailable, wait_gone, why_not  # noqa: E402
from support import main_or_skip, wait_for  # noqa: E402

PORT = 5555
HEARD_S = 2.0
SILENT_S = 0.1
PATIENCE = 20.0


def identities():
    """The network namespaces in which there is any process."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                found.add(os.readlink("/proc/%s/ns/net" % name))
    return found


def command(pid):
    with open("/proc/%d/comm" % pid, encoding="ascii") as file:
        return file.read()


def as_nobody(function):
    """What function() returns in a process without rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(writer, str(function()).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode()
    os.waitpid(child, 0)
    return text


class Hosts(unittest.TestCase):
    def setUp(self):
        self.exits = contextlib.ExitStack()
        self.addCleanup(self.exits.close)
        try:
            self.network = self.exits.enter_context(Network(["a", "b", "c"]))
        except Unavailable as reason:
            self.skipTest(str(reason))
        self.sockets = {}
        for name in "abc":
            one = self.network[name].socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(one.close)
            one.bind(("", PORT))
            self.sockets[name] = one

    def hears(self, sender, receiver, seconds=HEARD_S):
        """Whether a datagram arrives."""
        self.sockets[sender].sendto(b"x", (self.network[receiver].address, PORT))
        if not select.select([self.sockets[receiver]], [], [], seconds)[0]:
            return False
        _, (address, _) = self.sockets[receiver].recvfrom(10)
        self.assertEqual(address, self.network[sender].address)
        return True

    def heard(self, silent=()):
        """All pairs of hosts that hear each other; silent: those that are expected not to."""
        names = "abc"
        return {s + r for s in names for r in names if s != r and
                self.hears(s, r, SILENT_S if s + r in silent else HEARD_S)}

    def connection(self, server, client):
        listener = self.network[server].socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(("", PORT))
        listener.listen()
        one = self.network[client].socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(one.close)
        one.settimeout(PATIENCE)
        one.connect((self.network[server].address, PORT))
        other = listener.accept()[0]
        self.addCleanup(other.close)
        other.settimeout(PATIENCE)
        return one, other

    def test_all_hear_each_other_and_nobody_else_hears_them(self):
        self.assertEqual(self.heard(), {"ab", "ac", "ba", "bc", "ca", "cb"})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
            outside.setblocking(False)
            with contextlib.suppress(OSError):  # whichever way it is that there is no way
                outside.sendto(b"x", (self.network["a"].address, PORT))
            self.assertFalse(select.select([self.sockets["a"]], [], [], SILENT_S)[0])
        with self.assertRaises(OSError):
            self.sockets["a"].sendto(b"x", ("192.0.2.1", PORT))

    def test_what_is_cut_is_silent_and_the_rest_is_not(self):
        everything = {"ab", "ac", "ba", "bc", "ca", "cb"}
        for which, silent in (("in", {"ba", "ca"}), ("out", {"ab", "ac"}),
                              ("both", {"ab", "ac", "ba", "ca"})):
            with self.subTest(which=which):
                self.network.cut("a", which)
                self.assertEqual(self.heard(silent), everything - silent)
                self.network.heal("a")
                self.assertEqual(self.heard(), everything)

    def test_cuts_of_several_hosts_heal_each_by_itself(self):
        self.network.cut("a", "in")
        self.network.cut("b", "both")
        self.network.heal("b")
        self.assertEqual(self.heard({"ba", "ca"}), {"ab", "ac", "bc", "cb"})
        self.network.heal("a")
        self.network.heal("a")
        self.assertEqual(len(self.heard()), 6)

    def test_a_connection_goes_on_after_a_cut(self):
        one, other = self.connection("a", "b")
        for which in ("in", "out"):
            self.network.cut("b", which)
            one.sendall(b"question")
            other.sendall(b"answer")
            # one of them is heard, but not the acknowledgement of the other
            deaf = one if which == "in" else other
            self.assertFalse(select.select([deaf], [], [], SILENT_S)[0])
            self.network.heal("b")
            self.assertEqual(one.recv(100), b"answer")
            self.assertEqual(other.recv(100), b"question")

    def test_an_address_moves_to_another_host_and_its_connections_break(self):
        address = self.network.add_address("a", 200)
        for owner in "ab":
            if owner == "b":
                self.assertEqual(self.network.add_address("b", 200), address)
            self.sockets["c"].sendto(b"x", (address, PORT))
            self.assertTrue(select.select([self.sockets[owner]], [], [], HEARD_S)[0])
            self.assertEqual(self.sockets[owner].recv(10), b"x")

    def test_names_are_those_of_the_host_and_may_change(self):
        def resolve(name):
            return self.network[name].run("getent", "ahostsv4", "master.example").split()[0]
        with open("/etc/hosts", "rb") as file:
            before = file.read()
        for name, address in (("a", "10.77.0.1"), ("b", "10.77.0.2"), ("a", "10.77.0.3")):
            self.network[name].names({"master.example": address})
            self.assertEqual(resolve(name), address)
        self.assertEqual(resolve("b"), "10.77.0.2")
        with open("/etc/hosts", "rb") as file:
            self.assertEqual(file.read(), before)

    def test_a_command_inside_keeps_its_number_and_is_found(self):
        host = self.network["a"]
        process = subprocess.Popen(host.inside("sleep", "1000"))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: command(process.pid) == "sleep\n", "the command")
        self.assertEqual(host.processes(), [process.pid])
        self.assertEqual(self.network["b"].processes(), [])


class Cleaning(unittest.TestCase):
    def setUp(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)

    def assert_gone(self, spaces):
        """spaces: [(number of the process that keeps it, its namespace)]"""
        self.assertEqual(len(spaces), 3)
        self.assertTrue(wait_gone([pid for pid, _ in spaces]), "a namespace is still kept")
        self.assertFalse(identities() & {identity for _, identity in spaces})

    def spaces(self, network):
        found = [(space.pid, space.identity) for space in network.spaces]
        self.assertLessEqual({identity for _, identity in found}, identities())
        return found

    def test_a_failure_inside_leaves_nothing(self):
        with self.assertRaises(ZeroDivisionError):
            with Network(["a", "b"]) as network:
                folder, spaces = network.folder, self.spaces(network)
                sleeper = subprocess.Popen(network["a"].inside("sleep", "1000"))
                network.cut("a")
                raise ZeroDivisionError
        self.assertEqual(sleeper.wait(PATIENCE), -signal.SIGKILL)
        self.assert_gone(spaces)
        self.assertFalse(os.path.exists(folder))

    def test_a_failure_while_it_is_built_leaves_nothing(self):
        network, spaces = Network(["a", "b"]), []

        def no_firewall(space):
            spaces.extend(self.spaces(network))
            space.run("false")
        network.find_firewall = no_firewall
        with self.assertRaises(Unavailable):
            network.__enter__()
        self.assertEqual(network.spaces, [])
        self.assert_gone(spaces)

    def test_a_test_that_is_killed_leaves_no_namespace(self):
        program = ("import sys; sys.path.insert(0, %r)\n"
                   "from namespaces import Network\n"
                   "with Network(['a', 'b']) as network:\n"
                   "    print(*[space.pid for space in network.spaces], flush=True)\n"
                   "    sys.stdin.read()\n" % HERE)
        child = subprocess.Popen([sys.executable, "-B", "-c", program], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        spaces = [(int(word), os.readlink("/proc/%s/ns/net" % word.decode()))
                  for word in child.stdout.readline().split()]
        child.kill()
        child.communicate()
        self.assert_gone(spaces)


class Reasons(unittest.TestCase):
    def test_without_rights_the_reason_is_told(self):
        if os.geteuid() != 0:
            self.skipTest(why_not())
        self.assertEqual(as_nobody(why_not), "network namespaces need root")

    def test_a_tool_that_is_missing_is_named(self):
        if os.geteuid() != 0:
            self.skipTest("network namespaces need root")
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = "/nonexistent"
        self.assertEqual(why_not(), "unshare is not installed")

    def test_a_kernel_without_packet_filter_is_told(self):
        reason = why_not()
        if reason:
            self.skipTest(reason)
        with Network(["a"]) as network:
            network["a"].run = lambda *command: (_ for _ in ()).throw(Unavailable("no tables"))
            with self.assertRaisesRegex(Unavailable, "no tables"):
                network.find_firewall(network["a"])


if __name__ == "__main__":
    main_or_skip()
