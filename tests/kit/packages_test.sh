#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packages_test.sh - lists of packages are read as meant, and a machine that may not install is told what to type.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/kit.sh"
# shellcheck source=deploy/packages.sh
. "$PADDOCK_SOURCE/deploy/packages.sh"

printf '%s\n' '# a comment' 'gcc   the compiler' 'no-such-package-here why' '[cov] gcovr  summary' '[bench] perl' >"$work/list"
expect_eq "gcc no-such-package-here " "$(packages_named plain "$work/list" | tr '\n' ' ')" "packages of the plain mode"
expect_eq "gcc no-such-package-here gcovr " "$(packages_named cov "$work/list" | tr '\n' ' ')" "packages of a mode"

command -v dpkg-query >/dev/null || skip "this is not Debian"
expect_eq "no-such-package-here" "$(packages_missing dpkg no-such-package-here)" "what is missing"
PADDOCK_NO_INSTALL=1 expect_exit 1 packages_install plain "$work/list"
expect_in "apt-get install --no-install-recommends" "$work/err"
expect_in "no-such-package-here" "$work/err"
printf 'dpkg\n' >"$work/list"
expect_exit 0 packages_install plain "$work/list"
