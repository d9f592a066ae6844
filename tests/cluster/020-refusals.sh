#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input: a clear error, the right exit code, nothing run.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

cd "$work" || fail "no $work"
refused() { # CODE TEXT ARGUMENT...
	expect_exit "$1" "$paddock" run --progress none "${@:3}"
	expect_in "$2" "$work/err"
}

refused 2 "no such file or folder" /nonexistent/suite
refused 2 "did you mean" --retires 2 .
refused 2 "not a whole number" --jobs many .
refused 2 "not one of off|strict|default|permissive" --sandbox tight .
refused 2 "missing )" -E 'test(' .
mkdir empty
refused 4 "no test found" empty
printf '# nothing but a comment\n' >none.list
expect_exit 4 "$paddock" run --progress none --kind list none.list
expect_exit 0 "$paddock" run --progress none --no-tests pass --kind list none.list

# An executable that is not there is an error of its own, never a skip; the others run.
printf 'there\ttrue\ngone\t/nonexistent/tests/gone\n' >gone.list
expect_exit 100 "$paddock" run --progress none --events events gone.list
expect_eq "gone error there pass" "$(verdicts events | tr '\n' ' ' | sed 's/ $//')" "verdicts"
expect_in "no such executable" events

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	# Programs that nobody may run, too: this tree may lie in a home that is closed.
	mkdir -m 700 closed && touch closed/t.list && chmod 755 "$work"
	mkdir bin && cp "$PADDOCK_BIN"/paddock "$PADDOCK_BIN"/paddock-worker "$PADDOCK_BIN"/paddock-box bin/
	expect_exit 104 setpriv --reuid 65534 --clear-groups env HOME=/tmp "$work/bin/paddock" run --progress none "$work/closed"
	expect_in "ermission denied" "$work/err"
fi

# paddock.yaml: the line, and the nearest key.
printf 'suites:\n  one:\n    kidn: list\n    path: gone.list\n' >paddock.yaml
refused 96 "paddock.yaml:3" one
expect_in 'kind' "$work/err"
printf 'suites:\n  one: [1, 2\n' >paddock.yaml
refused 96 "paddock.yaml" one
printf 'suites:\n  one:\n    kind: list\n    path: gone.list\n    env: 7\n' >paddock.yaml
refused 96 "paddock.yaml" one
