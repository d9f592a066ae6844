# SPDX-License-Identifier: Apache-2.0
"""No source file is longer than 800 lines; tables (.def) are exempt."""

LINES_MAX = 800


def check(tree):
    for path in tree.select((".c", ".h", ".py", ".sh")):
        lines = tree.read(path).count("\n")
        if lines > LINES_MAX:
            yield path, 0, f"has {lines} lines"


GOOD = [{"worker/a.c": "\n" * 800, "sandbox/filter.def": "\n" * 900}]
BAD = [({"worker/a.c": "\n" * 801}, "has 801 lines")]
