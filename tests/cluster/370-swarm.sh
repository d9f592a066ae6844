#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# A thousand workers join at once, each with a key of its own, and each is given a case that does not end. The coordinator is
# killed: all come back at once to the next one, and nothing they run is ended or given to another. A worker and a client that
# come then are served as if they were alone. The thousand are played by four processes of the benchmark (cluster_bench.c).
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"
swarm=$PADDOCK_BUILD/tests/bench/cluster_bench
[ -x "$swarm" ] || fail "no $swarm"

each=250
ulimit -n "$(ulimit -Hn)"
for i in $(seq 20); do printf 't%s\texit %s\n' "$i" $((i % 3 == 0)); done >"$work/t.list"
locally --sandbox off "$work/t.list"
lab_begin coordinator client w1 h1 h2 h3 h4
serve
token worker.token --uses 1
token client.token --role submit
token swarm.token --uses $((4 * each))
token swarms.token --role submit --uses 4
for host in h1 h2 h3 h4; do
	start "$host" "$host" "$swarm" "$url" hold $each $each 1 "$work/swarm.token" "$work/swarms.token"
done
for host in h1 h2 h3 h4; do wait_for 60 grep -q "held $each" "$work/$host.log"; done
strike serve
serve
for host in h1 h2 h3 h4; do wait_for 60 grep -q "again $each" "$work/$host.log"; done
join w1
submit --sandbox off "$work/t.list"
expect_same
expect_eq $((4 * each + 6)) "$("$paddock" token list --state "$work/serve" | sed '1,/^KEY/d' | wc -l)" "keys"
for host in h1 h2 h3 h4; do expect_eq "held $each again $each" "$(xargs <"$work/$host.log")" "what happened on $host"; done
