# SPDX-License-Identifier: MIT
"""Runs that make only what has changed, remove what lost its source, and say so before."""
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import unittest

from support import Case, Run, png, sciame, tree, wait_for, write


def outputs(folder):
    """{path: (inode, mtime)}"""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            status = os.stat(file)
            found[os.path.relpath(file, folder)] = status.st_ino, status.st_mtime_ns
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Update(Case):
    names = ["a.png", "b/c.png", "b/d.png", "e/f/g.png"]

    def setUp(self):
        super().setUp()
        for i, name in enumerate(self.names):
            write(self.path("in/" + name), png(30 + i, 20, i))

    def scale(self, *options, status=0):
        result = sciame("scale", "-s", "10", *options, self.path("in"), self.path("out"))
        self.check(result, status)
        return result

    def update(self, *options, status=0):
        return self.scale("--update", *options, status=status)

    def last_line(self, result):
        return result[1].splitlines()[-1]

    def counts(self, *options, status=0):
        """(made, unchanged, deleted) of a run with --update."""
        summary = json.loads(self.update("--json", *options, status=status)[1])
        self.assertEqual(summary["skipped"], summary["failed"])
        return (summary["copied"] + summary["scaled"], summary["unchanged"],
                summary.get("deleted", 0))

    def reasons(self, *options, status=0):
        """{name: why} of what --update makes again."""
        result = self.update("-v", *options, status=status)
        return dict(re.findall(r"(?m)^again (\S+): (.*)$", result[1]))

    def ledger(self):
        folder = self.path("state/sciame/runs")
        return os.path.join(folder, [n for n in os.listdir(folder) if n.endswith(".db")][0])

    def query(self, text):
        with contextlib.closing(sqlite3.connect(self.ledger())) as file:
            rows = file.execute(text).fetchall()
            file.commit()
            return rows

    def test_what_has_not_changed_is_not_made_again(self):
        self.assertEqual(set(self.reasons().items()), {(name, "new") for name in self.names})
        before = outputs(self.path("out"))
        for way in ([], ["--serial"], ["--checksum"]):
            result = self.update(*way)
            self.assertRegex(self.last_line(result),
                             "^copied 0 scaled 0 unchanged 4 (using|single)")
            self.assertEqual(outputs(self.path("out")), before)
        self.scale()  # without it everything is made
        after = outputs(self.path("out"))
        self.assertFalse([name for name in before if after[name] == before[name]])

    def test_each_reason_is_told(self):
        write(self.path("in/bad.png"), b"no picture")
        self.update(status=1)
        status = os.stat(self.path("in/b/c.png"))
        os.utime(self.path("in/a.png"), ns=(0, 5))
        write(self.path("in/b/c.png"), png(99, 20))
        os.utime(self.path("in/b/c.png"), ns=(0, status.st_mtime_ns))
        os.unlink(self.path("out/b/d.png"))
        os.truncate(self.path("out/e/f/g.png"), 7)
        write(self.path("in/new.png"), png(5, 5))
        reasons = self.reasons(status=1)
        self.assertRegex(reasons.pop("b/c.png"), r"^source changed: \d+ bytes, now \d+$")
        self.assertRegex(reasons.pop("e/f/g.png"), r"^output has 7 bytes instead of \d+$")
        self.assertEqual(reasons, {
            "a.png": "source changed: its time", "b/d.png": "output missing",
            "new.png": "new", "bad.png": "failed before"})
        self.assertEqual(self.counts(status=1), (0, 5, 0))

    def test_other_parameters_and_another_program_make_everything_again(self):
        self.update()
        every = dict.fromkeys(self.names, "parameters changed")
        self.assertEqual(self.reasons("--quality", "50"), every)
        self.assertEqual(self.reasons(), every)
        self.assertEqual(self.reasons("--preserve"), every)
        self.assertEqual(self.reasons(), every)
        self.query("update command set program = '0.0.0'")
        self.assertEqual(self.reasons(), dict.fromkeys(self.names, "program changed"))
        self.assertEqual(self.counts(), (0, 4, 0))

    def test_checksum_tells_content_from_time(self):
        picture = png(30, 20)
        write(self.path("in/a.png"), picture + b"behind its end")
        self.update("--checksum")
        for name in self.names:
            os.utime(self.path("in/" + name), ns=(0, 12345))
        self.assertEqual(self.counts("--checksum"), (0, 4, 0))
        write(self.path("in/a.png"), picture + b"quite the same")
        os.utime(self.path("in/a.png"), ns=(0, 12345))
        self.assertEqual(self.reasons("--checksum"), {"a.png": "source changed: its content"})

    def test_a_run_that_is_cut_off_is_taken_up(self):
        self.update()
        for i in range(30):
            write(self.path("in/big/p%02d.png" % i), png(900, 700, i))
        run = Run("scale", "-s", "10", "--update", "-c", "1", self.path("in"), self.path("out"))
        wait_for(lambda: os.path.isdir(self.path("out/big")) and
                 len(os.listdir(self.path("out/big"))) > 3, "some outputs")
        run.signal(signal.SIGINT)
        self.assertEqual(run.finish()[0], 130)
        result = self.update()
        self.assertIn("resuming: ", result[2])
        self.assertEqual(len(outputs(self.path("out"))), 34)
        self.assertRegex(self.last_line(result), "^copied 0 scaled 30 unchanged 4 ")
        self.assertEqual(self.counts(), (0, 34, 0))

    def test_a_list_of_files_is_updated_alone(self):
        write(self.path("list"), b"a.png\nb/c.png\n")
        self.assertEqual(self.counts("--files-from", self.path("list")), (2, 0, 0))
        self.assertEqual(self.counts("--files-from", self.path("list")), (0, 2, 0))
        self.assertEqual(self.counts(), (2, 2, 0))

    def test_a_single_picture_is_updated(self):
        for made in ("scaled 1 ", "scaled 0 unchanged 1 "):
            result = sciame("scale", "-s", "10", "--update", self.path("in/a.png"),
                            self.path("one.png"))
            self.check(result, 0)
            self.assertIn(made, result[1])

    def test_another_source_with_the_same_names_is_new(self):
        self.update()
        shutil.copytree(self.path("in"), self.path("other"), copy_function=shutil.copy2)
        result = sciame("scale", "-s", "10", "--update", "--delete", "-v", self.path("other"),
                        self.path("out"))
        self.check(result, 0)
        self.assertEqual(len(re.findall(r"(?m)^again .*: new$", result[1])), 4)
        self.assertNotIn("deleted", result[1])

    def test_outputs_whose_source_is_gone_are_deleted(self):
        self.update()
        write(self.path("out/e/f/mine.png"), b"of somebody else")
        shutil.rmtree(self.path("in/e"))
        os.unlink(self.path("in/b/c.png"))
        self.assertEqual(self.counts(), (0, 2, 0))  # only when asked
        result = self.update("--delete", "-v")
        self.assertEqual(re.findall(r"(?m)^deleted .*$", result[1]),
                         ["deleted b/c.png", "deleted e/f/g.png",
                          "deleted 2 outputs whose source is gone"])
        self.assertEqual(sorted(outputs(self.path("out"))), ["a.png", "b/d.png", "e/f/mine.png"])
        self.assertEqual(self.query("select count(*) from job"), [(2,)])

    def test_all_outputs_of_a_source_are_one(self):
        sizes = ["--size", "20", "--preserve"]
        self.update(*sizes)
        made = sorted(outputs(self.path("out")))
        self.assertEqual(len(made), 8)
        self.assertEqual(self.counts(*sizes), (0, 4, 0))
        os.unlink(self.path("out/" + made[1]))
        self.assertEqual(self.reasons(*sizes), {"a.png": "output missing"})
        self.assertEqual(sorted(outputs(self.path("out"))), made)
        self.assertEqual(os.stat(self.path("out/" + made[1])).st_mtime_ns,
                         os.stat(self.path("in/a.png")).st_mtime_ns)
        shutil.rmtree(self.path("in/b"))
        self.assertEqual(self.counts("--delete", *sizes), (0, 2, 4))
        self.assertEqual(sorted(outputs(self.path("out"))), made[:2] + made[-2:])
        # where one is no longer as it was made, the others go all the same
        write(self.path("out/" + made[0]), b"changed")
        os.unlink(self.path("in/a.png"))
        self.assertEqual(self.counts("--delete", *sizes), (0, 1, 1))
        self.assertEqual(sorted(outputs(self.path("out"))), made[:1] + made[-2:])

    def test_folders_that_are_left_empty_go_too(self):
        self.update()
        shutil.rmtree(self.path("in/e"))
        for way in ("--serial", "--no-twins"):
            self.update("--delete", way)
            self.assertFalse(os.path.exists(self.path("out/e")))
        # but never the target
        for name in ("a.png", "b/c.png"):
            os.unlink(self.path("in/" + name))
        os.rename(self.path("in/b/d.png"), self.path("in/new.png"))
        self.assertEqual(self.counts("--delete"), (1, 0, 3))
        self.assertEqual(os.listdir(self.path("out")), ["new.png"])

    def test_only_what_is_as_it_was_made_is_deleted(self):
        self.update()
        size = os.path.getsize(self.path("out/a.png"))
        later = self.query("select max(settled_s) from job")[0][0] + 2
        for name in self.names:
            os.unlink(self.path("in/" + name))
        write(self.path("in/stays.png"), png(5, 5))
        os.truncate(self.path("out/b/c.png"), 3)          # another size
        os.utime(self.path("out/a.png"), (later, later))  # the same, but written later
        os.unlink(self.path("out/b/d.png"))
        os.symlink("../a.png", self.path("out/b/d.png"))  # no file
        self.assertEqual(os.path.getsize(self.path("out/a.png")), size)
        self.assertEqual(self.counts("--delete"), (1, 0, 1))
        self.assertEqual(sorted(outputs(self.path("out"))),
                         ["a.png", "b/c.png", "b/d.png", "stays.png"])

    def test_an_output_that_another_picture_becomes_is_not_deleted(self):
        options = ["--format", "webp"]
        self.update(*options)
        os.rename(self.path("in/a.png"), self.path("in/a.gif"))  # the same bytes and time
        result = self.update("--delete", *options)
        self.assertRegex(self.last_line(result), "^copied 0 scaled 1 unchanged 3 ")
        self.assertTrue(os.path.exists(self.path("out/a.webp")))
        result = self.update("--delete", *options)
        self.assertRegex(self.last_line(result), "^copied 0 scaled 0 unchanged 4 ")
        self.assertTrue(os.path.exists(self.path("out/a.webp")))

    def test_preserved_times_do_not_keep_outputs_from_being_deleted(self):
        future = 4102444800000000000
        os.utime(self.path("in/a.png"), ns=(0, future))
        self.update("--preserve")
        self.assertEqual(os.stat(self.path("out/a.png")).st_mtime_ns, future)
        os.unlink(self.path("in/a.png"))
        self.assertEqual(self.counts("--delete", "--preserve"), (0, 3, 1))

    def test_nothing_is_deleted_after_a_listing_that_failed(self):
        self.update()
        os.unlink(self.path("in/a.png"))
        os.symlink("..", self.path("in/b/loop"))
        result = self.update("--delete", status=1)
        self.assertIn("nothing is deleted: the source could not be listed completely", result[2])
        os.unlink(self.path("in/b/loop"))
        shutil.rmtree(self.path("in"))
        os.makedirs(self.path("in"))
        result = self.update("--delete")
        self.assertIn("nothing is deleted: there are no pictures in the source", result[2])
        self.assertEqual(len(outputs(self.path("out"))), 4)

    def test_what_another_root_holds_is_not_gone(self):
        self.update()  # by the name "source"
        self.assertEqual(self.counts("--delete", "--exclude", "b",
                                     "--root", "data=" + self.path("in")), (2, 0, 0))
        self.assertEqual(len(outputs(self.path("out"))), 4)

    def test_what_is_left_out_is_not_gone(self):
        self.update()
        self.assertEqual(self.counts("--delete", "--exclude", "b"), (0, 2, 0))
        write(self.path("list"), b"a.png\n")
        self.assertEqual(self.counts("--delete", "--files-from", self.path("list")), (0, 1, 0))
        self.assertEqual(len(outputs(self.path("out"))), 4)

    def test_a_dry_run_does_nothing(self):
        result = self.scale("--dry-run", "--update", "--delete")
        self.assertEqual(self.last_line(result), "would make 4 delete 0 [dry run]")
        self.assertEqual(sorted(os.listdir(self.folder)), ["in"])
        self.update()
        os.utime(self.path("in/a.png"))
        os.unlink(self.path("in/b/c.png"))
        shutil.rmtree(self.path("in/e"))
        before = tree(self.path("out")), self.query("select * from run"), outputs(
            self.path("in")), read(self.ledger())
        for way in ([], ["--serial"]):
            result = self.update("--dry-run", "--delete", *way)
            self.assertEqual(result[1].splitlines(), [
                "would make a.png: source changed: its time", "would delete b/c.png",
                "would delete e/f/g.png", "would make 1 delete 2 unchanged 1 [dry run]"])
        summary = json.loads(self.update("--dry-run", "--delete", "--json")[1])
        self.assertEqual(summary, {"dry_run": True, "todo": 2, "would_make": 1,
                                   "would_delete": 2, "unchanged": 1, "failed": 0})
        self.assertEqual(before, (tree(self.path("out")), self.query("select * from run"),
                                  outputs(self.path("in")), read(self.ledger())))
        self.assertEqual(self.counts("--delete"), (1, 1, 2))

    def test_wrong_calls(self):
        for options, text in ((["--update", "--no-ledger"], "--update needs the ledger"),
                              (["--delete", "--no-ledger"], "--delete needs the ledger"),
                              (["--quiet", "-n"], "--quiet and --dry-run exclude each other")):
            self.assertIn(text, self.scale(*options, status=2)[2])
        result = sciame("scale", "--delete", self.path("in"), "s3://bucket/x")
        self.check(result, 2)
        self.assertIn("--delete needs a folder as TARGET", result[2])
        self.check(sciame("noop", "--update"), 2)
        self.assertFalse(os.path.exists(self.path("out")))


if __name__ == "__main__":
    unittest.main()
