#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# GLib 2.74's installed tests (Debian's libglib2.0-tests): 287 programs, about
# 5,700 TAP points, two thirds of the wall time asleep. Native runner:
# gnome-desktop-testing-runner.
#
# ctest: timeout=2400
# ctest: serial

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=glib
PACKAGES=(libglib2.0-tests gnome-desktop-testing)
RUN_ARGS=(glib)

suite_prepare()
{
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  glib:
	    kind: installed-tests
	    path: /usr/share/installed-tests/glib
	YAML
}

suite_native()
{
	"$KIT/installed.py" --jobs "$JOBS" --logs "$WORK/logs" glib >"$1"
}

suites_main "$@"
