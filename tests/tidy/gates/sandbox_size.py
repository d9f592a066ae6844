# SPDX-License-Identifier: Apache-2.0
"""The privileged program stays auditable: paddock-box is made of at most 5,000 lines of code, tables included. client.c is
its owner's side of the socket and no part of it."""

import source

LINES_MAX = 5000


def check(tree):
    parts = [p for p in tree.select((".c", ".h", ".def"), ("sandbox",)) if p != "sandbox/client.c"]
    total = sum(source.code_lines(tree.read(p)) for p in parts)
    if total > LINES_MAX:
        yield "sandbox", 0, f"has {total} lines of code, {LINES_MAX} are allowed"


GOOD = [{"sandbox/a.c": "int x;\n" * 5000 + "/* more */\n\n", "sandbox/client.c": "int y;\n"}]
BAD = [({"sandbox/a.c": "int x;\n" * 4000, "sandbox/b.def": "X(1)\n" * 1001}, "has 5001 lines of code")]
