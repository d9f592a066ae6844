#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one process costs: COUNT starts of /bin/true at two slots through a list suite, bare against ctest, xargs and prove, sandboxed
# against bwrap with all namespaces under xargs.
# Usage: list.sh [-n COUNT] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 2000 5 "$@"
bench_needs ctest prove xargs bwrap

mkdir -p "$work/ctest" "$work/prove"
for ((i = 0; i < count; i++)); do
	echo "t$i	/bin/true" >&3
	echo "add_test(t$i /bin/true)" >&4
	printf '1..1\nok 1\n' >"$work/prove/$i.t"
done 3>"$work/true.list" 4>"$work/ctest/CTestTestfile.cmake"

bwrap='bwrap --unshare-all --unshare-user --ro-bind / / --tmpfs /tmp --proc /proc --dev /dev /bin/true'
bench_rounds --title "$count processes of /bin/true at 2 slots; microseconds per process, ratio to ctest" --base ctest \
	--bar off:cpu:1.5:ctest --bar default:cpu:1:bwrap <<LINES
off	$count	\$paddock run -j2 --sandbox off --progress none \$work/true.list
ctest	$count	ctest --test-dir \$work/ctest -j2 -Q
xargs	$count	seq $count | xargs -P2 -n1 /bin/true
prove	$count	prove -Q -j2 --exec /bin/cat \$work/prove
default	$count	\$paddock run -j2 --progress none \$work/true.list
bwrap	$count	seq $count | xargs -P2 -I{} $bwrap
LINES
