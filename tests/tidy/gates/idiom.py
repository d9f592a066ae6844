# SPDX-License-Identifier: Apache-2.0
"""No typedef hides a struct; functions take at most six parameters, five preferred, beyond which an options struct serves; fds are
born close-on-exec; headers have a guard named after their path."""

import re

import source

PARAMETERS_MAX = 6
BIRTHS = (
    (re.compile(r"(?<![\w.>])(?:open|openat)\s*\((?P<args>[^;]*)\)\s*[;)]"), "O_CLOEXEC"),
    (re.compile(r"(?<![\w.>])(?:socket|socketpair)\s*\((?P<args>[^;]*?)\)\s*[;)<]"), "SOCK_CLOEXEC"),
    (re.compile(r"(?<![\w.>])epoll_create1\s*\((?P<args>[^;]*?)\)"), "EPOLL_CLOEXEC"),
    (re.compile(r"(?<![\w.>])pipe2\s*\((?P<args>[^;]*?)\)"), "O_CLOEXEC"),
    (re.compile(r"(?<![\w.>])(?P<args>pipe|dup|accept|epoll_create|creat)\s*\("), "its close-on-exec sibling"),
)


def guards(path):
    """The include guards a header may have: for protocol/base/buf.h PADDOCK_BASE_BUF_H, or one with more of the path."""
    parts = [re.sub(r"\W", "_", p).upper() for p in re.sub(r"\.h$", "", path).split("/")]
    names = [parts] + ([parts[:-1]] if parts[-1] in parts[-2:-1] else [])
    return ["PADDOCK_" + "_".join(p[n:]) + "_H" for p in names for n in range(len(p))]


def guard(text):
    """The guard a header has, or None."""
    match = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", text, re.M)
    return match.group(1) if match and match.group(1) == match.group(2) else None


def births(path, text):
    """Descriptors that would leak into a child."""
    stripped = source.strip(text)
    for pattern, word in BIRTHS:
        for match in pattern.finditer(stripped):
            if word not in match.group("args") and "flags" not in match.group("args").lower():
                yield path, stripped.count("\n", 0, match.start()) + 1, f"{match.group().split('(')[0].strip()} without {word}"


def parameters(found):
    """How many parameters a function has."""
    match = re.search(re.escape(found.name) + r"\s*\((.*)", found.text.split("{")[0])
    depth, count = 1, 1
    for char in match.group(1):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            break
        count += char == "," and depth == 1
    return count


def check(tree):
    seen = {}
    for path in tree.select((".c", ".h"), source.PROGRAM_DIRS):
        text = tree.read(path)
        yield from births(path, text)
        for found in source.statements(text):
            if re.match(r"typedef\s+(struct|union)\b[^()]*;$", found.text):
                yield path, found.line, "a typedef hides a struct"
            if found.is_function and found.name and parameters(found) > PARAMETERS_MAX:
                yield path, found.line, f"{found.name} takes {parameters(found)} parameters, pass a struct"
        if path.endswith(".h"):
            mine = guard(text)
            if mine not in guards(path):
                yield path, 0, f"its include guard is {mine}, not one of {', '.join(guards(path))}"
            elif seen.setdefault(mine, path) != path:
                yield path, 0, f"its include guard {mine} is also that of {seen[mine]}"


GUARD = "#ifndef PADDOCK_WORKER_A_H\n#define PADDOCK_WORKER_A_H\n"
GOOD = [{"worker/a.h": GUARD + "typedef int (*a_fn)(struct x *);\n#endif\n",
         "worker/a.c": "int a_b(int (*f)(int, int), int c)\n{\n\tint fd = open(p, O_RDONLY | O_CLOEXEC);\n\tx->open(y);\n}\n"}]
BAD = [
    ({"worker/a.c": "typedef struct { int x; } y;\n"}, "typedef hides a struct"),
    ({"worker/a.c": "int a_b(int a, int b, int c, int d, int e, int f, int g);\n"}, "takes 7 parameters"),
    ({"worker/a.h": "#ifndef A_H\n#endif\n"}, "include guard is None"),
    ({"worker/a.h": GUARD.replace("WORKER_", "") + "#endif\n", "sandbox/a.h": GUARD.replace("WORKER_", "") + "#endif\n"},
     "is also that of sandbox/a.h"),
    ({"worker/a.c": "int a_b(void)\n{\n\treturn open(p,\n\t\tO_RDONLY);\n}\n"}, "worker/a.c:3: open without O_CLOEXEC"),
    ({"worker/a.c": "int a_b(void)\n{\n\treturn pipe(p);\n}\n"}, "pipe without its close-on-exec sibling"),
]
