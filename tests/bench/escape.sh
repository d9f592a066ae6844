#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What gets out: every deed of tests/box/hostile under paddock-box at its three levels and under the peers that are installed, each with
# the flags its manual suggests for strangers' code. Prints a table; with --write it also becomes the one in sandbox/README.md.
# Usage: escape.sh [-n COUNT] [-r ROUNDS] [--json FILE] [--write]        COUNT and ROUNDS are its siblings': one round tells all
#
# Peers run as root, as CI does; the deeds are such that one that succeeds harms nothing. Each run is bounded.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/bench/kit/lib.sh
. "$here/kit/lib.sh"
source=${PADDOCK_SOURCE:-$(cd "$here/../.." && pwd -P)}
build=${PADDOCK_BUILD:-build}
driver=$build/tests/bench/escape_bench
fixture=${PADDOCK_FIXTURES:-$build/tests/fixtures}/hostile
write=
arguments=()
for each in "$@"; do
	if [ "$each" = --write ]; then write=$source/sandbox/README.md; else arguments+=("$each"); fi
done
bench_begin 1 1 ${arguments[@]+"${arguments[@]}"}
[ "$(id -u)" = 0 ] || { echo "escape.sh: skipped: needs root, whom the peers are judged as"; exit 77; }
bench_needs python3 unshare

# A place that neither we nor a peer hides: not below /tmp, /var/tmp, /run or a home.
place=$(mktemp -d /opt/escape-XXXXXX)
[ -d /run/firejail ] && was=1 || was=
# firejail leaves mounts behind, at each start.
clean() {
	rm -rf "$work" "$place"
	[ -z "$was" ] || return 0
	awk '$5 ~ "^/run/firejail" { print $5 }' /proc/self/mountinfo | xargs -r -n1 umount -l
	rm -rf /run/firejail
}
trap clean EXIT
chmod 755 "$place"
cp "$fixture" "$place/hostile"

under() { # NAME COMMAND...
	local name=$1
	shift
	echo "escape.sh: $name" >&2
	timeout -k 5 300 "$driver" "$place/hostile" "$@" >"$work/$name.tsv" 2>"$work/$name.log" </dev/null ||
		{ cat "$work/$name.log" >&2; echo "escape.sh: $name did not get to its end" >&2; }
	echo "$name" >>"$work/names"
}

limits=(--memory 128M --pids 200 --tmp 16M --fsize 64M --timeout 12s --grace 100ms --best-effort --bind "$place")
for level in strict default permissive; do
	under "$level" "${paddock%/*}/paddock-box" --level $level "${limits[@]}" --
done
if command -v bwrap >/dev/null; then
	under bwrap bwrap --unshare-all --new-session --die-with-parent --ro-bind / / --tmpfs /tmp --dev /dev --proc /proc
fi
if command -v firejail >/dev/null; then
	under firejail firejail --quiet --noprofile --private --private-dev --private-tmp --net=none --seccomp --caps.drop=all \
		--nonewprivs --ipc-namespace --nogroups
fi
profile=/usr/share/containers/seccomp.json
if command -v crun >/dev/null && [ -f $profile ]; then
	# It refuses a hierarchy that is of both versions.
	mkdir "$work/oci"
	# shellcheck disable=SC2016
	under crun unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh \
		python3 "$here/kit/oci.py" "$work/oci" $profile "$place"
fi
if command -v systemd-nspawn >/dev/null; then
	# It leaves its groups behind.
	groups() { find /sys/fs/cgroup -maxdepth 2 \( -name payload -o -name supervisor \) | sort; }
	groups >"$work/before"
	under nspawn systemd-nspawn --quiet --register=no --keep-unit --directory=/ --volatile=yes --private-network \
		--as-pid2 --no-new-privileges=yes --console=pipe --bind-ro="$place"
	groups | comm -13 "$work/before" - | xargs -r rmdir || true
fi
python3 "$here/kit/escape.py" "$work" "$json" $write
