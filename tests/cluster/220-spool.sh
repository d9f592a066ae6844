#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# What a worker found out while no coordinator was there outlives the worker: both are killed, both start again, and every case
# that ended once does not run a second time. A torn record at the spool's end is survived.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

url=ipc://$work/socket
for i in $(seq 60); do printf 't%s\tsleep 0.1; echo t%s >>%s/ended; exit %s\n' "$i" "$i" "$work" $((i % 7 == 0)); done >"$work/t.list"
for i in $(seq 60); do echo "t$i $([ $((i % 7)) = 0 ] && echo fail || echo pass)"; done | sort >"$work/want"
listens() { # TIMES
	[ "$(grep -c listening "$work/serve.log")" -ge "$1" ]
}
serve() {
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >>"$work/serve.log" 2>&1 &
	coordinator=$!
}
worker() {
	"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name w/1 >>"$work/w.log" 2>&1 &
	worker=$!
}
idle() { # nothing ends any more
	local before
	before=$(wc -l <"$work/ended")
	read -r -t 0.5 <> <(:)
	[ "$before" = "$(wc -l <"$work/ended")" ]
}

serve
wait_for 10 listens 1
worker
wait_for 10 grep -q joined "$work/w.log"
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
run=$!
wait_for 20 test -s "$work/ended"
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null
wait_for 20 idle
kill -KILL "$worker"
wait "$worker" 2>/dev/null
spool=$XDG_STATE_HOME/paddock/spool/w_1
expect_eq 700 "$(stat -c %a "$spool")" "mode of the spool's folder"
file=$(find "$spool" -name 'spool.*' | sort | tail -n 1)
test -s "$file" || fail "nothing is in the spool"
printf '\x40\x00\x00\x00torn' >>"$file"
serve
wait_for 10 listens 2
worker
wait "$run"
expect_eq 100 $? "exit code"
verdicts "$work/events" | diff -u "$work/want" - >&2 || fail "verdicts"
expect_eq "" "$(sort "$work/ended" | uniq -d)" "cases that ended twice"
expect_in spool_found "$work/w.log"
expect_in spool_torn "$work/w.log"
wait_for 10 eval "! ls $spool/spool.* >/dev/null 2>&1"

# A second worker of the same name has a folder of its own.
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 1 --name w/1 >"$work/w2.log" 2>&1 &
wait_for 10 test -d "$spool-2"
