# SPDX-License-Identifier: MIT
"""OpenStack Swift with s3api, all of it on this machine: an S3 that others wrote, and that checks
signatures. One device of one replica below a folder; the package python3-swift has it.
"""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

PYTHON = "/usr/bin/python3"  # Debian's own: it has Debian's packages
USER, PASSWORD, REGION = "test:tester", "testing", "eu-test-1"
PARTITION_POWER = 4
PATIENCE_S = 60
SERVICES = ("memcached", "account", "container", "object", "proxy")

# Swift's services, by the library's own entry.
SERVE = """
import os, sys
from swift.common.utils import set_swift_dir
from swift.common.wsgi import run_wsgi
set_swift_dir(os.path.dirname(sys.argv[1]))
sys.exit(run_wsgi(sys.argv[1], sys.argv[2]))
"""

RING = """
import sys
from swift.common.ring import RingBuilder
path, port, power = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
builder = RingBuilder(power, 1, 0)
builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk",
                 "weight": 1, "replication_ip": "127.0.0.1", "replication_port": port, "meta": ""})
builder.rebalance(seed="1")
builder.get_ring().save(path)
"""

# A bucket is a container; this makes it past s3api, without an account's password.
BUCKET = """
import os, sys
from swift.common.utils import set_swift_dir
from swift.common.internal_client import InternalClient
set_swift_dir(os.path.dirname(sys.argv[1]))
client = InternalClient(sys.argv[1], "test", 1)
for name in sys.argv[2:]:
    client.create_container("AUTH_test", name)
"""

PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
user = {user}
log_level = ERROR
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats s3api tempauth slo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {password} .admin
[filter:slo]
use = egg:swift#slo
"""

INTERNAL = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
"""

STORE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
user = {user}
log_level = ERROR
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
allow_versions = true
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def missing():
    """None, or why there is no Swift."""
    if not shutil.which("memcached"):
        return "memcached is not installed"
    asked = subprocess.run([PYTHON, "-c", "import swift.proxy.server"], capture_output=True,
                           check=False) if os.path.exists(PYTHON) else None
    return None if asked and asked.returncode == 0 else "python3-swift is not installed"


class SwiftServer:
    def __init__(self, folder, buckets):
        self.folder, self.buckets = folder, buckets
        self.ports = {kind: free_port() for kind in SERVICES}
        self.url = "http://127.0.0.1:%d" % self.ports["proxy"]
        self.processes = []

    @staticmethod
    def environment():
        return {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": PASSWORD, "AWS_REGION": REGION}

    @staticmethod
    def user():
        return pwd.getpwuid(os.geteuid()).pw_name

    def path(self, name):
        return os.path.join(self.folder, name)

    def configure(self, kind, text):
        with open(self.path(kind + ".conf"), "w", encoding="ascii") as file:
            file.write(text.format(kind=kind, port=self.ports.get(kind), memcached=self.ports["memcached"], folder=self.folder,
                                   user=self.user(), region=REGION, password=PASSWORD))

    def open(self):
        os.makedirs(self.path("devices/disk"))
        with open(self.path("swift.conf"), "w", encoding="ascii") as file:
            file.write("[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n")
        for kind in ("account", "container", "object"):
            self.configure(kind, STORE)
            subprocess.run([PYTHON, "-c", RING, self.path(kind + ".ring.gz"), str(self.ports[kind]),
                                    str(PARTITION_POWER)], check=True, timeout=PATIENCE_S)
        self.configure("proxy", PROXY)
        for kind in SERVICES:
            command = [PYTHON, "-c", SERVE, self.path(kind + ".conf"), kind + "-server"]
            if kind == "memcached":
                command = [kind, "-l", "127.0.0.1", "-p", str(self.ports[kind]), "-u", self.user()]
            with open(self.path(kind + ".log"), "wb") as log:
                self.processes.append(subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True))
        for kind in self.ports:
            self.await_answer(kind)
        self.configure("internal", INTERNAL)
        subprocess.run([PYTHON, "-c", BUCKET, self.path("internal.conf"), *self.buckets],
                       check=True, timeout=PATIENCE_S)

    def await_answer(self, kind):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[kind]), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise AssertionError(kind + "-server does not answer: " + self.said(kind))
                time.sleep(0.05)

    def said(self, kind):
        with open(self.path(kind + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
