#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# A worker on which everything fails, beside two on which everything passes: it is quarantined, says so everywhere, gets no more
# work until somebody undoes it; its cases pass elsewhere, and nothing is red for it.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

export PADDOCK_COORDINATOR=ipc://$work/socket PADDOCK_INSECURE=true
"$paddock" serve --listen "$PADDOCK_COORDINATOR" --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 30 grep -q listening "$work/serve.log"

worker() { # NAME
	"$PADDOCK_BIN/paddock-worker" --coordinator "$PADDOCK_COORDINATOR" --insecure --name "$1" --slots 2 >"$work/$1.log" 2>&1 &
	wait_for 60 is "$1" healthy
}

is() { # NAME STATE
	"$paddock" workers --json "$1" | grep -q "\"state\":\"$2\""
}

# Programs of ten cases, each of which fails where the worker was started with BAD=1.
mkdir "$work/suite"
for program in $(seq 30); do
	for i in $(seq 10); do
		# shellcheck disable=SC2016
		printf 't%s\t! grep -qz ^BAD=1 /proc/$PPID/environ\n' "$i"
	done >"$work/suite/p$program.list"
done
run() {
	expect_exit 0 "$paddock" run --sandbox off --progress none --retries 2 --events "$work/events" "$work/suite"
	expect_eq 300 "$(verdicts "$work/events" | grep -c ' pass$')" "cases that pass"
}

worker good1
worker good2
BAD=1 worker bad
for _ in 1 2 3 4 5; do
	is bad quarantined && break
	run
done
is bad quarantined || { tail -n 20 "$work/serve.log" >&2; fail "a worker on which everything fails is not quarantined"; }
is good1 healthy && is good2 healthy || fail "a worker on which everything passes is out"
expect_in "the worker bad is quarantined" "$work/serve.log"
grep -q '"the worker bad is quarantined' "$work/events" || fail "the run was not told"

# It gets nothing.
run
grep '"worker":"bad"' "$work/events" | grep -q '"event":"case_started"' && fail "a quarantined worker got work"

# Undone, it is trusted again, until it fails again.
expect_exit 0 "$paddock" drain --undo bad
is bad healthy || fail "a worker whose quarantine was undone"
