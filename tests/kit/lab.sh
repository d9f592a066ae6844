# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lab.sh - several hosts on one machine: a network namespace each, cables to a bridge in one more. On them a coordinator,
# workers and a client, with keys over TCP. A scenario sources it instead of kit.sh. Everything is gone with the test; the file
# system is the machine's.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "${BASH_SOURCE[0]}")/kit.sh"

[ "$(id -u)" = 0 ] || skip "a network namespace needs root"
needs ip unshare nsenter python3
unshare --net true 2>/dev/null || skip "this host makes no network namespaces"

declare -A lab_holders=() lab_numbers=() pids=()
lab_net=10.77.0
url=tcp://$lab_net.1:7200
alike='' # a sed script: verdicts that are taken for the same
with=() # a command in front of each program that is started
served=0

# ---- hosts ----

# A namespace lives as long as the process that waits in it.
lab_new() { # NAME
	unshare --net sleep infinity &
	lab_holders[$1]=$!
	wait_for 5 lab_is_apart "${lab_holders[$1]}"
	on "$1" ip link set lo up || fail "no loopback on $1"
}
lab_is_apart() { # PID
	local net
	net=$(readlink "/proc/$1/ns/net") && [ "$net" != "$(readlink /proc/self/ns/net)" ]
}

# A command on a host; in the background, with what it says in $work/NAME.log: ${pids[NAME]} is the command itself.
on() { # HOST COMMAND...
	nsenter --net="/proc/${lab_holders[$1]}/ns/net" "${@:2}"
}
start() { # NAME HOST COMMAND...
	nsenter --net="/proc/${lab_holders[$2]}/ns/net" "${with[@]}" "${@:3}" >>"$work/$1.log" 2>&1 &
	pids[$1]=$!
}

# The hosts, with addresses from $lab_net.1 on, plugged into one bridge.
lab_begin() { # HOST...
	local host
	lab_new bridge
	on bridge ip link add bridge type bridge && on bridge ip link set bridge up || skip "no bridge can be made here"
	for host in "$@"; do
		lab_new "$host"
		on bridge ip link add "$host" type veth peer name eth0 netns "${lab_holders[$host]}" || fail "no cable to $host"
		lab_numbers[$host]=$((${#lab_numbers[@]} + 1))
		lab_plug "$host"
	done
}
lab_plug() { # HOST
	on bridge ip link set "$1" master bridge up && on "$1" ip address add "$lab_net.${lab_numbers[$1]}/24" dev eth0 &&
		on "$1" ip link set eth0 up || fail "no network on $1"
}

# Pull a host's cable and plug it in again: what is on the way is lost, and nobody is told.
lab_cut() { # HOST
	on bridge ip link set "$1" nomaster || fail "the cable of $1 stays"
}
lab_mend() { # HOST
	on bridge ip link set "$1" master bridge || fail "the cable of $1 stays out"
}

# Replace a host's cable by a bad one, see badwire.py.
lab_spoil() { # HOST SEED DELAY_MS JITTER_MS LOSS REPEAT
	[ -e /dev/net/tun ] || skip "there is no /dev/net/tun for a bad wire"
	on bridge ip link delete "$1" || fail "the good cable of $1 stays"
	start "wire-$1" bridge python3 "$PADDOCK_SOURCE/tests/kit/badwire.py" "$1" far "${@:2}"
	wait_for 10 grep -qs ready "$work/wire-$1.log"
	on bridge ip link set far netns "${lab_holders[$1]}" name eth0 || fail "no bad cable to $1"
	lab_plug "$1"
}

# A process dies without a word.
strike() { # NAME
	kill -KILL "${pids[$1]}"
	wait "${pids[$1]}" 2>/dev/null || :
}

# ---- programs ----

listens() { # TIMES
	[ "$(grep -c listening "$work/serve.log")" -ge "$1" ]
}
serve() {
	served=$((served + 1))
	start serve coordinator "$paddock" serve --listen "$url" --state "$work/serve" -v
	wait_for 20 listens "$served"
}
token() { # FILE ARGUMENT...
	"$paddock" token create --state "$work/serve" "${@:2}" >"$work/$1" 2>"$work/$1.err" || fail "no token: $(cat "$work/$1.err")"
}
# The hosts coordinator, client and those of workers; a coordinator, and keys for all.
cluster() { # HOST...
	lab_begin coordinator client "$@"
	serve
	token worker.token --uses $#
	token client.token --role submit
}
# Workers named as their hosts, with $slots slots each, or two.
join() { # HOST...
	local host times
	for host in "$@"; do
		times=$(joined "$host")
		XDG_STATE_HOME=$work/of-$host start "$host" "$host" "$PADDOCK_BIN/paddock-worker" --coordinator "$url" \
			--token "$work/worker.token" --slots "${slots:-2}" --name "$host" -v
		wait_for 20 has_joined "$host" $((times + 1))
	done
}
joined() { # HOST
	grep -cs joined "$work/$1.log" || :
}
has_joined() { # HOST TIMES
	[ "$(joined "$1")" -ge "$2" ]
}
submit() { # ARGUMENT...
	start run client "$paddock" run --coordinator "$url" --token "$work/client.token" --progress none --events "$work/events" "$@"
}

# ---- what came of it ----

# An undisturbed run here says what is wanted.
locally() { # ARGUMENT...
	"$paddock" run --progress none --jobs 4 --events "$work/local" "$@" >"$work/local.log" 2>&1
	want_code=$?
	verdicts "$work/local" | sed "$alike" >"$work/want"
	[ -s "$work/want" ] || fail "nothing ran: $(tail -n 3 "$work/local.log")"
}
has_event() { # EVENT TEXT
	grep "\"event\":\"$1\"" "$work/events" | grep -qF -- "$2"
}
has_lines() { # FILE LINES
	[ "$(wc -l <"$work/$1")" -ge "$2" ]
}
has_finished() { # CASES
	[ "$(grep -c '"event":"case"' "$work/events")" -ge "$1" ]
}
# The run ends as the one here did, and no case began once its verdict was known, or had two.
expect_same() {
	wait "${pids[run]}"
	expect_eq "$want_code" $? "exit code: $(tail -n 3 "$work/run.log")"
	verdicts "$work/events" | sed "$alike" | diff -u "$work/want" - >&2 || fail "the verdicts differ from those of a local run"
	expect_eq "" "$(python3 -c '
import json, sys
known = set()
for event in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    if event["event"] in ("case_started", "case") and event["id"] in known:
        print(event["event"], event["id"])
    if event["event"] == "case":
        known.add(event["id"])' "$work/events")" "what ran or counted again"
	expect_exit 0 "$paddock" audit verify --state "$work/serve"
}
