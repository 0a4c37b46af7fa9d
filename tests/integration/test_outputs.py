# SPDX-License-Identifier: MIT
"""Several outputs of each picture, and names that depend on what was made."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from network import NetworkCase  # noqa: E402
from s3_server import S3Server  # noqa: E402
from support import (SCIAME, Case, Run, png, sciame, temporaries, tree, wait_for,  # noqa: E402
                     write)

ODD = (b"a.png", b"2024/b c.png", b"2024/new\nline.png", b"{dir}/{size}.png", b"x/}{{.png",
       b"x/no-suffix", b"bad\xff.png", b"a.b/c.tar.png")


def stem_and_suffix(path):
    """As {stem} and {ext} take it apart, with the folder."""
    folder, name = os.path.split(path)
    dot = name.rfind(b".")
    cut = dot if dot > 0 else len(name)
    return os.path.join(folder, name[:cut]), name[cut:]


class OutputsCase(Case):
    def visible(self):
        """How many outputs have their names by now."""
        return sum(not name.startswith(".") for _, _, names in os.walk(self.path("out"))
                   for name in names)

    def make_odd(self):
        for number, name in enumerate(ODD):
            write(os.path.join(os.fsencode(self.path("in")), name),
                  png(90 + number, 60, number))
        return self.path("in")

    def each_alone(self, source, *sizes):
        """{path: digest} as the default pattern names what runs of one size each make."""
        expected = {}
        for size in sizes:
            target = self.path("alone" + size)
            self.check(sciame("scale", "--no-ledger", "--size", size, source, target), 0)
            for name, digest in tree(target).items():
                stem, suffix = stem_and_suffix(name)
                expected[stem + b"-" + size.encode() + suffix] = digest
        return expected

    def scale(self, status, *arguments):
        result = sciame("scale", *arguments)
        self.check(result, status)
        return result


class OneHost(OutputsCase):
    def test_each_size_is_what_it_is_alone(self):
        source = self.make_odd()
        expected = self.each_alone(source, "50", "30x20", "400")
        sizes = ("--size", "50", "--size", "30x20", "--size", "400")
        for target, how in (("out", ()), ("serial", ("--serial",)), ("synced", ("--fsync",)),
                            ("many", ("-c", "4", "--sandbox", "best-effort"))):
            result = self.scale(0, *sizes, *how, source, self.path(target))
            self.assertIn("scaled %d " % len(ODD), result[1])
            self.assertEqual(tree(self.path(target)), expected)

    def test_sixteen_sizes_of_many_small_pictures(self):
        for number in range(150):
            write(self.path("in/%03d.png" % number), png(20 + number % 7, 16, number))
        sizes = ["%d" % (number + 2) for number in range(16)]
        expected = self.each_alone(self.path("in"), *sizes)
        arguments = [word for size in sizes for word in ("--size", size)]
        self.scale(0, *arguments, self.path("in"), self.path("out"))
        self.assertEqual(tree(self.path("out")), expected)

    def read_manifest(self):
        with open(self.path("manifest"), encoding="utf-8") as file:
            return {line["output"]: line for line in map(json.loads, file)}

    def check_manifest(self, manifest, sizes):
        """That it describes what is there."""
        found = {os.fsdecode(name): digest for name, digest in tree(self.path("out")).items()}
        self.assertEqual(sorted(manifest), sorted(found))
        for name, line in manifest.items():
            path = self.path("out/" + name)
            with open(path, "rb") as file:
                data = file.read()
            self.assertEqual(line["bytes"], len(data))
            self.assertEqual(line["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual((line["width"], line["height"]),
                             struct.unpack(">II", data[16:24]))
            self.assertIn(line["size"], sizes)

    def test_a_manifest_also_names_what_was_there_before(self):
        for number in range(4):
            write(self.path("in/d/%d.png" % number), png(90 + number, 60, number))
        call = ("--update", "--manifest", self.path("manifest"), "-s", "50", "-s", "20",
                self.path("in"), self.path("out"))
        self.scale(0, *call)
        first = self.read_manifest()
        self.check_manifest(first, ("50", "20"))
        self.assertEqual(len(first), 8)
        write(self.path("in/d/2.png"), png(70, 60, 9))
        result = self.scale(0, *call)
        self.assertIn("scaled 1 unchanged 3 ", result[1])
        second = self.read_manifest()
        self.check_manifest(second, ("50", "20"))
        changed = {name for name in first if first[name] != second[name]}
        self.assertEqual(changed, {"d/2-50.png", "d/2-20.png"})

    def test_what_was_made_without_a_manifest_is_made_again_for_it(self):
        for number in range(3):
            write(self.path("in/%d.png" % number), png(90 + number, 60, number))
        call = ("-v", "-s", "50", self.path("in"), self.path("out"))
        manifest = ("--manifest", self.path("manifest"))
        self.scale(0, "--update", *call)
        result = self.scale(0, "--update", *manifest, "--dry-run", *call)
        self.assertFalse(os.path.exists(self.path("manifest")))
        result = self.scale(0, "--update", *manifest, *call)
        self.assertIn("scaled 3 ", result[1])
        self.assertIn("outputs are not known", result[1])
        first = self.read_manifest()
        self.check_manifest(first, ("50",))
        for more in ((), ("--serial",)):
            result = self.scale(0, "--update", *manifest, *more, *call)
            self.assertIn("unchanged 3 ", result[1])
            self.assertEqual(self.read_manifest(), first)

    def test_lanes_with_few_descriptors_do_the_same(self):
        for number in range(60):
            write(self.path("in/%03d.png" % number), png(20, 16, number))
        sizes = ["%d" % (number + 2) for number in range(16)]
        expected = self.each_alone(self.path("in"), *sizes)
        arguments = [word for size in sizes for word in ("--size", size)]
        result = Run("--nofile=220:220", SCIAME, "scale", *arguments, "-c", "4",
                     self.path("in"), self.path("out"), program="prlimit").finish()
        self.check(result, 0)
        self.assertEqual(tree(self.path("out")), expected)

    def test_names_follow_what_was_made(self):
        write(self.path("in/a/wide.png"), png(100, 50))
        write(self.path("in/top.png"), png(60, 120))
        self.scale(0, "--size", "40", "--size", "500", "--output",
                   "x/{dir}/{width}/{height}/{stem}_{size}{ext}", self.path("in"), self.path("out"))
        self.assertEqual(sorted(tree(self.path("out"))), sorted([
            b"x/a/40/20/wide_40.png", b"x/a/100/50/wide_500.png", b"x/20/40/top_40.png",
            b"x/60/120/top_500.png"]))

    def test_one_size_may_have_a_pattern_and_another_format(self):
        write(self.path("in/a/b.png"), png(100, 50))
        self.scale(0, "--size", "40", "--format", "jpeg", "--output", "{stem}{ext}",
                   self.path("in"), self.path("out"))
        self.assertEqual(list(tree(self.path("out"))), [b"b.jpg"])

    def test_a_single_picture_keeps_the_name_that_was_chosen(self):
        write(self.path("a.png"), png(100, 50))
        self.scale(0, "--size", "40", "--size", "20", self.path("a.png"), self.path("out/b.png"))
        self.scale(0, "--size", "40", "--size", "20", self.path("a.png"), self.path("out/"))
        self.assertEqual(sorted(tree(self.path("out"))),
                         [b"a-20.png", b"a-40.png", b"b-20.png", b"b-40.png"])

    def test_sizes_that_come_to_the_same_may_share_a_name(self):
        write(self.path("in/a.png"), png(100, 50))
        self.scale(0, "--size", "200", "--size", "300", "--output", "{stem}-{width}{ext}",
                   self.path("in"), self.path("out"))
        self.assertEqual(list(tree(self.path("out"))), [b"a-100.png"])

    def test_sizes_that_differ_may_not(self):
        write(self.path("in/a.png"), png(100, 50))
        for how in ((), ("--serial",)):
            result = self.scale(1, "--size", "19", "--size", "20", "--output", "{stem}{height}",
                                *how, self.path("in"), self.path("out"))
            self.assertEqual(tree(self.path("out")), {}) if False else None
            self.assertIn("the sizes 19 and 20 would both be written to", result[2])

    def test_a_source_is_never_replaced(self):
        write(self.path("in/a.png"), png(100, 50))
        before = tree(self.path("in"))
        os.makedirs(self.path("out"))
        os.link(self.path("in/a.png"), self.path("out/a-50.png"))
        result = self.scale(1, "--size", "20", "--size", "50", self.path("in"), self.path("out"))
        self.assertIn("the output would replace its source", result[2])
        self.assertEqual(tree(self.path("in")), before)
        self.assertEqual(temporaries(self.path("out")), [])

    def test_wrong_calls_are_told(self):
        write(self.path("in/a.png"), png(10, 10))
        for words, why in (
                (("--output", "{name}"), "not '{name}'"),
                (("--output", "/abs/{stem}"), "below the target"),
                (("--output", "../{stem}"), "'..'"),
                (("--size", "9", "--size", "8", "--output", "{stem}"), "one name for 2 sizes"),
                (("--size", "9", "--size", "9x9"), "given twice"),
                (("--size", "0"), "--size takes pixels")):
            result = self.scale(2, *words, self.path("in"), self.path("out"))
            self.assertIn(why, result[2])
        self.assertFalse(os.path.exists(self.path("out")))


class CutOff(OutputsCase):
    sizes = ("--size", "1000", "--size", "400", "--size", "90")

    @classmethod
    def setUpClass(cls):
        """Pictures that are slow enough to be cut off in, made once."""
        super().setUpClass()
        shared = Case()
        shared.folder = tempfile.mkdtemp(prefix="sciame-test-")
        cls.addClassCleanup(shutil.rmtree, shared.folder, ignore_errors=True)
        cls.source = shared.copy_pictures("in", 24)

    def settled(self):
        """What the ledger says is done: {source: how many outputs}."""
        result = sciame("ledger", "export", "--json", self.path("out"))
        if result[0]:
            return {}
        lines = [json.loads(line) for line in result[1].splitlines()]
        return {line["source"]: line["outputs"] for line in lines if line["outcome"] == "done"}

    def plain(self, *arguments):
        self.scale(0, "--no-ledger", *self.sizes, *arguments, self.source, self.path("plain"))
        return tree(self.path("plain"))

    def test_a_killed_run_makes_exactly_what_is_missing(self):
        run = Run("scale", *self.sizes, self.source, self.path("out"))
        wait_for(lambda: len(self.settled()) >= 5, "five pictures")
        run.kill()
        done = self.settled()
        names = [output["location"].removeprefix("target:")
                 for outputs in done.values() for output in outputs]
        self.assertEqual(len(names), 3 * len(done))
        lost, cut = names[1], names[5]
        os.unlink(self.path("out/" + lost))
        os.truncate(self.path("out/" + cut), 100)
        again = {source for source, outputs in done.items()
                 if {lost, cut} & {o["location"].removeprefix("target:") for o in outputs}}
        kept = {name: os.stat(self.path("out/" + name)).st_ino
                for source, outputs in done.items() if source not in again
                for name in (o["location"].removeprefix("target:") for o in outputs)}
        result = self.scale(0, "-v", *self.sizes, self.source, self.path("out"))
        self.assertIn("its output is missing", result[1] + result[2])
        self.assertIn("its output has 100 bytes instead of", result[1] + result[2])
        self.assertEqual({name: os.stat(self.path("out/" + name)).st_ino for name in kept}, kept)
        self.assertEqual(tree(self.path("out")), self.plain())

    def test_workers_that_are_killed_leave_no_temporaries(self):
        pattern = ("--output", "{size}/{width}/{stem}{ext}")
        run = Run("scale", *self.sizes, *pattern, self.source, self.path("out"))
        for count in (6, 18, 30):
            wait_for(lambda: run.process.poll() is not None or self.visible() >= count, "outputs")
            if run.process.poll() is None:
                os.kill(run.worker(), signal.SIGKILL)
        self.check(run.finish(), 0)
        self.assertEqual(temporaries(self.path("out")), [])
        self.assertEqual(tree(self.path("out")), self.plain(*pattern))

    def test_a_canceled_run_leaves_no_temporaries(self):
        run = Run("scale", *self.sizes, self.source, self.path("out"))
        wait_for(lambda: self.visible() >= 4, "outputs")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        self.assertEqual(temporaries(self.path("out")), [])
        self.scale(0, *self.sizes, self.source, self.path("out"))
        self.assertEqual(tree(self.path("out")), self.plain())

    def test_other_names_are_another_run(self):
        run = Run("scale", *self.sizes, self.source, self.path("out"))
        wait_for(lambda: len(self.settled()) >= 2, "two pictures")
        run.kill()
        result = self.scale(0, *self.sizes, "--output", "{stem}.{size}{ext}", self.source,
                            self.path("out"))
        self.assertNotIn("resuming", result[2])

    def test_a_full_target_ends_the_run(self):
        with self.small_disk("size=300k") as disk:
            result = sciame("scale", *self.sizes, "--disk-wait", "300ms", self.source, disk)
            self.check(result, 74)
            self.assertIn("the target is full: No space left on device", result[2])
            self.assertEqual(temporaries(disk), [])

    def test_a_ledger_of_before_is_brought_up_to_date(self):
        ledger = self.path("ledger")
        self.scale(0, "--ledger", ledger, "--size", "90", self.source, self.path("out"))
        with contextlib.closing(sqlite3.connect(ledger)) as database:
            database.execute("ALTER TABLE job DROP COLUMN outputs")
            database.execute("UPDATE run SET ended_s = NULL")
            database.execute("PRAGMA user_version = 1")
            database.commit()
        result = sciame("ledger", "show", "--ledger", ledger)
        self.check(result, 3)
        self.assertIn("of an earlier program", result[2])
        result = self.scale(0, "--ledger", ledger, "--size", "90", self.source, self.path("out"))
        self.assertIn("resuming: 24 of 24 done", result[2])
        self.check(sciame("ledger", "show", "--ledger", ledger), 0)


class Travelling(OutputsCase, NetworkCase):
    sizes = ("--size", "50", "--size", "30x20", "--size", "400")

    def test_outputs_travel_over_the_master(self):
        source = self.make_odd()
        expected = self.each_alone(source, "50", "30x20", "400")
        self.daemon(lanes=2)
        self.check(self.run_alone("scale", *self.sizes, "--transfer", "inline", source,
                                  self.path("out")), 0)
        self.assertEqual(tree(self.path("out")), expected)

    def test_the_master_names_what_was_made(self):
        write(self.path("in/a/wide.png"), png(100, 50))
        write(self.path("in/large.png"), png(2200, 1500))
        self.daemon()
        words = ("--size", "40", "--size", "2100", "--output", "{dir}/{width}x{height}/{stem}{ext}")
        self.check(self.run_alone("scale", *words, "--transfer", "inline", self.path("in"),
                                  self.path("out")), 0)
        self.scale(0, *words, "--no-ledger", self.path("in"), self.path("plain"))
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))
        self.assertIn(b"a/40x20/wide.png", tree(self.path("out")))

    def test_workers_may_be_killed_while_outputs_travel(self):
        self.copy_pictures("in", 20)
        sizes = ("--size", "1500", "--size", "700")
        daemons = [self.daemon() for _ in range(2)]
        run = self.start("scale", *sizes, "-c", "0", "--transfer", "inline", self.path("in"),
                         self.path("out"))
        for count in (3, 9, 15):
            wait_for(lambda: run.process.poll() is not None or self.visible() >= count, "outputs")
            daemons.pop(0).kill()
            daemons.append(self.daemon())
        self.check(run.finish(), 0)
        self.scale(0, *sizes, "--no-ledger", self.path("in"), self.path("plain"))
        self.assertEqual(tree(self.path("out")), tree(self.path("plain")))


class Objects(OutputsCase):
    def setUp(self):
        super().setUp()
        self.server = S3Server(["photos", "small"])
        self.enterContext(self.server)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self.server.environment(), HOME=self.folder)

    def run_s3(self, *arguments):
        return self.scale(0, "--s3-endpoint", self.server.url, *arguments)

    def test_each_size_is_an_object(self):
        for number in range(12):
            data = png(100 + number, 60, number)
            self.server.put("photos", b"in/d%d/%02d.png" % (number % 2, number), data)
            write(self.path("in/d%d/%02d.png" % (number % 2, number)), data)
        expected = self.each_alone(self.path("in"), "50", "30x20")
        self.run_s3("--size", "50", "--size", "30x20", "s3://photos/in", "s3://small/o")
        found = self.server.objects("small")
        self.assertEqual(sorted(found), sorted(b"o/" + name for name in expected))
        self.run_s3("--size", "50", "--size", "30x20", "s3://photos/in", self.path("down"))
        self.assertEqual(tree(self.path("down")), expected)
        self.run_s3("--size", "50", "--size", "30x20", "--output", "{width}/{stem}-{height}{ext}",
                    self.path("in/d0"), "s3://small/p/")
        self.assertIn(b"p/50/00-30.png", self.server.objects("small"))
        self.assertIn(b"p/30/00-18.png", self.server.objects("small"))


if __name__ == "__main__":
    unittest.main()
