# SPDX-License-Identifier: MIT
"""Pictures from and to S3 and from the web: nothing odd, broken or cut off makes a wrong object."""
import http.server
import os
import random
import re
import signal
import struct
import sys
import threading
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from network import NetworkCase  # noqa: E402
from s3_server import SECRET_KEY, Fault, S3Server  # noqa: E402
from support import (Case, Run, children, of_session, png, sciame, wait_for, write)  # noqa: E402
from test_list_s3 import ODD_KEYS  # noqa: E402

MIB = 1 << 20


def noise(width, height):
    """A PNG that no compression makes smaller."""
    generator = random.Random(7)
    rows = b"".join(b"\0" + generator.randbytes(3 * width) for _ in range(height))

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) +
            chunk(b"IEND", b""))


class S3Case(Case):
    def setUp(self):
        super().setUp()
        self.server = S3Server(["photos", "small", "closed"])
        self.enterContext(self.server)
        self.server.closed.add("closed")
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self.server.environment(), HOME=self.folder)

    def start(self, *arguments, **more):
        return Run("scale", "--s3-endpoint", self.server.url, *arguments, **more)

    def run_to(self, status, *arguments, **more):
        """stdout and stderr of a run that ends so."""
        result = self.start(*arguments, **more).finish()
        self.check(result, status)
        for text in result[1:]:
            self.assertNotIn(SECRET_KEY, text)
        return result[1], result[2]

    def put_pictures(self, count, width=60):
        keys = [b"in/%04d.png" % number for number in range(count)]
        for number, key in enumerate(keys):
            self.server.put("photos", key, png(width, 40, number))
        return keys


