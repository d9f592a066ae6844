#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Strangers at an address of a network (one of its own): recorded first messages sent again, and floods of garbage by a client
# that speaks nanomsg's framing badly. The coordinator goes on, no session of a worker or client suffers, nothing is enrolled.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
needs python3 unshare ip

if [ "${PADDOCK_TEST_NETWORK:-}" != own ]; then
	[ "$(id -u)" = 0 ] || skip "a network namespace needs root"
	unshare --net true 2>/dev/null || skip "this host makes no network namespaces"
	PADDOCK_TEST_NETWORK=own unshare --net "$BASH" "$0"
	exit
fi
ip link set lo up && ip address add 10.77.0.1/32 dev lo || fail "no network of its own"

url=tcp://10.77.0.1:7200
listened=tcp://127.0.0.1:7300 # a relay to 7210
raw() { python3 "$PADDOCK_SOURCE/tests/kit/rawpeer.py" "$@"; }
token() { # FILE ARGUMENT...
	"$paddock" token create --state "$work/serve" "${@:2}" >"$1" 2>"$work/token.err" || fail "no token: $(cat "$work/token.err")"
}
enrolled() { "$paddock" token list --state "$work/serve" | sed '1,/^KEY/d' | wc -l; }

expect_exit 2 "$paddock" serve --listen "$url" --insecure --state "$work/serve"
expect_in "leave --insecure out" "$work/err"
expect_exit 2 "$paddock" run --coordinator "$url" --insecure --progress none /dev/null
"$paddock" serve --listen "$url" --listen tcp://127.0.0.1:7210 --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
wait_for 10 grep -q 7210 "$work/serve.log"
mkdir "$work/wire"
python3 "$PADDOCK_SOURCE/tests/kit/relay.py" 7300 7210 "$work/wire" >"$work/relay.log" 2>&1 &
wait_for 10 grep -q ready "$work/relay.log"
token "$work/token" --uses 3
token "$work/client.token" --role submit --uses 3
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/token" --slots 2 --name w1 >"$work/w1.log" 2>&1 &
wait_for 10 grep -q enrolled "$work/w1.log"

# Recorded by the relay: a worker's and a client's first contact, then the client again with the key alone.
"$PADDOCK_BIN/paddock-worker" --coordinator "$listened" --token "$work/token" --slots 1 --name w2 >"$work/w2.log" 2>&1 &
wait_for 10 grep -q enrolled "$work/w2.log"
echo true >"$work/one.list"
for option in "--token=$work/client.token" "--verbose"; do
	expect_exit 0 "$paddock" run --coordinator "$listened" "$option" --sandbox off --progress none "$work/one.list"
done
mapfile -t recorded < <(ls "$work"/wire/up-control-*)
expect_eq 3 "${#recorded[@]}" "recorded connections"
expect_eq 3 "$(enrolled)" "keys"

# A run at work meanwhile.
for i in $(seq 40); do printf 'case-%s\tsleep 0.3; exit %s\n' "$i" $((i % 9 == 0)); done >"$work/t.list"
"$paddock" run --coordinator "$url" --token "$work/client.token" --sandbox off --progress none --events "$work/events" "$work/t.list" \
	>"$work/run.out" 2>&1 &
run=$!
wait_for 20 grep -q '"event":"case"' "$work/events"

# Said again, each gets an answer sealed for somebody else, if any, and has no effect.
raw replay 127.0.0.1 7210 "${recorded[@]}" "${recorded[@]}" "${recorded[@]}" >"$work/replayed" || fail "replay"
expect_eq 9 "$(grep -c . "$work/replayed")" "answers"
! grep -vxE 'kind 3' "$work/replayed" || fail "answers to replays"
flooders=()
for seed in 1 2 3; do
	raw flood 10.77.0.1 $((seed == 3 ? 7201 : 7200)) 6 "$seed" "${recorded[0]}" >"$work/flood.$seed" 2>&1 &
	flooders+=($!)
done
# Many handshakes that do not open: each is answered or dropped, none is let in.
raw handshakes 127.0.0.1 7210 500 "${recorded[2]}" >"$work/handshakes" || fail "handshakes"
expect_not_in "kind" "$work/handshakes"
wait "${flooders[@]}"
[ "$(cat "$work"/flood.* | sort -n | head -n 1)" -gt 200 ] || fail "the floods were trickles: $(cat "$work"/flood.*)"

wait "$run"
expect_eq 100 $? "exit code of the run"
expect_eq 40 "$(verdicts "$work/events" | grep -c .)" "verdicts"
expect_eq 4 "$(verdicts "$work/events" | grep -c ' fail$')" "red verdicts"
for w in w1 w2; do
	expect_eq 1 "$(grep -c joined "$work/$w.log")" "times $w joined"
	expect_not_in session_unknown "$work/$w.log"
done
expect_eq 4 "$(enrolled)" "keys, the client of the run among them"
kill -0 "$serve" || fail "the coordinator is gone: $(tail -n 3 "$work/serve.log")"
# A sanitizer keeps what was freed.
grep -q libasan "/proc/$serve/maps" || [ "$(awk '/VmRSS/ { print $2 }' "/proc/$serve/status")" -lt 65536 ] ||
	fail "the coordinator grew: $(grep VmRSS "/proc/$serve/status")"
[ "$(wc -l <"$work/serve/audit.log")" -lt 120 ] || fail "strangers fill the audit log: $(wc -l <"$work/serve/audit.log") entries"
expect_exit 0 "$paddock" audit verify --state "$work/serve"
expect_exit 0 "$paddock" run --coordinator "$listened" --sandbox off --progress none "$work/one.list"
kill -TERM "$serve"
wait "$serve"
expect_eq 0 $? "exit code of the coordinator"
