# SPDX-License-Identifier: MIT
"""Measures sciame feeds against the yardstick (feeds_limit.c), curl --parallel and Python threads.

feeds.py --bin FOLDER [--in-flight N,N] [--rounds N] [--only near,far,dead] [--work FOLDER]

500 feeds of 20 to 100 KB from a local nginx, on 125 addresses:
  near   by the loopback interface
  far    by a wire that delays every packet by 100 ms each way (slow_wire.c)
  dead   near, but 5 hosts that never take a connection and 5 that send a byte a second
All runs in network namespaces of its own (the right to make them is needed; as any user where the
kernel lets users make them). Programs take turns in every round. Files live in memory unless --work
says otherwise. Names of programs that are not there are said and left out.
"""
import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("integration", "support"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
import feeds_made  # noqa: E402
from feed_server import DeadHost  # noqa: E402
from support import wait_for, write  # noqa: E402
from turns import Program, compare  # noqa: E402

FEEDS = 500
FEEDS_A_HOST = 4  # what sciame asks of one host at once, so this limit limits nothing here
PORT = 8080
NEAR, FAR = "127.0.1.%d", "10.77.1.%d"
DELAY_MS = 100  # each way
BROKEN = 5  # of each sort
TIMEOUT_S, BROKEN_TIMEOUT_S = 20, 5
SLACK_S = 1.0  # after the timeout
PYTHON_ROUNDS = 2  # it takes long
CURL_PARALLEL_MAX = 300  # more is not taken

NGINX = """
daemon off;
worker_processes auto;
pid %(work)s/nginx.pid;
error_log %(work)s/nginx.log;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	types { application/rss+xml xml; }
	client_body_temp_path %(work)s/body;
	proxy_temp_path %(work)s/proxy;
	fastcgi_temp_path %(work)s/fastcgi;
	uwsgi_temp_path %(work)s/uwsgi;
	scgi_temp_path %(work)s/scgi;
	server { listen 0.0.0.0:%(port)d backlog=4096; root %(work)s/www; }
}
"""


def cpu_seconds(pid):
    """Processor time of a process and its children that live."""
    ticks, pids = 0, [pid]
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        pids += [int(child) for child in file.read().split()]
    for each in pids:
        with open("/proc/%d/stat" % each) as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Nginx:
    def __init__(self, work):
        config = os.path.join(work, "nginx.conf")
        text = NGINX % {"work": work, "port": PORT}
        if os.getuid() == 0:
            text = "user root;" + text  # the folder is nobody else's
        write(config, text.encode())
        self.process = subprocess.Popen(
            ["nginx", "-p", work, "-c", config, "-e", os.path.join(work, "nginx.log")])
        wait_for(self.answers, "nginx", 10)

    def answers(self):
        if self.process.poll() is not None:
            sys.exit("nginx does not start")
        with socket.socket() as sock:
            return sock.connect_ex((NEAR % 1, PORT)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait()


class Wire:
    """The slow wire: this namespace is its far end; command() runs something at the near one."""

    def __init__(self, program, delay_ms):
        # a real wire takes no processor from anybody, so where it may, this one never waits for one
        self.process = subprocess.Popen(["nice", "-n", "-10", program, str(delay_ms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            sys.exit("the slow wire does not start")
        self.configure([], "far0", "10.99.0.1/24")
        # every address of this network is this host's own
        self.call(["ip", "route", "replace", "local", "10.77.0.0/16", "dev", "lo"])
        self.configure(self.command(), "near0", "10.99.0.2/24")
        self.call(self.command("ip", "route", "add", "10.77.0.0/16", "via", "10.99.0.1"))

    def command(self, *words):
        return ["nsenter", "-t", str(self.process.pid), "--net", *words]

    @staticmethod
    def call(words):
        subprocess.run(words, check=True)

    def configure(self, prefix, name, address):
        self.call(prefix + ["ip", "link", "set", "lo", "up"])
        self.call(prefix + ["ip", "address", "add", address, "dev", name])
        # IPv6 would announce itself to an end that isn't there yet
        self.call(prefix + ["ip", "link", "set", name, "addrgenmode", "none"])
        self.call(prefix + ["ip", "link", "set", name, "up", "txqueuelen", "10000"])
        # or one run would teach the next one what the path can bear
        self.call(prefix + ["sysctl", "-q", "net.ipv4.tcp_no_metrics_save=1"])

    def close(self):
        cpu = cpu_seconds(self.process.pid)
        print("  the wire: %.2f s of CPU in all runs; %s" %
              (cpu, self.process.communicate()[0].decode().strip()))


def make_feeds(work):
    for i in range(FEEDS):
        write("%s/www/f%03d.xml" % (work, i), feeds_made.make(i)[0])


def urls(address):
    return ["http://%s:%d/f%03d.xml" % (address % (i // FEEDS_A_HOST + 1), PORT, i)
            for i in range(FEEDS)]


class Reading:
    """One list of URLs and how to call the programs that read it."""

    def __init__(self, arguments, work, name, list_, prefix=()):
        self.arguments, self.work, self.prefix = arguments, work, list(prefix)
        self.out = os.path.join(work, "out")
        self.list, self.config = (os.path.join(work, name + end) for end in (".list", ".curl"))
        self.good, self.all, self.timeout_s = len(list_), len(list_), TIMEOUT_S
        write(self.list, "".join(url + "\n" for url in list_).encode())
        write(self.config, "".join('url = "%s"\noutput = "%s/%d.xml"\n' % (url, self.out, i)
                                   for i, url in enumerate(list_)).encode())

    def clear(self):
        """Nothing is left of the run before, above all no cache."""
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)

    def expect_read(self, status, text):
        lines = text.splitlines() or [""]
        if (status == 0) != (self.good == self.all):
            return "ended badly: " + lines[-1]
        if not lines[-1].startswith("read %d/%d feeds" % (self.good, self.all)):
            return "did not read %d feeds: %s" % (self.good, lines[-1])
        return None

    def expect_files(self, status, _text):
        made = len(os.listdir(self.out))
        return None if status == 0 and made == self.good else "made %d files" % made

    def limit(self, in_flight, parsers):
        name = "limit, %d parser threads" % parsers if parsers else "limit"
        return Program(name, self.prefix + [
            self.arguments.limit, str(in_flight), str(parsers), str(self.timeout_s), self.list],
            self.expect_read)

    def sciame(self, in_flight):
        folders = {"XDG_%s_HOME" % name: os.path.join(self.out, name.lower())
                   for name in ("CACHE", "STATE", "CONFIG", "DATA")}
        return Program("sciame feeds", self.prefix + [
            self.arguments.sciame, "feeds", "--allow-private", "--no-open", "-c", str(in_flight),
            "--timeout", str(self.timeout_s), "-o", os.path.join(self.out, "page.html"), self.list],
            self.expect_read, prepare=self.clear, env=folders)

    def curl(self, in_flight):
        at_once = min(in_flight, CURL_PARALLEL_MAX)
        script = ("curl -sS --parallel --parallel-immediate --parallel-max %d --config %s && "
                  "xmllint --noout --sax %s/*.xml" % (at_once, self.config, self.out))
        return Program("curl --parallel, then xmllint", self.prefix + ["sh", "-c", script],
                       self.expect_files, prepare=self.clear)

    def python(self, in_flight):
        return Program("Python threads with feedparser", self.prefix + [
            self.arguments.python, os.path.join(HERE, "feeds_threads.py"), str(in_flight),
            str(self.timeout_s), self.list], self.expect_read, rounds=PYTHON_ROUNDS)

    def compare(self, title, in_flight):
        cores = len(os.sched_getaffinity(0))
        programs = [self.limit(in_flight, 0), self.limit(in_flight, cores)]
        if self.arguments.sciame:
            programs.append(self.sciame(in_flight))
        programs.append(self.curl(in_flight))
        if self.arguments.python:
            programs.append(self.python(in_flight))
        compare("%s, %d in flight" % (title, in_flight), programs, self.arguments.rounds)


def near(arguments, work, nginx):
    reading = Reading(arguments, work, "near", urls(NEAR))
    for in_flight in arguments.in_flight:
        before = cpu_seconds(nginx.process.pid)
        reading.compare("%d feeds by loopback" % FEEDS, in_flight)
        print("  nginx: %.2f s of CPU in all runs" % (cpu_seconds(nginx.process.pid) - before))


def connect_ms(reading):
    """How long a connection takes to be made, as curl sees it."""
    done = subprocess.run(reading.prefix + [
        "curl", "-s", "-o", os.devnull, "-w", "%{time_connect}", "http://%s:%d/f000.xml" %
        (FAR % 1, PORT)], check=True, capture_output=True)
    return 1000 * float(done.stdout)


def far(arguments, work, _nginx):
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        print("no right to use /dev/net/tun: the far network is left out")
        return
    # the same without delay shows what the wire itself can carry
    for delay_ms in (0, DELAY_MS):
        wire = Wire(arguments.wire, delay_ms)
        try:
            reading = Reading(arguments, work, "far", urls(FAR), wire.command())
            print("wire of %d ms each way: a connection takes %.1f ms" %
                  (delay_ms, connect_ms(reading)))
            for in_flight in arguments.in_flight:
                if delay_ms:
                    reading.compare("%d feeds, %d ms there and back" % (FEEDS, 2 * delay_ms),
                                    in_flight)
                else:
                    compare("%d feeds by the wire without delay, %d in flight" %
                            (FEEDS, in_flight), [reading.limit(in_flight, 0)], arguments.rounds)
        finally:
            wire.close()


def dead(arguments, work, _nginx):
    hosts = [DeadHost(NEAR % (200 + i)) for i in range(BROKEN)]
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "..", "support/feed_server.py"),
                               "--hosts", str(BROKEN)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = server.stdout.readline().decode().strip().rpartition(":")[2]
        broken = [host.url("/feed") for host in hosts]
        broken += ["http://127.0.0.%d:%s/drip" % (i + 1, port) for i in range(BROKEN)]
        list_ = urls(NEAR)[len(broken):]
        for i, url in enumerate(broken):  # spread over the list
            list_.insert(i * FEEDS // len(broken), url)
        reading = Reading(arguments, work, "dead", list_)
        reading.good, reading.timeout_s = FEEDS - len(broken), BROKEN_TIMEOUT_S
        for in_flight in arguments.in_flight:
            programs = [reading.limit(in_flight, 0)]
            if arguments.sciame:
                programs.append(reading.sciame(in_flight))
            compare("%d feeds, %d dead, %d dripping, --timeout %d, %d in flight" %
                    (FEEDS, BROKEN, BROKEN, BROKEN_TIMEOUT_S, in_flight), programs, 3)
            for program in programs:
                print("  %s: worst %.2f s%s" % (
                    program.name, max(program.seconds),
                    "" if max(program.seconds) < BROKEN_TIMEOUT_S + SLACK_S else ", TOO LATE"))
    finally:
        server.communicate()
        for host in hosts:
            host.close()


SECTIONS = {"near": near, "far": far, "dead": dead}


def enter_namespace(arguments):
    """Starts this program again in a network namespace; never returns."""
    who = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    os.execvp("unshare", ["unshare", "--net", *who, sys.executable, os.path.abspath(__file__),
                          "--inside", *arguments])


def with_feedparser():
    """A Python that has feedparser, or None."""
    for program in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([program, "-c", "import feedparser"], capture_output=True).returncode == 0:
            return program
    return None


def find_programs(arguments):
    for name, file in (("limit", "feeds_limit"), ("wire", "slow_wire"), ("sciame", "sciame")):
        setattr(arguments, name, os.path.join(os.path.abspath(arguments.bin), file))
    if subprocess.run([arguments.sciame, "feeds", "--help"], capture_output=True).returncode:
        print("sciame has no feeds: left out")
        arguments.sciame = None
    arguments.python = with_feedparser()
    if not arguments.python:
        print("no Python with feedparser: left out")
    for name in ("nginx", "curl", "xmllint", "ip", "nsenter", "sysctl"):
        if not shutil.which(name):
            sys.exit(name + " is needed and not there")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--in-flight", default="64,256",
                        type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--work", default="/dev/shm")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        enter_namespace(sys.argv[1:])
    find_programs(arguments)
    Wire.call(["ip", "link", "set", "lo", "up"])
    work = tempfile.mkdtemp(prefix="sciame-bench-", dir=arguments.work)
    nginx = None
    try:
        make_feeds(work)
        nginx = Nginx(work)
        for name in arguments.only.split(","):
            SECTIONS[name](arguments, work, nginx)
    finally:
        if nginx:
            nginx.close()
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
