#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# Several clients at once: one that does not listen holds nobody up, costs a bounded memory, and gets every event once it
# listens again. A configuration read again, and what of it needs a restart. A client of another build.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

export PADDOCK_COORDINATOR=ipc://$work/socket PADDOCK_INSECURE=true
cd "$work" || exit 1
printf 'options: { lease: 15s }\n' >paddock.yaml
"$paddock" serve --listen "$PADDOCK_COORDINATOR" --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
wait_for 30 grep -q listening "$work/serve.log"
"$PADDOCK_BIN/paddock-worker" --coordinator "$PADDOCK_COORDINATOR" --insecure --slots 2 --name w >"$work/w.log" 2>&1 &
wait_for 60 grep -q joined "$work/w.log"

# Each case says twice 100 KB; the client is stopped while they run: more in all than is held in memory for it.
for i in $(seq 200); do printf 't%s\thead -c 100000 /dev/zero | tr "\\000" x | tee /dev/stderr; exit 1\n' "$i"; done >"$work/loud.list"
"$paddock" run --sandbox off --progress none --events "$work/loud.events" "$work/loud.list" >"$work/loud.out" 2>&1 &
loud=$!
wait_for 20 grep -q '"event":"case"' "$work/loud.events"
kill -STOP "$loud"
printf 'quick\ttrue\n' >"$work/quick.list"
for i in 1 2 3; do expect_exit 0 "$paddock" run --sandbox off --progress none "$work/quick.list"; done
wait_for 60 sh -c "! '$paddock' runs --json | grep -q '\"slots\":[12]'"
memory=$(awk '/VmRSS/ { print $2 }' "/proc/$serve/status")
echo "coordinator with a stuck client: $memory KiB"
kill -CONT "$loud"
wait "$loud"
expect_eq 100 $? "exit code of a client that was stuck"
expect_eq 200 "$(verdicts "$work/loud.events" | grep -c ' fail$')" "verdicts of a client that was stuck"
expect_eq 200 "$(verdicts "$work/loud.events" | sort -u | wc -l)" "its cases"

# Read again: what may change does, what may not is named, what is wrong changes nothing.
printf 'options: { lease: 9s, client-slots: 3, verbose: true, log-format: json }\n' >paddock.yaml
kill -HUP "$serve"
wait_for 10 grep -q 'reloaded: lease=9000 ms client_slots=3 quarantine=1 verbose=1' "$work/serve.log"
expect_in "needs_restart: option=log-format" "$work/serve.log"
printf 'options: { leese: 9s }\n' >paddock.yaml
kill -HUP "$serve"
wait_for 10 grep -q 'not_reloaded: .*did you mean \\*"lease' "$work/serve.log"
rm paddock.yaml
expect_exit 0 "$paddock" run --sandbox off --progress none "$work/quick.list"

# Another build is refused with a sentence, whoever it is.
for verb in "run $work/quick.list" workers "cancel all"; do
	# shellcheck disable=SC2086 # words
	expect_exit 111 "$PADDOCK_FIXTURES/other-paddock" $verb
	expect_in "install the same version" "$work/err"
done
kill -TERM "$serve"
wait "$serve"
expect_eq 0 $? "exit code of the coordinator"
