#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# The disk of the coordinator's PostgreSQL server is full: it is said, nothing is taken that could not be kept, nothing is lost, and
# with room again all goes on.
# shellcheck source=tests/kit/mounts.sh
. "$(dirname "$0")/../kit/mounts.sh"
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
[ "${PADDOCK_INNER:-}" = 1 ] || skip "mount namespaces need privilege here"

server() { bash "$PADDOCK_SOURCE/tests/kit/postgres.sh" "$@"; }
small=$work/small
small_disk "$small" 12m
folder=$(server start $$) || skip "$folder"
chmod 711 "$work" "$small" # the server is somebody else
mkdir "$small/tables"
[ "$(id -u)" != 0 ] || chown nobody:nogroup "$small/tables"
server sql "$folder" "CREATE TABLESPACE small LOCATION '$small/tables'" || fail "no tablespace"
server sql "$folder" "ALTER ROLE paddock SET default_tablespace = small" || fail "no default"
url=ipc://$work/socket
for i in $(seq 120); do printf 't%s\techo t%s >>%s/ended; head -c 4000 /dev/urandom | base64; sleep 0.02; exit %s\n' "$i" "$i" "$work" $((i % 2)); done >"$work/t.list"
for i in $(seq 120); do echo "t$i $([ $((i % 2)) = 1 ] && echo fail || echo pass)"; done | sort >"$work/want"

"$paddock" serve --listen "$url" --insecure --state "$work/serve" --store "$(server url "$folder")" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name w --state "$work/w" >"$work/w.log" 2>&1 &
wait_for 10 grep -q joined "$work/w.log"
"$paddock" run --coordinator "$url" --insecure --sandbox off --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
run=$!
wait_for 20 test -s "$work/ended"
fill "$small"
wait_for 30 grep -q not_durable "$work/serve.log"
expect_in "free space on the server's disk" "$work/serve.log"
expect_exit 2 "$paddock" run --coordinator "$url" --insecure --sandbox off --progress none "$work/t.list"
kill -0 "$run" || fail "the run ended though its verdicts could not be kept"
rm "$small/filler"
wait "$run"
expect_eq 100 $? "exit code after a full disk at the server"
verdicts "$work/events" | diff -u "$work/want" - >&2 || fail "verdicts after a full disk at the server"
expect_in durable_again "$work/serve.log"
exit 0
