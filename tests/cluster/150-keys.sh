#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Nobody gets in without a key: a worker and a client enrol with tokens, a suite runs encrypted with the verdicts of a local
# run, and no name of it is on the wire. Used-up, revoked and foreign keys are refused with a sentence, roles and limits hold,
# and every act is in the audit log.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
needs python3

token() { # FILE ARGUMENT...
	"$paddock" token create --state "$work/serve" "${@:2}" >"$1" 2>"$work/token.err" || fail "no token: $(cat "$work/token.err")"
}
key_of() { # NAME of a peer, in the list of keys
	"$paddock" token list --state "$work/serve" | awk -v name="$1" 'index($6, name) == 1 && $5 == "good" { print $1 }'
}
worker() { # NAME ARGUMENT...
	"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --name "$1" --slots 2 "${@:2}" >"$work/$1.log" 2>&1 &
}
run() { # ARGUMENT...
	"$paddock" run --coordinator "$url" --sandbox off --progress none "$@" "$work/t.list"
}

for i in $(seq 12); do printf 'plain-as-day-%s\techo seen-by-nobody; exit %s\n' "$i" $((i % 5 == 0)); done >"$work/t.list"
expect_exit 100 "$paddock" run --sandbox off --jobs 4 --progress none --events "$work/local" "$work/t.list"
verdicts "$work/local" >"$work/want"

mapfile -t ports < <(python3 "$PADDOCK_SOURCE/tests/kit/ports.py" 2)
url=tcp://127.0.0.1:${ports[0]} # the relay's
mkdir "$work/wire"
python3 "$PADDOCK_SOURCE/tests/kit/relay.py" "${ports[0]}" "${ports[1]}" "$work/wire" >"$work/relay.log" 2>&1 &
wait_for 10 grep -q ready "$work/relay.log"
"$paddock" serve --listen "tcp://127.0.0.1:${ports[1]}" --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
wait_for 10 grep -q listening "$work/serve.log"
expect_eq 600 "$(stat -c %a "$work/serve/coordinator.key")" "mode of the coordinator's key"

# First contact; then the key is enough, and the same token says nothing new.
token "$work/worker.token" --pool os=linux --max-slots 2
token "$work/client.token" --role submit
worker w1 --token "$work/worker.token" --tag os=linux
w1=$!
wait_for 10 grep -q enrolled "$work/w1.log"
expect_exit 100 run --token "$work/client.token" --events "$work/events"
verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts of the encrypted run"
for again in "" "--token=$work/client.token"; do
	# shellcheck disable=SC2086 # no word or one
	expect_exit 100 run $again --events "$work/events"
