# SPDX-License-Identifier: Apache-2.0
"""No function is longer than 70 lines, counted from the line of its signature to its closing brace."""

import source

LINES_MAX = 70


def check(tree):
    for path in tree.select((".c", ".h")):
        for found in source.functions(tree.read(path)):
            lines = found.end - found.line + 1
            if lines > LINES_MAX:
                yield path, found.line, f"{found.name} has {lines} lines"


def function(lines):
    return "int a_f(void)\n{\n" + "\tif (x) {\n\t\tg(\"}\");\n\t}\n" + "\tg();\n" * (lines - 6) + "}\n"


GOOD = [{"worker/a.c": function(70) + "/* } */\n" + function(40)}]
BAD = [({"worker/a.c": function(40) + "#if X\n#define M {\n#endif\n" + function(71)}, "a_f has 71 lines")]
