# SPDX-License-Identifier: MIT
"""Hosts of a network of their own, on this machine: network namespaces on one bridge.

    with Network(["master", "north"]) as network:
        north = network["north"]
        north.run("ping", "-c1", network["master"].address)
        network.cut("north", "out")     # what it sends is lost; "in": what comes; "both"
        network.heal("north")

Namespaces have no names: each lives as long as a process that waits for the end of its stdin, so
that nothing stays behind, however the test ends. What a cut drops is lost where it arrives, not
where it is sent, so that the sender sees no more of it than of a cable that is pulled.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

TOOLS = ("unshare", "nsenter", "ip")
FIREWALLS = ("iptables", "iptables-nft", "iptables-legacy")  # the first that works is taken
PREFIX = "10.77.0."
HOSTS_MAX = 60
COMMAND_S = 20
CLONE_NEWNET = 0x40000000
WAYS = {"in": ("in",), "out": ("out",), "both": ("in", "out")}


class Unavailable(Exception):
    """This machine can't have such a network; the text says why."""


class Space:
    """A network and a mount namespace, and the process that keeps them."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "slave", "--",
             "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.holder.pid
        if self.holder.stdout.readline() != b"ready\n":
            told = self.holder.communicate()[1].decode("utf-8", "replace").strip()
            raise Unavailable("no namespaces: " + told)
        self.identity = os.readlink("/proc/%d/ns/net" % self.pid)

    def inside(self, *command):
        """The command that runs this one inside; it becomes it, with the same number."""
        return ["nsenter", "--target=%d" % self.pid, "--net", "--mount", "--", *command]

    def run(self, *command, **more):
        """Its stdout; Unavailable when it fails."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True,
                              timeout=COMMAND_S, **more)
        if done.returncode:
            raise Unavailable("%s: %s" % (" ".join(command), done.stderr.strip()))
        return done.stdout

    def ip(self, *lines):
        """Orders of ip, one after another in one process."""
        self.run("ip", "-batch", "-", input="".join(line + "\n" for line in lines))

    def socket(self, *arguments):
        """A socket of this namespace for whoever calls."""
        made = []

        def make():
            # of this thread only, which ends with it
            libc = ctypes.CDLL(None, use_errno=True)
            with open("/proc/%d/ns/net" % self.pid, "rb") as file:
                if libc.setns(file.fileno(), CLONE_NEWNET):
                    made.append(OSError(ctypes.get_errno(), "setns"))
                    return
            made.append(socket.socket(*arguments))
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def processes(self):
        """All in this network but the one that keeps it."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != self.pid:
                with contextlib.suppress(OSError):
                    if os.readlink("/proc/%s/ns/net" % name) == self.identity:
                        found.append(int(name))
        return found

    def close(self):
        """Ends whatever runs in it, and it."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.holder.communicate()


class Host(Space):
    """One with an address on the bridge."""

    def __init__(self, name, folder, number):
        super().__init__()
        self.name, self.address = name, PREFIX + str(number)
        self.addresses = [self.address]
        self.port = "port%d" % number
        self.file = os.path.join(folder, "hosts-" + name)

    def names(self, table):
        """What its /etc/hosts says from now on: {"name": "address"}."""
        known = os.path.exists(self.file)
        with open(self.file, "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost\n")
            file.writelines("%s %s\n" % (address, name) for name, address in table.items())
        if not known:
            self.run("mount", "--bind", self.file, "/etc/hosts")


class Network:
    def __init__(self, names):
        if len(names) > HOSTS_MAX:
            raise ValueError("at most %d hosts" % HOSTS_MAX)
        self.names = list(names)
        self.hosts, self.spaces = {}, []
        self.rules = {}  # name of a host: [(space, rule)]
        self.firewall = None

    def __getitem__(self, name):
        return self.hosts[name]

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="sciame-test-")
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def build(self):
        if os.geteuid() != 0:
            raise Unavailable("network namespaces need root")
        for tool in TOOLS:
            if not shutil.which(tool):
                raise Unavailable("%s is not installed" % tool)
        bridge = self.add(Space())
        bridge.ip("link add bridge type bridge", "link set bridge up")
        for number, name in enumerate(self.names, 1):
            host = self.hosts[name] = self.add(Host(name, self.folder, number))
            bridge.ip("link add %s type veth peer name eth0 netns %d" % (host.port, host.pid),
                      "link set %s master bridge up" % host.port)
            host.ip("address add %s/24 dev eth0" % host.address, "link set eth0 up",
                    "link set lo up")
        self.find_firewall(bridge)

    def add(self, space):
        self.spaces.append(space)
        return space

    def find_firewall(self, space):
        """iptables comes in two flavours, and kernels know one of them, both or none."""
        reasons = []
        for program in FIREWALLS:
            if not shutil.which(program):
                reasons.append(program + " is not installed")
                continue
            rule = ("INPUT", "-s", "192.0.2.1", "-j", "DROP")
            try:
                for order in ("-A", "-D"):
                    space.run(program, "-w", str(COMMAND_S), order, *rule)
            except Unavailable as reason:
                reasons.append(str(reason))
                continue
            self.firewall = program
            return
        raise Unavailable("; ".join(reasons))

    def rule(self, order, space, rule):
        space.run(self.firewall, "-w", str(COMMAND_S), order, "INPUT", *rule, "-j", "DROP")

    def rules_of(self, name, way):
        host = self[name]
        if way == "in":
            return [(host, ("-i", "eth0"))]
        return [(other, ("-i", "eth0", "-s", address)) for other in self.hosts.values()
                if other is not host for address in host.addresses]

    def cut(self, name, which="both"):
        """From now on packets are lost, those on their way too. Cuts add up until heal."""
        for way in WAYS[which]:
            for space, rule in self.rules_of(name, way):
                self.rule("-A", space, rule)
                self.rules.setdefault(name, []).append((space, rule))

    def heal(self, name):
        for space, rule in self.rules.pop(name, ()):
            self.rule("-D", space, rule)

    def add_address(self, name, number):
        """One more for this host, taken away from whoever had it; returns it."""
        address = PREFIX + str(number)
        for host in self.hosts.values():
            if address in host.addresses:
                host.ip("address del %s/24 dev eth0" % address)
                host.addresses.remove(address)
        self[name].ip("address add %s/24 dev eth0" % address)
        self[name].addresses.append(address)
        # a host that takes over an address tells it to all
        for host in self.hosts.values():
            host.ip("neigh flush dev eth0")
        return address

    def close(self):
        for space in reversed(self.spaces):
            space.close()
        self.spaces, self.hosts = [], {}
        shutil.rmtree(self.folder, ignore_errors=True)


def why_not():
    """Why there can be no such network here, in words; None when there can."""
    try:
        with Network(["probe", "other"]) as network:
            network.cut("probe")
            network.heal("probe")
    except Unavailable as reason:
        return str(reason)
    return None


def wait_gone(pids, patience=10.0):
    """False when some of the processes still exist after so many seconds."""
    deadline = time.monotonic() + patience
    while any(os.path.exists("/proc/%d" % pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
