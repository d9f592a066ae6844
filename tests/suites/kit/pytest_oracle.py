# SPDX-License-Identifier: Apache-2.0
"""pytest plugin: the verdict of every case, as pytest itself counts it.

Writes suite<TAB>program<TAB>case<TAB>outcome to $ORACLE_OUT: the program is
`pytest`, since the folder $ORACLE_ROOT is collected as one, the case the node id
below that folder. Set-up and teardown
count: the worst phase wins, as in pytest's summary. An expected failure is a
skip, an unexpected success in strict mode a failure. Under xdist only the
controlling process writes.
"""

import os

RANK = {"pass": 0, "skip": 1, "fail": 2}
_cases = {}


def _outcome(report):
    if report.failed:
        return "fail"
    return "skip" if report.skipped else "pass"


def pytest_runtest_logreport(report):
    outcome = _outcome(report)
    known = _cases.get(report.nodeid, "pass")
    _cases[report.nodeid] = max(known, outcome, key=RANK.get)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        return
    root = os.environ["ORACLE_ROOT"]
    with open(os.environ["ORACLE_OUT"], "w", encoding="utf-8") as out:
        for nodeid, outcome in _cases.items():
            path, _, case = nodeid.partition("::")
            path = os.path.relpath(
                os.path.join(session.config.rootpath, path), root)
            print(os.environ["ORACLE_SUITE"], "pytest", f"{path}::{case}",
                  outcome, sep="\t", file=out)
