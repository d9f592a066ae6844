# SPDX-License-Identifier: Apache-2.0
"""No call that cannot be used safely, and none that belongs elsewhere: exit only in a main.c, strtol and its kin only in
the one wrapper of each side (protocol/base/str.c, sandbox/util.c), no sleeping to synchronise, ASSERT instead of assert."""

import re

import source

CALLS = {
    "strcpy": "use memcpy with a length or buf", "strcat": "use buf", "stpcpy": "use buf", "strncat": "use buf",
    "sprintf": "use snprintf or buf_printf", "vsprintf": "use vsnprintf or buf_vprintf",
    "strtok": "use str_split", "strtok_r": "use str_split", "gets": "use getline with a cap",
    "atoi": "use str_parse_i64", "atol": "use str_parse_i64", "atoll": "use str_parse_i64", "atof": "use str_parse_double",
    "alloca": "use buf or a fixed array", "basename": "it may write to its argument",
    "dirname": "it writes to its argument", "mktemp": "use mkstemp or mkdtemp", "tmpnam": "use mkstemp",
    "tempnam": "use mkstemp", "system": "use posix_spawn with an argument vector", "popen": "use posix_spawn",
    "rand": "use rng", "srand": "use rng", "random": "use rng", "assert": "use ASSERT, it stays on in release",
    "sleep": "wait for the event", "usleep": "wait for the event", "nanosleep": "wait for the event",
    "clock_nanosleep": "wait for the event", "pthread_create": "parallelism is processes",
    "thrd_create": "parallelism is processes", "signal": "use sigaction",
}
NUMBERS = {"strtol", "strtoul", "strtoll", "strtoull", "strtod", "strtof", "strtoimax", "strtoumax"}
WRAPPERS = {"protocol/base/str.c", "sandbox/util.c"}
CALL = re.compile(r"(?<![\w.>])(\w+)\s*\(")


def reason(path, name):
    """Why `path` may not call `name`, or None."""
    if name in CALLS:
        return CALLS[name]
    if name in NUMBERS and path not in WRAPPERS:
        return "only " + " and ".join(sorted(WRAPPERS)) + " may, everybody else uses str_parse_*"
    if name in ("exit", "quick_exit") and not path.endswith("/main.c"):
        return "a library returns its errors"
    return None


def check(tree):
    for path in tree.select((".c", ".h", ".def"), source.PROGRAM_DIRS):
        for number, line in enumerate(source.strip(tree.read(path)).split("\n"), 1):
            for match in CALL.finditer(line):
                why = reason(path, match.group(1))
                if why:
                    yield path, number, f"calls {match.group(1)}: {why}"


GOOD = [{"worker/a.c": '/* strcpy(a, b) */\nx = f("gets(x)");\nop->exit(1);\n_exit(1);\nmy_strcpy(a);\n',
         "worker/main.c": "exit(2);\n", "protocol/base/str.c": "strtol(a, b, 10);\n"}]
BAD = [
    ({"worker/a.c": "\tstrcpy (a, b);\n"}, "worker/a.c:1: calls strcpy"),
    ({"worker/a.c": "\n#define X(a) atoi(a)\n"}, "worker/a.c:2: calls atoi"),
    ({"worker/a.h": "x = strtoul(a, b, 0);\n"}, "str_parse"),
    ({"coordinator/core/a.c": "exit(1);\n"}, "a library returns"),
    ({"worker/a.c": "usleep(10);\n"}, "calls usleep"),
]
