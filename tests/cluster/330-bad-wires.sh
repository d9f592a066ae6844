#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Workers and a client behind wires that delay, lose, repeat and reorder: every verdict and every byte of output is that of a
# local run, nothing is run again, and nobody is taken for gone.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"

for i in $(seq 120); do
	printf 't%s\techo t%s >>%s/begun; seq %s; seq %s >&2; exit %s\n' "$i" "$i" "$work" $((i * 37)) $((i * 11)) $((i % 7 == 0))
done >"$work/t.list"
outputs() { # EVENTS
	python3 -c 'import json, sys
for e in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    if e["event"] == "case": print(e["case"], e["stdout"], e["stderr"], e["dropped_bytes"])' "$1" | sort | sha256sum
}
locally --sandbox off "$work/t.list"
rm "$work/begun"

cluster w1 w2
lab_spoil w1 1 20 30 2 2
lab_spoil w2 2 5 5 10 0
lab_spoil client 3 40 10 2 1
join w1 w2
submit --sandbox off "$work/t.list"
expect_same
expect_eq "$(outputs "$work/local")" "$(outputs "$work/events")" "what the cases printed"
expect_eq 120 "$(wc -l <"$work/begun")" "times cases began"
for host in w1 w2; do expect_eq 1 "$(joined "$host")" "times $host joined"; done
for host in w1 w2; do
	kill "${pids[wire-$host]}"
	wait "${pids[wire-$host]}"
done
grep -q 'overtaken [1-9]' "$work/wire-w1.log" && grep -q 'lost [1-9]' "$work/wire-w2.log" ||
	fail "the wires were good: $(cat "$work"/wire-w?.log)"
