#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A run on this machine: every listed case ends with one verdict, the reports agree, the exit code tells.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

suite=$work/suite
mkdir "$suite"
printf 'good\ttrue\nbad\techo why >&2; false\nskipped\texit 77\nbroken\t/nonexistent/program\ncrash\tkill -SEGV $$\n' >"$suite/t.list"
cat >"$work/want" <<'END'
bad fail
broken error
crash crash
good pass
skipped skip
END

for sandbox in off default; do
	expect_exit 100 "$paddock" run --sandbox "$sandbox" --jobs 2 --progress none --events "$work/events" \
		--junit "$work/junit.xml" --tap "$work/tap" "$suite/t.list"
	verdicts "$work/events" >"$work/got"
	diff -u "$work/want" "$work/got" || fail "verdicts with --sandbox $sandbox"
	expect_eq 5 "$(grep -c '<testcase ' "$work/junit.xml")" "cases in the JUnit report"
	expect_eq 3 "$(grep -c '^not ok' "$work/tap")" "failures in the TAP report"
	expect_in SIGSEGV "$work/junit.xml"
	expect_in '"exit_code":100' "$work/events"
	expect_exit 0 "$paddock" run --sandbox "$sandbox" --progress none "$suite/t.list" -- good
done

# What failed is run again, and only that.
expect_exit 100 "$paddock" run --sandbox off --progress none "$suite/t.list"
expect_exit 100 "$paddock" run --sandbox off --progress none --events "$work/events" --rerun failed "$suite/t.list"
verdicts "$work/events" >"$work/got"
grep -v -e '^good' -e '^skipped' "$work/want" | diff -u - "$work/got" || fail "the rerun"

# Any report again, from what was stored.
expect_exit 0 "$paddock" report latest --junit "$work/again.xml"
expect_eq 3 "$(grep -c '<testcase ' "$work/again.xml")" "cases in the report written again"

# A retry that passes is flaky, and green.
printf 'once\ttest -e %s/seen || { touch %s/seen; exit 1; }\n' "$work" "$work" >"$suite/flaky.list"
expect_exit 0 "$paddock" run --sandbox off --retries 1 --progress none --events "$work/events" "$suite/flaky.list"
expect_in '"flaky":true' "$work/events"

# Enough failures end the run; the rest is notrun, not forgotten.
for i in $(seq 20); do printf 'f%s\tfalse\n' "$i"; done >"$suite/many.list"
expect_exit 100 "$paddock" run --sandbox off --jobs 1 --max-fail 2 --progress none --events "$work/events" "$suite/many.list"
expect_eq 20 "$(verdicts "$work/events" | wc -l)" "verdicts of a run cut short"
[ "$(verdicts "$work/events" | grep -c ' notrun$')" -gt 0 ] || fail "nothing was left out after --max-fail 2"

# A program that cannot be listed is one case, with the reason.
printf '#!/bin/sh\nexit 3\n' >"$suite/unlisted" && chmod +x "$suite/unlisted"
expect_exit 104 "$paddock" run --sandbox off --progress none --kind gtest --junit "$work/unlisted.xml" "$suite/unlisted"
expect_eq 1 "$(grep -c '<testcase name="(listing)"' "$work/unlisted.xml")" "cases of a program that was not listed"

# Started with its standard descriptors closed, as daemons do.
expect_exit 0 sh -c 'exec "$@" <&-' closed "$paddock" run --sandbox off --progress none "$suite/t.list" -- good
