#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The TAP files of three npm packages: tape (its own tests of a TAP producer),
# minimist and deep-equal. One program per file, run by node in its package's
# folder. The verdicts come from Perl's TAP::Parser, which is what prove is made
# of. PADDOCK_SUITES=quick leaves out tape, whose tests need two hundred packages.
#
# ctest: timeout=600
# ctest: serial

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=npm
RUN_ARGS=(npm)
TESTED=(minimist@1.2.8 deep-equal@2.2.3 tape@5.10.2)
# What the tests themselves require, without the linters and coverage tools.
TAPE_NEEDS=(tap@12.7.0 concat-stream@1.6.2 falafel@2.2.5 js-yaml@3.14.1
	es-value-fixtures@1.7.1 array.prototype.flatmap@1.3.3 tap-parser@5.4.0)
NEEDS=(available-typed-arrays@1.0.7 for-each@0.3.5 has-proto@1.2.0
	has-symbols@1.1.0 has-typed-arrays@1.0.1
	object.getownpropertydescriptors@2.1.8 semver@6.3.1)

need_node()
{
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		need_packages nodejs npm
	fi
}

npm_quietly() { nice npm "$@" --ignore-scripts --no-audit --no-fund --loglevel=error; }

# fetch DIR PACKAGE@VERSION...: the packages whose tests run, with their tests,
# in DIR/packages, and all that they need in DIR/node_modules.
fetch()
{
	local dir=$1 stamp=$1/fetched name file
	shift
	[ ! -e "$stamp" ] || return 0
	rm -rf "$dir"
	mkdir -p "$dir/packages"
	echo '{"private":true}' >"$dir/package.json"
	(
		cd "$dir"
		npm_quietly install "${TESTED[@]}" "$@"
		for name in "${TESTED[@]}"; do
			file=$(npm_quietly pack "$name" | tail -n 1)
			mkdir "packages/${name%@*}"
			tar -xzf "$file" -C "packages/${name%@*}" --strip-components=1
		done
	) >"$CACHE/npm.log" 2>&1 </dev/null || {
		tail -n 3 "$CACHE/npm.log" >&2
		skip "npm could not install the packages"
	}
	touch "$stamp"
}

# wrap DIR PACKAGE: an executable per test file.
wrap()
{
	local dir=$1 package=$2 file out
	mkdir -p "$WORK/tests/$package"
	for file in "$dir/packages/$package"/test/*.js; do
		case ${file##*/} in common.js | _*) continue ;; esac
		out=$WORK/tests/$package/${file##*/}
		printf '#!/bin/sh\ncd "%s" && exec "%s" "test/%s"\n' \
			"$dir/packages/$package" "$NODE" "${file##*/}" >"$out"
		chmod +x "$out"
	done
}

suite_prepare()
{
	local dir=$WORK/full
	need_node
	NODE=$(command -v node)
	if [ "$QUICK" = 1 ]; then
		dir=$WORK/quick
		TESTED=(minimist@1.2.8 deep-equal@2.2.3)
		fetch "$dir" tape@5.10.2 "${NEEDS[@]}"
	else
		fetch "$dir" "${NEEDS[@]}" "${TAPE_NEEDS[@]}"
	fi
	rm -rf "$WORK/tests"
	for name in "${TESTED[@]}"; do wrap "$dir" "${name%@*}"; done
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  npm:
	    kind: tap
	    path: tests
	    env:
	      NODE_OPTIONS: --no-warnings
	YAML
	PARTIAL=$QUICK
}

suite_native()
{
	(cd "$WORK/tests" && find . -type f | LC_ALL=C sort |
		sed "s|^\./\(.*\)|\1\texec '$WORK/tests/\1'|") >"$WORK/list"
	NODE_OPTIONS=--no-warnings "$KIT/native.py" --jobs "$JOBS" \
		"$WORK/list" "$WORK/logs" | "$KIT/taplogs.py" npm >"$1"
}

suite_version() { node --version; }

suites_main "$@"
