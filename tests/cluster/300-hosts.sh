#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=180
# Five hosts: a coordinator, three workers, a client that submits a public suite (D-Bus, 540 verdicts). A worker is killed for
# good, then the coordinator, which is started again: the report equals a local one.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"
suite=/usr/share/installed-tests/dbus
[ -d "$suite" ] || skip "dbus-tests is not installed"
alike='s/ leak$/ pass/' # one of its daemons is gone in time, or not: in local runs, too

locally "$suite"
total=$(wc -l <"$work/want")
cluster w1 w2 w3
join w1 w2 w3
submit "$suite"
wait_for 60 has_finished $((total / 5))
strike w1
wait_for 60 has_finished $((total / 2))
strike serve
serve
expect_same
