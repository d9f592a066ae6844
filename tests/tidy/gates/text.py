# SPDX-License-Identifier: Apache-2.0
"""C is indented with tabs; no text file has blanks at line ends, carriage returns, or lacks its last newline."""

import re

DATA = ("tests/fixtures/", "tests/golden/", "tests/fuzz/corpus/")
TEXT = (".c", ".h", ".def", ".py", ".sh", ".txt", ".cmake", ".yml", ".yaml", "tests/check", ".ci/run", "deploy/quickstart")


def faults(path, line):
    """What is wrong with one line."""
    if line.endswith("\r"):
        yield "ends with a carriage return"
    elif line != line.rstrip():
        yield "has blanks at its end"
    if path.endswith((".c", ".h", ".def")):
        if re.match(r"\t* {8}", line):
            yield "is indented with spaces"


def check(tree):
    for path in tree.files:
        if not path.endswith(TEXT) or path.startswith(DATA):
            continue
        text = tree.read(path)
        if text and not text.endswith("\n"):
            yield path, 0, "has no newline at its end"
        for number, line in enumerate(text.split("\n"), 1):
            for fault in faults(path, line):
                yield path, number, fault


GOOD = [{"worker/a.c": "\tx = 1;\n\t       y; /* " + "z" * 70 + " */\n", "tests/golden/a.txt": "x  \n"}]
BAD = [
    ({"worker/a.c": "        x = 1;\n"}, "indented with spaces"),
    ({"worker/a.c": "x; \n"}, "blanks at its end"),
    ({"worker/a.c": "x;\r\n"}, "carriage return"),
    ({"worker/a.c": "x;"}, "no newline"),
]