done
verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts of the run with the key alone"
[ "$(cat "$work"/wire/up-* "$work"/wire/down-* | wc -c)" -gt 4000 ] || fail "the relay saw nothing"
for word in plain-as-day seen-by-nobody "uid$(id -u)@" t.list os=linux; do
	! grep -qF -- "$word" "$work"/wire/* || fail "'$word' is on the wire"
done
python3 -c '
import pathlib, sys
secret = bytes.fromhex(sys.argv[2].split(".")[2])
sys.exit(any(secret in p.read_bytes() for p in pathlib.Path(sys.argv[1]).iterdir()))
' "$work/wire" "$(cat "$work/worker.token")" || fail "the token's secret is on the wire"

# A used-up token, for somebody else; one that nobody knows; no token at all.
XDG_STATE_HOME=$work/other expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/worker.token"
expect_in "used up (1 of 1)" "$work/err"
sed 's/^\(paddock-token-1\.\)................/\10123456789abcdef/' "$work/client.token" >"$work/unknown.token"
XDG_STATE_HOME=$work/other expect_exit 111 run --token "$work/unknown.token"
expect_in "not known to this coordinator" "$work/err"
XDG_STATE_HOME=$work/nobody expect_exit 111 run
expect_in "--token FILE" "$work/err"
sed 's/[0-9a-f]\{64\}$/&x/' "$work/client.token" >"$work/torn.token"
XDG_STATE_HOME=$work/other expect_exit 111 run --token "$work/torn.token"
expect_in "incomplete or was changed" "$work/err"

# Another coordinator's token, and a coordinator that lost its key, are not ours.
"$paddock" token create --state "$work/elsewhere" >"$work/foreign.token" 2>/dev/null
XDG_STATE_HOME=$work/other expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/foreign.token"
expect_in "another coordinator's" "$work/err"

# In the clear at a coordinator with keys, and keys at one without.
expect_exit 111 run --insecure
expect_in "speaks with keys only" "$work/err"
"$paddock" serve --listen "ipc://$work/clear" --insecure --state "$work/clear.state" >"$work/clear.log" 2>&1 &
wait_for 10 grep -q listening "$work/clear.log"
"$paddock" token create --state "$work/elsewhere" --role submit >"$work/clear.token" 2>/dev/null
expect_exit 111 "$paddock" run --coordinator "ipc://$work/clear" --token "$work/clear.token" --progress none "$work/t.list"
expect_in "started with --insecure" "$work/err"

# Roles and limits.
token "$work/read.token" --role read
XDG_STATE_HOME=$work/reader expect_exit 111 run --token "$work/read.token"
expect_in "the role read, which may not do that (submit)" "$work/err"
# Whoever may look may ask; only an operator's key orders, and the log has it.
XDG_STATE_HOME=$work/reader expect_exit 0 "$paddock" workers --coordinator "$url"
expect_in "w1" "$work/out"
XDG_STATE_HOME=$work/reader expect_exit 2 "$paddock" drain w1 --coordinator "$url"
expect_in "may look, not operate" "$work/err"
token "$work/operate.token" --role operate
XDG_STATE_HOME=$work/operator expect_exit 2 "$paddock" cancel nothing --coordinator "$url" --token "$work/operate.token"
"$paddock" audit show --state "$work/serve" | grep -q "cancel by=uid0@.* what=nothing" || fail "the order is not in the log"
token "$work/second.token" --role submit
XDG_STATE_HOME=$work/reader2 expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/second.token"
expect_in "the role submit" "$work/err"
token "$work/small.token" --max-slots 1
XDG_STATE_HOME=$work/small expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/small.token" --slots 2
expect_in "at most 1" "$work/err"
XDG_STATE_HOME=$work/small expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/small.token" --slots 1 \
	--tag pool=secret
expect_in "enrolled with none" "$work/err"
token "$work/short.token" --ttl 1s
expired() { "$paddock" token list --state "$work/serve" | grep -q "$(cut -d. -f2 "$work/short.token").*expired"; }
wait_for 10 expired
XDG_STATE_HOME=$work/late expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/short.token"
expect_in "expired at" "$work/err"

# Signed programs: a worker that trusts nobody we know runs none of ours, one that trusts the signer does.
signer=$("$paddock" token list --state "$work/serve" | awk '$2 == "submit" && length($NF) == 64 { print $NF }')
kill -TERM "$w1"
wait "$w1"
expect_eq 0 $? "exit code of a worker that was told to leave"
echo "${signer//[0-9]/a}" >"$work/strangers"
worker w1 --trust "$work/strangers"
w1=$!
wait_for 10 grep -q joined "$work/w1.log"
expect_exit 105 run
expect_in "does not trust" "$work/w1.log"
kill -TERM "$w1"
wait "$w1"
echo "$signer the client of this test" >"$work/friends"
worker w1 --trust "$work/friends"
w1=$!
wait_for 10 grep -q joined "$work/w1.log"
expect_exit 100 run

# A restarted coordinator knows its peers.
kill -KILL "$serve"
wait "$serve" 2>/dev/null
"$paddock" serve --listen "tcp://127.0.0.1:${ports[1]}" --state "$work/serve" >"$work/serve.log" 2>&1 &
serve=$!
wait_for 30 grep -q "session_unknown" "$work/w1.log"
expect_exit 100 run --events "$work/events"
verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts after a restart"

# A revoked key ends its live session, with a sentence; the token that vouched for it is of no more use.
expect_exit 0 "$paddock" token revoke --state "$work/serve" "$(key_of w1)"
wait "$w1"
expect_eq 111 $? "exit code of a worker whose key was revoked"
expect_in "was revoked at" "$work/w1.log"
expect_exit 111 "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --token "$work/worker.token"
expect_in "was revoked at" "$work/err"

# The audit log has it all, and every change of it is found.
expect_exit 0 "$paddock" audit verify --state "$work/serve"
head=$(sed -n 's/.*one before; head //p' "$work/out")
expect_exit 0 "$paddock" audit show --state "$work/serve"
for act in token-create start enrol submit refused revoke; do expect_in " $act " "$work/out"; done
expect_not_in "$(cut -d. -f3 "$work/worker.token")" "$work/out"
cp -r "$work/serve" "$work/copy"
sed -i '3s/role=submit/role=worker/;3s/uid=0/uid=1/;3s/build=/build=x/' "$work/copy/audit.log"
cmp -s "$work/serve/audit.log" "$work/copy/audit.log" && fail "the copy was not changed"
expect_exit 111 "$paddock" audit verify --state "$work/copy"
expect_in "entry 3 does not fit" "$work/err"
sed '5d' "$work/serve/audit.log" >"$work/copy/audit.log"
expect_exit 111 "$paddock" audit verify --state "$work/copy"
expect_in "entry 4 is followed by entry 6" "$work/err"
sed '$d' "$work/serve/audit.log" >"$work/copy/audit.log"
expect_exit 0 "$paddock" audit verify --state "$work/copy"
expect_exit 111 "$paddock" audit verify --state "$work/copy" "$head"
expect_in "its end was cut off" "$work/err"
