#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How close to the lower bound a run ends: 200 lognormal sleeps (sigma 1.2, 78 s in all, the longest about 4.2 s, three seeds) at 8
# and 16 slots, first without history, then with the one run's, against ctest, prove and xargs. The clock runs from the start of the
# command to its end: start-up, listing and reports count. Each round is all three seeds.
# Usage: makespan.sh [-n SLEEPS] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 200 2 "$@"
bench_needs ctest prove xargs

# Sleeps of each seed and their bounds: max(sum / m, longest, m-th + m+1-th longest).
python3 - "$work" "$count" <<'PY'
import math, os, random, sys
work, count = sys.argv[1], int(sys.argv[2])
for seed in (1, 2, 3):
    draw = random.Random(seed)
    for _ in range(10000):
        sleeps = [math.exp(draw.gauss(0, 1.2)) for _ in range(count)]
        sleeps = [s * 0.39 * count / sum(sleeps) for s in sleeps]
        if abs(max(sleeps) - 4.2) < 0.1:
            break
    else:
        sys.exit("no draw has a longest sleep of about 4.2 s: choose more than 100 sleeps")
    sleeps = [round(s, 4) for s in sleeps]
    os.makedirs(f"{work}/{seed}/prove")
    with open(f"{work}/{seed}/sleep.list", "w") as lst, open(f"{work}/{seed}/CTestTestfile.cmake", "w") as ctest:
        for i, s in enumerate(sleeps):
            lst.write(f"t{i}\tsleep {s}\n")
            ctest.write(f"add_test(t{i} /bin/sleep {s})\n")
            with open(f"{work}/{seed}/prove/{i}.t", "w") as tap:
                tap.write(f"echo 1..1\nsleep {s}\necho ok 1\n")
    with open(f"{work}/{seed}/seconds", "w") as out:
        out.writelines(f"{s}\n" for s in sleeps)
    down = sorted(sleeps, reverse=True)
    for slots in (8, 16):
        bound = max(sum(down) / slots, down[0], down[slots - 1] + down[slots])
        with open(f"{work}/{seed}/bound.{slots}", "w") as out:
            out.write(f"{bound * 1e6:.0f}")
PY

lines() {
	local seed slots dir per
	for slots in 8 16; do
		for seed in 1 2 3; do
			dir=$work/$seed
			per=$(cat "$dir/bound.$slots")
			cat <<-LINES
				-	1	rm -rf $dir/history* $dir/Testing $dir/.prove
				off-$slots-cold	$per	\$paddock run -j$slots --sandbox off --progress none --history $dir/history $dir/sleep.list
				off-$slots	$per	\$paddock run -j$slots --sandbox off --progress none --history $dir/history $dir/sleep.list
				default-$slots	$per	\$paddock run -j$slots --progress none --history $dir/history $dir/sleep.list
				ctest-$slots-cold	$per	ctest --test-dir $dir -j$slots -Q
				ctest-$slots	$per	ctest --test-dir $dir -j$slots -Q
				prove-$slots-cold	$per	cd $dir && prove -Q -j$slots --state=save --exec /bin/sh prove
				prove-$slots	$per	cd $dir && prove -Q -j$slots --state=slow,save --exec /bin/sh prove
				xargs-$slots-cold	$per	xargs -P$slots -n1 -a $dir/seconds sleep
			LINES
		done
	done
}
lines | bench_rounds --digits 3 --base ctest-8 --bar off-8:wall:1.05 --bar off-16:wall:1.05 --bar default-8:wall:1.05 \
	--bar default-16:wall:1.05 --title "$count lognormal sleeps, 3 seeds; makespan (wall) and processor time over the lower bound"
