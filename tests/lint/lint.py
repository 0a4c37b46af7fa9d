#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the sources against rules.py: lint.py CHECK --root DIR [--build DIR]

Prints one line "file:line: what is wrong" for each mistake. Exit status: 0 none, 1 some, 2 called
wrongly, 77 the tool that the check needs is not installed.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

import rules

SKIPPED = 77
CLANG_FORMAT_MAJOR = "14"  # others format differently
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Skipped(Exception):
    """A tool is missing; the text says which."""


def files(root):
    """Every file below root, as paths relative to it, but for builds and hidden folders."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders
            if name == ".ci" or not (name.startswith((".", "build")) or name == "__pycache__"))
        for name in sorted(names):
            if name != ".git":
                yield (pathlib.Path(folder) / name).relative_to(root)


def sources(root, suffixes=(".c", ".h")):
    return [path for path in files(root) if path.suffix in suffixes]


def lines(root, path):
    return (root / path).read_text(encoding="utf-8", errors="replace").splitlines()


def fits(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def includes(root, path):
    """(line number, True for "..." and False for <...>, name) of each include."""
    for number, line in enumerate(lines(root, path), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1] == '"', found[2]


def siblings_of(stem):
    """The patterns of the siblings that stem, such as "master/loop", may include."""
    folder = stem.partition("/")[0]
    for pattern, known in rules.SIBLINGS:
        if fnmatch.fnmatchcase(stem, pattern):
            return [f"{folder}/{name}" for name in known.split()]
    return []


def include_mistake(path, name):
    """What is wrong with path, which is not a test, including name; None if nothing is."""
    if path in rules.ONLY and name not in rules.ONLY[path]:
        return f"{path} must not include {name}: rules.ONLY"
    for pattern, only in rules.WRAPPED:
        if fnmatch.fnmatchcase(name, pattern) and not fits(path, only.split()):
            return f"only {only} may include {name}"
    folder, target = path.partition("/")[0], name.partition("/")[0]
    if folder not in rules.FOLDERS or target not in list(rules.FOLDERS) + ["tests"]:
        return None
    if target not in rules.FOLDERS[folder]:
        return f"{folder} must not include {target}: {name}"
    stem, sibling = os.path.splitext(path)[0], os.path.splitext(name)[0]
    if target == folder and sibling != stem and not fits(sibling, siblings_of(stem)):
        return f"{stem} must not know its sibling {name}"
    return None


def check_includes(root, _build):
    for path in sources(root):
        text = path.as_posix()
        found = list(includes(root, path))
        own = path.with_suffix(".h").as_posix()
        if path.suffix == ".c" and (root / own).exists() and (not found or found[0][2] != own):
            yield path, found[0][0] if found else 1, f"own header {own} must be the first include"
        if "SPDX-License-Identifier: MIT" not in "".join(lines(root, path)[:1]):
            yield path, 1, "first line must be /* SPDX-License-Identifier: MIT */"
        for number, quoted, name in found:
            if quoted and "/" not in name:
                yield path, number, f"include {name} from the root, as in \"common/error.h\""
            mistake = None if text.startswith("tests/") else include_mistake(text, name)
            if mistake:
                yield path, number, mistake


def compile_alone(root, build, path):
    """The first complaint of the compiler about a file that only includes path, or None."""
    compiler = os.environ.get("CC", "gcc")
    command = [compiler, "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
               "-fsyntax-only", "-I", str(root), "-I", str(root / "library/include")]
    command += ["-I", str(build)] if build else []
    # With <> the folder that lint.py is called from is not searched.
    result = subprocess.run(command + ["-x", "c", "-"], input=f"#include <{path.as_posix()}>\n",
                            capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    found = [line for line in result.stderr.splitlines() if "error" in line]
    return (found or [result.stderr])[0].removeprefix(f"{root}/")


def check_headers(root, build):
    if not shutil.which(os.environ.get("CC", "gcc")):
        raise Skipped("no C compiler")
    headers = sources(root, (".h",))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = pool.map(lambda path: compile_alone(root, build, path), headers)
        for path, complaint in zip(headers, complaints):
            if complaint:
                yield path, 1, f"does not compile alone: {complaint}"


def symbols(path, kind):
    """The names that an object defines (-g and defined) or leaves to others (-u)."""
    output = subprocess.run(["nm", *kind, str(path)], capture_output=True, text=True,
                            check=True).stdout
    return {line.split()[-1] for line in output.splitlines() if line.strip()}


def check_purity(root, build):
    if not build:
        sys.exit("lint.py: purity needs --build")
    everything = [path for path in sorted(build.rglob("*.o"))]
    objects = {name: [path for path in everything if path.as_posix().endswith("/" + name)]
               for name in rules.PURE_OBJECTS}
    own = {symbol for paths in objects.values() for path in paths
           for symbol in symbols(path, ["-g", "--defined-only"])}
    for name, paths in objects.items():
        source = pathlib.Path(name.removesuffix(".o"))
        if not paths:
            yield source, 1, f"no object {name} in the build"
        called = {symbol for path in paths for symbol in symbols(path, ["-u"])} - own
        for symbol in sorted(called):
            if not fits(symbol, rules.PURE):
                yield source, 1, f"is not pure: calls {symbol}"


def parameters(signature):
    """How many parameters the function with this signature takes; "..." is none."""
    signature = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature)
    depth, count, text, last = 0, 0, "", 0
    for character in signature:
        if character == "(":
            depth += 1
            if depth == 1:
                count, text = 0, ""
                continue
        if character == ")":
            depth -= 1
            if depth == 0:
                last = 0 if text.strip() in ("", "void") else count + (text.strip() != "...")
        if depth == 1 and character == ",":
            count, text = count + 1, ""
        elif depth > 0:
            text += character
    return last


def functions(text):
    """(first line, last line, signature) of each definition; the brace stands alone in column 1."""
    start = None
    for number, line in enumerate(text, 1):
        if line == "{":
            start = number
            while start > 1 and re.match(r"[\w\t ]", text[start - 2] or "#"):
                start -= 1
        elif line == "}" and start:
            signature = " ".join(text[start - 1:number]).partition("{")[0]
            yield start, number, signature
            start = None


def check_length(root, _build):
    for path in sources(root):
        text = lines(root, path)
        if len(text) > rules.FILE_LINES:
            yield path, len(text), f"{len(text)} lines in a file, at most {rules.FILE_LINES}"
        for number, line in enumerate(text, 1):
            columns = len(line.expandtabs(rules.TAB_COLUMNS))
            if columns > rules.LINE_COLUMNS:
                yield path, number, f"{columns} columns, at most {rules.LINE_COLUMNS}"
        for first, last, signature in functions(text):
            size, count = last - first + 1, parameters(signature)
            if size > rules.FUNCTION_LINES:
                yield path, first, f"{size} lines in a function, at most {rules.FUNCTION_LINES}"
            name = re.search(r"(\w+)\s*\(", signature)
            given = name and f"{path.as_posix()}:{name[1]}" in rules.CALLBACKS
            if count > rules.FUNCTION_PARAMETERS and not given:
                yield path, first, f"{count} parameters, at most {rules.FUNCTION_PARAMETERS}"


def clang_format():
    for name in ("clang-format-" + CLANG_FORMAT_MAJOR, "clang-format"):
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True,
                                     check=True).stdout
            if f"version {CLANG_FORMAT_MAJOR}." in version:
                return name
    raise Skipped(f"no clang-format {CLANG_FORMAT_MAJOR}")


def check_format(root, _build):
    tool = clang_format()
    paths = [path.as_posix() for path in sources(root)]
    if not paths:
        return
    result = subprocess.run([tool, "--dry-run", "-Werror", "--style=file"] + paths, cwd=root,
                            capture_output=True, text=True, check=False)
    places = re.findall(r"^([^:\s]+):(\d+):\d+: error: ", result.stderr, re.MULTILINE)
    for path, number in dict.fromkeys(places):
        yield pathlib.Path(path), int(number), "is not what clang-format makes of it"
    if result.returncode != 0 and not places:
        sys.exit(f"lint.py: {tool}: {result.stderr}")


def check_texts(root, _build):
    for path in files(root):
        if (root / path).is_symlink() or b"\0" in (root / path).read_bytes():
            continue
        for number, line in enumerate(lines(root, path), 1):
            for pattern, meaning in rules.TEXTS:
                found = re.search(pattern, line)
                if found:
                    yield path, number, f"{meaning}: {found[0]}"


CHECKS = {
    "includes": check_includes, "headers": check_headers, "purity": check_purity,
    "length": check_length, "format": check_format, "texts": check_texts,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path)
    arguments = parser.parse_args()
    if not arguments.root.is_dir():
        parser.error(f"no folder {arguments.root}")
    mistakes = 0
    try:
        for path, number, text in CHECKS[arguments.check](arguments.root, arguments.build):
            print(f"{path.as_posix()}:{number}: {text}")
            mistakes += 1
    except Skipped as why:
        print(f"skipped: {why}")
        return SKIPPED
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
