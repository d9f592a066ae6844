#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one case costs when a process runs many: COUNT empty GoogleTest cases in one program, through paddock bare and sandboxed,
# against the program itself and against a process per case under xargs.
# Usage: gtest.sh [-n COUNT] [-r ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 2000 5 "$@"
bench_needs g++ xargs
echo '#include <gtest/gtest.h>' | g++ -fsyntax-only -xc++ - 2>"$work/err" || {
	echo "gtest.sh: skipped: needs GoogleTest's headers (package libgtest-dev)"
	exit 77
}

{
	echo '#include <gtest/gtest.h>'
	for ((i = 0; i < count; i++)); do echo "TEST(Suite$((i / 50)), Case$i) {}"; done
} >"$work/empty.cc"
mkdir "$work/suite"
g++ -O0 -o "$work/suite/empty_test" "$work/empty.cc" -lgtest -lgtest_main -pthread
for ((i = 0; i < count; i++)); do echo "--gtest_filter=Suite$((i / 50)).Case$i"; done >"$work/filters"

bench_rounds --digits 1 --base program --title "$count empty GoogleTest cases; microseconds per case, ratio to the program" <<LINES
program	$count	\$work/suite/empty_test
off	$count	\$paddock run -j2 --sandbox off --progress none \$work/suite/empty_test
default	$count	\$paddock run -j2 --progress none \$work/suite/empty_test
process-each	$count	xargs -P2 -n1 -a \$work/filters \$work/suite/empty_test
LINES
