#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=240
# ctest: serial
# The coordinator is killed at random instants while 2,000 quick cases run at three workers, PADDOCK_KILLS times, and started
# again on the same state. Every verdict is that of an undisturbed run, nothing runs twice, and the client notices nothing.
# With PADDOCK_KEYS=1 all of it with keys over TCP, and each new coordinator hears first messages again that were recorded before.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

kills=${PADDOCK_KILLS:-20}
seed=${PADDOCK_SEED:-$RANDOM}
echo "PADDOCK_SEED=$seed PADDOCK_KILLS=$kills"
RANDOM=$seed
keys=${PADDOCK_KEYS:-}
url=ipc://$work/socket
open=(--insecure)
worker_key=(--insecure)
client_key=(--insecure)
if [ "$keys" ]; then
	needs python3
	mapfile -t ports < <(python3 "$PADDOCK_SOURCE/tests/kit/ports.py" 2)
	url=tcp://127.0.0.1:${ports[0]}
	heard=tcp://127.0.0.1:${ports[1]} # by a relay
	open=()
	mkdir "$work/wire"
	python3 "$PADDOCK_SOURCE/tests/kit/relay.py" "${ports[1]}" "${ports[0]}" "$work/wire" >"$work/relay.log" 2>&1 &
	wait_for 10 grep -q ready "$work/relay.log"
	"$paddock" token create --state "$work/serve" --uses 3 >"$work/worker.token" || fail "no token"
	"$paddock" token create --state "$work/serve" --role submit --uses 1 >"$work/client.token" || fail "no token"
	worker_key=(--token "$work/worker.token")
	client_key=(--token "$work/client.token")
fi
for i in $(seq 2000); do
	printf 't%s\techo t%s >>%s/begun; sleep 0.0%s; echo text; exit %s\n' "$i" "$i" "$work" $((i % 3)) $((i % 17 == 0))
done >"$work/t.list"

served=0
listens() {
	[ "$(grep -c listening "$work/serve.log")" -ge "$served" ]
}

serve() {
	served=$((served + 1))
	"$paddock" serve --listen "$url" "${open[@]}" --state "$work/serve" >>"$work/serve.log" 2>&1 &
	coordinator=$!
	local begin=${EPOCHREALTIME/./}
	until listens; do
		read -r -t 0.02 <> <(:) || :
		[ $((${EPOCHREALTIME/./} - begin)) -lt 3000000 ] || fail "the coordinator does not serve within 3 s"
	done
}

serve
for i in 1 2 3; do
	at=$url
	[ ! "$keys" ] || [ "$i" != 3 ] || at=$heard
	XDG_STATE_HOME=$work/state$i "$PADDOCK_BIN/paddock-worker" --coordinator "$at" "${worker_key[@]}" --slots 2 --name "w$i" \
		>"$work/w$i.log" 2>&1 &
	[ "$i" != 1 ] || w1=$!
done
wait_for 10 grep -q joined "$work/w3.log"
client=("$paddock" run --coordinator "$url" "${client_key[@]}" --sandbox off --progress none)
expect_exit 100 "${client[@]}" --events "$work/calm" "$work/t.list"
verdicts "$work/calm" >"$work/want"
expect_eq 2000 "$(wc -l <"$work/want")" "verdicts of the undisturbed run"
rm "$work/begun"

# Said to each new coordinator: w3's first contact, and what it said to those since.
replay() {
	mapfile -t recorded < <(find "$work/wire" -name 'up-control-*' -size +60c | sort -R | head -n 3)
	python3 "$PADDOCK_SOURCE/tests/kit/rawpeer.py" replay 127.0.0.1 "${ports[0]}" "$work/wire/first" "${recorded[@]}" >>"$work/replayed" ||
		fail "replay"
}
if [ "$keys" ]; then
	cp "$(find "$work/wire" -name 'up-control-*' | head -n 1)" "$work/wire/first"
	# From now on w1 runs only what the client signed, whichever coordinator hands it on.
	"$paddock" token list --state "$work/serve" | awk '$2 == "submit" && length($NF) == 64 { print $NF }' >"$work/friends"
	expect_eq 1 "$(wc -l <"$work/friends")" "signers"
	kill -TERM "$w1"
	wait "$w1"
	XDG_STATE_HOME=$work/state1 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --trust "$work/friends" --slots 2 --name w1 \
		>>"$work/w1.log" 2>&1 &
	joined_again() { [ "$(grep -c joined "$work/w1.log")" = 2 ]; }
	wait_for 10 joined_again
fi

"${client[@]}" --events "$work/events" "$work/t.list" >"$work/run.out" 2>&1 &
run=$!
killed=0
wait_for 20 test -s "$work/begun"
while [ "$killed" -lt "$kills" ] && kill -0 "$run" 2>/dev/null; do
	read -r -t "0.$((RANDOM % 9))$((RANDOM % 10))" <> <(:) || :
	kill -KILL "$coordinator"
	wait "$coordinator" 2>/dev/null
	killed=$((killed + 1))
	[ $((killed % 3)) -gt 0 ] || rm -f "$work/socket" "$work/socket.data"
	serve
	[ ! "$keys" ] || replay
	# Work goes on before the next blow.
	[ $((killed % 2)) -gt 0 ] || wait_for 20 eval "[ \$(wc -l <'$work/begun') -ge $(($(wc -l <"$work/begun") + 20)) ] || ! kill -0 $run"
done
wait "$run"
code=$?
[ "$code" = 100 ] || { tail -n 20 "$work/run.out" "$work/serve.log" >&2; fail "exit code 100 wanted, got $code after $killed kills"; }
echo "killed $killed times"
verdicts "$work/events" | diff "$work/want" - >&2 || fail "verdicts after $killed kills"
expect_eq 2000 "$(sort -u "$work/begun" | wc -l)" "cases that began"
expect_eq "" "$(sort "$work/begun" | uniq -d | tr '\n' ' ')" "cases that ran twice"
grep -q '"case_duplicate"' "$work/events" && fail "a verdict came twice"
[ "$keys" ] || exit 0
# Four keys, whoever said what again; and nobody was answered but under a key of the coordinator's.
expect_eq 4 "$("$paddock" token list --state "$work/serve" | sed '1,/^KEY/d' | wc -l)" "keys"
expect_eq "" "$(grep -vxE 'kind 3|nothing|clear' "$work/replayed")" "answers to replays"
grep -q 'kind 3' "$work/replayed" || fail "no replay was taken for a handshake"
for i in 1 2 3; do
	[ "$(grep -c joined "$work/w$i.log")" -le $((killed + 2)) ] || fail "w$i joined more often than coordinators came"
done
expect_not_in "does not trust" "$work/w1.log"
expect_exit 0 "$paddock" audit verify --state "$work/serve"
exit 0
