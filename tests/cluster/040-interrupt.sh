#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ctrl-C: the run stops at once, what is known is reported, nothing survives; the worker or a report's disk failing under a
# run is told by the exit code, and no verdict is lost.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

printf 'quick\ttrue\nslow\techo begun >%s/begun; sleep 600.%s\n' "$work" $$ >"$work/t.list"
for signal in INT TERM HUP; do
	rm -f "$work/begun" "$work/events"
	"$paddock" run --sandbox off --jobs 2 --progress none --events "$work/events" "$work/t.list" >"$work/out" 2>&1 &
	run=$!
	wait_for 20 test -e "$work/begun"
	wait_for 20 grep -q '"event":"case",.*"case":"quick"' "$work/events"
	kill -"$signal" "$run"
	wait "$run"
	status=$?
	expect_eq $((128 + $(kill -l "$signal"))) "$status" "exit code after SIG$signal"
	expect_eq "quick pass slow notrun" "$(verdicts "$work/events" | tr '\n' ' ' | sed 's/ $//')" "verdicts"
	expect_in '"event":"run_finished"' "$work/events"
	expect_eq 0 "$(pgrep -fx "sleep 600.$$" | wc -l)" "survivors"
done

# The run itself is killed: its worker ends what runs, and tidies up behind both.
rm -f "$work/begun"
mkdir "$work/rt"
XDG_RUNTIME_DIR=$work/rt TMPDIR=$work/rt "$paddock" run --jobs 2 --progress none "$work/t.list" --sandbox off >"$work/out" 2>&1 &
run=$!
wait_for 20 test -e "$work/begun"
kill -KILL "$run"
wait "$run" 2>/dev/null
wait_for 20 rmdir "$work/rt"
expect_eq 0 "$(pgrep -fx "sleep 600.$$" | wc -l)" "survivors of a killed run"

# The worker of a run is killed: another takes over, and every case still gets one verdict.
rm -f "$work/begun"
for i in $(seq 40); do printf 't%s\techo x >>%s/begun; sleep 0.1\n' "$i" "$work"; done >"$work/many.list"
"$paddock" run --sandbox off --jobs 4 --progress none --events "$work/events" "$work/many.list" >"$work/out" 2>&1 &
run=$!
wait_for 20 test -e "$work/begun"
pkill -KILL -P "$run" -f paddock-worker || fail "no worker to kill"
wait "$run"
expect_eq 0 $? "exit code after the worker was killed"
expect_eq 40 "$(verdicts "$work/events" | grep -c ' pass$')" "passes after the worker was killed"

# A report that cannot be written.
expect_exit 110 "$paddock" run --sandbox off --progress none --junit /dev/full "$work/t.list" -- quick
expect_exit 110 "$paddock" run --sandbox off --progress none --tap "$work/nowhere/tap" "$work/t.list" -- quick
expect_in "nowhere/tap" "$work/err"
if [ "$(id -u)" = 0 ] && mkdir "$work/disk" && mount -t tmpfs -o size=64k none "$work/disk" 2>/dev/null; then
	head -c 60000 /dev/zero >"$work/disk/filler"
	for i in $(seq 400); do printf 'case number %s\ttrue\n' "$i"; done >"$work/long.list"
	expect_exit 110 "$paddock" run --sandbox off --progress none --junit "$work/disk/junit.xml" "$work/long.list"
	left=$(ls "$work/disk")
	umount "$work/disk"
	expect_eq filler "$left" "files on the full disk"
	expect_in "junit.xml" "$work/err"
fi
