#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs commands in turn, round after round, and compares what they cost.

Standard input names one measurement per line, three fields apart by tabs:
    NAME    PER    COMMAND
COMMAND is run by sh; its wall and processor time are divided by PER (tests, or microseconds of a lower bound). Lines of one name
add up to one row. A line whose name starts with '-' is preparation: run, not measured. A command that fails ends it all.

Processor time is that of everything the command started, ended or not, waited for or not: the command runs in a control group of
its own where there is one to make (v1 cpuacct, v2), else it is what was waited for, and the output says so.
Ratios are taken within a round and their median is shown: on a shared machine rounds differ more than commands do.
"""
import argparse, glob, json, os, pathlib, platform, resource, shutil, statistics, subprocess, sys, tempfile, time

GROUP = f"paddock-bench-{os.getpid()}"


class Meter:
    """Processor time of a command and all its descendants."""

    def __init__(self):
        self.group, self.how = None, "waited-for children"
        for top, usage in (("/sys/fs/cgroup/cpuacct", self.v1), ("/sys/fs/cgroup", self.v2)):
            path = pathlib.Path(top, GROUP)
            try:
                path.mkdir()
                usage(path)
            except OSError:
                if path.is_dir():
                    path.rmdir()
                continue
            self.group, self.usage, self.how = path, usage, f"control group below {top}"
            return

    @staticmethod
    def v1(path):
        return int((path / "cpuacct.usage").read_text()) // 1000

    @staticmethod
    def v2(path):
        return int((path / "cpu.stat").read_text().split()[1])

    def now_us(self):
        if self.group:
            return self.usage(self.group)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return int((usage.ru_utime + usage.ru_stime) * 1e6)

    def enter(self):
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def settle(self):
        """Waits for what the command left behind, so that it is counted with it."""
        for _ in range(100):
            if not self.group or not (self.group / "cgroup.procs").read_text():
                return
            time.sleep(0.02)

    def close(self):
        for _ in range(100):
            if not self.group:
                return
            try:
                for path in sorted(glob.glob(f"{self.group}/**/", recursive=True), reverse=True):
                    os.rmdir(path)
                return
            except OSError:
                time.sleep(0.05)


def run(meter, name, command, log):
    begin_cpu, begin = meter.now_us(), time.monotonic()
    done = subprocess.run(["sh", "-c", command], preexec_fn=meter.enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wall = (time.monotonic() - begin) * 1e6
    meter.settle()
    if done.returncode:
        log.seek(max(0, log.tell() - 2000))
        sys.exit(f"{log.read().decode(errors='replace')}\n{name}: exit code {done.returncode} of: {command[:300]}")
    return wall, meter.now_us() - begin_cpu


def p90(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.9))]


def facts():
    def first_line(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
        except OSError:
            return ""

    source = os.environ.get("PADDOCK_SOURCE") or str(pathlib.Path(__file__).resolve().parents[3])
    model = [l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": first_line("git", "-C", source, "rev-parse", "--short=12", "HEAD"),
        "kernel": platform.release(),
        "processors": len(os.sched_getaffinity(0)),
        "model": model[0] if model else platform.machine(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "load": list(os.getloadavg()),
        "peers": {p: first_line(p, "--version") for p in ("ctest", "prove", "xargs", "bwrap") if shutil.which(p)},
    }


def read_lines():
    lines = [line.rstrip("\n").split("\t", 2) for line in sys.stdin if line.strip()]
    if not lines or any(len(line) != 3 for line in lines):
        sys.exit("rounds.py: standard input wants lines of NAME, PER, COMMAND")
    return [(name, float(per), command) for name, per, command in lines]


def measure(rounds, lines):
    """Rows by name: a list of (wall, cpu), each divided, in the order of the rounds."""
    rows = {}
    meter = Meter()
    try:
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
            for name, per, command in lines:
                with tempfile.TemporaryFile() as log:
                    wall, cpu = run(meter, name, command, log)
                if not name.startswith("-"):
                    rows.setdefault(name, []).append((wall / per, cpu / per))
    finally:
        meter.close()
    return rows, meter.how


def ratio(rows, name, base, metric):
    pairs = [(a[metric], b[metric]) for a, b in zip(rows[name], rows[base])]
    return statistics.median(a / b for a, b in pairs if b)


METRICS = ("wall", "cpu")


def judge(rows, bars):
    """Each bar is NAME:METRIC:LIMIT or NAME:METRIC:LIMIT:BASE; without a base the figure itself is held against it."""
    verdicts = []
    for bar in bars:
        name, metric, limit, *base = bar.split(":")
        at = METRICS.index(metric)
        figure = ratio(rows, name, base[0], at) if base else statistics.median(v[at] for v in rows[name])
        met = figure <= float(limit)
        what = f"{name} {metric} / {base[0]}'s" if base else f"{name} {metric}"
        print(f"bar: {what} = {figure:.3f}, at most {limit}: {'met' if met else 'NOT MET'}")
        verdicts.append({"bar": bar, "figure": figure, "met": met})
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--title", required=True)
    parser.add_argument("--base", required=True, help="row the ratios are of")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--digits", type=int, default=0)
    parser.add_argument("--bar", action="append", default=[])
    parser.add_argument("--json", default=os.devnull)
    options = parser.parse_args()
    rows, how = measure(options.rounds, read_lines())
    print(f"{options.title}; processor time of the {how}\n{'':24} {'wall':>10} {'p90':>10} {'ratio':>6} {'cpu':>10} {'p90':>10} {'ratio':>6}")
    table = {}
    for name, values in rows.items():
        cells, entry = [], {}
        for at, metric in enumerate(METRICS):
            column = [value[at] for value in values]
            entry[metric] = {"median": statistics.median(column), "p90": p90(column), "all": column,
                             "ratio": ratio(rows, name, options.base, at)}
            cells += [f"{entry[metric][k]:10.{options.digits}f}" for k in ("median", "p90")] + [f"{entry[metric]['ratio']:6.2f}"]
        table[name] = entry
        print(f"{name:24} {' '.join(cells)}")
    verdicts = judge(rows, options.bar)
    with open(options.json, "w", encoding="utf-8") as out:
        json.dump({"title": options.title, "base": options.base, "rounds": options.rounds, "processor_time": how,
                   "host": facts(), "rows": table, "bars": verdicts}, out, indent=1)
    return 0 if all(v["met"] for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
