# SPDX-License-Identifier: MIT
"""The lister against an S3 that checks signatures and fails on request."""
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from s3_server import ACCESS_KEY, SECRET_KEY, Fault, S3Server  # noqa: E402
from support import BIN, PATIENCE, stat_fields, wait_for  # noqa: E402

LISTER = os.path.join(BIN, "sciame-list-s3")

# Characters that clients and servers are known to treat differently.
ODD_KEYS = [b"a/plain.jpg", b"a/=.jpg", b"a/:.jpg", b"a/*.jpg", b"a/+.jpg", b"a/(x).jpg",
            b"a/x@2x.jpg", b"a/a b.jpg", "a/gr\u00fc\u00dfe \u6771\u4eac \U0001f41d.jpg".encode(),
            b"a/100%.jpg", b"a/%41.jpg", b"a/%2F.jpg", b"a//b.jpg", b"a/?x=1&y#z.jpg",
            b"a/'\"<>&;,$!^`{|}[]\\.jpg", b"a/~-_.jpg", b"a/new\nline\x01\t.jpg", b"a/...jpg"]


class Lister(unittest.TestCase):
    def setUp(self):
        self.server = S3Server(["photos", "closed"])
        self.enterContext(self.server)
        self.server.closed.add("closed")

    def environment(self, **changes):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith("AWS_")}
        return {**clean, "HOME": "/nonexistent", "https_proxy": "http://127.0.0.1:1",
                "http_proxy": "http://127.0.0.1:1", **self.server.environment(), **changes}

    def run_lister(self, location, *options, **changes):
        return subprocess.run([LISTER, "--s3-endpoint", self.server.url, *options, location],
                              env=self.environment(**changes), capture_output=True,
                              timeout=PATIENCE, check=False)

    def records(self, output):
        """([(key, size, mtime_ns)], the record that ends it)"""
        fields = output.split(b"\0")
        self.assertEqual(fields.pop(), b"", "the last field is ended")
        objects, refused = [], []
        while fields:
            letter = fields.pop(0)
            if letter == b"o":
                key, size, mtime = (fields.pop(0) for _ in range(3))
                objects.append((key, int(size), int(mtime)))
            elif letter == b"x":
                refused.append(fields.pop(0))
            elif letter == b"e":
                return objects, refused, tuple(fields)
            else:
                self.assertEqual((letter, fields), (b".", []))
                return objects, refused, None
        return objects, refused, "cut off"

    def list(self, location, *options, **changes):
        done = self.run_lister(location, *options, **changes)
        objects, refused, failure = self.records(done.stdout)
        self.assertIsNone(failure)
        self.assertEqual((done.returncode, done.stderr, refused), (0, b"", []))
        return objects

    def message(self, location, *options, **changes):
        done = self.run_lister(location, *options, **changes)
        _, _, failure = self.records(done.stdout)
        self.assertEqual(done.returncode, 3, failure)
        self.assertEqual(len(failure), 3)
        for secret in (SECRET_KEY.encode(), ACCESS_KEY.encode()):
            self.assertNotIn(secret, done.stdout + done.stderr)
        return failure[2].decode()

    def test_odd_keys_come_back_as_they_are(self):
        for number, key in enumerate(ODD_KEYS):
            self.server.put("photos", key, b"x" * number, 1700000000 + number)
        self.assertEqual(self.list("s3://photos"), sorted(
            (key, number, (1700000000 + number) * 10**9) for number, key in enumerate(ODD_KEYS)))

    def test_odd_prefixes_are_found(self):
        for key in ODD_KEYS:
            prefix = key.replace(b"/", b"-") + b"/"
            self.server.put("photos", prefix + b"in.jpg", b"x")
            self.server.put("photos", prefix, b"")
            found = self.list(b"s3://photos/" + prefix[:-1])
            self.assertEqual([key for key, _, _ in found], [prefix + b"in.jpg"])

    def test_folders_are_left_out_and_neighbours_too(self):
        for key in (b"p/a", b"p/", b"p/q/", b"p/q/b", b"pq", b"p-c", b"o", b"pp/d"):
            self.server.put("photos", key, b"x")
        found = [key for key, _, _ in self.list("s3://photos/p")]
        self.assertEqual(found, [b"p/a", b"p/q/b"])
        self.assertEqual(found, [key for key, _, _ in self.list("s3://photos/p/")])

    def test_an_object_is_listed_alone(self):
        for key in (b"p/a.jpg", b"p/a.jpg.bak", b"p/a.jpg/x"):
            self.server.put("photos", key, b"x")
        self.assertEqual([key for key, _, _ in self.list("s3://photos/p/a.jpg")], [b"p/a.jpg"])

    def test_nothing_is_an_empty_list(self):
        self.assertEqual(self.list("s3://photos"), [])
        self.assertEqual(self.list("s3://photos/nothing/here"), [])

    def test_thousands_come_in_pages(self):
        keys = [b"n/%05d" % number for number in range(3500)]
        for key in keys:
            self.server.put("photos", key, b"")
        self.assertEqual([key for key, _, _ in self.list("s3://photos")], keys)
        self.assertEqual(self.server.count("GET"), 4)
        self.server.page_keys = 7
        self.assertEqual([key for key, _, _ in self.list("s3://photos/n/")], keys)

    def test_a_key_with_a_nul_is_named_as_written(self):
        self.server.put("photos", b"a\0b", b"")
        self.server.put("photos", b"c", b"")
        objects, refused, failure = self.records(self.run_lister("s3://photos").stdout)
        self.assertEqual(([key for key, _, _ in objects], refused, failure),
                         ([b"c"], [b"a%00b"], None))

    def test_passing_errors_are_tried_again_five_times(self):
        self.server.put("photos", b"a", b"")
        for kind in ("500", "503", "429", "late", "drop", "cut"):
            with self.subTest(kind):
                before = self.server.count("GET")
                self.server.faults = [Fault("GET", b"", kind, times=5)]
                self.assertEqual(len(self.list("s3://photos")), 1)
                self.assertEqual(self.server.count("GET") - before, 6)
        before = self.server.count("GET")
        self.server.faults = [Fault("GET", b"", "503")]
        self.assertEqual(self.message("s3://photos"),
                         "the server of the bucket photos says 503 SlowDown")
        self.assertEqual(self.server.count("GET") - before, 6)

    def test_a_page_that_fails_twice_is_not_listed_twice(self):
        for number in range(30):
            self.server.put("photos", b"%02d" % number, b"")
        self.server.page_keys = 10
        self.server.fail(Fault("GET", b"", "cut", times=2, query="continuation-token"))
        self.assertEqual(len(self.list("s3://photos")), 30)

    def test_slow_answers_are_waited_for_but_not_for_ever(self):
        self.server.put("photos", b"a", b"")
        self.server.fail(Fault("GET", b"", "slow", times=1))
        self.assertEqual(len(self.list("s3://photos")), 1)
        self.server.fail(Fault("GET", b"", "hang"))
        before = self.server.count("GET")
        self.assertIn("timed out", self.message("s3://photos", "--timeout", "0.1").lower())
        self.assertEqual(self.server.count("GET") - before, 6)

    def test_lasting_errors_are_said_at_once_and_in_words(self):
        def check(words, location="s3://photos", **changes):
            before = self.server.count("GET")
            self.assertIn(words, self.message(location, **changes))
            self.assertEqual(self.server.count("GET") - before, 1)

        check("there is no bucket nowhere", "s3://nowhere")
        check("access denied to the bucket closed", "s3://closed")
        check("the secret access key is", AWS_SECRET_ACCESS_KEY="wrong")
        check("the access key is unknown", AWS_ACCESS_KEY_ID="nobody")
        self.server.offset = 3600
        check("this machine's clock and the server's differ")
        self.server.offset = 0
        self.server.token = "T"
        check("the session token is wrong", AWS_SESSION_TOKEN="U")
        self.assertEqual(self.list("s3://photos", AWS_SESSION_TOKEN="T"), [])
        self.server.token = None
        self.server.faults = [Fault("GET", b"", "region")]
        check("the bucket photos is in the region us-far-9; set AWS_REGION")
        self.server.faults = [Fault("GET", b"", "doctype")]
        check("it has a DOCTYPE")

    def test_without_credentials_or_endpoint_it_says_so(self):
        self.assertIn("no credentials for S3", self.message(
            "s3://photos", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""))
        self.assertEqual(self.server.count("GET"), 0)
        self.assertIn("the S3 endpoint must have the form",
                      self.message("s3://photos", "--s3-endpoint", "ftp://x"))
        self.assertEqual(self.run_lister("nothing").returncode, 2)

    def test_it_ends_with_the_one_who_started_it(self):
        self.server.fail(Fault("GET", b"", "hang"))
        program = ("import subprocess, sys, time\n"
                   "child = subprocess.Popen(sys.argv[1:])\n"
                   "print(child.pid, flush=True)\n"
                   "time.sleep(600)\n")
        parent = subprocess.Popen(
            [sys.executable, "-c", program, LISTER, "--s3-endpoint", self.server.url,
             "s3://photos"], env=self.environment(), stdout=subprocess.PIPE)
        self.addCleanup(parent.stdout.close)
        self.addCleanup(parent.wait)
        self.addCleanup(parent.kill)
        child = int(parent.stdout.readline())
        wait_for(lambda: self.server.count("GET"), "its request")
        parent.send_signal(signal.SIGKILL)
        wait_for(lambda: (stat_fields(child) or [b"X"])[0] in b"ZX", "its end")


if __name__ == "__main__":
    unittest.main()
