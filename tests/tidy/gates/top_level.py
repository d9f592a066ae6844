# SPDX-License-Identifier: Apache-2.0
"""The top level holds the house's entries and nothing else."""

ALLOWED = {
    "coordinator", "worker", "sandbox", "protocol", "tests", "deploy", "CMakeLists.txt", "README.md", "LICENSE", ".ci",
    ".github", ".clang-format", ".clang-tidy", ".editorconfig", ".gitattributes", ".gitignore",
}


def check(tree):
    for entry in sorted({path.split("/")[0] for path in tree.files}):
        if entry not in ALLOWED:
            yield entry, 0, "does not belong at the top level"


GOOD = [{"README.md": "", "worker/a.c": "", ".ci/run": ""}]
BAD = [({"src/a.c": ""}, "src: does not belong"), ({"Makefile": ""}, "Makefile: does not belong")]
