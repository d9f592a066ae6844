# SPDX-License-Identifier: Apache-2.0
"""Every prototype in a header is documented: a comment right above it or on its line. One comment may speak for up to
four prototypes of a family when they follow it without an empty line; static inline functions count as prototypes."""

import source

FAMILY_MAX = 4


def has_comment(original, stripped, line):
    """Whether line (from 1) holds comment text."""
    return original[line - 1] != stripped[line - 1]


def check(tree):
    for path in tree.select((".h",), source.PROGRAM_DIRS + ("tests",)):
        text = tree.read(path)
        original, stripped = text.split("\n"), source.strip(text, keep_strings=True).split("\n")
        covered, family, previous = 0, 0, None
        for found in source.statements(text):
            if not found.is_function or not found.name:
                previous = None
                continue
            above = found.line > 1 and has_comment(original, stripped, found.line - 1) \
                and not stripped[found.line - 2].strip()
            own = any(has_comment(original, stripped, n) for n in range(found.line, found.end + 1)) \
                and not found.is_definition
            follows = previous is not None and found.line == previous.end + 1 and covered
            if above or own:
                covered, family = 1, 1
            elif follows and family < FAMILY_MAX:
                family += 1
            else:
                covered = 0
                yield path, found.line, f"{found.name} is not documented"
            previous = found


def header(*lines):
    return {"worker/a.h": "\n".join(lines) + "\n"}


GOOD = [header("/* Does it. */", "int a_one(int x,", "\tint y);", "int a_two(void);", "", "struct a {", "\tint b;", "};",
               "int a_three(void); /* 0 or -errno */", "extern const int a_table[]; /* names */")]
BAD = [
    (header("/* Does it. */", "int a_one(void);", "", "int a_two(void);"), "a_two is not documented"),
    (header("int a_one(void)", "\t__attribute__((format(printf, 1, 2)));"), "a_one is not documented"),
    (header("struct a {", "\tint b; /* of a */", "};", "const char *a_name(int x);"), "a_name is not documented"),
    (header("/* All. */", *(f"int a_{n}(void);" for n in range(5))), "a_4 is not documented"),
    (header("", "static inline int a_one(void)", "{", "\t/* body */", "\treturn 1;", "}"), "a_one is not documented"),
]
