# SPDX-License-Identifier: Apache-2.0
"""Scripts are sound: shellcheck has nothing to say about those in shell, Python compiles."""

import os
import shutil
import subprocess
import sys

SHELLS = ("tests/check", ".ci/run", "deploy/quickstart")


def shell_scripts(tree):
    return [p for p in tree.files if (p.endswith(".sh") or p in SHELLS) and not p.startswith("tests/fixtures/")]


def shellcheck(tree):
    """One violation per finding; skips the whole gate where the tool is missing."""
    scripts = shell_scripts(tree)
    if not scripts:
        return
    if not shutil.which("shellcheck"):
        print("shellcheck is not installed")
        sys.exit(77)
    done = subprocess.run(["shellcheck", "-x", "-S", "warning", "-f", "gcc", *scripts], cwd=tree.root, capture_output=True,
                          text=True, check=False)
    for finding in done.stdout.splitlines():
        path, line, rest = finding.split(":", 2)
        yield path, int(line), rest


def check(tree):
    yield from shellcheck(tree)
    for path in tree.files:
        if path.endswith(".py") and not path.startswith("tests/fixtures/"):
            try:
                compile(tree.read(path), os.path.join(tree.root, path), "exec", dont_inherit=True)
            except SyntaxError as error:
                yield path, error.lineno or 0, f"does not compile: {error.msg}"


GOOD = [{"tests/a.sh": "#!/bin/sh\ncd / || exit 1\n", "tests/a.py": "x = 1\n"}]
BAD = [
    ({"tests/a.sh": "#!/bin/sh\nrm -rf \"$1/\"*\nlocal x=$(y)\nfoo=bar\n"}, "tests/a.sh:3"),
    ({"tests/a.py": "def x(:\n"}, "does not compile"),
]