class Names(S3Case):
    def test_odd_keys_arrive_under_their_names(self):
        for number, key in enumerate(ODD_KEYS):
            self.server.put("photos", b"in dir/" + key, png(120, 80, number))
        self.run_to(0, "--size", "60", "s3://photos/in dir", "s3://small/o+u t")
        found = self.server.objects("small")
        self.assertEqual(sorted(found), sorted(b"o+u t/" + key for key in ODD_KEYS))
        self.assertEqual(len(set(found.values())), len(ODD_KEYS))

    def test_objects_become_the_same_bytes_as_files_do(self):
        for number, key in enumerate(ODD_KEYS):
            if b"//" not in key and b"/." not in key:  # of files these would be hidden
                data = png(120, 80, number)
                self.server.put("photos", b"in/" + key, data)
                write(os.path.join(os.fsencode(self.path("in")), key), data)
        self.run_to(0, "--size", "60", "s3://photos/in", self.path("from-s3"))
        self.run_to(0, "--size", "60", self.path("in"), self.path("from-files"))
        self.run_to(0, "--size", "60", self.path("in"), "s3://small/")
        contents = {}
        for name in ("from-s3", "from-files"):
            top = os.fsencode(self.path(name))
            contents[name] = {}
            for path, _, files in os.walk(top):
                for file in files:
                    whole = os.path.join(path, file)
                    with open(whole, "rb") as stream:
                        contents[name][os.path.relpath(whole, top)] = stream.read()
        self.assertEqual(len(contents["from-files"]), len(ODD_KEYS) - 2)
        self.assertEqual(contents["from-s3"], contents["from-files"])
        self.assertEqual(self.server.objects("small"), contents["from-files"])

    def test_a_thousand_keys_and_more(self):
        keys = self.put_pictures(1200)
        self.server.page_keys = 250
        out, _ = self.run_to(0, "--size", "30", "s3://photos/in", "s3://small/t")
        self.assertIn("scaled 1200 ", out)
        self.assertEqual(sorted(self.server.objects("small")),
                         [b"t" + key[2:] for key in keys])
        for key in keys:
            self.assertEqual(self.server.count("GET", key), 1)
            self.assertEqual(self.server.count("PUT", b"t" + key[2:]), 1)

    def test_objects_say_what_they_are(self):
        self.put_pictures(1)
        for format_, type_ in (("same", "png"), ("jpeg", "jpeg"), ("webp", "webp")):
            self.run_to(0, "--no-ledger", "--size", "30", "--format", format_, "s3://photos/in",
                        "s3://small/" + format_)
        self.assertEqual([stored.type for _, stored in sorted(
            self.server.buckets["small"].items())], ["image/jpeg", "image/png", "image/webp"])

    def test_bytes_are_taken_as_they_are_whatever_their_encoding_is_said_to_be(self):
        self.put_pictures(2)
        for stored, encoding in zip(self.server.buckets["photos"].values(), ("aws-chunked", "gzip")):
            stored.encoding = encoding
        self.run_to(0, "--size", "30", "s3://photos/in", "s3://small")

    def test_the_endpoint_may_stand_in_the_environment(self):
        self.put_pictures(2)
        result = sciame("scale", "--size", "30", "s3://photos/in", "s3://small",
                        env={"AWS_ENDPOINT_URL_S3": self.server.url})
        self.check(result, 0)
        self.assertEqual(len(self.server.objects("small")), 2)

    def test_credentials_may_stand_in_files(self):
        self.put_pictures(1)
        keys = self.server.environment()
        write(self.path(".aws/credentials"), (
            "[w]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (
                keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"])).encode())
        write(self.path(".aws/config"), (
            "[profile w]\nregion = eu-2\nendpoint_url = %s\n" % self.server.url).encode())
        for name in keys:
            os.environ.pop(name)
        result = sciame("scale", "s3://photos/in", "s3://small", env={"AWS_PROFILE": "w"})
        self.check(result, 0)
        self.assertEqual(len(self.server.objects("small")), 1)


class Choices(S3Case):
    """Which objects are taken, and what an update makes of them."""

    def test_patterns_choose_among_keys(self):
        for key in (b"in/a.png", b"in/old/b.png", b"in/c.gif"):
            self.server.put("photos", key, png(20, 10))
        self.run_to(0, "--exclude", "old", "--exclude", "*.gif", "s3://photos/in",
                    "s3://small/out")
        self.assertEqual(list(self.server.objects("small")), [b"out/a.png"])

    def test_collisions_are_found_before_anything_is_written(self):
        for number, key in enumerate((b"in/a.gif", b"in/a.png", b"in/a/b.png")):
            self.server.put("photos", key, png(20 + number, 10))
        options = ("--format", "webp", "s3://photos/in")
        for target in ("s3://small/out", self.path("out")):
            err = self.run_to(2, *options, target)[1]
            self.assertIn("a.gif and a.png would both become a.webp", err)
        self.assertEqual(self.server.objects("small"), {})
        self.assertFalse(os.path.exists(self.path("out")))
        self.run_to(0, "--on-collision", "suffix", *options, "s3://small/out")
        self.assertEqual(sorted(self.server.objects("small")),
                         [b"out/a-1.webp", b"out/a.webp", b"out/a/b.webp"])

    def test_an_update_goes_by_size_and_time_of_the_listing(self):
        keys = self.put_pictures(4)
        update = ("--update", "-v", "s3://photos/in", "s3://small/out")
        self.run_to(0, *update)
        self.assertIn("scaled 0 unchanged 4 ", self.run_to(0, *update)[0])
        self.server.put("photos", keys[1], png(61, 40))
        out = self.run_to(0, *update)[0]
        self.assertRegex(out, r"again s3://photos/in/0001.png: source changed: ")
        self.assertIn(" unchanged 3 ", out)

    def test_files_whose_object_is_gone_are_deleted(self):
        keys = self.put_pictures(4)
        update = ("--update", "--delete", "s3://photos/in", self.path("out"))
        self.run_to(0, *update)
        del self.server.buckets["photos"][keys[2]]
        out = self.run_to(0, "--dry-run", *update)[0]
        self.assertEqual(out, "would delete 0002.png\n"
                         "would make 0 delete 1 unchanged 3 [dry run]\n")
        self.assertEqual(len(os.listdir(self.path("out"))), 4)
        out = self.run_to(0, *update)[0]
        self.assertIn("deleted 1 output whose source is gone\n", out)
        self.assertEqual(sorted(os.listdir(self.path("out"))),
                         ["0000.png", "0001.png", "0003.png"])

    def test_nothing_is_deleted_when_the_listing_breaks(self):
        self.put_pictures(3)
        update = ("--update", "--delete", "s3://photos/in", self.path("out"))
        self.run_to(0, *update)
        self.server.page_keys = 1
        self.server.fail(Fault("GET", b"", "403", query="continuation-token"))
        err = self.run_to(1, *update)[1]
        self.assertIn("nothing is deleted: the source could not be listed completely", err)
        self.assertEqual(len(os.listdir(self.path("out"))), 3)

    def test_wrong_calls(self):
        self.put_pictures(1)
        for options, text in ((["--files-from", "-"], "--files-from needs a folder as SOURCE"),
                              (["--delete", "--exclude", "x"], "needs a folder as SOURCE")):
            self.assertIn(text, self.run_to(2, *options, "s3://photos/in", self.path("out"))[1])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_files_get_the_time_of_their_object(self):
        self.put_pictures(1)
        self.run_to(0, "--preserve", "s3://photos/in", self.path("out"))
        made = os.stat(self.path("out/0000.png"))
        self.assertEqual(made.st_mtime_ns % 1000000000, 0)  # Last-Modified has seconds
        err = self.run_to(0, "--preserve", "s3://photos/in", "s3://small/out")[1]
        self.assertEqual(err.count("objects have no permissions"), 1)


class Failures(S3Case):
    def test_passing_errors_cost_nothing_but_time(self):
        keys = self.put_pictures(24)
        kinds = ["500", "503", "429", "late", "drop", "cut", "short", "slow"]
        for key, kind in zip(keys, kinds):
            self.server.fail(Fault("GET", key, kind, times=2))
        for key, kind in zip(keys, kinds[:5]):
            self.server.fail(Fault("PUT", b"t" + key[2:], kind, times=2))
        self.run_to(0, "--size", "30", "s3://photos/in", "s3://small/t")
        found = self.server.objects("small")
        self.assertEqual(len(found), len(keys))
        again = self.path("calm")
        self.server.faults = []
        self.run_to(0, "--size", "30", "s3://photos/in", again)
        for key in keys:
            with open(os.path.join(again, key[3:].decode()), "rb") as file:
                self.assertEqual(found[b"t" + key[2:]], file.read())

    def test_an_object_that_is_gone_fails_alone_and_at_once(self):
        keys = self.put_pictures(5)
        self.server.fail(Fault("GET", keys[2], "404"))
        self.server.fail(Fault("GET", keys[3], "403"))
        _, err = self.run_to(1, "--size", "30", "s3://photos/in", "s3://small/t")
        self.assertIn("s3://photos/in/0002.png: no such object in the bucket photos", err)
        self.assertIn("s3://photos/in/0003.png: access denied to the bucket photos", err)
        self.assertEqual(len(self.server.objects("small")), 3)
        self.assertLessEqual(self.server.count("GET", keys[2]), 2)

    def test_a_server_that_never_recovers_fails_the_job_after_its_tries(self):
        keys = self.put_pictures(2)
        self.server.fail(Fault("PUT", b"t/0001.png", "503"))
        _, err = self.run_to(1, "--size", "30", "--retries", "0", "s3://photos/in",
                             "s3://small/t")
        self.assertIn("the server of the bucket small says 503 SlowDown", err)
        self.assertEqual(self.server.count("PUT", b"t/0001.png"), 6)
        self.assertEqual(list(self.server.objects("small")), [b"t" + keys[0][2:]])

    def test_what_is_no_picture_fails_as_a_file_does(self):
        self.put_pictures(1)
        self.server.put("photos", b"in/text.jpg", b"not a picture")
        self.server.put("photos", b"in/nothing.jpg", b"")
        self.run_to(1, "--size", "30", "s3://photos/in", "s3://small")
        self.assertEqual(list(self.server.objects("small")), [b"0000.png"])

    def test_a_source_that_is_not_there_is_a_wrong_call(self):
        for source, words in (("s3://nowhere/x", "there is no bucket nowhere"),
                              ("s3://closed", "access denied to the bucket closed"),
                              ("s3://x", "'x' is no name of a bucket")):
            _, err = self.run_to(2, source, "s3://small")
            self.assertIn(words, err)
        _, err = self.run_to(2, "s3://photos", "s3://small", env={"AWS_SECRET_ACCESS_KEY": "no"})
        self.assertIn("the secret access key is", err)
        _, err = self.run_to(2, "s3://photos", "s3://small", env={"AWS_ACCESS_KEY_ID": ""})
        self.assertIn("only one is set", err)
        _, err = self.run_to(2, "--s3-endpoint", "http://x/y", self.folder, "s3://small")
        self.assertIn("the S3 endpoint must have the form", err)
        _, err = self.run_to(2, "--serial", "s3://photos", "s3://small")
        self.assertIn("--serial is for files", err)

    def test_a_target_that_is_not_there_is_said_so(self):
        self.put_pictures(3)
        _, err = self.run_to(74, "--disk-wait", "1s", "s3://photos/in", "s3://nowhere")
        self.assertIn("there is no bucket nowhere", err)
        _, err = self.run_to(1, "s3://photos/in", "s3://closed")
        self.assertIn("access denied to the bucket closed", err)

    def test_the_rest_counts_when_the_listing_breaks(self):
        keys = self.put_pictures(20)
        self.server.page_keys = 10
        self.server.fail(Fault("GET", b"", "403", query="continuation-token"))
        _, err = self.run_to(1, "--size", "30", "s3://photos/in", "s3://small")
        self.assertIn("access denied to the bucket photos", err)
        self.assertEqual(len(self.server.objects("small")), len(keys) // 2)


class Parts(S3Case):
    @classmethod
    def setUpClass(cls):
        cls.large = noise(2700, 2300)
        assert len(cls.large) > 17 * MIB

    def setUp(self):
        super().setUp()
        write(self.path("in/large.png"), self.large)

    def copy_large(self, status):
        return self.run_to(status, "--size", "5000", self.path("in"), "s3://small/t")

    def assert_whole(self):
        self.assertEqual(self.server.objects("small"), {b"t/large.png": self.large})
        self.assertEqual(self.server.uploads, {})

    def test_large_outputs_go_in_parts(self):
        self.copy_large(0)
        self.assert_whole()
        self.assertEqual(self.server.buckets["small"][b"t/large.png"].type, "image/png")
        self.assertEqual(self.server.count("PUT"), 2)
        self.assertEqual(self.server.count("POST"), 2)

    def test_parts_are_sent_again(self):
        self.server.fail(Fault("PUT", None, "500", times=3))
        self.server.fail(Fault("POST", None, "503", times=1, query="uploads"))
        self.server.fail(Fault("POST", None, "complete", times=2, query="uploadId"))
        self.copy_large(0)
        self.assert_whole()

    def test_a_wrong_etag_makes_no_object_and_another_try(self):
        self.server.fail(Fault("PUT", None, "etag", times=1))
        self.copy_large(0)
        self.assert_whole()

    def test_an_upload_that_fails_is_given_up(self):
        self.server.fail(Fault("PUT", None, "403", query="uploadId"))
        self.copy_large(1)
        self.assertEqual(self.server.objects("small"), {})
        self.assertEqual(self.server.uploads, {})
        self.assertGreaterEqual(self.server.count("DELETE"), 1)

    def test_an_upload_that_is_canceled_is_given_up(self):
        self.server.fail(Fault("PUT", None, "stall"))
        run = self.start("--size", "5000", "--grace", "100ms", self.path("in"), "s3://small/t")
        self.assertTrue(self.server.stalled.wait(60))
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        wait_for(lambda: not self.server.uploads, "the end of the upload")
        self.assertEqual(self.server.objects("small"), {})


class CutOff(S3Case):
    def check_killed(self, arguments, target):
        """A worker that is killed in the middle of a PUT leaves nothing; then it is done again."""
        self.server.fail(Fault("PUT", None, "stall", times=1))
        run = self.start(*arguments)
        self.assertTrue(self.server.stalled.wait(60))
        self.assertEqual(self.server.objects("small"), {})
        os.kill(run.worker(), signal.SIGKILL)
        self.server.unstall.set()
        self.check(run.finish(), 0)
        self.assertEqual(list(self.server.objects("small")), [target])

    def test_a_worker_killed_in_a_put_leaves_no_object(self):
        data = noise(1500, 1000)  # more than a connection's buffers hold
        self.server.put("photos", b"in/a.png", data)
        self.check_killed(["--size", "5000", "s3://photos/in", "s3://small"], b"a.png")
        self.assertEqual(self.server.objects("small")[b"a.png"], data)

    def test_a_worker_killed_in_a_part_leaves_no_object(self):
        write(self.path("in/a.png"), Parts.large if hasattr(Parts, "large") else noise(2700, 2300))
        self.check_killed(["--size", "5000", self.path("in"), "s3://small"], b"a.png")

    def test_a_run_that_was_cut_off_goes_on(self):
        keys = self.put_pictures(30)
        self.server.fail(Fault("GET", keys[20], "hang", times=1))
        arguments = ["--size", "30", "--concurrency", "1", "s3://photos/in", "s3://small/t"]
        run = self.start(*arguments)
        wait_for(lambda: len(self.server.objects("small")) >= 20, "most of the pictures")
        wait_for(lambda: len(self.server.objects("small")) >= 29, "all but the one that hangs")
        run.signal(signal.SIGINT)
        run.finish()
        self.server.put("photos", keys[3], png(60, 40, 99), 1700000000)
        done = self.server.count("PUT")
        out, err = self.run_to(0, "-v", *arguments)
        self.assertIn("resuming: 29 of 30", err)
        self.assertIn("again s3://photos/in/0003.png: changed:", out)
        self.assertEqual(self.server.count("PUT"), done + 2)
        self.assertEqual(len(self.server.objects("small")), 30)

    def test_a_listing_that_hangs_can_be_canceled(self):
        self.put_pictures(20)
        self.server.page_keys = 10
        self.server.fail(Fault("GET", b"", "hang", query="continuation-token"))
        run = self.start("--size", "30", "s3://photos/in", "s3://small")
        wait_for(lambda: len(self.server.objects("small")) == 10, "the first page")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish(patience=20)[0], 130)

    def test_a_lister_that_dies_is_an_error_of_the_listing(self):
        self.put_pictures(20)
        self.server.page_keys = 10
        self.server.fail(Fault("GET", b"", "hang", query="continuation-token"))
        run = self.start("--size", "30", "s3://photos/in", "s3://small")
        wait_for(lambda: len(self.server.objects("small")) == 10, "the first page")
        lister = [pid for pid in children(run.pid) if pid != run.worker()]
        os.kill(lister[0], signal.SIGKILL)
        result = run.finish()
        self.check(result, 1)
        self.assertIn("the listing was cut off: sciame-list-s3 was ended by SIGKILL", result[2])

    def test_secrets_are_in_no_command_line_and_no_ledger(self):
        keys = self.put_pictures(3)
        self.server.fail(Fault("GET", keys[1], "hang", times=1))
        run = self.start("--size", "30", "--ledger", self.path("ledger.db"), "s3://photos/in",
                         "s3://small")
        wait_for(lambda: len(self.server.objects("small")) == 2, "two pictures")
        seen = 0
        for pid in of_session(run.pid):
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                self.assertNotIn(SECRET_KEY.encode(), file.read())
                seen += 1
        for lane in run.lanes():  # they read what others have made
            with open("/proc/%d/environ" % lane, "rb") as file:
                self.assertNotIn(b"AWS_", file.read())
        self.assertGreaterEqual(seen, 3)
        run.signal(signal.SIGINT)
        run.finish()
        for path, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    self.assertNotIn(SECRET_KEY.encode(), file.read(), name)


class Machines(S3Case, NetworkCase):
    """Workers that share nothing but the bucket."""

    def test_no_byte_passes_the_master(self):
        keys = self.put_pictures(40)
        for _ in range(2):
            self.daemon("--s3-endpoint", self.server.url, "--once", lanes=2)
        self.check(self.run_alone("scale", "--s3-endpoint", self.server.url, "--size", "30",
                                  "--wait-workers", "2", "s3://photos/in", "s3://small/t"), 0)
        self.assertEqual(sorted(self.server.objects("small")), [b"t" + key[2:] for key in keys])

    def test_files_of_the_master_become_objects(self):
        for number in range(5):
            write(self.path("in/%d.png" % number), png(60, 40, number))
        self.daemon("--s3-endpoint", self.server.url, "--once", lanes=2)
        self.check(self.run_alone("scale", "--transfer", "inline", "--s3-endpoint",
                                  self.server.url, self.path("in"), "s3://small"), 0)
        self.assertEqual(len(self.server.objects("small")), 5)

    def test_objects_become_files_of_the_master(self):
        keys = self.put_pictures(5)
        self.daemon("--s3-endpoint", self.server.url, "--once", lanes=2)
        self.check(self.run_alone("scale", "--transfer", "inline", "--s3-endpoint",
                                  self.server.url, "s3://photos/in", self.path("out")), 0)
        self.assertEqual(sorted(os.listdir(self.path("out"))), [key[3:].decode() for key in keys])

    def test_a_worker_without_credentials_leaves_the_jobs_to_others(self):
        keys = self.put_pictures(20)
        secret = os.environ.pop("AWS_SECRET_ACCESS_KEY")
        access = os.environ.pop("AWS_ACCESS_KEY_ID")
        self.daemon("--s3-endpoint", self.server.url, "--once", lanes=1)
        os.environ.update(AWS_SECRET_ACCESS_KEY=secret, AWS_ACCESS_KEY_ID=access)
        self.daemon("--s3-endpoint", self.server.url, "--once", lanes=1)
        result = self.run_alone("scale", "--s3-endpoint", self.server.url, "--size", "30",
                                "--wait-workers", "2", "s3://photos/in", "s3://small")
        self.check(result, 0)
        self.assertEqual(len(self.server.objects("small")), len(keys))


class Web(http.server.BaseHTTPRequestHandler):
    """/moved leads to /a%20b.png, /flaky works at the third time, /missing never."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        status, fields, body = 200, {}, self.server.picture
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        if self.path == "/missing.png":
            status, body = 404, b"no"
        elif self.path == "/moved.png":
            status, body, fields = 302, b"", {"Location": "/a%20b.png?x=1"}
        elif self.path == "/flaky.png" and len(self.server.asked) < 3:
            status, body = 503, b"later"
        self.send_response(status)
        for name, value in {**fields, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Urls(S3Case):
    def setUp(self):
        super().setUp()
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
        self.web.picture, self.web.asked = png(120, 80), []
        self.url = "http://127.0.0.1:%d" % self.web.server_address[1]
        thread = threading.Thread(target=self.web.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.addCleanup(self.web.server_close)
        self.addCleanup(self.web.shutdown)

    def test_a_url_becomes_a_file_or_an_object(self):
        write(self.path("a.png"), self.web.picture)
        self.run_to(0, "--size", "60", self.path("a.png"), self.path("file.png"))
        with open(self.path("file.png"), "rb") as file:
            expected = file.read()
        more = ["--allow-private", "--size", "60"]
        self.run_to(0, *more, self.url + "/moved.png", self.path("out/"))
        self.run_to(0, *more, self.url + "/a%20b.png", self.path("out/"))
        self.run_to(0, *more, self.url + "/x.png?y", "s3://small/t/")
        for name in ("out/moved.png", "out/a b.png"):
            with open(self.path(name), "rb") as file:
                self.assertEqual(file.read(), expected)
        self.assertEqual(self.server.objects("small"), {b"t/x.png": expected})
        self.assertEqual({authorization for _, authorization in self.web.asked}, {None})

    def test_passing_and_lasting_errors_of_the_web(self):
        more = ["--allow-private", "--size", "60"]
        self.run_to(0, *more, self.url + "/flaky.png", self.path("out/"))
        _, err = self.run_to(1, *more, self.url + "/missing.png", self.path("out/"))
        self.assertIn("the server says 404", err)
        self.assertEqual(os.listdir(self.path("out")), ["flaky.png"])

    def test_private_addresses_have_to_be_allowed(self):
        _, err = self.run_to(1, "--retries", "0", self.url + "/a.png", self.path("out/"))
        self.assertTrue(re.search(r"address 127\.0\.0\.1 is not public; see --allow-private", err))
        self.assertEqual(self.web.asked, [])


if __name__ == "__main__":
    unittest.main()
