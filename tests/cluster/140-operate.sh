#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Operating a cluster: who is there, what runs and why it does not go faster, drain, undo, cancel, requirements that nobody
# meets; as text and as JSON. Nothing that was drained loses or doubles a verdict.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

export PADDOCK_COORDINATOR=ipc://$work/socket PADDOCK_INSECURE=true
"$paddock" serve --listen "$PADDOCK_COORDINATOR" --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 30 grep -q listening "$work/serve.log"

start_worker() { # NAME OPTION...
	"$PADDOCK_BIN/paddock-worker" --coordinator "$PADDOCK_COORDINATOR" --insecure --name "$1" "${@:2}" >"$work/$1.log" 2>&1 &
	eval "$1=$!"
	wait_for 60 joined "$1"
}

joined() { # NAME
	"$paddock" workers --json "$1" | grep -q '"worker"'
}

field() { # NAME: of each line of JSON on standard input
	python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)[sys.argv[1]])' "$1"
}

run() { # NAME OPTION...: in the background, its number in $run
	"$paddock" run --sandbox off --progress none --events "$work/$1.events" "${@:2}" >"$work/$1.out" 2>&1 &
	run=$!
}

# Nobody is there.
expect_exit 0 "$paddock" workers
expect_exit 2 "$paddock" drain 'w*'
expect_in "no worker of this coordinator matches" "$work/err"
expect_exit 2 "$paddock" cancel nothing
expect_exit 0 "$paddock" cancel all
expect_exit 2 "$paddock" explain
expect_exit 2 env -u PADDOCK_COORDINATOR "$paddock" workers
expect_in "which coordinator" "$work/err"

start_worker w1 --slots 2 --tag arch=x86 --tag disk=fast
start_worker w2 --slots 2 --tag arch=x86
expect_exit 0 "$paddock" workers
expect_in "arch=x86,disk=fast" "$work/out"
expect_eq "w1 w2" "$("$paddock" workers --json | field worker | tr '\n' ' ' | sed 's/ $//')" "workers"
expect_eq w1 "$("$paddock" workers --json 'disk=*' | field worker)" "workers by tag"
expect_eq w2 "$("$paddock" workers --json 'w[2-9]' | field worker)" "workers by name"
expect_eq "$(uname -n)" "$("$paddock" workers --json w1 | field host)" "host of a worker"

# Cancelled: what runs is killed, the worker stays, its client gets a report.
printf 'long\techo $$ >%s/pid; exec sleep 600\nnext\ttrue\n' "$work" >"$work/long.list"
run cancelled --require disk=fast "$work/long.list"
wait_for 20 test -s "$work/pid"
expect_exit 0 "$paddock" runs --json
expect_eq running "$(field state <"$work/out")" "state of the run"
name=$(field run <"$work/out")
expect_exit 0 "$paddock" explain
expect_in "on w1 for" "$work/out"
expect_exit 0 "$paddock" cancel "${name%?}"
wait "$run"
expect_eq 111 $? "exit code of a run that was cancelled"
wait_for 20 sh -c "! kill -0 $(cat "$work/pid")"
expect_in "cancelled by an operator" "$work/cancelled.events"
expect_in '"outcome":"notrun"' "$work/cancelled.events"
expect_eq healthy "$("$paddock" workers --json w1 | field state)" "worker of a run that was cancelled"
expect_exit 2 "$paddock" explain "$name"
expect_in "no run in progress" "$work/err"

# Required and offered by nobody: told, explained, and in the end an error; the rest of the run is not held up.
printf 'a\ttrue\n' >"$work/a.list"
cat >"$work/paddock.yaml" <<EOF
suites:
  here: { path: a.list }
  gpu: { path: a.list, kind: list, requires: [gpu=a100] }
EOF
cd "$work" || exit 1
run unserved --wait 8s here gpu
wait_for 20 grep -q '"case":"a"' "$work/unserved.events"
expect_exit 0 "$paddock" explain --json
expect_in '"kind":"no_worker"' "$work/out"
expect_in "gpu=a100" "$work/out"
wait "$run"
expect_eq 111 $? "exit code of a run that nobody serves"
expect_in "no worker with the tag gpu=a100 is connected; what needs one waits" "$work/unserved.events"
expect_in "none came in time" "$work/unserved.events"
run served --wait 60s gpu
wait_for 20 sh -c "'$paddock' runs --json | grep -q waiting"
start_worker w3 --slots 1 --tag gpu=a100
wait "$run"
expect_eq 0 $? "exit code of a run whose worker came late"

# Drained with a deadline: what still runs is cancelled, runs elsewhere, and the worker is gone.
for i in $(seq 6); do printf 't%s\techo x >>%s/t%s; until test -e %s/go; do read -r -t 0.05 <> <(:); done\n' "$i" "$work" "$i" "$work"; done |
	sed 's/read -r.*done/sleep 0.05; done/' >"$work/t.list"
run drained --require arch=x86 "$work/t.list"
wait_for 20 sh -c "test \$(ls '$work'/t[0-9] | wc -l) = 4"
expect_exit 0 "$paddock" drain --json --deadline 100ms disk=fast
expect_eq w1 "$(field worker <"$work/out")" "workers drained"
expect_eq draining "$(field state <"$work/out")" "their state"
# shellcheck disable=SC2154 # set by start_worker
wait "$w1"
expect_eq 0 $? "exit code of a drained worker"
expect_in "draining: reason=as ordered" "$work/w1.log"

# Drained and taken back: it goes on.
expect_exit 0 "$paddock" drain w2
expect_exit 0 "$paddock" explain
expect_in "1 worker gets no work: w2 drains" "$work/out"
expect_exit 0 "$paddock" drain --undo --json 'w*'
expect_eq healthy "$(head -n 1 "$work/out" | field state)" "state of a worker that was taken back"
touch "$work/go"
wait "$run"
expect_eq 0 $? "exit code of a run whose worker was drained"
expect_eq 6 "$(verdicts "$work/drained.events" | grep -c ' pass$')" "passes"
expect_eq 6 "$(verdicts "$work/drained.events" | wc -l)" "verdicts"

# Told to end: the first signal drains, its timeout or a second signal kills, and others take over.
start_worker w4 --slots 1 --tag spot=1 --drain-timeout 100ms
start_worker w5 --slots 1 --tag spot=2
for n in 4 5; do
	rm -f "$work/pid"
	printf 'once\ttest -e %s/again%s && exit 0; touch %s/again%s; echo $$ >%s/pid; exec sleep 600\n' \
		"$work" "$n" "$work" "$n" "$work" >"$work/once.list"
	run "told$n" --require "spot=$((n - 3))" "$work/once.list"
	wait_for 20 test -s "$work/pid"
	worker=w$n
	kill -TERM "${!worker}"
	wait_for 20 grep -q draining "$work/$worker.log"
	[ "$n" = 4 ] || kill -TERM "${!worker}"
	wait "${!worker}"
	expect_eq 0 $? "exit code of a worker told to end"
	wait_for 20 sh -c "! kill -0 $(cat "$work/pid")"
	start_worker "w$n" --slots 1 --tag "spot=$((n - 3))"
	wait "$run"
	expect_eq 0 $? "exit code of a run whose worker was told to end"
done
