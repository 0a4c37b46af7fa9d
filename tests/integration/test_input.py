# SPDX-License-Identifier: MIT
"""What can't be done is named with its reason, and harms nothing else."""
import os
import resource
import shutil
import socket
import subprocess
import unittest

from support import BIN, Case, Run, png, sciame, temporaries, tree, wait_for, write


class BadInput(Case):
    def setUp(self):
        super().setUp()
        write(self.path("in/good.png"), png(600, 400))

    def expect_failure(self, name, reason, *options):
        """The one failure of the run; the good picture is made all the same."""
        result = sciame("scale", "-c", "2", *options, self.path("in"), self.path("out"))
        self.check(result, 1, "copied 0 scaled 1 skipped 1 using 2 processes")
        self.assertIn("sciame: %s: %s" % (name, reason), result[2])
        # once when it happens, once more at the end
        self.assertEqual(result[2].count(name + ": "), 2, result[2])
        self.assertIn("sciame: 1 failed:\n", result[2])
        self.assertEqual(list(tree(self.path("out"))), [b"good.png"])

    def test_no_picture(self):
        write(self.path("in/a.txt"), b"Dear diary,\n" * 100)
        self.expect_failure("a.txt", "not an image")

    def test_an_empty_file(self):
        write(self.path("in/a.jpg"), b"")
        self.expect_failure("a.jpg", "empty file")

    def test_a_broken_picture(self):
        write(self.path("in/a.png"), png(300, 200)[:40] + b"\0" * 200)
        self.expect_failure("a.png", "")

    def test_a_picture_larger_than_the_limit(self):
        bomb = bytearray(png(8, 8))
        bomb[16:24] = (60000).to_bytes(4, "big") * 2
        import zlib
        bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
        write(self.path("in/bomb.png"), bytes(bomb))
        self.expect_failure("bomb.png", "60000x60000")

    def test_a_fifo(self):
        os.mkfifo(self.path("in/fifo.png"))
        self.expect_failure("fifo.png", "not a regular file")

    def test_a_socket(self):
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(self.path("in/socket.png"))
        self.expect_failure("socket.png", "open: ")

    def test_a_broken_link(self):
        os.symlink("nowhere", self.path("in/link.png"))
        self.expect_failure("link.png", "open: No such file or directory")

    def test_vector_pictures_are_not_read(self):
        write(self.path("in/a.svg"), b'<svg xmlns="http://www.w3.org/2000/svg" width="9" '
              b'height="9"><rect width="9" height="9"/></svg>')
        self.expect_failure("a.svg", "svg")

    def test_an_unreadable_file(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        write(self.path("in/a.png"), png(60, 40))
        os.chmod(self.path("in/a.png"), 0)
        self.expect_failure("a.png", "open: Permission denied")

    def test_an_unreadable_folder(self):
        if os.geteuid() == 0:
            self.skipTest("root may read everything")
        write(self.path("in/sub/a.png"), png(60, 40))
        os.chmod(self.path("in/sub"), 0)
        self.addCleanup(os.chmod, self.path("in/sub"), 0o755)
        self.expect_failure("sub", "open folder: Permission denied")

    def test_a_folder_where_an_output_should_be(self):
        write(self.path("in/a.png"), png(600, 400))
        os.makedirs(self.path("out/a.png"))
        result = sciame("scale", "-c", "2", self.path("in"), self.path("out"))
        self.check(result, 1)
        self.assertIn("a.png: rename: Is a directory", result[2])
        self.assertEqual(temporaries(self.path("out")), [])

    def test_a_single_bad_picture_leaves_no_output(self):
        write(self.path("a.txt"), b"text")
        result = sciame("scale", self.path("a.txt"), self.path("b.png"))
        self.check(result, 1)
        self.assertFalse(os.path.exists(self.path("b.png")))

    def test_a_link_in_the_target_is_not_written_through(self):
        write(self.path("in/a.png"), png(600, 400))
        write(self.path("precious"), b"precious")
        os.mkdir(self.path("out"))
        os.symlink(self.path("precious"), self.path("out/a.png"))
        self.check(sciame("scale", self.path("in"), self.path("out")), 0)
        with open(self.path("precious"), "rb") as file:
            self.assertEqual(file.read(), b"precious")

    def test_a_source_linked_into_the_target_is_not_replaced(self):
        before = tree(self.path("in"))
        os.mkdir(self.path("out"))
        os.link(self.path("in/good.png"), self.path("out/good.png"))
        result = sciame("scale", self.path("in"), self.path("out"))
        self.check(result, 1)
        self.assertIn("good.png: the output would replace its source", result[2])
        self.assertEqual(tree(self.path("in")), before)


class Descriptors(Case):
    def limited(self, files, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        return sciame(*arguments, preexec_fn=limit)

    def test_few_descriptors_are_enough(self):
        for i in range(90):
            write(self.path("in/d%d/p.png" % i), png(30, 20))
        for files in (48, 64, 90):
            target = self.path("out%d" % files)
            self.check(self.limited(files, "scale", "-c", "2", self.path("in"), target), 0,
                       "copied 90 scaled 0 using 2 processes")

    def test_too_few_are_an_error_in_words(self):
        write(self.path("in/a.png"), png(30, 20))
        status, _, err = self.limited(24, "scale", "-c", "2", self.path("in"), self.path("out"))
        self.assertEqual(status, 3)
        self.assertEqual(err, "sciame: at least 40 open files are needed, 24 are allowed\n")

    def test_lanes_get_nothing_but_what_they_need(self):
        write(self.path("secret"), b"x")
        file = os.open(self.path("secret"), os.O_RDONLY)
        os.set_inheritable(file, True)
        run = Run("noop", "-c", "1", "--count", "1", "--sleep-ms", "1500", close_fds=False)
        lane = wait_for(run.lanes, "a lane")[0]
        # before that, it still loads libraries
        wait_for(lambda: is_confined(lane), "its sandbox")
        names = [os.readlink("/proc/%d/fd/%s" % (lane, fd))
                 for fd in os.listdir("/proc/%d/fd" % lane) if int(fd) > 2]
        run.finish()
        os.close(file)
        for name in names:
            self.assertRegex(name, r"^(socket:|/memfd:)")


def is_confined(process):
    with open("/proc/%d/status" % process) as status:
        return "\nSeccomp:\t2\n" in status.read()


class Disk(Case):
    def test_a_full_disk_leaves_nothing_half_written(self):
        source = self.make_pictures("in", 40, 500, 400)
        with self.small_disk("size=96k") as disk:
            result = sciame("scale", "-c", "2", "--disk-wait", "0", source, disk)
            self.check(result, 74)
            self.assertRegex(result[1], r"^copied 0 scaled \d+ skipped \d+ using 2 processes "
                                        r"\[aborted\]\n$")
            self.assertIn("the target is full: No space left on device", result[2])
            self.assertEqual(temporaries(disk), [])
            outputs = tree(disk)
        self.assertGreater(len(outputs), 0)
        self.check(sciame("scale", "-c", "2", source, self.path("out")), 0)
        calm = tree(self.path("out"))
        for name, digest in outputs.items():
            self.assertEqual(digest, calm[name])

    def test_a_read_only_target_ends_the_run(self):
        write(self.path("in/a.png"), png(600, 400))
        with self.small_disk("size=1m") as disk:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            result = sciame("scale", "-c", "2", "--disk-wait", "1s", self.path("in"), disk)
            self.check(result, 74, "copied 0 scaled 0 skipped 1 using 2 processes [aborted]")
            self.assertIn("the target is read-only: Read-only file system", result[2])


class Usage(Case):
    def expect_usage(self, message, *arguments):
        result = sciame(*arguments)
        self.assertEqual(result, (2, "", "sciame: " + message + "\n"))

    def test_source_and_target_must_be_different(self):
        write(self.path("in/sub/a.png"), png(60, 40))
        os.symlink("in", self.path("link"))
        message = "source and target must be different"
        for target in ("in", "in/", "in/.", "in/sub/..", "link", "link/"):
            for extra in ([], ["--serial"]):
                self.expect_usage(message, "scale", *extra, self.path("in"), self.path(target))
        os.link(self.path("in/sub/a.png"), self.path("b.png"))
        for target in ("in/sub/a.png", "in/sub", "b.png"):
            self.expect_usage(message, "scale", self.path("in/sub/a.png"), self.path(target))

    def test_outputs_never_lie_in_the_source(self):
        write(self.path("top/in/in/a.png"), png(600, 400))
        write(self.path("top/in/a.png"), png(900, 400))
        before = tree(self.path("top/in"))
        result = sciame("scale", self.path("top/in"), self.path("top"))
        self.check(result, 1)
        self.assertIn("in: its outputs would lie in the source folder", result[2])
        self.assertEqual(tree(self.path("top/in")), before)

    def test_wrong_calls_are_named(self):
        write(self.path("file"), b"x")
        os.mkdir(self.path("in"))
        for message, arguments in (
                ("a command is missing; there are: noop, scale, feeds; see --help", []),
                ("'scael' is no command; there are: noop, scale, feeds; see --help", ["scael"]),
                ("SOURCE and TARGET are needed, 0 operands are given; see --help", ["scale"]),
                ("SOURCE and TARGET are needed, 3 operands are given; see --help",
                 ["scale", "a", "b", "c"]),
                ("source nowhere: No such file or directory", ["scale", "nowhere", "out"]),
                ("target %s is not a folder" % self.path("file"),
                 ["scale", self.path("in"), self.path("file")]),
                ("--size takes pixels as N or WxH, from 1 to 65535, not '4x'",
                 ["scale", "-s", "4x", "a", "b"]),
                ("-c 0 leaves nobody to work; with --listen HOST:PORT others can",
                 ["scale", "-c", "0", "a", "b"]),
                ("unknown option '--formt'; did you mean '--format'? see --help",
                 ["scale", "--formt", "png", "a", "b"]),
                ("--quiet and --verbose exclude each other", ["noop", "-q", "-v"]),
                ("'x' is not expected; see --help", ["noop", "x"])):
            self.expect_usage(message, *arguments)

    def test_a_target_that_cannot_be_made(self):
        write(self.path("in/a.png"), png(60, 40))
        write(self.path("file"), b"x")
        result = sciame("scale", self.path("in"), self.path("file/out"))
        self.assertEqual(result[0], 3)
        self.assertIn("create folder", result[2])

    def test_a_missing_worker_is_named(self):
        os.mkdir(self.path("bin"))
        shutil.copy(os.path.join(BIN, "sciame"), self.path("bin/sciame"))
        done = subprocess.run([self.path("bin/sciame"), "noop"], capture_output=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"sciame-worker: No such file or directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
