#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# systemd 252's unit tests (Debian's systemd-tests): 264 programs whose exit
# status is the verdict, 77 = skip. A list, as run-unit-tests.py runs them; that
# script is serial and does not tell a signal from a failure, so kit/native.py
# runs the same commands. PADDOCK_SUITES=quick leaves out those that take a second or more.
#
# ctest: timeout=600
# ctest: serial
# ctest: label=suites-quick

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=systemd
PACKAGES=(systemd-tests acl)
RUN_ARGS=(systemd)
SLOW=" test-event test-sysusers.sh test-ratelimit test-ndisc-rs test-ipv4ll
 test-network-generator-conversion.sh test-libcrypt-util test-exec-util
 test-journal-send test-async test-conf-parser test-execute test-random-util
 test-data-fd-util test-in-addr-prefix-util test-fstab-generator.sh "

suite_prepare()
{
	local t name
	for t in /usr/lib/systemd/tests/test-*; do
		name=${t##*/}
		[ -x "$t" ] || continue
		[ "$QUICK" = 0 ] || [[ $SLOW != *[[:space:]]"$name"[[:space:]]* ]] ||
			continue
		printf "%s\texec %s\n" "$name" "$t"
	done >"$WORK/systemd-tests"
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  systemd:
	    kind: list
	    path: systemd-tests
	YAML
	PARTIAL=$QUICK
}

suite_native()
{
	"$KIT/native.py" --jobs "$JOBS" "$WORK/systemd-tests" "$WORK/logs" |
		awk -F'\t' -v OFS='\t' '{print "systemd", "systemd-tests", $1, $2}' >"$1"
}

suites_main "$@"
