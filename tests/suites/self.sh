#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# paddock runs its own tests: the unit, fuzz-replay and golden tests of the build
# folder, against ctest. Not the real suites, of which this is one, and not the
# tests that build sandboxes themselves, which a sandbox around them forbids.
#
# ctest: timeout=1200
# ctest: serial

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=self
PACKAGES=(cmake)
BUILD=${PADDOCK_BUILD:-$(dirname "$PADDOCK_BIN")}
KEEP=("$BUILD")
# No slash: one would end the expression of the filter.
CHOSEN='^(unit|fuzz|golden).'
RUN_ARGS=(self -E "test(/$CHOSEN/)")

suite_prepare()
{
	[ -f "$BUILD/CTestTestfile.cmake" ] || skip "no tests in $BUILD"
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  self:
	    kind: ctest
	    path: $BUILD
	YAML
}

suite_native()
{
	"$KIT/ctest_oracle.py" self ctest "$BUILD" \
		-j "$JOBS" -R "$CHOSEN" >"$1"
}

# Depends on every file of the build: never from the cache.
suite_version() { date +%s; }

suites_main "$@"
