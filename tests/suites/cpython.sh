#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The 374 short test files of CPython 3.11's own suite (Debian's
# libpython3.11-testsuite), cpython.tests, as a list: one `python -m test` per
# file, which is what `python -m test -jN` starts too. A file whose tests were
# all skipped exits 0. Not the interpreter that PATH finds first: it may be
# another one, without these files.
#
# ctest: timeout=2400
# ctest: serial

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=cpython
PACKAGES=(libpython3.11-testsuite)
RUN_ARGS=(cpython)
TEST="/usr/bin/python3.11 -m test -u none --timeout 200"

suite_prepare()
{
	local name
	while read -r name; do
		printf '%s\texec %s %s\n' "$name" "$TEST" "$name"
	done <"$SUITES_DIR/cpython.tests" >"$WORK/cpython-tests"
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  cpython:
	    kind: list
	    path: cpython-tests
	    env:
	      PYTHONDONTWRITEBYTECODE: "1"
	YAML
}

suite_native()
{
	PYTHONDONTWRITEBYTECODE=1 "$KIT/native.py" --jobs "$JOBS" --cwd "${TMPDIR:-/tmp}" \
		"$WORK/cpython-tests" "$WORK/logs" |
		awk -F'\t' -v OFS='\t' '{print "cpython", "cpython-tests", $1, $2}' >"$1"
}

suite_version() { cat "$SUITES_DIR/cpython.tests"; }

suites_main "$@"
