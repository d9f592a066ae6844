#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# plan_predicts.sh - a forecast of `paddock plan` held against the runs that follow: the simulator drives the very core
# that serves, so what it says of two and of four slots must come true. The cases sleep: they do not slow each other down
# on a machine with few processors. The limit is 25%, since what is compared are wall times on machines that do other
# things besides; the better of two runs counts, and on an idle machine the two differ by less than 5%.
# ctest: timeout=120
# ctest: serial
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
needs python3

suite=$work/naps.list
for i in $(seq 24); do
	printf 'nap%02d\tsleep 0.%02d\n' "$i" $((5 + i * 37 % 36)) >>"$suite"
done

makespan() { # JOBS
	expect_exit 0 "$paddock" run --jobs "$1" --sandbox off --kind list --events "$work/events" "$suite"
	python3 - "$work/events" <<-'PY'
	import json, sys
	for line in open(sys.argv[1]):
	    event = json.loads(line)
	    if event["event"] == "run_finished":
	        print(event["makespan_us"])
	PY
}

forecast() { # JOBS
	expect_exit 0 "$paddock" plan --json --workers 1 --slots "$1" "$suite"
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pools"][0]["makespan_us"])' "$work/out"
}

expect_exit 4 "$paddock" plan "$suite"	# nothing to stand on yet
expect_in "run" "$work/err"

makespan 4 >/dev/null && makespan 4 >/dev/null || fail "the runs to learn from"
for jobs in 2 4; do
	predicted=$(forecast "$jobs") first=$(makespan "$jobs") second=$(makespan "$jobs")
	actual=$((first < second ? first : second))
	echo "$jobs slots: forecast $((predicted / 1000)) ms, ran in $((first / 1000)) and $((second / 1000)) ms"
	[ "$((predicted * 100))" -le "$((actual * 125))" ] && [ "$((actual * 100))" -le "$((predicted * 125))" ] ||
		fail "$jobs slots: forecast $predicted us, but it took $actual us"
done

# The table names the pool that is enough, and bad sizes are refused.
expect_exit 0 "$paddock" plan --workers 1,2,4 --slots 1 "$suite"
expect_in "<- enough" "$work/out"
expect_exit 2 "$paddock" plan --workers 0..3 "$suite"
expect_exit 2 "$paddock" plan --workers many "$suite"
expect_in "1..8" "$work/err"
