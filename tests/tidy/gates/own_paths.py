# SPDX-License-Identifier: Apache-2.0
"""No file names the machine it was written on: not the folder of the checkout, not its host, not a user's home."""

import os
import re
import socket

COMMON = {"localhost", "debian", "paddock", "build", "main", "runner", "host"}
HOME = re.compile(r"/(?:home|Users)/(?!x\b|user\b|you\b|u\b|test\b|nobody\b|\*|\$|%|<|runner\b)[a-z][\w.-]+")


def check(tree):
    words = [tree.root] if tree.root.count("/") > 1 and not tree.root.startswith(("/usr", "/tmp/")) else []
    host = socket.gethostname()
    if len(host) > 5 and host not in COMMON:
        words.append(host)
    for path in tree.files:
        full = os.path.join(tree.root, path)
        if path == "tests/tidy/gates/own_paths.py" or not os.path.isfile(full):
            continue
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            for word in words:
                if word in line:
                    yield path, number, f"names this machine: {word}"
            match = HOME.search(line)
            if match:
                yield path, number, f"names somebody's home: {match.group()}"


GOOD = [{"README.md": "cd build; ls /home/x /home/user/a $HOME\n"}]
BAD = [({"README.md": "see /home/" + "jdoe/src/x\n"}, "names somebody's home")]
