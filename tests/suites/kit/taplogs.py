#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The oracle of TAP programs that kit/native.py ran.

Reads name<TAB>outcome<TAB>log lines and writes suite<TAB>program<TAB>case<TAB>outcome,
one per point as tap2tsv.pl reads the log, plus `main`, the program's own verdict,
which is prove's: its exit status, its plan and its points must all be good. An exit
status of 77 means nothing here; only the automake kinds read it as a skip.
"""

import pathlib
import subprocess
import sys

KIT = pathlib.Path(__file__).resolve().parent


def main():
    suite = sys.argv[1]
    for line in sys.stdin:
        program, outcome, log = line.rstrip("\n").split("\t")
        rows = subprocess.run(["perl", KIT / "tap2tsv.pl", log], check=True,
                              stdout=subprocess.PIPE).stdout
        rows = rows.decode("utf-8", "replace").splitlines()
        for row in rows[:-1]:
            print(suite, program, row, sep="\t")
        tap = rows[-1].split("\t")[1]
        failed = any(row.endswith("\tfail") for row in rows[:-1])
        if tap == "none" or failed:
            tap = "fail"
        if outcome == "skip":
            outcome = "fail"
        print(suite, program, "main", tap if outcome == "pass" else outcome,
              sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
