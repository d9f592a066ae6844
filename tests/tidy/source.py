# SPDX-License-Identifier: Apache-2.0
"""Reading C well enough for the gates: which files exist, what is code and what is comment, where functions
begin and end, what a header declares. Not a compiler: macros are not expanded and both branches of an #if are
read, which is what a rule about the text wants."""

import os
import re
import subprocess
from functools import lru_cache

PROGRAM_DIRS = ("coordinator", "worker", "sandbox", "protocol")


class Tree:
    """The files of one source tree, as paths relative to its root."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.files = sorted(f for f in self._list() if os.path.lexists(os.path.join(self.root, f)))

    def _list(self):
        """Tracked and new files, never ignored ones; a tree without git is walked."""
        if os.path.exists(os.path.join(self.root, ".git")):
            git = ["git", "-c", f"safe.directory={self.root}", "-C", self.root, "ls-files", "-z",
                   "--cached", "--others", "--exclude-standard"]
            done = subprocess.run(git, capture_output=True, check=False)
            if done.returncode == 0:
                return [f for f in done.stdout.decode("utf-8", "surrogateescape").split("\0") if f]
        found = []
        for folder, dirs, files in os.walk(self.root):
            rel = os.path.relpath(folder, self.root)
            if rel == ".":
                dirs[:] = [d for d in dirs if d not in (".git", ".cache") and not d.startswith("build")]
            dirs[:] = [d for d in dirs if d != "__pycache__"]
            found += [os.path.normpath(os.path.join(rel, f)) for f in files]
        return found

    def read(self, path):
        """The text of one file; bytes that are not UTF-8 survive as surrogates."""
        return _read(os.path.join(self.root, path))

    def select(self, suffixes, folders=PROGRAM_DIRS + ("tests",)):
        """Files with one of `suffixes` below one of `folders`."""
        return [f for f in self.files if f.endswith(suffixes) and f.split("/")[0] in folders
                and not f.startswith("tests/fuzz/corpus/")]


@lru_cache(maxsize=None)
def _read(path):
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as f:
        return f.read()


_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


@lru_cache(maxsize=None)
def strip(text, keep_strings=False):
    """`text` with comments (and the insides of literals) blanked; lines and columns stay where they were."""

    def blank(match):
        token = match.group()
        if token[0] in "\"'":
            return token if keep_strings else token[0] + " " * (len(token) - 2) + token[-1]
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(blank, text)


@lru_cache(maxsize=None)
def code(text):
    """Stripped text with preprocessor lines blanked too, so that braces balance."""
    lines, out, continued = strip(text).split("\n"), [], False
    for line in lines:
        if continued or line.lstrip().startswith("#"):
            continued = line.rstrip().endswith("\\")
            out.append("")
        else:
            out.append(line)
    return "\n".join(out)


class Statement:
    """One statement or definition at file scope."""

    def __init__(self, text, line, end):
        self.text = " ".join(text.split())
        self.line = line  # first line, counted from 1
        self.end = end  # last line

    @property
    def name(self):
        """What it defines or declares, or None: a type, an attribute line, a macro call."""
        head = re.sub(r"__attribute__\s*\(\(.*?\)\)\s*(?=[;{=]|$|[\w*])", "", self.text)
        head = re.sub(r"\b_Alignas\s*\([^)]*\)|_cleanup_\([^)]*\)", "", head)
        if re.match(r"(typedef\b|_Static_assert\b|static_assert\b)", head):
            return None
        if self.is_function:
            match = re.search(r"(\w+)\s*\(", head)
            return match.group(1) if match else None
        head = re.split(r"[={]", head)[0] if not re.match(r"[^={]*\b(struct|enum|union)\s*\w*\s*\{", head) \
            else re.sub(r"\{.*\}", "", head.split("=")[0])
        match = re.match(r"(?:[\w*]+\s+)+\**\s*(\w+)\s*(?:\[.*)?;?$", head.strip())
        if not match or re.match(r"^(extern\s+)?(struct|enum|union)\s+\w+\s*;?$", head.strip()):
            return None
        return match.group(1)

    @property
    def is_function(self):
        """A function's definition or prototype (not a variable that holds a pointer to one)."""
        head = self.text.split("{")[0]
        head = head.split("=")[0]
        head = re.sub(r"__attribute__\s*\(\(.*", "", head)
        return bool(re.match(r"[\w\s*]*?[\w*]\s*\**\b\w+\s*\((?!\s*\*)", head)) and "typedef" not in head.split()

    @property
    def is_definition(self):
        return self.is_function and "{" in self.text

    @property
    def is_static(self):
        return "static" in self.text.split("(")[0].split()

    @property
    def is_extern(self):
        return self.text.startswith("extern ")


@lru_cache(maxsize=None)
def statements(text):
    """Every statement at file scope, in order."""
    found, depth, parens, start = [], 0, 0, None
    src = code(text)
    line = 1
    for at, char in enumerate(src):
        if char == "\n":
            line += 1
        if char.isspace():
            continue
        if start is None:
            if char == ";":
                continue
            start, first = at, line
        if char in "([":
            parens += 1
        elif char in ")]":
            parens -= 1
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            body = Statement(src[start:at + 1], first, line)
            if depth == 0 and parens == 0 and body.is_definition:
                found.append(body)
                start = None
        elif char == ";" and depth == 0 and parens == 0:
            found.append(Statement(src[start:at + 1], first, line))
            start = None
    return found


def functions(text):
    """The functions a file defines."""
    return [s for s in statements(text) if s.is_definition and s.name]


def includes(text):
    """(line, header, angle) of every #include."""
    for number, line in enumerate(strip(text, keep_strings=True).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")', line)
        if match:
            yield number, match.group(1) or match.group(2), bool(match.group(1))


def code_lines(text):
    """How many lines hold code: neither blank nor only comment."""
    return sum(1 for line in strip(text, keep_strings=True).split("\n") if line.strip())
