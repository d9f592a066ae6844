#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compare paddock's events with the native verdicts, case by case.

Both sides are read into {(suite, program, case): outcome}. A difference is
accepted only if the list of differences names it; a listed one that did not
happen fails too, unless its reason starts with "may", so that the list never
outlives its reasons.

The list holds one tab-separated line per difference:
    sandbox  id  native  ours  reason
`sandbox` is off, default or *; `id` is suite::program::case where a `*`
stands for any text; `native` and `ours` are outcomes, `absent` where that
side has no such case, or `*`.
"""

import argparse
import collections
import json
import re
import sys

# What paddock tells apart and no native runner does. A leak passed; the
# native runner never looks at what a program left behind.
SAME_AS_NATIVE = {"leak": "pass"}
ABSENT = "absent"
SHOWN = 40

Difference = collections.namedtuple("Difference", "id native ours")
Listed = collections.namedtuple("Listed", "line pattern native ours reason")


def plain(text):
    """One spelling for names on both sides: no byte ends a field or a line."""
    return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def read_oracle(path):
    cases = {}
    with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 4:
                sys.exit(f"{path}:{number}: {len(fields)} fields, not 4")
            key = tuple(fields[:3])
            if key in cases:
                sys.exit(f"{path}:{number}: {'::'.join(key)} is there twice")
            cases[key] = fields[3]
    return cases


def read_events(path):
    """Final verdict per case. Two final verdicts for one case are an error:
    exactly-once is what the ledger promises."""
    cases, finished, problems = {}, None, []
    with open(path, encoding="utf-8", errors="strict") as lines:
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            if event.get("event") == "run_finished":
                finished = event
            if event.get("event") != "case":
                continue
            key = tuple(plain(event[k]) for k in ("suite", "program", "case"))
            if key in cases:
                problems.append(f"{path}:{number}: second verdict for "
                                f"{'::'.join(key)}")
            if event["id"] != "::".join(
                    event[k] for k in ("suite", "program", "case")):
                problems.append(f"{path}:{number}: id {event['id']!r} is not "
                                "suite::program::case")
            outcome = event["outcome"]
            cases[key] = SAME_AS_NATIVE.get(outcome, outcome)
    if finished is None:
        problems.append(f"{path}: no run_finished event: the run did not end")
    else:
        problems += check_counts(path, finished, cases)
    return cases, problems


def check_counts(path, finished, cases):
    """The totals that the run prints must be those of its verdicts."""
    total = sum(n for name, n in finished.get("counts", {}).items()
                if name in OUTCOMES)
    if total == len(cases):
        return []
    return [f"{path}: run_finished counts {total} cases, "
            f"the events hold {len(cases)}"]


OUTCOMES = {"pass", "fail", "skip", "timeout", "oom", "crash", "leak",
            "error", "lost", "notrun"}


def read_differences(path, sandbox):
    listed = []
    try:
        lines = open(path, encoding="utf-8")
    except FileNotFoundError:
        return listed
    with lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            fields = line.split("\t")
            if len(fields) != 5 or not fields[4].strip():
                sys.exit(f"{path}:{number}: want five fields: sandbox, id, "
                         "native, ours, reason")
            if fields[0] not in (sandbox, "*"):
                continue
            pattern = re.compile(
                ".*".join(re.escape(p) for p in fields[1].split("*")), re.S)
            listed.append(Listed(number, pattern, *fields[2:]))
    return listed


def differences(native, ours):
    for key in sorted(native.keys() | ours.keys()):
        a, b = native.get(key, ABSENT), ours.get(key, ABSENT)
        if a != b:
            yield Difference("::".join(key), a, b)


def explains(entry, difference):
    return (entry.native in ("*", difference.native)
            and entry.ours in ("*", difference.ours)
            and entry.pattern.fullmatch(difference.id) is not None)


def judge(found, listed):
    used, unlisted = set(), []
    for difference in found:
        for entry in listed:
            if explains(entry, difference):
                used.add(entry.line)
                break
        else:
            unlisted.append(difference)
    vanished = [e for e in listed
                if e.line not in used and not e.reason.startswith("may")]
    return unlisted, vanished


def show(title, lines):
    if not lines:
        return
    print(f"{len(lines)} {title}:")
    for line in lines[:SHOWN]:
        print("  " + line)
    if len(lines) > SHOWN:
        print(f"  ... and {len(lines) - SHOWN} more")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--oracle", required=True)
    parser.add_argument("--events", required=True)
    parser.add_argument("--sandbox", required=True)
    parser.add_argument("--differences", required=True)
    parser.add_argument("--partial", action="store_true",
                        help="a subset ran: listed differences need not occur")
    parser.add_argument("--write", help="write what is unlisted to this file")
    options = parser.parse_args()

    native = read_oracle(options.oracle)
    ours, problems = read_events(options.events)
    listed = read_differences(options.differences, options.sandbox)
    found = list(differences(native, ours))
    unlisted, vanished = judge(found, listed)
    if options.partial:
        vanished = []
    rows = [f"{options.sandbox}\t{d.id}\t{d.native}\t{d.ours}" for d in unlisted]
    if options.write:
        with open(options.write, "w", encoding="utf-8") as out:
            out.writelines(row + "\t\n" for row in rows)
    show("faults in the event stream", problems)
    show("differences that nothing explains (sandbox, id, native, ours)", rows)
    show(f"differences of {options.differences} that no longer happen",
         [f"line {e.line}: {e.pattern.pattern} {e.native} {e.ours}"
          for e in vanished])
    print(f"sandbox {options.sandbox}: {len(native)} native cases, "
          f"{len(ours)} of ours, {len(found)} differ, "
          f"{len(found) - len(unlisted)} of them listed")
    return 1 if problems or unlisted or vanished else 0


if __name__ == "__main__":
    sys.exit(main())
