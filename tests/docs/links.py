#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Links and file names in the READMEs lead somewhere: markdown links that are not addresses, and entries of the first
column of tables that look like paths."""

import os
import re
import sys

ROOT = os.environ.get("PADDOCK_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| *((?:`[^`]+`(?:, *)?)+) *\|")
PATH = re.compile(r"^[\w.-]+(/[\w.-]*)*$")


def documents():
    """README.md of every folder, and the other markdown files."""
    for folder, dirs, files in os.walk(ROOT):
        dirs[:] = [d for d in dirs if d not in (".git", "corpus", "fixtures") and not (folder == ROOT and d.startswith("build"))]
        for name in files:
            if name.endswith(".md"):
                yield os.path.join(folder, name)


def claims(text):
    """(line, path) of everything a document says exists."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for target in LINK.findall(line):
            if "://" not in target and not target.startswith(("#", "mailto:")):
                yield number, target.split("#")[0]
        row = ROW.match(line)
        for cell in re.findall(r"`([^`]+)`", row.group(1)) if row else []:
            if PATH.match(cell) and ("/" in cell or cell.endswith((".c", ".h", ".def", ".py", ".sh", ".md", ".cmake"))):
                yield number, cell


def main():
    wrong = count = 0
    for document in documents():
        with open(document, encoding="utf-8") as f:
            text = f.read()
        for number, path in claims(text):
            count += 1
            if not any(os.path.exists(os.path.join(base, path)) for base in (os.path.dirname(document), ROOT)):
                print(f"{os.path.relpath(document, ROOT)}:{number}: {path} does not exist")
                wrong += 1
    print(f"{count} links and names looked up, {wrong} lead nowhere")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
