# SPDX-License-Identifier: MIT
"""A program outside the tree, built against the installed library by pkg-config and by CMake."""
import os
import re
import subprocess
import tempfile
import unittest

from support import SCIAME, write

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.path.dirname(os.path.dirname(SCIAME))

PROGRAM = b"""
#include <sciame/sciame.h>
#include <stdio.h>

static int work(void *argument)
{
	struct sciame_queue *queue = argument;
	int item;
	while (sciame_queue_get(queue, &item, SCIAME_FOREVER, NULL) == SCIAME_OK && item >= 0)
		(void)sciame_queue_task_done(queue, NULL);
	return item == -1 ? 7 : 1;
}

int main(void)
{
	struct sciame_error err = { SCIAME_OK, 0, "" };
	struct sciame_queue *queue;
	struct sciame_process *process;
	const struct sciame_queue_options queue_options = { 2, sizeof(int), true };
	struct sciame_process_options options = { "worker", work };
	int code = 0;
	if (sciame_queue_open(&queue, &queue_options, &err) != SCIAME_OK)
		return 1;
	options.argument = queue;
	if (sciame_process_start(&process, &options, &err) != SCIAME_OK)
		return 1;
	for (int i = 10; i >= -1; i--) {
		if (sciame_queue_put(queue, &i, SCIAME_FOREVER, &err) != SCIAME_OK)
			return 1;
	}
	if (sciame_process_join(process, SCIAME_FOREVER, &err) != SCIAME_OK)
		return 1;
	(void)sciame_process_exit_code(process, &code);
	printf("ended with %d\\n", code);
	sciame_process_close(process);
	sciame_queue_close(queue);
	return 0;
}
"""

CMAKE = b"""
cmake_minimum_required(VERSION 3.25)
project(foreign LANGUAGES C CXX)
find_package(sciame 0.1 REQUIRED)
add_executable(by_cmake program.c)
target_link_libraries(by_cmake PRIVATE sciame::sciame)
add_executable(by_cmake_cxx headers.cpp)
target_link_libraries(by_cmake_cxx PRIVATE sciame::sciame)
"""

CXX = b"""
#include <sciame/sciame.h>

int main()
{
	return sciame_array_open(nullptr, nullptr, nullptr) == SCIAME_OK;
}
"""


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="sciame-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.run_tool("cmake", "--install", BUILD, "--prefix", cls.path("usr"))
        write(cls.path("program.c"), PROGRAM)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    @classmethod
    def run_tool(cls, *words, **more):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, **more)
        if done.returncode != 0:
            raise AssertionError("%s: %s%s" % (words, done.stdout, done.stderr))
        return done.stdout

    def libraries(self):
        return [folder for folder, _, names in os.walk(self.path("usr"))
                if "libsciame.so.0" in names][0]

    def flags(self):
        """Those that the library itself was built with: a sanitizer's must be the program's."""
        with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
            found = [line.split("=", 1)[1].strip() for line in cache
                     if line.startswith("SANITIZE:")]
        return ["-fsanitize=" + found[0]] if found and found[0] else []

    def check_program(self, program):
        environment = dict(os.environ, LD_LIBRARY_PATH=self.libraries())
        self.assertEqual(self.run_tool(program, env=environment), "ended with 7\n")

    def test_by_pkg_config(self):
        environment = dict(os.environ, PKG_CONFIG_PATH=self.libraries() + "/pkgconfig")
        flags = self.run_tool("pkg-config", "--cflags", "--libs", "sciame", env=environment)
        self.run_tool("cc", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror",
                      "-o", self.path("by_pkg_config"), self.path("program.c"), *flags.split(),
                      *self.flags())
        self.check_program(self.path("by_pkg_config"))

    def examples(self):
        return [folder for folder, _, names in os.walk(self.path("usr"))
                if "wordcount_kind.c" in names][0]

    def test_the_readme_shows_what_is_tested(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            blocks = re.findall(r"(?ms)^```c\n(.*?)^```$", file.read())
        for name in ("wordcount.c", "wordcount_kind.c"):
            with open(os.path.join(self.examples(), name), encoding="utf-8") as file:
                self.assertIn(file.read(), blocks)

    def test_the_commands_of_the_readme(self):
        """Its program finds the worker that was installed with the library."""
        environment = dict(os.environ, PKG_CONFIG_PATH=self.libraries() + "/pkgconfig",
                           LD_LIBRARY_PATH=self.libraries())
        flags = self.run_tool("pkg-config", "--cflags", "--libs", "sciame", env=environment)
        self.run_tool("cc", "-Wall", "-Wextra", "-Werror", "-o", self.path("wordcount"),
                      self.examples() + "/wordcount.c", *flags.split(), *self.flags())
        self.run_tool("cc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
                      self.path("wordcount.so"), self.examples() + "/wordcount_kind.c",
                      *flags.split())
        self.assertEqual(self.run_tool(self.path("wordcount"), self.path("wordcount.so"),
                                       self.examples(), env=environment),
                         "%d words\n" % self.words())

    def words(self):
        total = 0
        for name in os.listdir(self.examples()):
            with open(os.path.join(self.examples(), name), "rb") as file:
                total += len(file.read().split())
        return total

    def test_by_cmake(self):
        write(self.path("CMakeLists.txt"), CMAKE)
        write(self.path("headers.cpp"), CXX)
        flags = " ".join(self.flags())
        self.run_tool("cmake", "-S", self.folder.name, "-B", self.path("build"),
                      "-DCMAKE_PREFIX_PATH=" + self.path("usr"), "-DCMAKE_C_FLAGS=" + flags,
                      "-DCMAKE_CXX_FLAGS=" + flags)
        self.run_tool("cmake", "--build", self.path("build"))
        self.check_program(self.path("build/by_cmake"))

    def test_only_what_is_meant_is_exported(self):
        text = self.run_tool("nm", "-D", "--defined-only",
                             os.path.join(self.libraries(), "libsciame.so.0"))
        names = {line.split()[-1].split("@")[0] for line in text.splitlines()}
        self.assertIn("sciame_queue_put", names)
        self.assertEqual([name for name in names
                          if not name.startswith("sciame_") and name != "SCIAME_0"], [])


if __name__ == "__main__":
    unittest.main()
