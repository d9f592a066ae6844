#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A case that runs for long is told as slow while it does, again and again, here and through a coordinator, also through one
# that is killed meanwhile; its verdict, the exit code and the reports stay what they are.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

printf 'quick\ttrue\nlong\twhile [ ! -e %s/go ]; do sleep 0.02; done\n' "$work" >"$work/t.list"
run() { # WORDS...
	rm -f "$work/go" "$work/events"
	"$paddock" run --sandbox off --jobs 2 --slow-timeout 100ms --progress lines --events "$work/events" \
		--junit "$work/junit.xml" "$@" "$work/t.list" >"$work/lines" 2>&1 &
	run=$!
	told 2
}
told() { # TIMES
	wait_for 60 grep -q "\"event\":\"case_slow\",.*::long\".*\"times\":$1}" "$work/events"
}
end() {
	touch "$work/go"
	wait "$run"
	expect_eq 0 $? "exit code of a run with a slow case"
	expect_eq "long pass quick pass" "$(verdicts "$work/events" | tr '\n' ' ' | sed 's/ $//')" "verdicts"
	grep -qE '^\[[01]/2\] SLOW   > .*::long$' "$work/lines" || fail "no line says that it is slow"
	expect_in "1 slow" "$work/lines"
	expect_eq 2 "$(grep -c '<testcase ' "$work/junit.xml")" "cases in the JUnit report"
}

run
end
expect_exit 0 "$paddock" report latest --events "$work/again"
grep case_slow "$work/events" | diff - <(grep case_slow "$work/again") >&2 || fail "the stored run tells it otherwise"
expect_exit 0 "$paddock" merge "$work/events" --events "$work/merged"
expect_in '"slow":1' "$work/merged"

url=ipc://$work/socket
serve() {
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
	serve=$!
	wait_for 30 grep -q listening "$work/serve.log"
}
serve
"$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name w >"$work/w.log" 2>&1 &
wait_for 30 grep -q joined "$work/w.log"
run --coordinator "$url" --insecure
expect_in '"worker":"w"' "$work/events"
kill -KILL "$serve"
wait "$serve" 2>/dev/null
before=$(grep -c case_slow "$work/events")
serve
told $((before + 2))
end
expect_eq "" "$(grep -o '"times":[0-9]*' "$work/events" | sort | uniq -d)" "what was told twice"
