#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# A worker's cable is pulled, both ways and without a word to anybody. Mended within the lease, nothing runs again and no verdict
# is missing. Past the lease what it had runs elsewhere, that alone; plugged in again, it works on.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"

cat >"$work/test" <<'EOF2'
cd "${0%/*}" || exit
echo "$1 $PADDOCK_WORKER" >>begun
until [ -e ready ]; do sleep 0.05; done
seq $(($1 * 1000))
echo "$1 $PADDOCK_WORKER" >>ended
exit $(($1 % 3 == 0))
EOF2
for i in $(seq 12); do printf 't%s\tsh %s/test %s\n' "$i" "$work" "$i"; done >"$work/t.list"
touch "$work/ready"
locally --sandbox off "$work/t.list"
cluster w1 w2
join w1 w2

# All slots are busy; what they run ends when it may.
begin() {
	rm "$work/ready" "$work/begun" "$work/ended"
	submit --sandbox off "$work/t.list"
	wait_for 30 has_lines begun 4
}
# Without w2 the rest is done, but for what w2 has.
sever() {
	lab_cut w2
	touch "$work/ready"
	wait_for 20 has_lines ended 12
}
again() {
	sed 's/ .*//' "$work/begun" | sort | uniq -d | xargs
}

begin
sever
wait_for 20 grep -q coordinator_silent "$work/w2.log"
lab_mend w2
expect_same
expect_eq "" "$(again)" "what ran again after a short cut"

begin
sever
lost=$(awk '$2 == "w2" { print $1 }' "$work/begun" | sort | xargs)
expect_same
[ "$lost" ] || fail "w2 had nothing"
expect_eq "$lost" "$(again)" "what ran again after a long cut"

lab_mend w2
begin
touch "$work/ready"
expect_same
