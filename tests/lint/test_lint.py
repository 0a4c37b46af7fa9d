#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Feeds small trees to lint.py: a good one passes each check, in a bad one the mistake is named."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import rules

LINT = pathlib.Path(__file__).with_name("lint.py")
SPDX = "/* SPDX-License-Identifier: MIT */\n"
GOOD = {
    "common/error.h": SPDX + "#include <stdint.h>\nint error_set(uint32_t code);\n",
    "common/error.c": SPDX + '#include "common/error.h"\n\nint error_set(uint32_t code)\n'
                             "{\n\treturn code != 0;\n}\n",
    "common/socket.c": SPDX + "#include <zmq.h>\n",
    "master/scheduler.h": SPDX + '#include "common/error.h"\n',
    "master/scheduler.c": SPDX + '#include "master/scheduler.h"\n\n#include <stdlib.h>\n',
    "master/loop.h": SPDX,
    "master/loop.c": SPDX + '#include "master/loop.h"\n\n#include "master/scheduler.h"\n',
    "worker/kind.h": SPDX,
    "worker/kinds/scale_vips.c": SPDX + '#include <vips/vips.h>\n\n#include "worker/kind.h"\n',
    "serial/main.c": SPDX + '#include "master/loop.h"\n#include "worker/kind.h"\n',
    "tests/unit/test_all.c": SPDX + '#include <getopt.h>\n#include "master/scheduler.h"\n'
                                    '#include "worker/kind.h"\n',
    "build/generated.c": "not ours\n",
}


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write(GOOD)

    def write(self, tree):
        for name, text in tree.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def lint(self, check, *more, **environment):
        return subprocess.run([sys.executable, LINT, check, "--root", self.root, *more],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, **environment})

    def assert_clean(self, check, *more):
        result = self.lint(check, *more)
        self.assertEqual((result.stdout, result.stderr, result.returncode), ("", "", 0))

    def assert_complaint(self, check, complaint, *more):
        """Exactly one complaint, which begins with this."""
        result = self.lint(check, *more)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)
        self.assertTrue(result.stdout.startswith(complaint), result.stdout)

    def assert_include(self, path, include, complaint):
        """A file that only includes this gets the complaint for line 2."""
        old = (self.root / path).read_text() if (self.root / path).exists() else None
        self.write({path: SPDX + f"#include {include}\n"})
        self.assert_complaint("includes", f"{path}:2: {complaint}")
        if old is None:
            (self.root / path).unlink()
        else:
            self.write({path: old})


