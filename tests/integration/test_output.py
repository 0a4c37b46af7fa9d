# SPDX-License-Identifier: MIT
"""What is printed where: the summary, JSON, progress on a terminal, help."""
import base64
import json
import os
import pty
import re
import subprocess
import unittest

from support import BIN, PATIENCE, SCIAME, Case, default_signals, png, sciame, write


def on_terminal(arguments, **variables):
    """The exit status and all that the program writes to a terminal of 100 columns."""
    pid, terminal = pty.fork()
    if pid == 0:
        for name in ("NO_COLOR", "TERM"):
            os.environ.pop(name, None)
        os.environ.update(variables)
        default_signals()
        os.execv(SCIAME, [SCIAME, *arguments])
    import fcntl
    import struct
    import termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


class Summary(Case):
    def setUp(self):
        super().setUp()
        write(self.path("in/a.png"), png(600, 400))
        write(self.path("in/sub/b.png"), png(60, 40))
        write(self.path("in/c.txt"), b"text")

    def test_verbose_reports_each_file(self):
        status, out, err = sciame("scale", "-v", "-c", "1", self.path("in"), self.path("out"))
        self.assertEqual(status, 1)
        self.assertEqual(sorted(out.splitlines()[:-1]), ["copied sub/b.png", "scaled a.png"])
        self.assertEqual(out.splitlines()[-1], "copied 1 scaled 1 skipped 1 using 1 processes")
        self.assertIn("c.txt: not an image", err)

    def test_quiet_says_only_errors(self):
        status, out, err = sciame("scale", "-q", self.path("in"), self.path("out"))
        self.assertEqual((status, out, err), (1, "", "sciame: c.txt: not an image\n"))

    def test_json(self):
        bad = os.path.join(os.fsencode(self.path("in")), b'\xff"\n.png')
        with open(bad, "wb") as file:
            file.write(b"no picture")
        for extra in ([], ["--serial"], ["-v"]):
            status, out, _ = sciame("scale", "--json", *extra, self.path("in"), self.path("out"))
            self.assertEqual(status, 1)
            summary = json.loads(out)
            self.assertEqual(
                {name: summary[name] for name in
                 ("todo", "copied", "scaled", "skipped", "failed", "canceled")},
                {"todo": 4, "copied": 1, "scaled": 1, "skipped": 2, "failed": 2,
                 "canceled": False})
            failures = {failure["source"]: failure for failure in summary["failures"]}
            self.assertEqual(failures["c.txt"]["reason"], "not an image")
            self.assertEqual(base64.b64decode(failures['\ufffd"\n.png']["source_base64"]),
                             b'\xff"\n.png')

    def test_no_failures_are_an_empty_list(self):
        os.unlink(self.path("in/c.txt"))
        status, out, _ = sciame("scale", "--json", self.path("in"), self.path("out"))
        self.assertEqual((status, json.loads(out)["failures"]), (0, []))

    def test_a_stdout_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([SCIAME, "noop", "--count", "3"], stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output could not be written", done.stderr)


    def test_closed_standard_descriptors_do_no_harm(self):
        for descriptors in ("<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"):
            done = subprocess.run(["sh", "-c", '"$1" scale "$2" "$3" ' + descriptors, "sh", SCIAME,
                                   self.path("in/a.png"), self.path("out/")],
                                  capture_output=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 3 if ">&-" in descriptors.split() else 0, done)
            self.assertTrue(os.path.exists(self.path("out/a.png")))
            os.unlink(self.path("out/a.png"))


class Progress(Case):
    ARGUMENTS = ["noop", "-c", "2", "--count", "60", "--sleep-ms", "10"]

    def test_a_terminal_shows_how_far_it_is(self):
        status, text = on_terminal(self.ARGUMENTS, TERM="xterm")
        self.assertEqual(status, 0)
        self.assertRegex(text, r"\[[#-]{20}\] \d+/60\+?  \d+\.\d jobs/s  0\.0 MB/s  ETA \d+:\d\d"
                               r"  job \d+")
        self.assertIn("\x1b[32m", text)
        # the line is gone before the summary is printed
        self.assertRegex(text, r"\r\x1b\[Kdone 60 using 2 processes\r\n$")

    def test_no_color_means_no_color(self):
        status, text = on_terminal(self.ARGUMENTS, TERM="xterm", NO_COLOR="1")
        self.assertEqual(status, 0)
        self.assertIn("jobs/s", text)
        self.assertNotIn("\x1b[3", text)

    def test_a_dumb_terminal_and_quiet_show_nothing(self):
        for extra, variables in (([], {"TERM": "dumb"}), ([], {}), (["-v"], {"TERM": "xterm"})):
            status, text = on_terminal(self.ARGUMENTS + extra, **variables)
            self.assertEqual(status, 0)
            self.assertNotIn("jobs/s", text)
            self.assertTrue(text.endswith("done 60 using 2 processes\r\n"))
        self.assertEqual(on_terminal(self.ARGUMENTS + ["-q"], TERM="xterm"), (0, ""))

    def test_a_pipe_gets_the_summary_alone(self):
        self.assertEqual(sciame(*self.ARGUMENTS), (0, "done 60 using 2 processes\n", ""))


class Help(Case):
    def test_help_and_version(self):
        for program in ("sciame", "sciame-worker"):
            for arguments in (["--help"], ["-h"], ["--version"]):
                done = subprocess.run([os.path.join(BIN, program), *arguments],
                                      capture_output=True, text=True, timeout=PATIENCE)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(
                    "%s " % program if arguments == ["--version"] else "usage: " + program))
        for line in sciame("scale", "--help")[1].splitlines():
            self.assertLessEqual(len(line), 90)

    def test_every_option_is_in_the_readme(self):
        readme = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")
        with open(readme) as file:
            text = file.read()
        for kind in ("scale", "noop"):
            for option in re.findall(r"--[a-z-]+", sciame(kind, "--help")[1]):
                self.assertIn(option, text)


class Noop(Case):
    def test_the_same_work_without_messages(self):
        self.check(sciame("noop", "--serial", "--count", "50"), 0, "done 50 single-threaded")

    def test_payloads_of_every_size(self):
        for size in ("0", "1", "1000", "16320"):
            self.check(sciame("noop", "-c", "2", "--count", "500", "--payload-bytes", size), 0,
                       "done 500 using 2 processes")

    def test_nothing_to_do(self):
        self.check(sciame("noop", "-c", "2", "--count", "0"), 0, "done 0 using 2 processes")

    def test_the_private_folder_is_removed(self):
        environment = {"TMPDIR": self.folder, "XDG_RUNTIME_DIR": ""}
        self.check(sciame("noop", "--count", "10", env=environment), 0)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_long_temporary_folder_is_not_used_for_sockets(self):
        folder = self.path("x" * 100)
        os.mkdir(folder)
        self.check(sciame("noop", "--count", "10",
                          env={"TMPDIR": folder, "XDG_RUNTIME_DIR": ""}), 0)


if __name__ == "__main__":
    unittest.main()
