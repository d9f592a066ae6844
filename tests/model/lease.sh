#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every order of steps of lease.pml, by spin: what must hold holds, and each planted mistake is found.
set -eu -o pipefail
model=$(dirname "$(realpath "$0")")/lease.pml
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

# errors WHAT MACRO...: explores the model for violated assertions ("safety") or for a case that never ends ("ends"); prints
# how many errors were found
errors() {
	local what=$1 build=(-DSAFETY -DNOCLAIM) run=()
	shift
	if [ "$what" = ends ]; then
		build=(-DNFAIR=3) run=(-a -f -E)
	fi
	spin -a "${@/#/-D}" "$model" >spin.log || { cat spin.log >&2; exit 1; }
	cc -O2 -w "${build[@]}" -o pan pan.c
	./pan "${run[@]}" -m1000000 >pan.log 2>&1 || true
	if grep -q 'search depth too small\|memory\b.*exceeded\|out of memory' pan.log || ! grep -q 'errors:' pan.log; then
		cat pan.log >&2
		exit 1
	fi
	sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

failed=0
for what in safety ends; do
	faults=FAULTS=$([ "$what" = safety ] && echo 3 || echo 2)
	n=$(errors "$what" "$faults")
	echo "$what, $faults: $n errors in $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log) states"
	[ "$n" = 0 ] || { failed=1; cat pan.log; }
done
for mistake in ORDER_FIRST RECEIPT_FIRST FORGET_EARLY MERGE_ALL RERUN_KNOWN; do
	n=$(errors safety "$mistake" FAULTS=2)
	echo "$mistake: $([ "$n" = 0 ] && echo "NOT found" || echo found)"
	[ "$n" != 0 ] || failed=1
done
exit "$failed"
