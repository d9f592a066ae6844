#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The verdicts of a GoogleTest program as GoogleTest itself reports them.

All cases whose suite does not have `Crash` in its name run in one process, by
--gtest_output=json. The others run alone: a signal makes a crash; a report makes
what it says; neither means that the case ended its process, which is a failure
whatever the exit status. Disabled cases are skips.

usage: gtest_oracle.py SUITE PROGRAM-NAME BINARY
"""

import json
import pathlib
import subprocess
import sys
import tempfile


def run(binary, *options):
    """(exit status, report or None)"""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        done = subprocess.run(
            [binary, f"--gtest_output=json:{report}", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=folder, check=False)
        if not report.exists():
            return done.returncode, None
        text = report.read_bytes().decode("utf-8", "replace")
    return done.returncode, json.loads(text)


def cases(report):
    for suite in report["testsuites"]:
        for case in suite["testsuite"]:
            yield f"{suite['name']}.{case['name']}", case


def outcome(case):
    if case.get("failures"):
        return "fail"
    if case["status"] == "NOTRUN" or case["result"] == "SKIPPED":
        return "skip"
    return "pass"


def main():
    suite, program, binary = sys.argv[1:]
    _, listing = run(binary, "--gtest_list_tests")
    names = [name for name, _ in cases(listing)]
    _, together = run(binary, "--gtest_filter=-*Crash*")
    verdicts = {name: outcome(case) for name, case in cases(together)}
    for name in names:
        if "Crash" in name:
            status, report = run(binary, f"--gtest_filter={name}")
            if status < 0:
                verdicts[name] = "crash"
            elif report is None:
                verdicts[name] = "fail"
            else:
                verdicts[name] = outcome(dict(cases(report))[name])
        # The report of a run leaves disabled cases out when a filter is given.
        print(suite, program, name, verdicts.get(name, "skip"), sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
