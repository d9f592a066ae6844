#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# A coordinator, two workers, a client, over tcp and ipc: the same verdicts as a local run; a worker killed half-way costs
# time, never a verdict; what may not be is refused.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

for i in $(seq 60); do printf 't%s\tsleep 0.05; exit %s\n' "$i" $((i % 7 == 0)); done >"$work/t.list"
expect_exit 100 "$paddock" run --sandbox off --jobs 4 --progress none --events "$work/local" "$work/t.list"
verdicts "$work/local" >"$work/want"

port=$(python3 "$PADDOCK_SOURCE/tests/kit/ports.py")
for url in "tcp://127.0.0.1:$port" "ipc://$work/socket"; do
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
	serve=$!
	wait_for 30 grep -q listening "$work/serve.log"
	for i in 1 2; do
		"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name "w$i" >"$work/w$i.log" 2>&1 &
		eval "w$i=$!"
	done
	wait_for 60 grep -q joined "$work/w1.log"
	wait_for 60 grep -q joined "$work/w2.log"
	expect_exit 100 "$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list"
	verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts over $url"

	# One worker dies in the middle.
	"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" \
		>"$work/out" 2>&1 &
	run=$!
	wait_for 20 grep -q '"event":"case"' "$work/events"
	# shellcheck disable=SC2154 # set by eval above
	kill -KILL "$w2"
	wait "$run"
	expect_eq 100 $? "exit code with a worker lost"
	verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts with a worker lost"

	# A second coordinator at the same place, or on the same state, is refused; the first goes on.
	expect_exit 105 "$paddock" serve --listen "$url" --insecure --state "$work/other"
	expect_exit 105 "$paddock" serve --listen "ipc://$work/another" --insecure --state "$work/serve"
	expect_in "another coordinator" "$work/err"
	# shellcheck disable=SC2154
	kill -TERM "$w1"
	wait "$w1"
	expect_eq 0 $? "exit code of a worker that was told to leave"
	kill -TERM "$serve"
	wait "$serve"
	expect_eq 0 $? "exit code of the coordinator"
done

# A regular file at the socket's path stays as it is.
echo precious >"$work/file"
expect_exit 105 "$paddock" serve --listen "ipc://$work/file" --insecure --state "$work/serve"
expect_eq precious "$(cat "$work/file")" "the file at the socket's path"

# Without keys: this machine only, and only when asked for.
expect_exit 105 "$PADDOCK_BIN/paddock-worker" --coordinator "tcp://127.0.0.1:$port"
expect_in "--token FILE" "$work/err"
expect_exit 2 "$paddock" serve --listen "tcp://0.0.0.0:$port" --insecure --state "$work/serve"
expect_exit 2 "$paddock" run --coordinator "tcp://192.0.2.1:7200" --insecure --progress none "$work/t.list"
