#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The `ctest` kind: a small project whose 94 tests use every property that decides
# a verdict (tests/fixtures/ctest), against ctest itself.
#
# ctest: timeout=300
# ctest: label=suites-quick

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=ctest
PACKAGES=(cmake)
RUN_ARGS=(ctest)
FIXTURE=$ROOT/tests/fixtures/ctest

suite_prepare()
{
	rm -rf "$WORK/build" "$WORK/source"
	cp -R "$FIXTURE" "$WORK/source" # the sandbox may hide where this checkout lies
	command -v make >/dev/null || export CMAKE_GENERATOR=Ninja
	cmake -S "$WORK/source" -B "$WORK/build" >"$WORK/cmake.log" ||
		die "cannot configure $FIXTURE, see $WORK/cmake.log"
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  ctest:
	    kind: ctest
	    path: build
	YAML
}

suite_native()
{
	"$KIT/ctest_oracle.py" ctest ctest "$WORK/build" -j "$JOBS" >"$1"
}

suite_version() { cat "$FIXTURE/CMakeLists.txt"; }

suites_main "$@"
