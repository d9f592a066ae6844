#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker is frozen past its lease while its cases end, and they begin again elsewhere. Thawed, it tells what it had: of a case
# that has its verdict by now that is a duplicate, noted and not counted; of one still at work elsewhere it is the verdict.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"

# Says who begins what, then waits for a file named after the occasion.
cat >"$work/test" <<'EOF2'
cd "${0%/*}" || exit
echo "$1 $PADDOCK_WORKER" >>begun
case $PADDOCK_WORKER:$1 in
w2:early | w2:late) until [ -e frozen ]; do sleep 0.05; done ;;
w?:last | w1:late) until [ -e over ]; do sleep 0.05; done ;;
esac
echo "$1 $PADDOCK_WORKER" >>ended
EOF2
for name in early late last; do printf '%s\tsh %s/test %s\n' "$name" "$work" "$name"; done >"$work/t.list"
locally --sandbox off "$work/t.list"
rm "$work/begun" "$work/ended"

cluster w1 w2
slots=3
join w2
submit --sandbox off "$work/t.list"
wait_for 20 has_lines begun 3
kill -STOP "${pids[w2]}"
touch "$work/frozen"
wait_for 20 has_lines ended 2
join w1
wait_for 60 has_event case '"early"'
wait_for 20 has_lines begun 6
kill -CONT "${pids[w2]}"
wait_for 20 has_event case_duplicate '"early"'
wait_for 20 has_event case '"late"'
touch "$work/over"
expect_same
grep '"event":"case"' "$work/events" | sed 's/.*"case":"\([^"]*\)".*"worker":"\([^"]*\)".*/\1 \2/' | sort >"$work/by"
expect_eq "early w1 late w2" "$(grep -v last "$work/by" | xargs)" "whose verdicts count"
expect_eq 1 "$(grep -c '"case_duplicate".*"early"' "$work/events")" "duplicates of the early one"
