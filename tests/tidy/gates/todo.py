# SPDX-License-Identifier: Apache-2.0
"""No bare to-do marks: each names the issue that will do it, as in TODO(#12)."""

import re

WORDS = ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")
DATA = ("tests/fixtures/", "tests/golden/", "tests/fuzz/corpus/")  # where the word is what a test framework prints
MARK = re.compile(r"\b(" + "|".join(WORDS) + r")\b(?!\(#\d+\))")


def check(tree):
    for path in tree.select((".c", ".h", ".def", ".py", ".sh", ".txt", ".cmake", "README.md", ".ci/run", "tests/check"),
                            ("coordinator", "worker", "sandbox", "protocol", "tests", "deploy", ".ci")):
        if path == "tests/tidy/gates/todo.py" or path.startswith(DATA):
            continue
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            match = MARK.search(line)
            if match:
                yield path, number, f"bare {match.group(1)}"


GOOD = [{"worker/a.c": "/* TODO(#12): later. mkdtemp(\"a.XXXXXX\") */\n", "tests/fixtures/a.txt": "not ok 1 # TODO\n"}]
BAD = [({"worker/a.c": "/* TODO: later */\n"}, "bare TODO"), ({"deploy/README.md": "FIXME\n"}, "bare FIXME")]
