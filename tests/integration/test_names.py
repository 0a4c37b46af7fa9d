# SPDX-License-Identifier: MIT
"""Which pictures are taken, what their outputs are called, and what is refused before anything."""
import contextlib
import json
import os
import re
import signal
import subprocess
import unittest

from support import BIN, Case, Run, png, sciame, tree, wait_for, write

# Names are bytes: what shells, libvips and terminals stumble over.
ODD = [b"new\nline.png", b"x[shrink=8].png", b"\xff\xfe.png", b"n" * 251 + b".png", b" -.png",
       b"\x1b[31m.png", "Été.png".encode(), b"a:b.png", b"%s{size}%d.png"]


class Names(Case):
    def setUp(self):
        super().setUp()
        self.small = png(20, 10)

    def make(self, *names):
        """Pictures in the source, each a PNG whatever its name says."""
        for name in names:
            write(os.path.join(os.fsencode(self.path("in")), os.fsencode(name)), self.small)

    def scale(self, *arguments, target="out", **more):
        return sciame("scale", *arguments, self.path("in"), self.path(target), **more)

    def made(self, target="out"):
        return sorted(tree(self.path(target))) if os.path.isdir(self.path(target)) else None

    def given(self, data):
        """Standard input with these bytes."""
        write(self.path("given"), data)
        file = open(self.path("given"), "rb")
        self.addCleanup(file.close)
        return file

    def assert_refused(self, result, text):
        """Status 2, and neither source nor target nor ledger has changed."""
        self.check(result, 2)
        self.assertIn(text, result[2])

    def test_odd_names_come_out_as_they_went_in(self):
        self.make(*ODD)
        for way in ([], ["--serial"]):
            target = "out" + "".join(way)
            self.check(self.scale("--no-ledger", *way, target=target), 0)
            self.assertEqual(self.made(target), sorted(ODD))

    def test_files_from_a_list(self):
        self.make("a.png", "b/c.png", "b/d.png", "e.png")
        write(self.path("list"), b"a.png\n./b//c.png\n" + os.fsencode(self.path("in/e.png")) +
              b"\na.png\n")
        for way in ([], ["--serial"]):
            target = "out" + "".join(way)
            result = self.scale("--files-from", self.path("list"), *way, target=target)
            self.check(result, 0)
            self.assertEqual(self.made(target), [b"a.png", b"b/c.png", b"e.png"])

    def test_files_from_standard_input_with_nuls(self):
        self.make(*ODD)
        for way in ([], ["--serial"]):
            target = "out" + "".join(way)
            result = self.scale("--files-from", "-", "-0", *way, target=target,
                                stdin=self.given(b"\0".join(ODD)))
            self.check(result, 0)
            self.assertEqual(self.made(target), sorted(ODD))

    def test_files_that_are_not_there_or_not_below_fail_by_name(self):
        self.make("a.png", "b/c.png")
        write(self.path("list"), b"a.png\nnone.png\n../in/a.png\n/etc/passwd\nb\n")
        result = self.scale("--files-from", self.path("list"), "--json")
        self.check(result, 1)
        summary = json.loads(result[1])
        self.assertEqual((summary["todo"], summary["copied"], summary["failed"]), (5, 1, 4))
        for text in ("none.png: open: No such file", "../in/a.png: a name with '..'",
                     "/etc/passwd: not below the source", "b: not a regular file"):
            self.assertIn(text, result[2])
        self.assertEqual(self.made(), [b"a.png"])

    def test_files_from_a_list_never_come_from_the_target(self):
        self.make("a.png", "out/old.png")
        write(self.path("list"), b"a.png\nout/old.png\n")
        result = self.scale("--files-from", self.path("list"), target="in/out")
        self.check(result, 1)
        self.assertIn("it lies in the target", result[2])
        self.assertEqual(self.made("in/out"), [b"a.png", b"old.png"])

    def test_a_list_that_never_comes_can_be_interrupted(self):
        self.make("a.png")
        for way in ([], ["--serial"]):
            target = "out" + "".join(way)
            read, write_end = os.pipe()
            run = Run("scale", "-v", "--files-from", "-", *way, self.path("in"),
                      self.path(target), stdin=read)
            os.close(read)
            os.write(write_end, b"a.png\nhalf")
            wait_for(lambda: self.made(target) == [b"a.png"], "the picture that was named")
            run.signal(signal.SIGINT)
            result = run.finish()
            self.check(result, 130)
            self.assertNotIn("half", result[2])
            os.close(write_end)
            self.assertEqual(self.made(target), [b"a.png"])

    def test_wrong_calls_of_lists(self):
        self.make("a.png")
        self.assert_refused(self.scale("--files-from", self.path("none")), "No such file")
        self.assert_refused(self.scale("-0"), "--null is for use with --files-from")
        self.assert_refused(
            sciame("scale", "--files-from", "-", self.path("in/a.png"), self.path("out")),
            "--files-from needs a folder as SOURCE")
        self.assertIsNone(self.made())

    def test_include_and_exclude(self):
        self.make("a.png", "keep.gif", "old/b.png", "x/old/c.png", "x/d.png", "x/e.gif")
        cases = [
            (["--exclude", "old"], ["a.png", "keep.gif", "x/d.png", "x/e.gif"]),
            (["--exclude", "/old/"], ["a.png", "keep.gif", "x/d.png", "x/e.gif",
                                      "x/old/c.png"]),
            (["--include", "*.png", "--exclude", "x/**"], ["a.png", "old/b.png"]),
            (["--exclude", "*.gif", "--include", "k*"], ["a.png", "keep.gif", "old/b.png",
                                                         "x/d.png", "x/old/c.png"]),
            (["--include", "**/old/*.png"], ["old/b.png", "x/old/c.png"]),
        ]
        every = b"\n".join(sorted(tree(self.path("in"))))
        for number, (options, names) in enumerate(cases):
            for way in ([], ["--files-from", "-"]):
                target = "out%d%d" % (number, len(way))
                self.scale("--no-ledger", *options, *way, target=target,
                           stdin=self.given(every))
                self.assertEqual(self.made(target), [os.fsencode(name) for name in names],
                                 (options, way))

    def test_an_excluded_folder_is_not_entered(self):
        self.make("a.png", "secret/b.png")
        os.symlink("..", self.path("in/secret/loop"))
        self.check(self.scale("--exclude", "secret"), 0)
        self.check(self.scale(target="all"), 1)

    def test_symlinks(self):
        self.make("a.png", "d/b.png")
        os.symlink("a.png", self.path("in/link.png"))
        os.symlink("d", self.path("in/e"))
        os.symlink("nowhere", self.path("in/broken.png"))
        os.symlink("..", self.path("in/d/loop"))
        result = self.scale()
        self.check(result, 1)
        self.assertIn("broken.png: open: No such file", result[2])
        self.assertIn("d/loop: a link to a folder that contains it", result[2])
        self.assertEqual(self.made(), [b"a.png", b"d/b.png", b"e/b.png", b"link.png"])
        self.check(self.scale("--symlinks", "skip", target="skip"), 0)
        self.assertEqual(self.made("skip"), [b"a.png", b"d/b.png"])
        result = self.scale("--symlinks", "skip", "--files-from", "-", target="list",
                            stdin=self.given(b"a.png\nlink.png\ne/b.png\nd/b.png\n"))
        self.check(result, 0)
        self.assertEqual(self.made("list"), [b"a.png", b"d/b.png"])

    def test_collisions_are_found_before_anything_is_written(self):
        self.make("a.png", "a.gif", "b/c.png", "b/c.webp", "d.png")
        before = tree(self.path("in"))
        for way in ([], ["--serial"], ["--dry-run"], ["--files-from", "-"]):
            result = self.scale("--format", "webp", *way,
                                stdin=self.given(b"\n".join(before)))
            self.assert_refused(result, "a.gif and a.png would both become a.webp")
            self.assertIn("b/c.png and b/c.webp would both become b/c.webp", result[2])
            self.assertIn("2 pictures would replace another's output", result[2])
            self.assertIsNone(self.made())
            self.assertFalse(os.path.exists(self.path("state")))
        self.assertEqual(tree(self.path("in")), before)
        # where the names stay as they are there is nothing to find
        self.check(self.scale(), 0)

    def test_collisions_of_names_by_a_pattern(self):
        self.make("a.png", "b/a.png", "b/{c}.png")
        options = ["-s", "5", "-s", "7", "--output", "{stem}-{size}{ext}", "--no-ledger"]
        self.assert_refused(self.scale(*options), "a.png and b/a.png would both become")
        self.assertIsNone(self.made())
        self.check(self.scale("--on-collision", "suffix", *options), 0)
        self.assertEqual(self.made(), sorted(
            [b"a-5.png", b"a-7.png", b"a-5-1.png", b"a-7-1.png", b"{c}-5.png", b"{c}-7.png"]))

    def test_collisions_leave_a_target_as_it_is(self):
        self.make("a.png", "a.gif")
        write(self.path("out/keep"), b"kept")
        self.assert_refused(self.scale("--format", "jpeg"), "a.gif and a.png")
        self.assertEqual(self.made(), [b"keep"])

    def test_ten_collisions_are_named_and_the_rest_counted(self):
        for i in range(14):
            self.make("p%02d.png" % i, "p%02d.gif" % i)
        result = self.scale("--format", "webp")
        self.assert_refused(result, "14 pictures would replace another's output")
        self.assertEqual(len(re.findall("would both become", result[2])), 10)
        self.assertIn("and 4 more", result[2])

    def test_collisions_get_names_of_their_own(self):
        self.make("a.png", "a.gif", "a-1.png", "x/a.png")
        names = [b"a-1.webp", b"a-2.webp", b"a.webp", b"x/a.webp"]
        found = []
        for i, name in enumerate(sorted(tree(self.path("in")))):
            write(os.path.join(os.fsencode(self.path("in")), name), png(30 + i, 10, i))
        for way in ([], ["--serial"], ["-c", "1"]):
            target = "out" + "".join(way)
            result = self.scale("--format", "webp", "--on-collision", "suffix", "--no-ledger",
                                *way, target=target)
            self.check(result, 0)
            self.assertEqual(self.made(target), names)
            found.append(tree(self.path(target)))
        self.assertEqual(found[1:], found[:-1])
        # a.gif comes first in the order of bytes, so a.png is the one that moves
        self.assertEqual(self.width("out/a.webp"), self.width("in/a.gif"))
        self.assertEqual(self.width("out/a-2.webp"), self.width("in/a.png"))

    def width(self, path):
        done = subprocess.run(["vipsheader", "-f", "width", self.path(path)],
                              capture_output=True, check=True)
        return int(done.stdout)

    def test_a_target_that_ignores_case(self):
        self.make("a.png", "A.png", "d/x.png", "D/x.png")
        with self.folding_disk() as folder:
            result = self.scale("--no-ledger", target=os.path.join(folder, "out"))
            self.assert_refused(result, "A.png and a.png would both become A.png")
            self.assertIn("D/x.png and d/x.png", result[2])
            self.assertEqual(os.listdir(folder), [])
            result = self.scale("--no-ledger", "--on-collision", "suffix",
                                target=os.path.join(folder, "out"))
            self.check(result, 0)
            self.assertEqual(sorted(tree(os.path.join(folder, "out"))),
                             [b"a-1.png", b"a.png", b"d/x-1.png", b"d/x.png"])
            # one that only looks goes by the names that are there
            for target in ("disk/out", "disk/new"):
                result = self.scale("--dry-run", target=target)
                self.assert_refused(result, "A.png and a.png would both become A.png")

    @contextlib.contextmanager
    def folding_disk(self):
        """A file system that takes names of other case for the same; skips where there is none."""
        program = os.path.join(BIN, "faulty_fs")
        if not os.path.exists(program) or not os.access("/dev/fuse", os.W_OK):
            self.skipTest("no FUSE")
        for name in ("below", "disk"):
            os.makedirs(self.path(name))
        write(self.path("control"), bytes(4096))
        server = subprocess.Popen([program, self.path("below"), self.path("disk"),
                                   self.path("control"), "fold"])
        try:
            wait_for(lambda: os.path.ismount(self.path("disk")) or server.poll() is not None,
                     "the file system")
            if server.poll() is not None:
                self.skipTest("no right to mount")
            yield self.path("disk")
        finally:
            if server.poll() is None:
                subprocess.run(["umount", self.path("disk")], check=True)
            server.wait(timeout=30)

    def test_an_output_never_replaces_another_picture(self):
        self.make("a/x.png", "b/x.png")
        os.makedirs(self.path("out"))
        os.symlink(self.path("in/b"), self.path("out/a"))
        before = tree(self.path("in"))
        for way in ([], ["--serial"], ["--files-from", "-"]):
            result = self.scale("--no-ledger", "-s", "5", *way,
                                stdin=self.given(b"a/x.png\nb/x.png\n"))
            self.check(result, 1)
            self.assertIn("its outputs would lie in the source folder", result[2])
            self.assertEqual(tree(self.path("in")), before)
        self.assertTrue(os.path.exists(self.path("out/b/x.png")))

    def test_source_and_target_are_not_the_same(self):
        self.make("a.png")
        before = tree(self.path("in"))
        os.link(self.path("in/a.png"), self.path("hard.png"))
        os.symlink("in", self.path("alias"))
        for source, target in (("in", "in"), ("in", "alias"), ("alias", "in"),
                               ("in/a.png", "in/a.png"), ("in/a.png", "hard.png"),
                               ("in/a.png", "alias/a.png"), ("in/a.png", "in")):
            result = sciame("scale", self.path(source), self.path(target))
            self.assert_refused(result, "source and target must be different")
        self.assertEqual(tree(self.path("in")), before)

    def test_preserve(self):
        self.make("a.png", "d/b.png")
        for name, mode, mtime in (("a.png", 0o640, 1234567890123456789), ("d/b.png", 0o444, -5)):
            os.chmod(self.path("in/" + name), mode)
            os.utime(self.path("in/" + name), ns=(0, mtime))
        for way in ([], ["--serial"], ["--fsync"]):
            target = "out" + "".join(way)
            self.check(self.scale("--preserve", "-s", "5", *way, target=target), 0)
            for name in ("a.png", "d/b.png"):
                there = os.stat(self.path("in/" + name))
                made = os.stat(self.path("%s/%s" % (target, name)))
                self.assertEqual((made.st_mode, made.st_mtime_ns),
                                 (there.st_mode, there.st_mtime_ns), (name, way))
        self.check(self.scale("-s", "5", target="plain"), 0)
        self.assertNotEqual(os.stat(self.path("plain/a.png")).st_mtime_ns, 1234567890123456789)


if __name__ == "__main__":
    unittest.main()
