# SPDX-License-Identifier: MIT
"""tcp_proxy as an object: Proxy(to="127.0.0.1:5555", ports=13, delay_ms=20).address

Orders hold when their call returns. `stop()` returns what it counted.
"""
import os
import subprocess

from network import free_ports
from support import BIN

PROGRAM = os.path.join(BIN, "tcp_proxy")


class Proxy:
    def __init__(self, to, ports=1, listen=None, **options):
        """Options are those of tcp_proxy with _ instead of -, such as delay_ms=20."""
        self.address = listen or "127.0.0.1:%d" % free_ports(ports)
        self.port = int(self.address.rpartition(":")[2])
        command = [PROGRAM, "--listen", self.address, "--to", to, "--ports", str(ports)]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        if self.process.stdout.readline() != "ready\n":
            raise OSError("tcp_proxy: " + self.process.communicate()[1])

    def order(self, text):
        """The answer behind "ok "."""
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if not answer.startswith("ok"):
            raise ValueError("%s: %s" % (text, answer or "tcp_proxy has ended"))
        return answer[3:]

    def cut(self, which="both"):
        self.order("cut " + which)

    def heal(self):
        self.order("heal")

    def delay(self, ms):
        self.order("delay %d" % ms)

    def reset(self):
        self.order("reset all")

    def count(self):
        return int(self.order("count"))

    def peak_bytes(self):
        """Of its memory so far."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise OSError("no VmHWM")

    def cpu_ticks(self):
        with open("/proc/%d/stat" % self.pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])

    def stop(self):
        """{"connections": 3, "refused": 0, "resets": 0, "up": 10, "down": 10, "held": 0}"""
        if self.process.returncode is not None:
            return {}
        told = self.process.communicate(timeout=20)[1]
        if self.process.returncode:
            raise OSError("tcp_proxy ended with %d: %s" % (self.process.returncode, told))
        words = told.split()
        return dict(zip(words[1::2], map(int, words[2::2])))
