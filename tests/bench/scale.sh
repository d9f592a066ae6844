#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Does the cost per test grow with their number? COUNT and ten times COUNT processes of /bin/true at two slots through a list suite,
# bare, beside as many under xargs, which is flat: what xargs' ratio differs from 1 is the machine's.
# Usage: scale.sh [-n COUNT] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 2000 5 "$@"
bench_needs xargs

many=$((count * 10))
for ((i = 0; i < many; i++)); do echo "t$i	/bin/true"; done >"$work/many.list"
head -n "$count" "$work/many.list" >"$work/few.list"

bench_rounds --title "$count and $many processes of /bin/true at 2 slots; microseconds per process, ratio to $count" --base "off-$count" \
	--bar "off-$many:cpu:1.1:off-$count" <<LINES
off-$count	$count	\$paddock run -j2 --sandbox off --progress none \$work/few.list
xargs-$count	$count	seq $count | xargs -P2 -n1 /bin/true
off-$many	$many	\$paddock run -j2 --sandbox off --progress none \$work/many.list
xargs-$many	$many	seq $many | xargs -P2 -n1 /bin/true
LINES
