#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The verdicts of a CTest build folder, from ctest's own JUnit and summary.

CTest's JUnit calls a missing executable "skipped" and a crash a "failure" without
a reason; the reason stands in the message or in the summary at the end of its
output. Read together they tell apart what its users see:
  skip    SKIP_RETURN_CODE, SKIP_REGULAR_EXPRESSION or DISABLED
  notrun  a fixture's set-up failed
  error   it could not be started: no executable, folder or required file
  crash, timeout, fail, pass

usage: ctest_oracle.py SUITE PROGRAM BUILD-FOLDER [CTEST-OPTION...]
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SUMMARY = re.compile(r"^\t\s*\d+ - (.*) \(([^()]*)\)$")
CRASHES = {"SEGFAULT", "ILLEGAL", "INTERRUPT", "NUMERICAL", "OTHER_FAULT"}


def run(folder, options):
    """(JUnit cases, {name: reason in the summary})"""
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch, "junit.xml")
        done = subprocess.run(
            ["ctest", "--test-dir", folder, "--output-junit", report, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False)
        cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    reasons = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        match = SUMMARY.match(line)
        if match:
            reasons[match[1]] = match[2]
    return cases, reasons


def failed(reason):
    if reason == "Timeout":
        return "timeout"
    if reason in CRASHES or reason.startswith("Subprocess "):
        return "crash"
    return "error" if reason == "BAD_COMMAND" else "fail"


def outcome(case, reason):
    status = case.get("status")
    if status == "fail":
        return failed(reason)
    if status == "notrun":
        why = case.find("skipped").get("message")
        if why.startswith("SKIP_"):
            return "skip"
        return "notrun" if why == "Fixture dependency failed" else "error"
    return {"run": "pass", "disabled": "skip"}[status]


def main():
    suite, program, folder, *options = sys.argv[1:]
    cases, reasons = run(folder, options)
    for case in cases:
        name = case.get("name")
        print(suite, program, name, outcome(case, reasons.get(name, "")),
              sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
