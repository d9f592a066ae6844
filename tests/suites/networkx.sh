#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# networkx 2.8's tests (Debian's python3-networkx): 253 files, 4,823 cases under
# pytest, some with parameters. The oracle is written by kit/pytest_oracle.py, a
# plugin, while pytest itself runs them with xdist. PADDOCK_SUITES=quick runs the
# folder `readwrite` only.
#
# ctest: timeout=1200
# ctest: serial
# ctest: label=suites-quick

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=networkx
PACKAGES=(python3-networkx python3-numpy python3-pytest python3-pytest-xdist)
RUN_ARGS=(networkx)
INSTALLED=/usr/lib/python3/dist-packages/networkx
# The tests live in a system folder: nothing may be written next to them.
OPTIONS=(-p no:cacheprovider)

suite_prepare()
{
	TESTED=$INSTALLED
	[ "$QUICK" = 0 ] || TESTED=$INSTALLED/readwrite
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  networkx:
	    kind: pytest
	    path: $TESTED
	    env:
	      PATH: /usr/bin:/bin
	      PYTEST_ADDOPTS: ${OPTIONS[*]}
	      PYTHONDONTWRITEBYTECODE: "1"
	YAML
	PARTIAL=$QUICK
}

suite_native()
{
	(
		cd "${TMPDIR:-/tmp}"
		PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$KIT ORACLE_OUT=$1 \
			ORACLE_SUITE=networkx ORACLE_ROOT=$TESTED \
			"$PYTHON" -m pytest "${OPTIONS[@]}" -p pytest_oracle -q -n "$(nproc)" \
			--rootdir "$TESTED" "$TESTED"
	) >"$WORK/native.log" 2>&1 || {
		tail -n 20 "$WORK/native.log" >&2
		[ -s "$1" ]
	}
}

suites_main "$@"
