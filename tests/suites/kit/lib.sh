# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every suite script shares: packages, the cache, the native oracle, the
# two paddock runs and the comparison. A suite script sets SUITE, PACKAGES and
# (optionally) RUN_ARGS, defines suite_prepare, suite_native, optionally
# suite_version, and ends with `suites_main "$@"`.
#
#   suite_prepare    build or fetch what the suite needs below $WORK and write
#                    $WORK/paddock.yaml; must be safe to repeat
#   suite_native     run the native runner and write the oracle to the file $1:
#                    suite<TAB>program<TAB>case<TAB>outcome
#   suite_version    print whatever else the oracle depends on
#
# Exit status: 0 equal, 1 a difference, 77 not installable here (reason on the
# last line).

set -euo pipefail

KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SUITES_DIR=$(dirname "$KIT")
ROOT=$(cd "$SUITES_DIR/../.." && pwd)
PADDOCK_BIN=${PADDOCK_BIN:-$ROOT/build/check/bin}
# The distribution's interpreter: another python3 earlier in PATH does not own
# the packages that the suites test.
PYTHON=/usr/bin/python3
PACKAGES=()
RUN_ARGS=()
# Folders below /tmp that a run outside a sandbox must still see.
KEEP=()
[ "${PADDOCK_SUITES:-all}" != quick ] && QUICK=0 || QUICK=1
FRESH=0
NATIVE_ONLY=0
PARTIAL=0
MODES=(off default)
JOBS=${PADDOCK_SUITES_JOBS:-$(($(nproc) * 2))}

say() { printf '%s: %s\n' "${SUITE:-suites}" "$*" >&2; }
die() { say "$*"; exit 1; }
skip() { printf 'skipped: %s\n' "$*"; exit 77; }

# cache_root: a folder that survives the run and that a sandbox can read. Not
# below /tmp or HOME, which every sandbox replaces.
cache_root()
{
	if [ -n "${PADDOCK_SUITES_CACHE:-}" ]; then
		echo "$PADDOCK_SUITES_CACHE"
	elif [ "$(id -u)" = 0 ]; then
		echo /srv/paddock-suites
	else
		echo "${XDG_CACHE_HOME:-$HOME/.cache}/paddock-suites"
	fi
}

missing_packages()
{
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true)" = \
			"install ok installed" ] || echo "$p"
	done
}

# need_packages NAME...: installs what is missing, or skips the test. One at a
# time: apt's own lock makes a second caller fail instead of wait.
need_packages()
{
	local missing
	command -v dpkg-query >/dev/null || skip "not a Debian system"
	missing=$(missing_packages "$@" | tr '\n' ' ')
	[ -z "$missing" ] && return 0
	[ "$(id -u)" = 0 ] ||
		skip "needs root once, to install: $missing"
	(
		flock 9
		missing=$(missing_packages "$@" | tr '\n' ' ')
		[ -z "$missing" ] && exit 0
		say "installing $missing"
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086
		apt-get install -y -qq --no-install-recommends $missing ||
			{ apt-get update -qq && apt-get install -y -qq \
				--no-install-recommends $missing; }
	) 9>"$CACHE/apt.lock" >"$CACHE/apt.log" 2>&1 </dev/null || {
		tail -n 5 "$CACHE/apt.log" >&2
		skip "apt-get could not install: $missing"
	}
}

# oracle_key: what the native verdicts depend on, so that a cached oracle is
# used only where it still holds.
oracle_key()
{
	{
		id -u
		uname -r
		[ "${#PACKAGES[@]}" = 0 ] || dpkg-query -W # any: what is there decides what skips
		find "$KIT" -type f ! -name compare.py ! -name lib.sh ! -name README.md -print0 |
			sort -z | xargs -0 cat "$0"
		echo "quick=$QUICK"
		if declare -F suite_version >/dev/null; then suite_version; fi
	} | sha256sum | cut -c1-16
}

# apart PHASE ARGUMENT: this script again, for one phase, where what tests do to
# the machine does not last; by an ordinary user in a private TMPDIR at least.
# Daemons that tests leave behind must not inherit the lock, fd 8.
apart()
{
	local status=0 scratch
	PADDOCK_SUITES_PHASE=$1 PADDOCK_SUITES_ARGUMENT=$2 bash "$KIT/apart.sh" \
		"$ROOT" "$PADDOCK_BIN" "$CACHE" "${KEEP[@]}" -- \
		bash "$SUITES_DIR/${0##*/}" "${ARGUMENTS[@]}" </dev/null 8>&- || status=$?
	[ $status = 76 ] || return $status
	scratch=$(mktemp -d /tmp/suites.XXXXXX)
	status=0
	TMPDIR=$scratch "phase_$1" "$2" 8>&- || status=$?
	rm -rf "$scratch"
	return $status
}

