#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
# ctest: lock=hostile
#
# The box tests again as an ordinary user without any right: once with subordinate ids (newuidmap), once with none. The
# account exists only in a private mount namespace of this script.
set -eu

skip()
{
	echo "$1"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root to become an ordinary user"
unshare -m true 2>/dev/null || skip "cannot make a private mount namespace here: in a chroot, or in a container"
command -v newuidmap >/dev/null || skip "needs newuidmap (package uidmap)"
command -v setpriv >/dev/null || skip "needs setpriv (package util-linux)"

work=$(mktemp -d /tmp/box-user-XXXXXX)
trap 'rm -rf "$work"' EXIT
uid=47123
chmod 755 "$work"
mkdir "$work/bin" "$work/fixtures" "$work/home" "$work/with" "$work/without"
cp "$PADDOCK_BIN/paddock-box" "$work/bin/"
cp "$PADDOCK_FIXTURES/boxprobe" "$PADDOCK_FIXTURES/hostile" "$work/fixtures/"
chown $uid:$uid "$work/home"
tests="isolation strict workspace end limits off refusals hostile hostile_ends"
for name in $tests; do
	cp "${PADDOCK_BOX_TESTS:-$PADDOCK_BUILD/tests/box}/$name" "$work/bin/"
done
for kind in with without; do
	for file in passwd group; do
		cp /etc/$file "$work/$kind/$file"
	done
	echo "boxuser:x:$uid:$uid::$work/home:/bin/sh" >>"$work/$kind/passwd"
	echo "boxuser:x:$uid:" >>"$work/$kind/group"
	: >"$work/$kind/subuid"
done
echo "boxuser:1879048192:65536" >"$work/with/subuid"

# What one id cannot do: chown and setuid answer EINVAL, and nobody else's files can be owned.
failed=0
for kind in with without; do
	for name in $tests; do
		echo "# $name, $kind subordinate ids"
		PADDOCK_BIN=$work/bin PADDOCK_FIXTURES=$work/fixtures BOX_SINGLE_ID=$([ $kind = without ] && echo 1) \
			unshare -m /bin/sh -c '
			for file in passwd group; do mount --bind "$1/$file" /etc/$file; done
			touch /etc/subuid /etc/subgid 2>/dev/null
			mount --bind "$1/subuid" /etc/subuid && mount --bind "$1/subuid" /etc/subgid || exit 1
			cd "$3" && exec setpriv --reuid "$2" --regid "$2" --clear-groups --inh-caps=-all \
				--bounding-set=+all env HOME="$3" "$4"' \
			sh "$work/$kind" $uid "$work/home" "$work/bin/$name" >"$work/log" 2>&1 ||
			{ cat "$work/log"; failed=$((failed + 1)); }
	done
done
# A container that covers part of /sys lets nobody see another: what there is stays.
unshare -m /bin/sh -c 'mount -t tmpfs none /sys/kernel && cd "$2" && exec setpriv --reuid "$1" --regid "$1" --clear-groups \
	--inh-caps=-all "$3" --workspace readonly -- /bin/true' sh $uid "$work/home" "$work/bin/paddock-box" ||
	failed=$((failed + 1))
[ $failed = 0 ] || { echo "$failed failed as an ordinary user"; exit 1; }