class IncludesTest(LintTest):
    def test_good_tree_passes(self):
        self.assert_clean("includes")

    def test_folders_know_only_what_is_below_them(self):
        self.assert_include("master/x.c", '"worker/kind.h"', "master must not include worker")
        self.assert_include("worker/x.c", '"master/loop.h"', "worker must not include master")
        self.assert_include("common/x.c", '"master/loop.h"', "common must not include master")
        self.assert_include("common/x.h", '"worker/kind.h"', "common must not include worker")
        self.assert_include("proto/x.h", '"common/error.h"', "proto must not include common")
        self.assert_include("master/x.c", '"serial/serial.h"', "master must not include serial")
        self.assert_include("common/x.c", '"tests/unit/t.h"', "common must not include tests")

    def test_siblings_do_not_know_each_other(self):
        self.assert_include("master/ledger.c", '"master/scheduler.h"',
                            "master/ledger must not know its sibling")
        self.assert_include("master/kinds/x.c", '"master/loop.h"',
                            "master/kinds/x must not know its sibling")
        self.assert_include("worker/lane.h", '"worker/session.h"',
                            "worker/lane must not know its sibling")
        self.assert_include("worker/kinds/noop.c", '"worker/kinds/scale_fit.h"',
                            "worker/kinds/noop must not know its sibling")
        self.assert_include("worker/lane_main.c", '"worker/session.h"',
                            "worker/lane_main must not know its sibling")

    def test_loop_and_its_parts_know_their_siblings(self):
        self.write({"master/loop_send.c": SPDX + '#include "master/roster.h"\n',
                    "worker/loop_lanes.c": SPDX + '#include "worker/lane.h"\n'})
        self.assert_clean("includes")

    def test_scheduler_includes_nothing_that_does_things(self):
        for include in ("<time.h>", "<stdio.h>", '"common/clock.h"'):
            self.write({"master/scheduler.c":
                        SPDX + f'#include "master/scheduler.h"\n#include {include}\n'})
            self.assert_complaint("includes", "master/scheduler.c:3: master/scheduler.c must not "
                                  f"include {include[1:-1]}")

    def test_libraries_have_one_file(self):
        self.assert_include("master/x.c", "<zmq.h>",
                            "only common/gate.c common/keys.c common/socket.c may include zmq.h")
        self.assert_include("worker/x.c", "<vips/vips.h>", "only worker/kinds/scale*.c may")
        self.assert_include("worker/kinds/scale.c", "<jpeglib.h>", "only worker/kinds/scale_jpeg.c")
        self.assert_include("worker/kinds/scale.c", "<libdeflate.h>", "only worker/kinds/scale_png.c")
        self.assert_include("master/x.c", "<getopt.h>", "only common/options.c")
        self.assert_include("master/x.c", '"proto/envelope.pb-c.h"', "only common/wire*.c")
        self.assert_include("master/x.c", "<curl/curl.h>", "only lister/request.c worker/transfer")
        self.assert_include("master/x.c", "<libxml/parser.h>",
                            "only lister/page.c worker/kinds/feeds*.c")
        self.assert_include("master/x.c", '"lister/page.h"', "master must not include lister")
        self.assert_include("lister/x.c", '"worker/transfer.h"', "lister must not include worker")
        self.assert_include("worker/x.c", "<sqlite3.h>", "only master/*ledger*.[ch]")
        self.assert_include("worker/x.c", "<microhttpd.h>", "only master/dashboard.c")

    def test_own_header_comes_first(self):
        self.write({"master/loop.c": SPDX + '#include <stdio.h>\n#include "master/loop.h"\n'})
        self.assert_complaint("includes", "master/loop.c:2: own header master/loop.h")
        self.write({"master/loop.c": SPDX})
        self.assert_complaint("includes", "master/loop.c:1: own header master/loop.h")

    def test_includes_count_from_the_root(self):
        self.write({"common/x.c": SPDX + '#include "error.h"\n'})
        self.assert_complaint("includes", "common/x.c:2: include error.h from the root")

    def test_licence_line_is_first(self):
        self.write({"common/x.c": "\n" + SPDX})
        self.assert_complaint("includes", "common/x.c:1: first line must be")
        self.write({"common/x.c": ""})
        self.assert_complaint("includes", "common/x.c:1: first line must be")


@unittest.skipUnless(shutil.which("gcc"), "no gcc")
class CompilerTest(LintTest):
    def build(self, text):
        source = self.root / "master/scheduler.c"
        source.write_text(SPDX + text)
        for name in rules.PURE_OBJECTS:
            target = self.root / "build" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source if name == "master/scheduler.c.o" else "/dev/null"
            subprocess.run(["gcc", "-x", "c", "-c", text, "-o", target], check=True)

    def test_headers_that_compile_alone_pass(self):
        self.assert_clean("headers")

    def test_header_that_needs_another_is_named(self):
        self.write({"common/x.h": SPDX + "uint32_t x(void);\n"})
        self.assert_complaint("headers", "common/x.h:1: does not compile alone: common/x.h:2:")

    def test_generated_headers_are_found_in_the_build(self):
        self.write({"common/x.h": SPDX + '#include "proto/x.pb-c.h"\nnumber x(void);\n',
                    "build/proto/x.pb-c.h": "typedef int number;\n"})
        self.assert_complaint("headers", "common/x.h:1: does not compile alone")
        self.assert_clean("headers", "--build", self.root / "build")

    def test_pure_object_passes(self):
        self.build("#include <stdlib.h>\n"
                   "void *table_get(void);\nunsigned error_class(int);\n"
                   "void *f(void) { return error_class(1) ? table_get() : calloc(1, 1); }\n")
        self.assert_clean("purity", "--build", self.root / "build")

    def test_impure_call_is_named(self):
        self.build("#include <time.h>\nlong f(void) { return time(0); }\n")
        self.assert_complaint("purity", "master/scheduler.c:1: is not pure: calls time",
                              "--build", self.root / "build")

    def test_missing_object_is_no_success(self):
        self.build("")
        (self.root / "build" / rules.PURE_OBJECTS[0]).unlink()
        self.assert_complaint("purity", "master/scheduler.c:1: no object",
                              "--build", self.root / "build")


