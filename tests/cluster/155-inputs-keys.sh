#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# A run brings its files along, with keys over TCP, while its coordinator is killed: once as the files arrive, once as cases
# run. Afterwards they are still kept for it, whatever others send, and a worker that has none of them yet and trusts the
# client alone fetches them and runs the rest.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

[ "$(id -u)" = 0 ] || skip "only root can hide the checkout from a worker"
needs python3

mapfile -t ports < <(python3 "$PADDOCK_SOURCE/tests/kit/ports.py" 2)
url=tcp://127.0.0.1:${ports[0]}
tree=$work/far/checkout
mkdir -p "$tree/data" "$work/other" "$work/bin"
cp "$PADDOCK_BIN/paddock-worker" "$PADDOCK_BIN/paddock-box" "$work/bin" # the worker's own installation
head -c 30000000 /dev/urandom >"$tree/data/noise.bin"
head -c 45000000 /dev/urandom >"$work/other/noise.bin"
sum=$(cksum <"$tree/data/noise.bin")
for i in $(seq 40); do
	printf 't%s\tsleep 0.3; test "$(cksum <data/noise.bin)" = "%s" && test %s != 7\n' "$i" "$sum" "$i"
done >"$tree/t.list"
printf 'one\ttrue\n' | tee "$work/other/one.list" >"$tree/one.list"
# shellcheck disable=SC2016 # the file's own words
printf 'suites:\n  list: { path: t.list, kind: list, workspace: ., cwd: . }\n  one: { path: one.list, kind: list, workspace: ., cwd: ., inputs: [one.list] }\n' >"$tree/paddock.yaml"
printf 'suites:\n  one: { path: one.list, kind: list, workspace: ., cwd: . }\n' >"$work/other/paddock.yaml"

served=0
listens() {
	[ "$(grep -c listening "$work/serve.log")" -ge "$served" ]
}
serve() {
	served=$((served + 1))
	"$paddock" serve --listen "$url" --state "$work/serve" --content-quota 64M >>"$work/serve.log" 2>&1 &
	serve=$!
	wait_for 10 listens
}
kill_coordinator() {
	kill -KILL "$serve"
	wait "$serve" 2>/dev/null
	serve
}
token() { # FILE ARGUMENT...
	"$paddock" token create --state "$work/serve" "${@:2}" >"$1" 2>"$work/token.err" || fail "no token: $(cat "$work/token.err")"
}
start_worker() { # NAME ARGUMENT...
	mkdir -p "$work/$1"
	XDG_CACHE_HOME=$work/$1/cache XDG_STATE_HOME=$work/$1/state unshare --mount bash -c '
		mount -t tmpfs none "$1/far" && mount -t tmpfs none "$2" || exit 1
		shift 2; exec "$@"' - "$work" "$PADDOCK_SOURCE" \
		"$work/bin/paddock-worker" --coordinator "$url" --name "$1" --token "$work/worker.token" "${@:2}" >"$work/$1/log" 2>&1 &
	worker=$!
	wait_for 10 grep -q joined "$work/$1/log"
}
chunks() {
	find "$work/serve/cas" -path '*/cas/[0-9a-f]/*' -type f 2>/dev/null | wc -l
}
# As if they had been sent and asked for so long ago: what was used within ten minutes is never evicted.
age() {
	find "$work/serve/cas" -path '*/cas/[0-9a-f]/*' -type f -exec touch -d '-40 minutes' {} +
}

cd "$tree" || exit 1
expect_exit 100 "$paddock" run --jobs 16 --progress none --events "$work/local" list
verdicts "$work/local" >"$work/want"
serve
token "$work/worker.token" --uses 2
token "$work/client.token" --role submit
token "$work/other.token" --role submit
start_worker w1 --slots 1
expect_exit 0 "$paddock" run --coordinator "$url" --token "$work/client.token" --progress none one
"$paddock" token list --state "$work/serve" | awk '$2 == "submit" && length($NF) == 64 { print $NF }' >"$work/friends"
expect_eq 1 "$(wc -l <"$work/friends")" "signers"

# Killed as the files arrive.
before=$(chunks)
"$paddock" run --coordinator "$url" --progress none --events "$work/events" list >"$work/run.out" 2>&1 &
run=$!
arrive() { [ "$(chunks)" -gt $((before + 10)) ]; }
wait_for 20 arrive
kill_coordinator
wait_for 30 grep -q '"event":"case"' "$work/events"

# Killed as cases run; the worker that has the files leaves, one that has none comes.
kill_coordinator
wait_for 30 eval '[ "$(grep -c joined "$work/w1/log")" -ge 3 ]'
kill -TERM "$worker"
wait "$worker"
expect_eq 0 $? "exit code of the worker that left"
age
cd "$work/other" || exit 1
XDG_STATE_HOME=$work/state.other expect_exit 105 "$paddock" run --coordinator "$url" --token "$work/other.token" --progress none one
expect_in "is full of what runs in progress need" "$work/err"
start_worker w2 --slots 2 --trust "$work/friends"
wait "$run"
code=$?
[ "$code" = 100 ] || { tail -n 20 "$work/run.out" "$work/serve.log" "$work/w2/log" >&2; fail "exit code 100 wanted, got $code"; }
verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts of a run with its files sent"
expect_in "fetched=" "$work/w2/log"
expect_not_in "does not trust" "$work/w2/log"

# Over, it is in nobody's way; and whom w2 does not trust runs nothing there, whatever was sent along.
age
XDG_STATE_HOME=$work/state.other expect_exit 105 "$paddock" run --coordinator "$url" --token "$work/other.token" --progress none one
expect_not_in "is full of what runs" "$work/err"
expect_in "does not trust" "$work/w2/log"
expect_exit 0 "$paddock" audit verify --state "$work/serve"
