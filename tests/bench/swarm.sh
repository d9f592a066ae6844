#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What thousands of workers cost a coordinator: joining all at once, idling, a run that takes every slot, and its cancellation.
# The workers are played by one process (cluster_swarm.c), which shares this machine's processors with the coordinator.
# Usage: swarm.sh [-n WORKERS] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 5000 3 "$@"
driver=${paddock%/bin/paddock}/tests/bench/cluster_swarm
[ -x "$driver" ] || { echo "swarm.sh: no $driver: build the tests, too" >&2; exit 1; }
coordinator=
trap '[ -z "$coordinator" ] || kill "$coordinator" 2>/dev/null || :; rm -rf "$work"' EXIT
ulimit -n "$(ulimit -Hn)"
export PADDOCK_INSECURE=true

say() { # COMMAND...: to the driver; its answer
	echo "$*" >&"${SWARM[1]}"
	read -r answer <&"${SWARM[0]}" || { cat "$work/swarm.err" >&2; exit 1; }
	echo "$answer" >>"$work/answers"
}

round() { # WORKERS
	local port run swarm slots
	port=$(python3 "$(dirname "$0")/../kit/ports.py")
	export PADDOCK_COORDINATOR=tcp://127.0.0.1:$port
	rm -rf "$work/state" "$work/serve.log"
	"$paddock" serve --listen "$PADDOCK_COORDINATOR" --state "$work/state" >"$work/serve.log" 2>&1 &
	coordinator=$!
	until grep -qs listening "$work/serve.log"; do read -r -t 0.05 <> <(:) || :; done
	coproc SWARM { "$driver" "$PADDOCK_COORDINATOR" "$1" "$coordinator" 2>"$work/swarm.err"; }
	swarm=$SWARM_PID
	say join
	say idle 5
	printf 'case\ttrue\n' >"$work/t.list"
	"$paddock" run --isolate --sandbox off --progress none "$work/t.list" >"$work/run.out" 2>&1 &
	run=$!
	slots=$(($1 < 4096 ? $1 : 4096))
	say busy "$slots"
	"$paddock" cancel all >/dev/null
	say cancelled "$slots"
	wait "$run" || [ $? = 111 ]
	kill "$coordinator"
	wait "$coordinator" || :
	coordinator=
	wait "$swarm" 2>/dev/null || : # it ends when the coordinator hangs up
}

for ((i = 0; i < rounds; i++)); do
	round 1000
	round "$count"
done
python3 - "$work/answers" "$count" "$json" <<'EOF'
import json, statistics, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
rounds = [{k: v for row in rows[i:i + 4] for k, v in row.items() if k != "cpu_ms"} | {"join_cpu": rows[i]["cpu_ms"], "idle_cpu": rows[i + 1]["cpu_ms"]}
          for i in range(0, len(rows), 4)]
json.dump(rounds, open(sys.argv[3], "w", encoding="utf-8"))
failed = False
for n in sorted({1000, int(sys.argv[2])}):
    of = [r for r in rounds if r["joined"] == n]
    median = lambda pick: statistics.median(map(pick, of))
    beyond = median(lambda r: (r["rss_joined_kib"] - r["rss_before_kib"]) / 1024)
    cancel = median(lambda r: r["first_to_last_ms"])
    print(f"{n} workers: connected in {median(lambda r: r['connect_s']):.2f} s, joined {median(lambda r: r['welcome_s']):.2f} s later "
          f"with {median(lambda r: r['join_cpu']):.0f} ms of processor time;")
    print(f"  base {median(lambda r: r['rss_before_kib']) / 1024:.1f} MiB, beyond it {beyond:.1f} MiB, of which the library's connections "
          f"{median(lambda r: (r['rss_connected_kib'] - r['rss_before_kib']) / 1024):.1f} MiB; idle {median(lambda r: r['idle_cpu']) / 50:.1f} % of a processor;")
    print(f"  cancel-all reached the last of {of[0]['cancelled']} busy ones {cancel:.0f} ms after the first")
    failed |= beyond > 64 or (n == 1000 and cancel > 100)
print("bars: 64 MiB beyond the base, 100 ms for 1,000:", "MISSED" if failed else "met")
sys.exit(failed)
EOF