class LengthTest(LintTest):
    def write_function(self, signature, body_lines):
        self.write({"common/x.c": f"{SPDX}\n{signature}\n{{\n" + "\tf();\n" * body_lines + "}\n"})

    def test_good_tree_passes(self):
        self.assert_clean("length")

    def test_function_length(self):
        self.write_function("void f(void)", 67)
        self.assert_clean("length")
        self.write_function("void f(void)", 68)
        self.assert_complaint("length", "common/x.c:3: 71 lines in a function")
        self.write_function("static int f(int a,\n\tint b)", 67)
        self.assert_complaint("length", "common/x.c:3: 71 lines in a function")

    def test_parameters(self):
        for good in ("void f(void)", "void f()", "int f(int a, int b, int c, int d, int e)",
                     "int f(int (*g)(int, int), int b, int c, int d, int e, ...)"):
            self.write_function(good, 1)
            self.assert_clean("length")
        self.write_function("int f(int a, int b, int c,\n\tint d, int (*g)(int, int), int e)", 1)
        self.assert_complaint("length", "common/x.c:3: 6 parameters, at most 5")

    def test_a_library_may_decide_the_parameters(self):
        six = "void on_start(int a, int b, int c, int d, int e, int f)\n{\n}\n"
        self.write({"worker/kinds/feeds_xml.c": SPDX + six})
        self.assert_clean("length")
        self.write({"worker/kinds/feeds_read.c": SPDX + six})
        self.assert_complaint("length", "worker/kinds/feeds_read.c:2: 6 parameters, at most 5")

    def test_file_length(self):
        self.write({"common/x.c": SPDX + "int x;\n" * 599})
        self.assert_clean("length")
        self.write({"common/x.c": SPDX + "int x;\n" * 600})
        self.assert_complaint("length", "common/x.c:601: 601 lines in a file")

    def test_line_length_counts_tabs_as_8(self):
        self.write({"common/x.c": SPDX + "\t// " + "x" * 89 + "\n"})
        self.assert_clean("length")
        self.write({"common/x.c": SPDX + "\t// " + "x" * 90 + "\n"})
        self.assert_complaint("length", "common/x.c:2: 101 columns, at most 100")


class FormatTest(LintTest):
    def setUp(self):
        super().setUp()
        if self.lint("format").returncode == 77:
            self.skipTest("no clang-format 14")
        self.write({".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 8\nTabWidth: 8\n"
                                     "UseTab: Always\nBreakBeforeBraces: Linux\n"
                                     "AllowShortFunctionsOnASingleLine: None\n"
                                     "SortIncludes: Never\n"})

    def test_good_tree_passes(self):
        self.assert_clean("format")

    def test_unformatted_line_is_named(self):
        self.write({"common/x.c": SPDX + "int  x;\n"})
        self.assert_complaint("format", "common/x.c:2: is not what clang-format makes of it")


class ToolsTest(LintTest):
    def test_missing_tool_is_skipped(self):
        result = self.lint("format", PATH="/nonexistent")
        self.assertEqual((result.returncode, result.stdout), (77, "skipped: no clang-format 14\n"))

    def test_wrong_call_is_no_success(self):
        self.assertEqual(self.lint("purity").returncode, 1)
        self.assertEqual(self.lint("nonsense").returncode, 2)


class TextsTest(LintTest):
    def test_good_tree_passes(self):
        self.write({"README.md": "https://example.org" + "/home" + "/x, src" + "/work" + "/y\n",
                    "x.c": 'mkstemp("x-XXXXXX")\n', "picture.png": "\0/home" + "/x\n",
                    "build/x": "/home" + "/x\n"})
        self.assert_clean("texts")

    def test_bad_texts_are_named(self):
        for text, complaint in (("/home" + "/me/x", "path of one machine: "),
                                ("cd /root" + "/x", "path of one machine"),
                                ("/work" + "/main", "path of one machine"),
                                ("// TO" + "DO: later", "unfinished work"),
                                ("FIX" + "ME", "unfinished work"), ("XX" + "X", "unfinished work"),
                                ("https://py" + "pi.org/simple", "host of a registry"),
                                ("FROM docker" + ".io/debian", "host of a registry")):
            self.write({"docs/x.md": "fine\n" + text + "\n"})
            self.assert_complaint("texts", f"docs/x.md:2: {complaint}")

    def test_own_files_pass(self):
        shutil.copytree(LINT.parent, self.root / "tests/lint",
                        ignore=shutil.ignore_patterns("__pycache__"))
        self.assert_clean("texts")


if __name__ == "__main__":
    unittest.main()
