# SPDX-License-Identifier: MIT
"""The same against a server that others wrote: s3rver, from npm.

It is installed once into the folder s3rver beside the executables. Where npm, node or its registry
can't be reached these tests are skipped, and say so.
"""
import os
import shutil
import socket
import subprocess

from foreign_s3 import ForeignS3
from support import BIN, Case, main_or_skip, wait_for

VERSION = "3.7.1"
FOLDER = os.path.join(os.path.dirname(BIN), "s3rver")
PROGRAM = os.path.join(FOLDER, "node_modules", ".bin", "s3rver")
KEYS = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}
INSTALL_S = 120


def install():
    """None, or why there is no s3rver."""
    if os.path.exists(PROGRAM):
        return None
    if not shutil.which("npm") or not shutil.which("node"):
        return "npm or node is not installed"
    os.makedirs(FOLDER, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", FOLDER,
               "s3rver@" + VERSION]
    try:
        done = subprocess.run(command, capture_output=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return "npm did not answer within %d s" % INSTALL_S
    if done.returncode or not os.path.exists(PROGRAM):
        return "npm could not install it: " + done.stderr.decode(errors="replace")[-200:]
    return None


class S3rver(ForeignS3, Case):
    def setUp(self):
        super().setUp()
        without = install()
        if without:
            self.skipTest("no s3rver: " + without)
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        command = [PROGRAM, "-d", self.path("data"), "-a", "127.0.0.1", "-p", str(port)]
        for bucket in ("photos", "small"):
            command += ["--configure-bucket", bucket]
        # it uses a cipher that newer nodes don't offer by themselves
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "NODE_OPTIONS": "--openssl-legacy-provider"})
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.keys = KEYS
        self.endpoint = "http://127.0.0.1:%d" % port
        wait_for(lambda: self.answers(port), "s3rver to listen")

    def answers(self, port):
        self.assertIsNone(self.process.poll(), "s3rver has ended")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    def test_wrong_keys_are_said(self):
        # it does not look at signatures: those are s3_server.py's matter
        result = self.scale(2, "s3://photos", self.path("out"), AWS_ACCESS_KEY_ID="wrong")
        self.assertIn("the access key is unknown", result[2])


if __name__ == "__main__":
    main_or_skip()
