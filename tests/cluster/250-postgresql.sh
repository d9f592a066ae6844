#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=240
# A coordinator whose store is a PostgreSQL server that the test starts. It is killed half-way and started again: nothing is lost,
# nothing runs twice. The server itself is restarted as after a crash, then stopped for a while: the coordinator survives,
# says so, and goes on. A second coordinator on the same database is refused. No password is printed.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

needs python3
server() { bash "$PADDOCK_SOURCE/tests/kit/postgres.sh" "$@"; }
folder=$(server start $$) || skip "$folder"
export PADDOCK_STORE="postgresql://paddock:Secret@/postgres?host=$folder"
url=ipc://$work/socket
for i in $(seq 600); do
	printf 't%s\techo t%s >>%s/begun; sleep 0.02; echo text; exit %s\n' "$i" "$i" "$work" $((i % 17 == 0))
done >"$work/t.list"
for i in $(seq 600); do echo "t$i $([ $((i % 17)) = 0 ] && echo fail || echo pass)"; done | sort >"$work/want"

served=0
listens() { [ "$(grep -c listening "$work/serve.log")" -ge "$served" ]; }
serve() {
	served=$((served + 1))
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >>"$work/serve.log" 2>&1 &
	coordinator=$!
	wait_for 10 listens
}
begun() { [ "$(wc -l <"$work/begun")" -ge "$1" ]; }
said() { [ "$(grep -c "$1" "$work/serve.log")" -ge "$2" ]; }

serve
for i in 1 2; do
	XDG_STATE_HOME=$work/state$i "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name "w$i" \
		>"$work/w$i.log" 2>&1 &
done
wait_for 10 grep -q joined "$work/w2.log"

expect_exit 105 "$paddock" serve --listen "ipc://$work/other" --insecure --state "$work/serve2"
expect_in "another coordinator works on the runs" "$work/err"

"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/run.out" 2>&1 &
run=$!
wait_for 20 test -s "$work/begun"
wait_for 30 begun 100
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null
serve
wait_for 30 begun 200
server ctl "$folder" restart -m immediate || fail "the server was not restarted"
wait_for 30 begun 350
server ctl "$folder" stop -m immediate || fail "the server was not stopped"
wait_for 30 said not_durable 1
kill -0 "$coordinator" || fail "the coordinator ended with its server"
server ctl "$folder" start || fail "the server did not start"
before=$(wc -l <"$work/begun")
wait_for 30 begun $((before + 20))
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null
serve
wait "$run"
code=$?
[ "$code" = 100 ] || { tail -n 20 "$work/run.out" "$work/serve.log" >&2; fail "exit code 100 wanted, got $code"; }
verdicts "$work/events" | diff "$work/want" - >&2 || fail "verdicts"
expect_eq 600 "$(sort -u "$work/begun" | wc -l)" "cases that began"
expect_eq "" "$(sort "$work/begun" | uniq -d | tr '\n' ' ')" "cases that ran twice"
grep -q '"case_duplicate"' "$work/events" && fail "a verdict came twice"
expect_in durable_again "$work/serve.log"

# What was stored is there for the others, and in no file.
[ ! -e "$work/serve/history.db" ] || fail "there is a file, too"
expect_exit 0 "$paddock" report latest --events "$work/again"
verdicts "$work/again" | diff "$work/want" - >&2 || fail "verdicts as stored"
expect_exit 0 "$paddock" history
expect_exit 0 "$paddock" doctor
expect_in "postgresql://paddock@/postgres?host=$folder" "$work/out"
grep -rlF Secret "$work" && fail "a password was written there"
expect_exit 2 env PADDOCK_STORE="postgresql://me:Secret@/a/b@c" "$paddock" history
expect_in "is not valid" "$work/err"
expect_not_in Secret "$work/err"
exit 0
