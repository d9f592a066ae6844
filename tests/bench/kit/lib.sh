# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.sh - what the benches share: options, a folder to work in, the programs under test.
#
# After bench_begin: $work (removed at the end), $paddock, $rounds, $count, $json; the environment points all state of paddock into
# $work and holds none of its variables.

bench_usage() {
	echo "usage: ${0##*/} [-n COUNT] [-r ROUNDS] [--json FILE]" >&2
	exit 2
}

bench_begin() { # COUNT ROUNDS ARGUMENT...
	count=$1 rounds=$2 json=/dev/null
	shift 2
	while [ $# -gt 0 ]; do
		[ $# -gt 1 ] || bench_usage
		case $1 in
		-n) count=$2 ;;
		-r) rounds=$2 ;;
		--json) json=$2 ;;
		*) bench_usage ;;
		esac
		shift 2
	done
	local bin=${PADDOCK_BIN:-${PADDOCK_BUILD:-build}/bin} variable
	paddock=$(realpath -e "$bin/paddock") || {
		echo "${0##*/}: no paddock in $bin; build it, or say where it is with PADDOCK_BIN" >&2
		exit 1
	}
	for variable in $(compgen -e PADDOCK_); do
		[ "$variable" = PADDOCK_SOURCE ] || unset "$variable"
	done
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	# For the shells that run what is measured.
	export paddock work count XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
}

bench_needs() { # PROGRAM...
	local each
	for each in "$@"; do
		command -v "$each" >/dev/null || {
			echo "${0##*/}: skipped: needs $each"
			exit 77
		}
	done
}

bench_rounds() { # OPTION...; lines of NAME, PER and COMMAND on standard input
	python3 "$(dirname "${BASH_SOURCE[0]}")/rounds.py" --rounds "$rounds" --json "$json" "$@"
}
