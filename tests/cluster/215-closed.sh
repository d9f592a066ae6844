#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# A worker that dies and is not started again, with leases of an hour: its connection was closed, so what it ran begins elsewhere at
# once. Not while another one is frozen, which might be the one; then as soon as that one is thawed, whose own case goes on.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

needs python3
url=tcp://127.0.0.1:$(python3 "$PADDOCK_SOURCE/tests/kit/ports.py")
"$paddock" serve --listen "$url" --insecure --lease 1h --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
declare -A pids=()
worker() { # NAME SLOTS
	XDG_STATE_HOME=$work/$1 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --name "$1" --slots "$2" >"$work/$1.log" 2>&1 &
	pids[$1]=$!
	wait_for 20 grep -q joined "$work/$1.log"
}
begun() { # AT-LEAST WORKER: how often cases began there
	[ "$(grep '"event":"case_started"' "$work/events" | grep -c "\"worker\":\"$2\"")" -ge "$1" ]
}
given_up() { # WORKER
	grep '"event":"worker_left"' "$work/events" | grep "\"worker\":\"$1\"" | grep -q "its connection was closed"
}

# Three workers with a case each, and room at the one that stays.
worker stays 4
worker dies 1
worker freezes 1
for i in 1 2 3; do printf 'case %s\tuntil [ -e %s/end ]; do sleep 0.1; done\n' "$i" "$work"; done >"$work/t.list"
"$paddock" run --coordinator "$url" --insecure --sandbox off --isolate --progress none --events "$work/events" "$work/t.list" \
	>"$work/out" 2>&1 &
run=$!
for each in stays dies freezes; do wait_for 20 begun 1 "$each"; done
kill -STOP "${pids[freezes]}"
kill -KILL "${pids[dies]}"
# A newcomer, so that everybody was asked and answered since.
worker late 1
! given_up dies || fail "given up while another one might be the dead one"
kill -CONT "${pids[freezes]}"
wait_for 20 given_up dies
wait_for 20 eval '[ "$(grep -c "\"event\":\"case_started\"" "$work/events")" -ge 4 ]'
! given_up freezes || fail "one that was frozen is given up"
touch "$work/end"
wait "$run"
expect_eq 0 $? "exit code"
expect_eq 3 "$(verdicts "$work/events" | grep -c ' pass$')" "cases that pass"
expect_eq 4 "$(grep -c '"event":"case_started"' "$work/events")" "times that a case began"
