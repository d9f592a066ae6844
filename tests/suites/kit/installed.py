#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The native verdicts of one tree of installed tests.

gnome-desktop-testing-runner runs the programs, each as it always does, and
keeps what each printed; its PASS, SKIP and FAIL are the programs' verdicts. It
does not read TAP, so the points come from tap2tsv.pl. A program that it calls
PASS while the TAP is broken (bad plan, bail-out) or holds a failed point is a
failure all the same, and one whose whole plan is 1..0 is a skip, as prove has it. Where a
program prints no TAP at all though it promises some (glib's cxx), its exit status
is all there is.

Writes suite<TAB>program<TAB>case<TAB>outcome; the program's own verdict is the
case `main`.
"""

import argparse
import configparser
import os
import pathlib
import re
import subprocess
import sys

VERDICT = re.compile(r"^(PASS|SKIP|FAIL): (.*?\.test)(?: \((.*)\))?$")
KIT = pathlib.Path(__file__).resolve().parent


def says_tap(path):
    keyfile = configparser.RawConfigParser(strict=False, interpolation=None)
    keyfile.optionxform = str
    keyfile.read(path)
    return keyfile.get("Test", "Output", fallback="") == "TAP"


def run_all(tree, jobs, logs):
    """{name with .test: (verdict, detail)} as the runner prints it."""
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.iterdir():
        old.unlink()
    done = subprocess.run(
        ["gnome-desktop-testing-runner", "-p", str(jobs), "-t", "600",
         "-L", str(logs), tree + "/"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False)
    verdicts = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        match = VERDICT.match(line)
        if match:
            verdicts[match[2]] = (match[1], match[3] or "")
    return verdicts


def own_verdict(verdict, detail):
    if verdict == "FAIL":
        return "crash" if "killed by signal" in detail else "fail"
    return {"PASS": "pass", "SKIP": "skip"}[verdict]


def tap_rows(log):
    out = subprocess.run(["perl", KIT / "tap2tsv.pl", log], check=True,
                         stdout=subprocess.PIPE).stdout
    rows = [line.split("\t") for line in
            out.decode("utf-8", "replace").splitlines()]
    return rows[:-1], rows[-1][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default="/usr/share/installed-tests")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--logs", required=True, type=pathlib.Path)
    parser.add_argument("tree", help="folder below the root, and the suite")
    options = parser.parse_args()

    base = pathlib.Path(options.root, options.tree)
    verdicts = run_all(options.tree, options.jobs, options.logs)
    for path in sorted(base.rglob("*.test")):
        name = os.path.join(options.tree, path.relative_to(base))
        if name not in verdicts:
            sys.exit(f"{name}: the native runner printed no verdict")
        program = str(path.relative_to(base))[:-len(".test")]
        main_verdict = own_verdict(*verdicts[name])
        if says_tap(path):
            log = options.logs / (name.replace("/", "_") + ".txt")
            points, tap = tap_rows(log)
            for case, outcome in points:
                print(options.tree, program, case, outcome, sep="\t")
                if outcome == "fail":
                    tap = "fail"
            if main_verdict == "pass" and tap != "none":
                main_verdict = tap
        print(options.tree, program, "main", main_verdict, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