phase_native() { suite_native "$1"; }

make_oracle()
{
	local stem=$WORK/oracle started=$SECONDS
	[ "$QUICK" = 0 ] || stem=$stem-quick
	ORACLE=$stem-$(oracle_key).tsv
	if [ "$FRESH" = 0 ] && [ -s "$ORACLE" ]; then
		say "native verdicts: $(wc -l <"$ORACLE") cases, from the cache"
		return
	fi
	say "running the native runner"
	apart native "$WORK/oracle.new" || die "the native runner failed"
	rm -f "$stem"-????????????????.tsv
	LC_ALL=C sort "$WORK/oracle.new" >"$ORACLE"
	rm -f "$WORK/oracle.new"
	[ -s "$ORACLE" ] || die "the native runner reported no case at all"
	say "native verdicts: $(wc -l <"$ORACLE") cases in" \
		"$((SECONDS - started)) s: $(outcome_counts "$ORACLE")"
}

outcome_counts() { cut -f4 "$1" | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s=", "}'; }

# phase_paddock MODE: one run into $WORK/events-MODE.jsonl.
phase_paddock()
{
	cd "$WORK"
	XDG_STATE_HOME=$WORK/state-$1 XDG_CACHE_HOME=$WORK/xdg-cache \
		"$PADDOCK_BIN/paddock" run --sandbox "$1" -j "$JOBS" --timeout 600s \
		--no-fail-fast --retries 0 --progress none --failure-output never \
		--events "$WORK/events-$1.jsonl" "${RUN_ARGS[@]}" \
		>"$WORK/run-$1.log" 2>&1 </dev/null
}

# paddock_run MODE: the exit code says what the suite is like, so it is recorded
# and not judged here; only codes that mean "this is not a result" end the test.
paddock_run()
{
	local mode=$1 log=$WORK/run-$1.log status=0 started=$SECONDS
	rm -f "$WORK/events-$mode.jsonl"
	if [ "$mode" = off ]; then
		apart paddock off || status=$?
	else
		# Prepared anew: nothing that the run outside left behind may help this one.
		suite_prepare
		(phase_paddock "$mode") 8>&- || status=$?
	fi
	case $status in
	0 | 100 | 104) ;;
	113)
		tail -n 5 "$log" >&2
		skip "this host cannot enforce the default sandbox"
		;;
	*)
		tail -n 40 "$log" >&2
		die "paddock run --sandbox $mode ended with exit code $status," \
			"log $log"
		;;
	esac
	say "paddock --sandbox $mode: exit code $status in $((SECONDS - started)) s"
}

# compare MODE: fails on the first unlisted or vanished difference.
compare()
{
	local list=$SUITES_DIR/${DIFFERENCES:-$SUITE}.differences partial=()
	[ "$PARTIAL" = 0 ] || partial=(--partial)
	"$PYTHON" "$KIT/compare.py" --oracle "$ORACLE" --sandbox "$1" \
		--events "$WORK/events-$1.jsonl" --differences "$list" \
		"${partial[@]}"
}

parse_arguments()
{
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) QUICK=1 ;;
		--fresh) FRESH=1 ;;
		--native) NATIVE_ONLY=1 ;;
		--sandbox) MODES=("$2"); shift ;;
		--jobs) JOBS=$2; shift ;;
		*)
			echo "usage: $0 [--quick] [--fresh] [--native]" \
				"[--sandbox off|default] [--jobs N]" >&2
			exit 2
			;;
		esac
		shift
	done
}

suites_main()
{
	local mode status=0
	ARGUMENTS=("$@")
	parse_arguments "$@"
	CACHE=$(cache_root)
	WORK=$CACHE/$SUITE
	mkdir -p "$WORK" 2>/dev/null || skip "cannot write $WORK"
	if [ -n "${PADDOCK_SUITES_PHASE:-}" ]; then
		suite_prepare
		"phase_$PADDOCK_SUITES_PHASE" "$PADDOCK_SUITES_ARGUMENT"
		return
	fi
	exec 8>"$WORK/lock"
	flock 8
	[ "${#PACKAGES[@]}" = 0 ] || need_packages "${PACKAGES[@]}"
	suite_prepare
	make_oracle
	[ "$NATIVE_ONLY" = 0 ] || return 0
	[ -x "$PADDOCK_BIN/paddock" ] ||
		die "no $PADDOCK_BIN/paddock: build it first, or set PADDOCK_BIN"
	for mode in "${MODES[@]}"; do
		paddock_run "$mode"
		compare "$mode" || status=1
	done
	return $status
}
