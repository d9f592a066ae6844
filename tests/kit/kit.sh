# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# kit.sh - what shell tests share. A test begins with
#     # shellcheck source=tests/kit/kit.sh
#     . "$(dirname "$0")/../kit/kit.sh"
# and gets: strict mode, a folder of its own ($work, removed at the end, also the state and cache folder of paddock), every
# process it started in the background ended, and the checks below. The first failed check ends the test.
set -u -o pipefail

PADDOCK_SOURCE=${PADDOCK_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)}
PADDOCK_BUILD=${PADDOCK_BUILD:-$PADDOCK_SOURCE/build/check}
PADDOCK_BIN=${PADDOCK_BIN:-$PADDOCK_BUILD/bin}
PADDOCK_FIXTURES=${PADDOCK_FIXTURES:-$PADDOCK_BUILD/tests/fixtures}
# shellcheck disable=SC2034 # tests use it
paddock=$PADDOCK_BIN/paddock
work=$(mktemp -d "${TMPDIR:-/tmp}/paddock-test.XXXXXX") || exit 1
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config XDG_RUNTIME_DIR=$work/run
export PADDOCK_SOURCE PADDOCK_BUILD PADDOCK_BIN PADDOCK_FIXTURES
mkdir "$XDG_RUNTIME_DIR" && chmod 700 "$XDG_RUNTIME_DIR"
unset CI NO_COLOR GITHUB_ACTIONS
kit_disks=()

kit_end() {
	local status=$? pid disk
	trap - EXIT
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	for disk in "${kit_disks[@]}"; do umount -l "$disk"; done
	rm -rf "$work"
	exit "$status"
}
trap kit_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# End the test: it failed, with the line of the test that noticed.
fail() { # WORDS...
	local level=0
	while [[ ${BASH_SOURCE[level]} = */kit/* ]] && [ "$level" -lt $((${#BASH_SOURCE[@]} - 1)) ]; do
		level=$((level + 1))
	done
	echo "FAILED at ${BASH_SOURCE[level]##*/}:${BASH_LINENO[level - 1]}: $*" >&2
	exit 1
}

# End the test: it cannot run here. The words are what tests/skips.txt must excuse.
skip() { # REASON...
	echo "$*"
	exit 77
}

# Skip unless every named program is installed.
needs() { # PROGRAM...
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# Run a command; its output goes to $work/out and $work/err, its exit code is compared.
expect_exit() { # CODE COMMAND...
	local want=$1 got
	shift
	"$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	[ "$got" = "$want" ] && return 0
	sed 's/^/    out: /' "$work/out" | tail -n 30 >&2
	sed 's/^/    err: /' "$work/err" | tail -n 30 >&2
	fail "wanted exit code $want, got $got from: $*"
}

# A file holds a text, literally.
expect_in() { # TEXT FILE
	grep -qF -- "$1" "$2" && return 0
	sed 's/^/    has: /' "$2" | tail -n 40 >&2
	fail "'$1' is missing in ${2##*/}"
}

# A file does not hold a text.
expect_not_in() { # TEXT FILE
	grep -qF -- "$1" "$2" || return 0
	grep -nF -- "$1" "$2" | sed 's/^/    has: /' | head -n 10 >&2
	fail "'$1' should not be in ${2##*/}"
}

# Two values are the same text.
expect_eq() { # WANT GOT WORDS...
	[ "$1" = "$2" ] || fail "${*:3}: wanted '$1', got '$2'"
}

# A stored file equals what was produced. PADDOCK_BLESS=1 stores it instead.
expect_golden() { # STORED PRODUCED
	if [ "${PADDOCK_BLESS:-0}" = 1 ]; then
		mkdir -p "$(dirname "$1")" && cp "$2" "$1" || fail "cannot store $1"
	elif ! diff -u "$1" "$2" >&2; then
		fail "differs from ${1#"$PADDOCK_SOURCE/"}; if that is meant, run the test again with PADDOCK_BLESS=1"
	fi
}

# Wait until a command succeeds; the event decides, the limit only ends a test that would never end.
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "waited too long for: $*"
		read -r -t 0.02 <> <(:) || :
	done
}

# A folder of $work that is a small disk, and filling what is free of it. Wants a mount namespace of the test's own.
small_disk() { # FOLDER SIZE
	mkdir -p "$1" && mount -t tmpfs -o "size=$2,mode=700" none "$1" || skip "tmpfs cannot be mounted here"
	kit_disks+=("$1")
}
fill() { # FOLDER
	cat /dev/zero >>"$1/filler" 2>/dev/null || :
}

# A coordinator without keys at $url, and its worker "far", whose state is in $work/far.
serve_from_far() {
	url=ipc://$work/socket
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
	wait_for 10 grep -q listening "$work/serve.log"
	XDG_STATE_HOME=$work/far "$PADDOCK_BIN/paddock-worker" --coordinator "$url" --insecure --slots 2 --name far >"$work/far.log" 2>&1 &
	wait_for 10 grep -q joined "$work/far.log"
}

# The verdicts of an events file, one "case outcome" a line, sorted.
verdicts() { # EVENTS
	python3 -c 'import json, sys
events = map(json.loads, open(sys.argv[1], encoding="utf-8"))
for line in sorted(e["case"] + " " + e["outcome"] for e in events if e["event"] == "case"): print(line)' "$1"
}

