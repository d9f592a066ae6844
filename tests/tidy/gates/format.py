# SPDX-License-Identifier: Apache-2.0
"""C is laid out as clang-format 14 says with the tree's .clang-format; clang-format-14 -i FILE does it."""

import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
STYLE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(HERE))), ".clang-format")
PROGRAM = "clang-format-14"
FINDING = re.compile(r"^(?P<path>.*?):(?P<line>\d+):\d+: (?:warning|error): code should be clang-formatted")


def check(tree):
    if not shutil.which(PROGRAM):
        yield ".", 0, f"{PROGRAM} is not installed (package {PROGRAM})"
        return
    files = [p for p in tree.select((".c", ".h")) if tree.read(p)]
    if not files:
        return
    done = subprocess.run([PROGRAM, f"--style=file:{STYLE}", "--dry-run", *files], cwd=tree.root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    told = set()
    for match in filter(None, map(FINDING.match, done.stdout.splitlines())):
        if match["path"] not in told:
            told.add(match["path"])
            yield match["path"], int(match["line"]), "is not laid out as clang-format 14 says, from this line on"
    if done.returncode and not told:
        yield ".", 0, f"{PROGRAM} failed: {done.stdout[:300]}"


GOOD = [{"worker/a.c": "int f(void)\n{\n\treturn 0;\n}\n", "worker/README.md": "int  x ;\n"}]
BAD = [({"worker/a.c": "int f(void) {\n    return 0;\n}\n"}, "worker/a.c:1: is not laid out")]
