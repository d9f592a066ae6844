#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The gates of the house, one test each.

    tidy.py list                 names of the gates
    tidy.py GATE [ROOT]          run one over a source tree (default: the tree this file is in)
    tidy.py all [ROOT]           run every one
    tidy.py selftest             prove that each gate passes good trees and fails bad ones
    tidy.py stats [ROOT]         sizes of files and functions

A gate is a module of gates/ with a docstring, check(tree) that yields (path, line, text) per violation, GOOD and
BAD example trees as {path: content}, the latter with words the violation must contain. An exception to a rule is a line
of exceptions.txt with its reason; one that nothing needs any more fails."""

import importlib
import os
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import source  # noqa: E402


def gates():
    """Names of the gates, from their files."""
    names = (f[:-3] for f in os.listdir(os.path.join(HERE, "gates")) if f.endswith(".py"))
    return sorted(n.replace("_", "-") for n in names)


def load(name):
    return importlib.import_module("gates." + name.replace("-", "_"))


def exceptions(gate):
    """{(path, words): reason} of one gate."""
    found = {}
    with open(os.path.join(HERE, "exceptions.txt"), encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 4 or not all(fields):
                sys.exit(f"exceptions.txt:{number}: want gate, path, words and reason separated by tabs")
            if fields[0] not in gates():
                sys.exit(f"exceptions.txt:{number}: no gate is called {fields[0]}")
            if fields[0] == gate:
                found[(fields[1], fields[2])] = fields[3]
    return found


def run(gate, root, allowed):
    """Violations of one gate that no exception covers, and exceptions that cover nothing."""
    left, unused = [], set(allowed)
    for path, line, text in load(gate).check(source.Tree(root)):
        key = next((k for k in allowed if k[0] == path and k[1] in text), None)
        if key:
            unused.discard(key)
        else:
            left.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")
    left += [f"exceptions.txt: nothing needs the exception '{p}' '{w}' any more: remove it" for p, w in sorted(unused)]
    return left


def plant(folder, files):
    """Write an example tree."""
    for path, content in files.items():
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8", newline="") as f:
            f.write(content)


def selftest():
    """0 when each gate tells its own good trees from its bad ones."""
    failed = tried = 0
    for gate in gates():
        module = load(gate)
        if not module.BAD or not module.GOOD:
            print(f"{gate}: has no example trees")
            failed += 1
        cases = [(files, None) for files in module.GOOD] + list(module.BAD)
        for files, words in cases:
            tried += 1
            with tempfile.TemporaryDirectory() as folder:
                plant(folder, files)
                got = run(gate, folder, {})
            if words is None and got:
                print(f"{gate}: a good tree failed: {got[0]}")
                failed += 1
            elif words is not None and not any(words in g for g in got):
                print(f"{gate}: a bad tree passed: wanted '{words}' about {sorted(files)}, got {got}")
                failed += 1
    print(f"selftest: {tried} example trees of {len(gates())} gates, {failed} wrong")
    return 1 if failed or not tried else 0


def stats(root):
    """Print what house.md section 4 puts figures on."""
    tree = source.Tree(root)
    lengths, sizes, functions, asserts = [], [], 0, 0
    for path in tree.select((".c",), source.PROGRAM_DIRS):
        text = tree.read(path)
        sizes.append(text.count("\n"))
        found = source.functions(text)
        lengths += [f.end - f.line + 1 for f in found]
        functions += len(found)
        asserts += source.code(text).count("ASSERT")
    for name, values in (("files (.c)", sizes), ("functions", lengths)):
        if values:
            ranked = sorted(values)
            print(f"{name}: {len(ranked)}, median {statistics.median(ranked):.0f}, "
                  f"p90 {ranked[int(len(ranked) * 0.9)]}, max {ranked[-1]} lines")
    if functions:
        print(f"asserts: {asserts}, {asserts / functions:.2f} per function")
    return 0


def main(argv):
    if len(argv) < 2 or len(argv) > 3:
        print(__doc__, file=sys.stderr)
        return 2
    root = argv[2] if len(argv) == 3 else os.path.dirname(os.path.dirname(HERE))
    if argv[1] == "list":
        print("\n".join(gates()))
        return 0
    if argv[1] == "selftest":
        return selftest()
    if argv[1] == "stats":
        return stats(root)
    wanted = gates() if argv[1] == "all" else [argv[1]]
    if wanted[0] not in gates():
        print(f"tidy.py: no gate is called '{argv[1]}'; there are: {', '.join(gates())}", file=sys.stderr)
        return 2
    failed = 0
    for gate in wanted:
        left = run(gate, root, exceptions(gate))
        for line in left:
            print(f"[{gate}] {line}")
        failed += len(left)
        if left:
            print(f"{gate}: {len(left)} violations. The rule: {load(gate).__doc__.strip()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
