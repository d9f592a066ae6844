#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No coordinator, or one that dies under a run: the client says so and ends with 111.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

printf 'slow\tsleep 600\n' >"$work/t.list"
"$paddock" serve --listen "ipc://$work/socket" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
wait_for 10 grep -q listening "$work/serve.log"
"$paddock" run --coordinator "ipc://$work/socket" --insecure --progress none --events "$work/events" "$work/t.list" \
	>"$work/out" 2>"$work/err" &
run=$!
wait_for 10 grep -q run_started "$work/events"
kill -KILL "$serve"
wait "$serve" 2>/dev/null
wait "$run"
expect_eq 111 $? "exit code of a client whose coordinator died"
expect_in "does not answer" "$work/err"
