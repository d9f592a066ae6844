# SPDX-License-Identifier: Apache-2.0
"""A third-party header is included by the one file that third-party.txt names for it, so that a library can be replaced
by rewriting one file. Everything in angle brackets that is neither C, POSIX nor Linux is third-party."""

import fnmatch
import os
import re

import source

TABLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "third-party.txt")
SYSTEM = re.compile(
    r"(asm|linux|net|netinet|arpa|sys|bits)/[\w./-]+\.h|"
    r"(assert|complex|ctype|errno|fenv|float|inttypes|iso646|limits|locale|math|setjmp|signal|stdalign|stdarg|stdatomic|"
    r"stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|tgmath|threads|time|uchar|wchar|wctype|"
    r"aio|dirent|dlfcn|fcntl|fnmatch|ftw|getopt|glob|grp|langinfo|libgen|mqueue|netdb|poll|pthread|pwd|regex|sched|"
    r"semaphore|spawn|sysexits|syslog|termios|ucontext|unistd|utime|wordexp|elf|endian|byteswap|execinfo|link|mntent|"
    r"paths|pty|utmp|features|malloc|shadow|err|search|ifaddrs|resolv)\.h")
NOT_LIBC = {"sys/capability.h"}  # libcap's


def table():
    """[(pattern of headers, {files})]"""
    rows = []
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            fields = line.split("#")[0].split()
            if fields:
                rows.append((fields[0], set(fields[1:])))
    return rows


def check(tree):
    rows = table()
    for path in tree.select((".c", ".h", ".def"), source.PROGRAM_DIRS):
        for line, header, angle in source.includes(tree.read(path)):
            if not angle or (SYSTEM.fullmatch(header) and header not in NOT_LIBC):
                continue
            files = [files for pattern, files in rows if fnmatch.fnmatch(header, pattern)]
            if not files:
                yield path, line, f"<{header}> is in nobody's line of third-party.txt"
            elif path not in files[0]:
                yield path, line, f"<{header}> belongs to {' and '.join(sorted(files[0]))}"


GOOD = [{"protocol/wire/chan.c": "#include <nanomsg/nn.h>\n#include <sys/socket.h>\n", "sandbox/priv.c": "#include <sys/capability.h>\n"}]
BAD = [
    ({"protocol/wire/codec.c": "#include <nanomsg/nn.h>\n"}, "belongs to protocol/wire/chan.c"),
    ({"sandbox/ns.c": "#include <sys/capability.h>\n"}, "belongs to sandbox/priv.c"),
    ({"worker/a.c": "#include <glib.h>\n"}, "nobody's line"),
]
