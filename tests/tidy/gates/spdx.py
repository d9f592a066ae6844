# SPDX-License-Identifier: Apache-2.0
"""Each source file carries one SPDX line among its first three and no other licence banner; each .c and .h then opens
with a comment that says what it is for."""

import re

LINE = "SPDX-License-Identifier: " + "Apache-2.0"
SCRIPTS = ("tests/check", ".ci/run", "deploy/quickstart")
OPENING_WORDS_MIN = 5


def wants(path):
    """Whether the rule is about this file."""
    if path.startswith(("tests/fixtures/", "tests/fuzz/corpus/", "tests/golden/")) and not path.endswith((".c", ".h", ".py", ".sh")):
        return False
    return path in SCRIPTS or path.endswith((".c", ".h", ".def", ".py", ".sh", ".cmake", "CMakeLists.txt"))


def opening(text):
    """Words of the comment that follows the SPDX line."""
    rest = text.split("\n", 1)[1] if "\n" in text else ""
    match = re.match(r"\s*(/\*.*?\*/|(?://[^\n]*\n)+)", rest, re.S)
    return re.findall(r"\w+", match.group(1)) if match else []


def check(tree):
    for path in tree.files:
        if not wants(path):
            continue
        text = tree.read(path)
        lines = text.split("\n")
        count = sum(1 for line in lines if re.match(r"(//|#|/\*|;) ?SPDX-License-Identifier:", line.strip()))
        if not any(LINE in line for line in lines[:3]):
            yield path, 1, "has no SPDX line for Apache-2.0 at its top"
        elif count > 1:
            yield path, 0, "has more than one SPDX line"
        elif re.search(r"Copyright \(c\)|All rights reserved", text, re.I) and path != "tests/tidy/gates/spdx.py":
            yield path, 0, "carries a licence banner; one SPDX line is enough"
        elif path.endswith((".c", ".h")) and len(opening(text)) < OPENING_WORDS_MIN:
            yield path, 2, "does not open with a comment that says what it is for"


ONE = "// " + LINE + "\n"
SAYS = "/* a.c - counts the sheep that pass, until the last one did. Not for goats. */\n"
GOOD = [{"worker/a.c": ONE + SAYS, "tests/a.sh": "#!/bin/sh\n# " + LINE + "\n", "tests/fixtures/x.tap": "ok\n"}]
BAD = [
    ({"worker/a.c": SAYS}, "has no SPDX line"),
    ({"worker/a.c": ONE + SAYS + ONE}, "more than one"),
    ({"worker/a.c": ONE + SAYS + "/* Copyright (c) 1999 */\n"}, "banner"),
    ({"worker/a.c": ONE + "int x;\n"}, "does not open with a comment"),
    ({"worker/CMakeLists.txt": "project(x)\n"}, "has no SPDX line"),
]
