#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# A worker that was silent past its lease comes back: it joins anew, and the verdict it has for a case that nobody else has run
# by then counts, so nothing runs twice. A run that
# was stopped whole (Ctrl-Z) goes on where it was.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

list() { # NAME
	printf 'first\ttrue\nlong\techo x >>%s/%s.begun; sleep 4\n' "$work" "$1" >"$work/$1.list"
}

stopped() { # PID
	grep -q '^State:.T' "/proc/$1/status"
}

list served
list local
url=ipc://$work/socket
"$paddock" serve --listen "$url" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name w >"$work/w.log" 2>&1 &
worker=$!
wait_for 10 grep -q joined "$work/w.log"
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/served.events" "$work/served.list" \
	>"$work/served.out" 2>&1 &
served=$!
"$paddock" run --sandbox off --jobs 2 --progress none --events "$work/local.events" "$work/local.list" >"$work/local.out" 2>&1 &
local=$!
wait_for 20 test -e "$work/served.begun"
wait_for 20 test -e "$work/local.begun"

child=$(pgrep -P "$local" -f paddock-worker)
kill -STOP "$worker" "$local" "$child"
wait_for 5 stopped "$child"
wait_for 40 grep -q worker_left "$work/served.events" # a lease has passed
kill -CONT "$worker" "$local" "$child"

wait "$local"
expect_eq 0 $? "exit code of the run that was stopped"
expect_eq "first pass long pass" "$(verdicts "$work/local.events" | tr '\n' ' ' | sed 's/ $//')" "its verdicts"
expect_eq 1 "$(wc -l <"$work/local.begun")" "times the long case of it began"
wait "$served"
expect_eq 0 $? "exit code with a worker that was silent"
expect_eq "first pass long pass" "$(verdicts "$work/served.events" | tr '\n' ' ' | sed 's/ $//')" "verdicts with it"
expect_eq 1 "$(wc -l <"$work/served.begun")" "times its long case began"
