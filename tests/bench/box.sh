#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a sandbox costs: N starts of /bin/true through a keeper, against bwrap with all namespaces under xargs, in turn in
# the same run. Prints medians over the rounds and the ratio to bwrap; with --json FILE also the raw figures.
# Usage: box.sh [-n STARTS] [-r ROUNDS] [-s SLOTS] [--json FILE]        PADDOCK_BIN and PADDOCK_BUILD as in the tests
set -eu
starts=300 rounds=5 slots=2 json=/dev/null
while [ $# -gt 0 ]; do
	case $1 in
	-n) starts=$2 ;;
	-r) rounds=$2 ;;
	-s) slots=$2 ;;
	--json) json=$2 ;;
	*) echo "box.sh: unknown option $1" >&2; exit 2 ;;
	esac
	shift 2
done
build=${PADDOCK_BUILD:-build}
export PADDOCK_BIN=${PADDOCK_BIN:-$build/bin}
driver=${PADDOCK_BOX_BENCH:-$build/tests/bench/box_bench}
command -v bwrap >/dev/null || { echo "box.sh: needs bwrap (package bubblewrap)" >&2; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# measure NAME COMMAND...: wall and processor time per start, in microseconds. Processor time is the group's where there is one,
# because launchers do not wait for all they start; else what the shell waited for.
measure()
{
	local name=$1 group=/sys/fs/cgroup/cpuacct/box-bench-$$ begin end cpu
	shift
	mkdir "$group" 2>/dev/null || group=
	begin=$(date +%s%N)
	(
		if [ -n "$group" ]; then echo "$BASHPID" >"$group/cgroup.procs"; fi
		exec "$@" >"$work/out" 2>"$work/err"
	) || { cat "$work/err" >&2; exit 1; }
	end=$(date +%s%N)
	cpu=0
	if [ -n "$group" ]; then
		cpu=$(($(cat "$group/cpuacct.usage") / starts / 1000))
		for _ in $(seq 100); do rmdir "$group" 2>/dev/null && break; sleep 0.05; done
	fi
	echo "$name $(((end - begin) / starts / 1000)) $cpu" >>"$work/figures"
}

bwrap_all="bwrap --unshare-all --unshare-user --ro-bind / / --tmpfs /tmp --proc /proc --dev /dev /bin/true"
for _ in $(seq "$rounds"); do
	measure default "$driver" -n "$starts" -s "$slots" -- /bin/true
	measure limited "$driver" -n "$starts" -s "$slots" -m 256 -- /bin/true
	measure off "$driver" -n "$starts" -s "$slots" -l off -- /bin/true
	measure bwrap sh -c "seq $starts | xargs -P$slots -I{} $bwrap_all"
	measure xargs sh -c "seq $starts | xargs -P$slots -I{} /bin/true"
done
python3 - "$work/figures" "$starts" "$rounds" "$slots" "$json" <<'PY'
import json, os, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, wall, cpu = line.split()
    rows.setdefault(name, []).append((int(wall), int(cpu)))
medians = {n: [statistics.median(v[i] for v in r) for i in (0, 1)] for n, r in rows.items()}
print(f"{sys.argv[2]} starts of /bin/true, {sys.argv[3]} rounds, {sys.argv[4]} at once; microseconds per start, ratio to bwrap")
for name, (wall, cpu) in medians.items():
    base = medians["bwrap"]
    ratio = f"{cpu / base[1]:6.2f}" if base[1] else "     -"
    print(f"{name:10} wall {wall:8.0f} {wall / base[0]:6.2f}   cpu {cpu:8.0f} {ratio}")
json.dump({"starts": int(sys.argv[2]), "slots": int(sys.argv[4]), "kernel": os.uname().release, "raw": rows}, open(sys.argv[5], "w"))
PY
