#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# One blow after the other at random, PADDOCK_BLOWS of them, while three workers run quick cases: the coordinator, a worker or both
# die and come back, a worker stands still or loses its cable for a while. The verdicts are those of a local run, and only what a
# dead worker was at may begin twice.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"

blows=${PADDOCK_BLOWS:-10}
seed=${PADDOCK_SEED:-$RANDOM}
echo "PADDOCK_SEED=$seed PADDOCK_BLOWS=$blows"
RANDOM=$seed
for i in $(seq $((blows * 100))); do
	printf 't%s\techo t%s >>%s/begun; sleep 0.0%s; echo text; exit %s\n' "$i" "$i" "$work" $((i % 4)) $((i % 17 == 0))
done >"$work/t.list"
locally --sandbox off "$work/t.list"
rm "$work/begun"

# The others go on meanwhile.
progress() {
	wait_for 30 has_lines begun $(($(wc -l <"$work/begun") + 30))
}
cluster w1 w2 w3
join w1 w2 w3
submit --sandbox off "$work/t.list"
wait_for 20 test -s "$work/begun"
died=0
for ((blow = 0; blow < blows; blow++)); do
	kind=$((RANDOM % 5)) host=w$((RANDOM % 3 + 1))
	echo "after $(wc -l <"$work/begun"): kind $kind $host"
	case $kind in
	0) strike serve && serve ;;
	1) strike "$host" && died=$((died + 1)) && progress && join "$host" ;;
	2) strike serve; strike "$host"; died=$((died + 1)); serve; join "$host" ;;
	3) kill -STOP "${pids[$host]}" && progress && kill -CONT "${pids[$host]}" ;;
	4) lab_cut "$host" && progress && lab_mend "$host" ;;
	esac
	progress
done
expect_same
again=$(sort "$work/begun" | uniq -d | wc -l)
[ "$again" -le $((2 * died)) ] || fail "$again cases began twice, and $died workers of two slots died"
