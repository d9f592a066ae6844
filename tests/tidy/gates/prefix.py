# SPDX-License-Identifier: Apache-2.0
"""An exported name starts with its file's name: buf_append lives in buf.c. What a header of the same room declares may
start with that header's name instead (box.h is implemented in client.c), and a header that a room keeps to itself may declare
what its files export under their names. Prefixes of the libraries we use are theirs."""

import os
import re

import source

FOREIGN = re.compile(r"(cgroup|cap|nn|seccomp|msgpack|uv|sqlite3|xml|cyaml|json|sodium|crypto|ZSTD|MHD)_")
ENTRY = {"main", "LLVMFuzzerTestOneInput", "LLVMFuzzerInitialize"}


def stem(path):
    return os.path.splitext(os.path.basename(path))[0].replace("-", "_")


def starts(name, prefix):
    return name == prefix or name.startswith(prefix + "_")


def exported(text):
    """Names with external linkage that this text defines."""
    for found in source.statements(text):
        if found.name and not found.is_static and not found.is_extern and (found.is_definition or not found.is_function):
            yield found


def declared(tree, folder):
    """Prefixes that the headers of a room give to what they declare: {name: stem of the header}."""
    names = {}
    for path in tree.select((".h",)):
        if os.path.dirname(path) == folder:
            for found in source.statements(tree.read(path)):
                if found.name:
                    names.setdefault(found.name, stem(path))
    return names


def sources(tree, folder):
    """Stems of the .c files of a room."""
    return {stem(path) for path in tree.select((".c",)) if os.path.dirname(path) == folder}


def check(tree):
    for path in tree.select((".c", ".h"), source.PROGRAM_DIRS):
        header = path.endswith(".h")
        public = {} if header else declared(tree, os.path.dirname(path))
        siblings = sources(tree, os.path.dirname(path)) if header else set()
        text = tree.read(path)
        for found in (s for s in source.statements(text) if s.name) if header else exported(text):
            if found.name in ENTRY:
                continue
            prefixes = {stem(path), public.get(found.name, stem(path))} | siblings
            if not any(starts(found.name, prefix) for prefix in prefixes):
                yield path, found.line, f"{found.name} does not start with {stem(path)}_"
            elif FOREIGN.match(found.name):
                yield path, found.line, f"{found.name} wears the prefix of a library"


GOOD = [{"sandbox/client.c": "int box_open(void)\n{\n\treturn 0;\n}\nstatic int helper(void)\n{\n\treturn 1;\n}\n"
                             "const struct x_ops client_ops = {\n\t.run = helper,\n};\nextern int errno_;\n",
         "sandbox/box.h": "struct box;\n/* Opens. */\nint box_open(void);\ntypedef int (*box_fn)(int);\n",
         "worker/main.c": "int main(int argc, char **argv)\n{\n\treturn argc;\n}\n"}]
GOOD.append({"worker/state.h": "/* In queue.c. */\nint queue_push(void);\n", "worker/queue.c": "int queue_push(void)\n{\n}\n"})
BAD = [
    ({"worker/a.c": "int b_run(void)\n{\n\treturn 0;\n}\n"}, "b_run does not start with a_"),
    ({"worker/a.c": "const char *const names[] = { \"x\", \"y\" };\n"}, "names does not start with a_"),
    ({"worker/a.c": "int counter;\n"}, "counter does not start with a_"),
    ({"worker/a.h": "/* Of b. */\nint b_run(void);\n"}, "b_run does not start with a_"),
    ({"worker/nn.c": "struct foo *nn_x(void)\n{\n\treturn 0;\n}\n"}, "prefix of a library"),
]
