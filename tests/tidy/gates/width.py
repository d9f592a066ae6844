# SPDX-License-Identifier: Apache-2.0
"""No line of C is wider than 100 columns, tabs counted as 8."""

COLUMNS_MAX = 100


def check(tree):
    for path in tree.select((".c", ".h", ".def")):
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            columns = len(line.expandtabs(8))
            if columns > COLUMNS_MAX:
                yield path, number, f"is {columns} columns wide"


GOOD = [{"worker/a.c": "\t" + "x" * 92 + "\n", "tests/fuzz/corpus/a/seed.c": "x" * 300}]
BAD = [({"worker/a.c": "\t" + "x" * 93 + "\n"}, "is 101 columns wide")]
