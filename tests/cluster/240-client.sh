#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=150
# Clients that die, stop and stall: each harms its own run only. A frozen client gets all of its run when it is thawed.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

url=ipc://$work/socket
for i in $(seq 300); do printf 't%s\texit %s\n' "$i" $((i % 5 == 0)); done >"$work/t.list"
for i in $(seq 300); do echo "t$i $([ $((i % 5)) = 0 ] && echo fail || echo pass)"; done | sort >"$work/want"
printf 'forever\tsleep 600\n' >"$work/forever.list"
"$paddock" serve --listen "$url" --insecure --state "$work/serve" -v >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 3 --name w >"$work/w.log" 2>&1 &
wait_for 10 grep -q joined "$work/w.log"
client() { # EVENTS LIST
	"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$1" "$2" >"$1.out" 2>&1 &
	client=$!
}

client "$work/dead" "$work/forever.list"
dead=$client
wait_for 20 grep -q case_started "$work/dead"
kill -KILL "$dead"
client "$work/frozen" "$work/t.list"
frozen=$client
wait_for 20 grep -q '"event":"case"' "$work/frozen"
kill -STOP "$frozen"
# Others go on beside the dead and the frozen one.
client "$work/alive" "$work/t.list"
wait "$client"
expect_eq 100 $? "exit code of a client beside a frozen one"
verdicts "$work/alive" | diff -u "$work/want" - >&2 || fail "verdicts of a client beside a frozen one"
kill -CONT "$frozen"
wait "$frozen"
expect_eq 100 $? "exit code of the client that was frozen"
verdicts "$work/frozen" | diff -u "$work/want" - >&2 || fail "verdicts of the client that was frozen"
# The run of the dead one is stopped, and its slot free again.
wait_for 90 grep -q "its client is gone" "$work/serve.log"
