# SPDX-License-Identifier: MIT
"""The library's binary interface beside that of the last release (tests/abi), by abidiff."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from support import BIN, ROOT

LIBRARY = os.path.join(os.path.dirname(BIN), "libsciame.so.0")
RELEASE = os.path.join(ROOT, "tests", "abi", "libsciame.so.0.abi")
DUMP = os.path.join(ROOT, "tests", "abi", "dump.sh")
SKIPPED = 77
# The bits of abidiff's exit status.
CHANGED, INCOMPATIBLE = 4, 8


class Abi(unittest.TestCase):
    def compare(self, release):
        """What is new is no difference, only what has changed or gone."""
        with tempfile.NamedTemporaryFile("w", suffix=".abi") as now:
            subprocess.run([DUMP, LIBRARY], stdout=now, check=True, timeout=300)
            done = subprocess.run(["abidiff", "--no-added-syms", release, now.name],
                                  capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def test_programs_of_the_last_release_go_on(self):
        self.assertEqual(self.compare(RELEASE), (0, ""))

    def changed(self, pattern, replacement):
        """The status beside a release that was other than ours."""
        with open(RELEASE, encoding="utf-8") as file:
            text, count = re.subn(pattern, replacement, file.read())
        self.assertGreater(count, 0)
        with tempfile.NamedTemporaryFile("w", suffix=".abi") as file:
            file.write(text)
            file.flush()
            return self.compare(file.name)[0]

    def test_a_function_that_is_gone_is_noticed(self):
        self.assertTrue(self.changed(r"\bsciame_wait\b", "sciame_wait_long") & INCOMPATIBLE)

    def test_a_member_that_has_moved_is_noticed(self):
        moved = r"(?s)(class-decl name='sciame_counts'.*?layout-offset-in-bits=)'64'"
        self.assertTrue(self.changed(moved, r"\1'128'") & CHANGED)


if __name__ == "__main__":
    if not shutil.which("abidiff"):
        print("skipped: abidiff (abigail-tools) is not installed")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
