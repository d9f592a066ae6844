#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker, then the coordinator, dies with a full disk and is started again on it. What cannot be done is said, what was known
# stays known, and with room again all goes on to the verdicts of a local run.
# shellcheck source=tests/kit/mounts.sh
. "$(dirname "$0")/../kit/mounts.sh"
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"
[ "${PADDOCK_INNER:-}" = 1 ] || skip "mount namespaces need privilege here"

small_disk "$work/serve" 6m
small_disk "$work/of-w1" 1m
for i in $(seq 400); do
	printf 't%s\techo t%s >>%s/begun; head -c 3000 /dev/urandom | base64; sleep 0.05; exit %s\n' "$i" "$i" "$work" $((i % 3 == 0))
done >"$work/t.list"
progress() {
	wait_for 20 has_lines begun $(($(wc -l <"$work/begun") + 20))
}
# Whoever has the disk says so; it is filled again and again, since what it removes makes room.
is_full() { # DISK WORDS LOG
	fill "$work/$1"
	grep -q "$2" "$work/$3.log"
}
locally --sandbox off "$work/t.list"
rm "$work/begun"
cluster w1 w2
join w1 w2
submit --sandbox off "$work/t.list"
wait_for 20 has_lines begun 10

wait_for 20 is_full of-w1 spool_not_written w1
strike w1
fill "$work/of-w1"
join w1
expect_in session_not_noted "$work/w1.log"
progress
rm "$work/of-w1/filler"
progress

wait_for 20 is_full serve not_durable serve
strike serve
fill "$work/serve"
expect_exit 105 on coordinator timeout 20 "$paddock" serve --listen "$url" --state "$work/serve"
expect_in "free space on its disk" "$work/err"
rm "$work/serve/filler"
serve
expect_same
