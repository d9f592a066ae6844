# SPDX-License-Identifier: Apache-2.0
"""Every folder opens with a README.md. Exempt are folders that mirror or hold data for the folder above them: below
tests/unit, fuzz corpora, fixtures, golden files, and below the folders of suites, benches and box tests."""

import os
import re

EXEMPT = re.compile(r"\.ci|\.github(/.*)?|tests/unit/.+|tests/fuzz/corpus(/.*)?|tests/fixtures/.+|tests/golden/.+|tests/suites/.+|"
                    r"tests/tidy/.+|tests/bench/.+|tests/box/.+|deploy/.+|\..*")
WORDS_MIN = 30


def check(tree):
    folders = set()
    for path in tree.files:
        folder = os.path.dirname(path)
        while folder:
            folders.add(folder)
            folder = os.path.dirname(folder)
    for folder in [""] + sorted(f for f in folders if not EXEMPT.fullmatch(f)):
        readme = os.path.join(folder, "README.md")
        if readme not in tree.files:
            yield folder or ".", 0, "has no README.md"
        elif len(tree.read(readme).split()) < WORDS_MIN:
            yield readme, 0, "says next to nothing"


SAYS = "# a\n" + "word " * 40
GOOD = [{"README.md": SAYS, "worker/README.md": SAYS, "worker/a.c": "", ".ci/run": ""}]
BAD = [
    ({"README.md": SAYS, "worker/a.c": ""}, "worker: has no README.md"),
    ({"worker/README.md": SAYS}, ".: has no README.md"),
    ({"README.md": SAYS, "worker/README.md": "# a\n"}, "says next to nothing"),
]
