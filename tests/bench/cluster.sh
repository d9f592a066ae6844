#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a coordinator can do, durably (driver: cluster_bench.c, workers that only speak the protocol): verdicts merged per second,
# the time from the report that frees a slot to the next order, and the restart with 100,000 queued and 5,000 running cases.
# The first two also with a store in PostgreSQL, when it is installed.
# Usage: cluster.sh [-n CASES] [-r ROUNDS]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 100000 5 "$@"

driver=$(realpath -e "${paddock%/*}/../tests/bench/cluster_bench")
url=ipc://$work/socket
coordinator='' holder=''
trap 'kill -KILL $coordinator $holder 2>/dev/null || true; rm -rf "$work"' EXIT
serve() {
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >>"$work/serve.log" 2>&1 &
	coordinator=$!
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
missed=0
bar() { # NAME FIGURE UNIT at-least|at-most BAR
	local met=met
	if [ "$4" = at-least ]; then [ "$2" -ge "$5" ] || met=missed; else [ "$2" -le "$5" ] || met=missed; fi
	[ $met = met ] || missed=1
	printf '%-44s %10s %-3s  bar %s: %s\n' "$1" "$2" "$3" "$5" "$met"
}

# Verdicts, and how long a slot is idle, against these bars.
measure() { # STORE P50 P99
	for ((i = 0; i < rounds; i++)); do "$driver" "$url" rate "$count" 8 8; done >"$work/rate"
	for ((i = 0; i < rounds; i++)); do "$driver" "$url" idle 2000; done >"$work/idle"
	bar "$1: durable verdicts merged per second" "$(median <"$work/rate")" /s at-least 10000
	bar "$1: slot idle between shards, p50" "$(cut -d' ' -f1 "$work/idle" | median)" us at-most "$2"
	bar "$1: slot idle between shards, p99" "$(cut -d' ' -f2 "$work/idle" | median)" us at-most "$3"
}

serve
measure SQLite 1000 10000

"$driver" "$url" hold $((count + 5000)) 50 100 >"$work/hold" &
holder=$!
until grep -q held "$work/hold"; do sleep 0.05; done
for ((i = 0; i < rounds; i++)); do
	kill -KILL "$coordinator"
	wait "$coordinator" 2>/dev/null || true
	lines=$(grep -c listening "$work/serve.log")
	begin=${EPOCHREALTIME/./}
	serve
	until [ "$(grep -c listening "$work/serve.log")" -gt "$lines" ]; do sleep 0.005; done
	echo $(((${EPOCHREALTIME/./} - begin) / 1000))
	until [ "$(grep -c again "$work/hold")" -gt "$i" ]; do sleep 0.02; done # all workers are back
done >"$work/restart"
bar "restart with $count queued, 5,000 running" "$(median <"$work/restart")" ms at-most 3000
if server=$(bash "${0%/*}/../kit/postgres.sh" start $$); then
	kill -KILL "$coordinator" "$holder"
	wait "$coordinator" "$holder" 2>/dev/null || true
	PADDOCK_STORE=$(bash "${0%/*}/../kit/postgres.sh" url "$server")
	export PADDOCK_STORE
	url=ipc://$work/postgres
	serve
	measure PostgreSQL 5000 100000
fi
grep -q cancelled "$work/hold" && { echo "attempts that were known were cancelled"; missed=1; }
exit $missed
