#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# ctest: serial
# Workers are killed and started again, one is frozen past its lease and thawed, while 600 cases run: the verdicts are those of
# an undisturbed run. A worker that is started again is known by the session it had, so its cases run elsewhere at once.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

seed=${PADDOCK_SEED:-$RANDOM}
echo "PADDOCK_SEED=$seed"
RANDOM=$seed
url=ipc://$work/socket
for i in $(seq 600); do printf 't%s\techo t%s >>%s/begun; sleep 0.0%s; exit %s\n' "$i" "$i" "$work" $((i % 9)) $((i % 13 == 0)); done >"$work/t.list"
for i in $(seq 600); do echo "t$i $([ $((i % 13)) = 0 ] && echo fail || echo pass)"; done | sort >"$work/want"
declare -A pids

worker() { # NAME
	"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name "$1" >>"$work/$1.log" 2>&1 &
	pids[$1]=$!
}

begun() { # AT LEAST
	[ "$(wc -l <"$work/begun")" -ge "$1" ]
}

"$paddock" serve --listen "$url" --insecure --state "$work/serve" -v >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
for name in a b c; do worker $name; done
for name in a b c; do wait_for 10 grep -q joined "$work/$name.log"; done
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
run=$!
wait_for 20 test -s "$work/begun"
kill -STOP "${pids[c]}"
for blow in 1 2 3 4 5 6; do
	name=$([ $((RANDOM % 2)) = 0 ] && echo a || echo b)
	wait_for 60 begun $((blow * 40))
	kill -KILL "${pids[$name]}"
	wait "${pids[$name]}" 2>/dev/null
	worker "$name"
done
wait_for 60 grep -q '"worker_left".*lease ran out' "$work/events"
kill -CONT "${pids[c]}"
wait "$run"
expect_eq 100 $? "exit code"
verdicts "$work/events" | diff -u "$work/want" - >&2 || fail "verdicts"
expect_in "it said hello again" "$work/events"
