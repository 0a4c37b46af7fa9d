# SPDX-License-Identifier: MIT
"""The rules that lint.py checks, as tables. Patterns are those of the shell; {a,b} means either."""

# Who may include which folders. Tests may include anything, so they are not listed.
FOLDERS = {
    "proto": ["proto"],
    "common": ["common", "proto"],
    "master": ["master", "common", "proto"],
    "worker": ["worker", "common", "proto"],
    "lister": ["lister", "common"],
    "library": ["library", "master", "common", "proto", "sciame"],
    "serial": ["serial", "master", "worker", "common", "proto"],
}

# Inside a folder: which siblings a file knows besides its own header; the first line that fits
# holds. A file that no line fits knows none. Names are without .c and .h.
SIBLINGS = [
    ("master/main", "command run_client"),
    ("master/loop*", "client depot leftovers local_worker loop* roster scheduler"),
    ("master/run_client", "enumerator loop progress run"),
    ("master/command", "dry_run formats_command keygen_command ledger_command progress prune run"
     " run_ledger workers_command"),
    ("master/run", "client failures kind ledger ledger_outputs listing progress resume settings"),
    ("master/run_ledger", "ledger ledger_place mentions resume run"),
    ("master/listing", "kind ledger_outputs mentions resume"),
    ("master/dry_run", "run"),
    ("master/prune", "ledger ledger_outputs mentions progress resume run"),
    ("master/enumerator", "kind listing"),
    ("master/roster*", "complaints entrance roster roster_state"),
    ("master/scheduler*", "scheduler scheduler_state"),
    ("master/settings", "halt kind"),
    ("master/kind", "settings"),
    ("master/ledger*", "ledger* xdg"),
    ("master/resume", "kind ledger ledger_outputs"),
    ("master/kinds/feeds*", "browser kind kinds/feeds* output_file settings xdg"),
    ("master/kinds/scale*", "kind kinds/scale* object_lister output_file settings"),
    ("master/kinds/*", "kind settings"),
    ("library/core", "error watcher"),
    ("library/watcher", "core"),
    ("library/future*", "core error watcher"),
    ("library/executor*", "core error executor_state kinds watcher"),
    ("library/*", "error"),
    ("worker/main", "health loop* own_kinds settings"),
    ("worker/fetch_kind", "transfer"),
    ("worker/loop*", "loop* board carrier* fetch_kind health kind lane sandbox session settings transfer"),
    ("worker/session*", "session session_state"),
    ("worker/lane", "board own_kinds packet sandbox"),
    ("worker/lane_main", "board digest kind packet sandbox"),
    ("worker/lane_program", "kind lane_main"),
    ("worker/lane_own", "kind lane_main"),
    ("worker/sandbox", "kind"),
    ("worker/object_task", "object_type transfer"),
    ("worker/carrier_objects", "carrier object_task transfer"),
    ("worker/carrier*", "carrier"),
    ("worker/transfer*", "address transfer*"),
    ("worker/settings", "own_kinds sandbox"),
    ("worker/kinds/scale*", "kind kinds/scale*"),
    ("worker/kinds/feeds*", "fetch_kind kind kinds/feeds*"),
    ("worker/kinds/*", "kind"),
    ("lister/main", "listing request"),
    ("lister/listing", "page request"),
    ("lister/request", "page"),
    ("serial/*", "*"),
    ("common/*", "*"),
    ("proto/*", "*"),
]

# The scheduler's files, which call each other and nothing that is not pure.
SCHEDULER = ["scheduler", "scheduler_dispatch", "scheduler_jobs", "scheduler_workers"]

# These may include nothing but what is named here: <...> headers and files of the project.
ONLY = {
    "master/scheduler.h": ["common/error.h", "stdbool.h", "stddef.h", "stdint.h"],
    "master/scheduler_state.h": ["common/table.h", "master/scheduler.h"],
    **{"master/%s.c" % name: [
        "master/scheduler.h", "master/scheduler_state.h", "common/error.h", "common/table.h",
        "assert.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h",
    ] for name in SCHEDULER},
}

# The only files that may include the headers of a library, tests apart.
WRAPPED = [
    ("zmq*.h", "common/gate.c common/keys.c common/socket.c"),
    ("proto/envelope.pb-c.h", "common/wire*.c"),
    ("protobuf-c/*", "common/wire*.c"),
    ("getopt.h", "common/options.c"),
    ("vips/*", "worker/kinds/scale*.c"),
    ("jpeglib.h", "worker/kinds/scale_jpeg.c"),
    ("jerror.h", "worker/kinds/scale_jpeg.c"),
    ("libdeflate.h", "worker/kinds/scale_png.c worker/kinds/scale_weave_png.c"),
    ("curl/*", "lister/request.c worker/transfer*"),
    ("libxml/*", "lister/page.c worker/kinds/feeds*.c worker/kinds/scale_xmp.c"),
    ("jansson.h", "worker/kinds/feeds_json.c"),
    ("uchardet/*", "worker/kinds/feeds_charset.c"),
    ("iconv.h", "worker/kinds/feeds_charset.c"),
    ("seccomp.h", "worker/sandbox.c"),
    ("sodium.h", "common/hash.c"),
    ("sqlite3.h", "master/*ledger*.[ch]"),
    ("microhttpd.h", "master/dashboard.c"),
]

# What the scheduler's objects may call besides each other (ARCHITECTURE.md, "Who may include
# whom").
PURE_OBJECTS = ["master/%s.c.o" % name for name in SCHEDULER]
PURE = [
    "calloc", "realloc", "free", "abort", "__assert_fail", "memcpy", "memset", "memmove",
    "table_*", "error_class",
    # put in by the compiler: stack protector, _FORTIFY_SOURCE, sanitizers
    "__stack_chk_fail", "__memcpy_chk", "__memset_chk", "__memmove_chk", "_GLOBAL_OFFSET_TABLE_",
    "__asan_*", "__ubsan_*", "__tsan_*", "__sanitizer_*",
]

FUNCTION_LINES = 70
FUNCTION_PARAMETERS = 5
FILE_LINES = 600

# Functions whose parameters a library prescribes.
CALLBACKS = ["lister/page.c:on_start", "tests/bench/feeds_limit.c:on_start", "tests/chaos/faulty_fs.c:fs_readdir",
             "worker/kinds/feeds_xml.c:on_start"]

LINE_COLUMNS = 100
TAB_COLUMNS = 8

# Texts that no file may have. Written so that they don't find themselves. (Alone, docker's is also
# the name of a package of Debian's.)
TEXTS = [
    (r"(?<![\w.~-])/(?:hom[e]|roo[t]|wor[k])/", "path of one machine"),
    (r"\b(?:TO[D]O|FIX[M]E|XX[X])\b", "unfinished work"),
    (r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io|proxy\.golang\.org"
     r"|rubygems\.org|deb\.debian\.org|archive\.ubuntu\.com|docker\.io(?=[/:])|ghcr\.io|quay\.io)\b",
     "host of a registry"),
]
