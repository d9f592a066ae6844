#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run a list of programs side by side and record how each ended.

Reads `name<TAB>command` lines, runs each command with `sh -c` and stdin closed,
and writes `name<TAB>outcome<TAB>file` with what it printed in `file`. Outcomes:
pass (exit 0), skip (exit 77, the automake convention), crash (a signal ended
it), timeout, fail. This is what a shell loop over the commands would find.
"""

import argparse
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys


def run(command, directory, output, seconds):
    with open(output, "wb") as out:
        child = subprocess.Popen(
            ["sh", "-c", command], cwd=directory, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return "timeout"
    if status < 0:
        return "crash"
    return {0: "pass", 77: "skip"}.get(status, "fail")


def read_list(path):
    rows = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, command = line.partition("\t")
            rows.append((name, command or name))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=300, help="seconds")
    parser.add_argument("--cwd", help="default: the folder of the list")
    parser.add_argument("list")
    parser.add_argument("logs", help="folder for what the programs print")
    options = parser.parse_args()

    rows = read_list(options.list)
    logs = pathlib.Path(options.logs)
    logs.mkdir(parents=True, exist_ok=True)
    directory = options.cwd or os.path.dirname(os.path.abspath(options.list))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        jobs = []
        for index, (name, command) in enumerate(rows):
            output = logs / f"{index:05d}.log"
            jobs.append((name, output, pool.submit(
                run, command, directory, output, options.timeout)))
        for name, output, job in jobs:
            print(name, job.result(), output, sep="\t")
    return 0


if __name__ == "__main__":
    sys.exit(main())
