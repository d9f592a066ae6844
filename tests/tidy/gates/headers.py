# SPDX-License-Identifier: Apache-2.0
"""Every header compiles on its own: it includes what it uses, so the order of includes never matters."""

import concurrent.futures
import os
import shutil
import subprocess
import sys

import source

COMPILER = next((c for c in ("gcc", "clang-14", "cc") if shutil.which(c)), None)


def compiles(root, path):
    """The compiler's first complaint about one header, or None."""
    done = subprocess.run([COMPILER, "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-I", root, "-isystem", "/usr/include/postgresql", "-include", path, "-x", "c",
                           os.devnull], cwd=root, capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    return None if done.returncode == 0 else (errors or [done.stderr.strip() or "the compiler failed"])[0]


def check(tree):
    headers = tree.select((".h",))
    if headers and not COMPILER:
        print("there is no C compiler")
        sys.exit(77)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for path, complaint in zip(headers, pool.map(lambda p: compiles(tree.root, p), headers)):
            if complaint:
                yield path, 0, f"does not compile on its own: {complaint}"


GOOD = [{"worker/a.h": "#include <stddef.h>\nstruct b;\nsize_t a_x(struct b *b);\n"}]
BAD = [({"worker/a.h": "size_t a_x(void);\n"}, "does not compile on its own")]
