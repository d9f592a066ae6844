#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A GoogleTest program of more than a thousand cases, most of them generated, the
# rest everything that such a program can do to its runner: see
# tests/fixtures/gtest. The oracle is GoogleTest's own report.
#
# ctest: timeout=300
# ctest: label=suites-quick

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=gtest
PACKAGES=(libgtest-dev g++)
RUN_ARGS=(gtest)
FIXTURE=$ROOT/tests/fixtures/gtest

suite_prepare()
{
	local stamp
	stamp=$WORK/built-$(cat "$FIXTURE"/*.* | sha256sum | cut -c1-16)
	if [ ! -e "$stamp" ]; then
		say "compiling"
		mkdir -p "$WORK/programs"
		"$FIXTURE/generate.py" 40 15 >"$WORK/many.cc"
		g++ -O0 -o "$WORK/programs/cases" "$FIXTURE/cases.cc" \
			"$WORK/many.cc" -lgtest -lgtest_main -pthread
		rm -f "$WORK"/built-*
		touch "$stamp"
	fi
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  gtest:
	    kind: gtest
	    path: programs
	YAML
}

suite_native()
{
	"$KIT/gtest_oracle.py" gtest cases "$WORK/programs/cases" >"$1"
}

suite_version() { cat "$FIXTURE"/*.*; }

suites_main "$@"
