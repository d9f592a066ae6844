#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A public workload, Develocity's (gradle.com; 48 s there): 1,000 tests of 0.5 to 1.5 s, uniformly, on 25 agents. Here five workers
# of five slots each, keys and TCP, real processes; then the time until the shard of a worker that is killed runs elsewhere, when
# the worker is started again as a service manager does it, and when it is not.
# Usage: agents.sh [-n TESTS] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 1000 3 "$@"
port=$(python3 "$(dirname "$0")/../kit/ports.py")
export PADDOCK_COORDINATOR=tcp://127.0.0.1:$port
programs=()
trap '{ kill -KILL "${programs[@]}" || :; wait; } 2>/dev/null; rm -rf "$work"' EXIT

until_there() { # FILE PATTERN
	until grep -qs "$2" "$1"; do
		kill -0 "${programs[-1]}" 2>/dev/null || { cat "$1" >&2; exit 1; }
		read -r -t 0.02 <> <(:) || :
	done
}
serve() {
	"$paddock" serve --listen "$PADDOCK_COORDINATOR" --state "$work/serve" >>"$work/serve.log" 2>&1 &
	programs+=($!)
	until_there "$work/serve.log" listening
}
worker() { # NAME SLOTS OPTION...
	XDG_STATE_HOME=$work/$1 "${paddock}-worker" --coordinator "$PADDOCK_COORDINATOR" --name "$1" --slots "$2" \
		--token "$work/worker.token" "${@:3}" >"$work/$1.log" 2>&1 &
	worker=$!
	programs+=("$worker")
	until_there "$work/$1.log" joined
}
run() { # OPTION...
	"$paddock" run --token "$work/client.token" --ship never --progress none "$@" >"$work/run.out" 2>&1 || {
		cat "$work/run.out" >&2
		exit 1
	}
}
now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

python3 - "$count" "$work/t.list" "$work/long.list" <<'PY'
import random, sys
dice = random.Random(4)  # 25 s of work per slot
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for i in range(int(sys.argv[1])):
        out.write(f"t{i}\tsleep {dice.uniform(0.5, 1.5):.3f}\n")
with open(sys.argv[3], "w", encoding="utf-8") as out:
    for i in range(4):
        out.write(f"t{i}\tsleep 30\n")
PY
serve
"$paddock" token create --state "$work/serve" --uses 9 2>"$work/token.log" >"$work/worker.token"
"$paddock" token create --state "$work/serve" --role operate 2>"$work/token.log" >"$work/client.token"
for i in 1 2 3 4 5; do worker "w$i" 5; done
for sandbox in off default; do
	for ((i = 0; i <= rounds; i++)); do # the first gives the history
		run --sandbox "$sandbox" --events "$work/events" "$work/t.list"
		grep '"event":"run_finished"' "$work/events" | grep -o '"makespan_us":[0-9]*' | tr -cd '0-9\n'
	done >"$work/$sandbox"
done

# A worker's death: its case starts again at the other one of its pool.
"$paddock" token create --state "$work/serve" --uses 9 --pool pool=deadly 2>"$work/token.log" >"$work/worker.token"
worker other 4 --tag pool=deadly
death() { # AGAIN: is it started again
	: >"$work/events"
	worker victim 1 --tag pool=deadly
	"$paddock" run --sandbox off --ship never --require pool=deadly --isolate --progress none --events "$work/events" \
		"$work/long.list" >"$work/run.out" 2>&1 &
	local run=$! begin
	programs+=("$run")
	until grep -s '"event":"case_started"' "$work/events" | grep -q '"worker":"victim"'; do read -r -t 0.02 <> <(:) || :; done
	kill -KILL "$worker"
	disown "$worker" 2>/dev/null || :
	begin=$(now_ms)
	[ -z "$1" ] || worker victim 1 --tag pool=deadly
	until [ "$(grep -c '"event":"case_started"' "$work/events")" -gt 4 ]; do read -r -t 0.02 <> <(:) || :; done
	echo $(($(now_ms) - begin))
	"$paddock" cancel all >/dev/null
	wait "$run" || :
	[ -z "$1" ] || kill -TERM "$worker"
	until ! "$paddock" workers --json victim | grep -q victim; do read -r -t 0.05 <> <(:) || :; done
}
for ((i = 0; i < rounds; i++)); do death again; done >"$work/again"
for ((i = 0; i < rounds; i++)); do death ''; done >"$work/silent"

python3 - "$work" "$json" <<'PY'
import json, statistics, sys
work = sys.argv[1]
def read(name): return [int(line) for line in open(f"{work}/{name}", encoding="utf-8")]
figures = {"cold_s": read("off")[0] / 1e6, "history_s": statistics.median(read("off")[1:]) / 1e6,
           "sandboxed_s": statistics.median(read("default")[1:]) / 1e6,
           "again_ms": statistics.median(read("again")), "silent_ms": statistics.median(read("silent"))}
json.dump(figures, open(sys.argv[2], "w", encoding="utf-8"))
missed = False
print(f"{'1,000 tests on 25 slots, no history, s':52} {figures['cold_s']:10.2f}   no bar: nobody knows which to begin early")
for name, text, bar in (("history_s", "... with history, s", 41),
                        ("sandboxed_s", "... sandboxed, s", 41), ("again_ms", "killed and started again: its shard elsewhere, ms", 2000),
                        ("silent_ms", "killed for good: its shard elsewhere, ms", 2000)):
    missed |= figures[name] > bar
    print(f"{text:52} {figures[name]:10.2f}   bar {bar}: {'met' if figures[name] <= bar else 'missed'}")
sys.exit(missed)
PY
