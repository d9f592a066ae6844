#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/check says at its end.

    summary.py collect PREFIX CTEST.xml    ctest's JUnit as lines "name, status, reason" separated by tabs
    summary.py report SKIPS RESULTS        failures, skips with their reasons, and the closing line; 1 when something failed
    summary.py coverage GCOVR.json         lines covered per room

A skip that SKIPS does not list is a failure: a test that silently stopped running protects nothing. SKIPS holds lines
"pattern of names, words of the reason, why that is acceptable" separated by tabs."""

import collections
import fnmatch
import json
import os
import sys
import xml.etree.ElementTree as xml


def last_line(text):
    """The last line that says something."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[-1].replace("\t", " ") if lines else "gave no reason"


def verdict(case):
    """(status, reason) of one testcase element of ctest."""
    output = case.findtext("system-out")
    if case.find("failure") is not None:
        return "fail", case.find("failure").get("message") or "failed"
    skipped = case.find("skipped")
    if skipped is not None:
        if "SKIP" in (skipped.get("message") or ""):
            return "skip", last_line(output)
        return "fail", "did not run: " + (skipped.get("message") or last_line(output))
    return ("pass", "") if case.get("status") == "run" else ("fail", f"ended as '{case.get('status')}'")


def collect(prefix, path):
    cases = xml.parse(path).getroot().iter("testcase")
    for case in cases:
        status, reason = verdict(case)
        print(f"{prefix}{case.get('name')}\t{status}\t{reason}")
    return 0


def allowed_skips(path):
    """[(pattern, words)] of the file that excuses skips."""
    rows = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#") or not line.strip():
                continue
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 3 or not all(fields):
                sys.exit(f"{path}:{number}: want a pattern, words of the reason and an excuse, separated by tabs")
            rows.append(fields)
    return rows


def excused(name, reason, rows):
    name = name.rsplit(":", 1)[-1]
    return any(fnmatch.fnmatchcase(name, pattern) and words in reason for pattern, words, _ in rows)


def report(skips, results):
    rows, counts = allowed_skips(skips), collections.Counter()
    failures, skipped = [], []
    with open(results, encoding="utf-8", errors="replace") as f:
        for line in f:
            name, status, reason = (line.rstrip("\n").split("\t", 2) + ["", ""])[:3]
            if status == "skip" and not excused(name, reason, rows):
                status, reason = "fail", f"skipped, which tests/skips.txt does not excuse: {reason}"
            counts[status] += 1
            {"fail": failures, "skip": skipped}.get(status, []).append(f"{name}: {reason}")
    if not sum(counts.values()):
        failures.append("nothing ran")
        counts["fail"] = 1
    print()
    for line in skipped:
        print(f"SKIP {line}")
    for line in failures:
        print(f"FAIL {line}")
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts["fail"] else 0


def coverage(path):
    with open(path, encoding="utf-8") as f:
        files = json.load(f)["files"]
    rooms = collections.defaultdict(lambda: [0, 0])
    for entry in files:
        for room in (os.path.dirname(entry["filename"]), "all"):
            rooms[room][0] += entry["line_covered"]
            rooms[room][1] += entry["line_total"]
    for room, (covered, total) in sorted(rooms.items()):
        print(f"coverage: {room:24} {covered:6} of {total:6} lines, {100 * covered / max(total, 1):5.1f} %")
    return 0


def main(argv):
    verbs = {"collect": (collect, 2), "report": (report, 2), "coverage": (coverage, 1)}
    if len(argv) < 2 or argv[1] not in verbs or len(argv) - 2 != verbs[argv[1]][1]:
        print(__doc__, file=sys.stderr)
        return 2
    return verbs[argv[1]][0](*argv[2:])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
