#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# D-Bus 1.14's installed tests (Debian's dbus-tests): two trees, 126 programs,
# about 1,000 TAP points. Native runner: gnome-desktop-testing-runner.
# PADDOCK_SUITES=quick takes the first tree only.
#
# ctest: timeout=600
# ctest: serial
# ctest: label=suites-quick

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=dbus
PACKAGES=(dbus-tests gnome-desktop-testing)
TREES=(dbus dbus-debug-build)

suite_prepare()
{
	[ "$QUICK" = 0 ] || TREES=(dbus)
	PARTIAL=$QUICK
	RUN_ARGS=("${TREES[@]}")
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  dbus:
	    kind: installed-tests
	    path: /usr/share/installed-tests/dbus
	  dbus-debug-build:
	    kind: installed-tests
	    path: /usr/share/installed-tests/dbus-debug-build
	YAML
}

suite_native()
{
	local tree
	for tree in "${TREES[@]}"; do
		"$KIT/installed.py" --jobs "$JOBS" --logs "$WORK/logs-$tree" "$tree"
	done >"$1"
}

suites_main "$@"
