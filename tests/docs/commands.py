#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
"""What the documents show is what happens: every ```console block of a markdown file is typed in.

A line that starts with "$ " is a command (a line that ends with a backslash goes on in the next); it must end with code 0, or
with N when it closes with "# exit N". The lines below it must appear in its output in that order; a line "..." stands for
any lines, and "<word>" within a line for any text. A block behind "<!-- not run: REASON -->" is left out.
Commands run in a folder that shows the tree's entries; build/bin/ stands for the programs of this build."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ.get("PADDOCK_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PADDOCK_BIN") or os.path.join(ROOT, "build", "check", "bin")
BLOCK = re.compile(r"(?P<before>[^\n]*\n)(?:[ \t]*\n)?```console\n(?P<body>.*?)```", re.S)
LIMIT_S = 120


def documents():
    """README.md of every folder, and the other markdown files."""
    for folder, dirs, files in os.walk(ROOT):
        dirs[:] = sorted(d for d in dirs if d not in (".git", "corpus", "fixtures") and not (folder == ROOT and d.startswith("build")))
        yield from (os.path.join(folder, name) for name in sorted(files) if name.endswith(".md"))


def blocks(text):
    """(line, body) of each block that is run."""
    for match in BLOCK.finditer("\n" + text):
        if "<!-- not run:" not in match.group("before"):
            yield text.count("\n", 0, match.start("body") - 1) + 1, match.group("body")


def commands(body):
    """(offset, command, wanted lines) of each command of a block."""
    found, lines, at = [], body.splitlines(), 0
    while at < len(lines):
        if lines[at].startswith("$ "):
            start, command = at, lines[at][2:]
            while command.endswith("\\") and at + 1 < len(lines):
                at += 1
                command = command[:-1] + " " + lines[at].strip()
            found.append((start, command, []))
        elif found:
            found[-1][2].append(lines[at])
        at += 1
    return found


def pattern(wanted):
    """The wanted lines as one expression."""
    parts = []
    for line in wanted:
        if line.strip() == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        elif line.strip():
            pieces = re.split(r"<[^<>]+>", " ".join(line.split()))
            parts.append(r"[^\S\n]*" + r"[^\n]*?".join(re.escape(p).replace(r"\ ", r"[^\S\n]+") for p in pieces) + r"[^\S\n]*\n")
    return re.compile("".join(parts))


def try_one(command, wanted, folder, env):
    """What is wrong with one command, or None."""
    code = re.search(r"# exit (\d+)\s*$", command)
    command = re.sub(r"(?<![\w/])build/bin/", BIN + "/", command)
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != int(code.group(1) if code else 0):
        return f"ended with {done.returncode}:\n{output}"
    if not pattern(wanted).search(output + "\n"):
        return "printed something else:\n" + output
    return None


def scratch(folder):
    """A folder that shows the entries of the tree, and an environment with state of its own."""
    work = os.path.join(folder, "tree")
    os.mkdir(work)
    for entry in os.listdir(ROOT):
        if not entry.startswith("build") and entry != ".git":
            os.symlink(os.path.join(ROOT, entry), os.path.join(work, entry))
    env = {k: v for k, v in os.environ.items() if not k.startswith("PADDOCK_") and k not in ("CI", "GITHUB_ACTIONS")}
    env.update({f"XDG_{k}_HOME": os.path.join(folder, k.lower()) for k in ("STATE", "CACHE", "CONFIG")})
    env["PATH"] = BIN + ":" + env.get("PATH", "/usr/bin:/bin")
    return work, env


def main():
    wrong = count = 0
    for document in documents():
        with open(document, encoding="utf-8") as f:
            found = list(blocks(f.read()))
        folder = tempfile.mkdtemp(prefix="paddock-docs.")
        work, env = scratch(folder)
        for line, body in found:
            for offset, command, wanted in commands(body):
                count += 1
                fault = try_one(command, wanted, work, env)
                if fault:
                    print(f"{os.path.relpath(document, ROOT)}:{line + offset}: `{command}` {fault}")
                    wrong += 1
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{count} commands tried, {wrong} not as written")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
