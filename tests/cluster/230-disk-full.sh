#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# A full disk, at the coordinator, then at the worker: it is said, nothing is taken that could not be kept, nothing is lost,
# and with room again all goes on.
# shellcheck source=tests/kit/mounts.sh
. "$(dirname "$0")/../kit/mounts.sh"
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
[ "${PADDOCK_INNER:-}" = 1 ] || skip "mount namespaces need privilege here"

url=ipc://$work/socket
small_disk "$work/small" 6m
small_disk "$work/tiny" 1m
for i in $(seq 120); do printf 't%s\techo t%s >>%s/ended; head -c 4000 /dev/urandom | base64; sleep 0.02; exit %s\n' "$i" "$i" "$work" $((i % 2)); done >"$work/t.list"
for i in $(seq 120); do echo "t$i $([ $((i % 2)) = 1 ] && echo fail || echo pass)"; done | sort >"$work/want"

"$paddock" serve --listen "$url" --insecure --state "$work/small" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name w --state "$work/tiny" >"$work/w.log" 2>&1 &
wait_for 10 grep -q joined "$work/w.log"

# The coordinator's.
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
run=$!
wait_for 20 test -s "$work/ended"
fill "$work/small"
wait_for 30 grep -q not_durable "$work/serve.log"
expect_exit 2 "$paddock" run --coordinator "$url" --insecure --sandbox off --progress none "$work/t.list"
expect_in "free space on its disk" "$work/err"
kill -0 "$run" || fail "the run ended though its verdicts could not be kept"
rm "$work/small/filler"
wait "$run"
expect_eq 100 $? "exit code after a full disk at the coordinator"
verdicts "$work/events" | diff -u "$work/want" - >&2 || fail "verdicts after a full disk at the coordinator"
expect_in durable_again "$work/serve.log"

# The worker's.
rm "$work/ended"
fill "$work/tiny"
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
run=$!
wait_for 30 grep -q spool_not_written "$work/w.log"
rm "$work/tiny/filler"
wait "$run"
expect_eq 100 $? "exit code after a full disk at the worker"
verdicts "$work/events" | diff -u "$work/want" - >&2 || fail "verdicts after a full disk at the worker"
expect_in "spool_written" "$work/w.log"
