# SPDX-License-Identifier: Apache-2.0
"""The privileged program stays auditable: paddock-box is made of at most 5,000 lines of code, tables included. client.c is
its owner's side of the socket; compile.c and precompile.c run when it is built, and what they make of profiles.def is compared
with what it loads by box/refusals. None of them is linked into it."""

import source

LINES_MAX = 5000
OUTSIDE = {"sandbox/client.c", "sandbox/compile.c", "sandbox/compile.h", "sandbox/precompile.c"}


def check(tree):
    parts = [p for p in tree.select((".c", ".h", ".def"), ("sandbox",)) if p not in OUTSIDE]
    total = sum(source.code_lines(tree.read(p)) for p in parts)
    if total > LINES_MAX:
        yield "sandbox", 0, f"has {total} lines of code, {LINES_MAX} are allowed"


GOOD = [{"sandbox/a.c": "int x;\n" * 5000 + "/* more */\n\n", "sandbox/client.c": "int y;\n", "sandbox/compile.c": "int z;\n"}]
BAD = [({"sandbox/a.c": "int x;\n" * 4000, "sandbox/b.def": "X(1)\n" * 1001}, "has 5001 lines of code")]
