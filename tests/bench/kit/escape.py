#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts what escape.sh found side by side: a markdown table of behaviours and sandboxes, figures as JSON.

Usage: escape.py WORK JSON [README]     WORK holds `names` and NAME.tsv; README gets the table between its two marks.
"""
import json, pathlib, subprocess, sys

import rounds

BEGIN, END = "<!-- escape table: begin -->", "<!-- escape table: end -->"
LEVELS = ("strict", "default", "permissive")
GOOD = ("refused", "absent", "private")
VERSIONS = {"bwrap": ["bwrap", "--version"], "firejail": ["firejail", "--version"], "crun": ["crun", "--version"],
            "nspawn": ["systemd-nspawn", "--version"]}


def read(path):
    """{(number, probe): (title, [expected of each level], found)}, in the order of the catalogue."""
    rows = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        number, probe, title, *expected, found = line.split("\t")
        rows[int(number), probe] = (title, expected, found)
    return rows


def is_good(expected, found):
    """Whether an answer is as the catalogue wants it; to be stricter is as good, but where something must work."""
    word = found.split(" ")[0]
    allowed = {alternative.split(" ")[0] for alternative in expected.split("|")}
    return word in allowed or (word in GOOD and "works" not in allowed)


def cell(expected, found):
    word = found.split(" ")[0]
    text = {"outside": "outside", "ended": "does not run"}.get(word, word)
    return text if is_good(expected, found) else f"**{text}**"


def version(name):
    done = subprocess.run(VERSIONS[name], capture_output=True, text=True, check=False)
    words = (done.stdout.split("\n") + [""])[0].split()
    return next((w for w in words if w[0].isdigit()), "")


def table(names, results):
    head = [f"{n} {version(n)}" if n in VERSIONS else n for n in names]
    lines = ["| # | behaviour | " + " | ".join(head) + " |", "|" + "---|" * (len(names) + 2)]
    counts = {n: 0 for n in names}
    for key, (title, expected, _) in sorted(results[names[0]].items(), key=lambda item: item[0][0]):
        cells = []
        for name in names:
            # A peer is held against our default.
            wanted = expected[LEVELS.index(name) if name in LEVELS else 1]
            found = results[name].get(key, ("", "", "not run"))[2]
            counts[name] += not is_good(wanted, found)
            cells.append(cell(wanted, found))
        lines.append(f"| {key[0]} | {title} | " + " | ".join(cells) + " |")
    lines.append("| | not as they should be | " + " | ".join(str(counts[n]) for n in names) + " |")
    return "\n".join(lines) + "\n", counts


def main():
    work, out, *readme = sys.argv[1:]
    names = pathlib.Path(work, "names").read_text().split()
    results = {name: read(pathlib.Path(work, f"{name}.tsv")) for name in names}
    text, counts = table(names, results)
    print(text)
    with open(out, "w", encoding="utf-8") as file:
        found = {n: [{"number": k[0], "deed": k[1], "found": v[2]} for k, v in results[n].items()] for n in names}
        json.dump({"title": "hostile behaviours", "host": rounds.facts(), "bad": counts, "rows": found}, file, indent=1)
    for path in map(pathlib.Path, readme):
        before, rest = path.read_text().split(BEGIN)
        path.write_text(before + BEGIN + "\n" + text + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
