#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Tests that flood, hang, leak, crash and print garbage: each gets its verdict, the others theirs, and nothing survives.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

{
	printf 'flood\tyes | head -c 200000000; exit 1\n'
	printf 'garbage\tprintf "\\377\\376\\000\\033[31m]]>&<"; exit 1\n'
	printf 'holds stdout\tsleep 617 & exit 0\n'
	printf 'daemon\tsetsid sh -c "sleep 617" & exit 0\n'
	printf 'ignores TERM\ttrap "" TERM; while :; do sleep 617; done\n'
	printf 'abort\tkill -ABRT $$\n'
	printf 'odd code\texit 99\n'
	printf 'good\ttrue\n'
} >"$work/hostile.list"
cat >"$work/want" <<'END'
abort crash
daemon leak
flood fail
garbage fail
good pass
holds stdout leak
ignores TERM timeout
odd code error
END
for sandbox in off default; do
	begun=$SECONDS
	expect_exit 100 "$paddock" run --sandbox "$sandbox" --jobs 2 --timeout 5s --progress none --events "$work/events" \
		--junit "$work/junit.xml" "$work/hostile.list"
	verdicts "$work/events" >"$work/got"
	diff -u "$work/want" "$work/got" || fail "verdicts with --sandbox $sandbox"
	[ $((SECONDS - begun)) -lt 60 ] || fail "a leaked child or a flood held the run up"
	[ "$(stat -c %s "$work/events")" -lt 8000000 ] || fail "a flood went through to the report"
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/junit.xml" || fail "JUnit is no XML"
done
survivors=$(pgrep -fx 'sleep 617' | wc -l)
expect_eq 0 "$survivors" "processes that survived their tests"

# A program that hangs, prints for ever, or dies while it is listed.
cat >"$work/hangs" <<'END'
#!/bin/sh
# gtest_list_tests InitGoogleTest
sleep 617
END
sed 's/sleep 617/exit 3/' "$work/hangs" >"$work/dies"
chmod +x "$work/hangs" "$work/dies"
expect_exit 104 "$paddock" run --kind gtest --timeout 1s --progress none --events "$work/events" "$work/hangs"
expect_in "did not end within" "$work/events"
expect_exit 104 "$paddock" run --kind gtest --progress none --events "$work/events" "$work/dies"
expect_in '"outcome":"error"' "$work/events"
expect_eq 0 "$(pgrep -fx 'sleep 617' | wc -l)" "processes that survived a listing"
