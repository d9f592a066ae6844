#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# apart.sh KEEP... -- COMMAND: runs COMMAND where nothing it does to the machine
# lasts. What the suites do outside a sandbox is not tame: sockets and folders in
# /tmp by the hundred, files in /usr and /run, daemons; and some end differently
# the second time because of it. So: a pid namespace of its own, whose end kills
# what is left, and a mount namespace with fresh /tmp, /var/tmp, /dev/shm and /run and
# copies-on-write of the other folders that are written. It is no sandbox: user,
# network, limits and system calls are the machine's. KEEP names folders that must
# stay visible should they lie below /tmp.
#
# Exits 76 where this user may not do that, else with COMMAND's status.

set -euo pipefail

if [ "${1:-}" != --inside ]; then
	unshare --mount --pid --fork true 2>/dev/null || exit 76
	exec unshare --mount --pid --fork --mount-proc --propagation private \
		--kill-child bash "$0" --inside "$@"
fi
shift

STAGE=/mnt
mount -t tmpfs -o mode=755 tmpfs "$STAGE"
# Copies-on-write report this one's usage, and CPython's test_shutil wants it above 0.
echo used >"$STAGE/used"

keep=()
while [ "$1" != -- ]; do
	case $1 in
	/tmp/* | /var/tmp/*)
		mkdir -p "$STAGE/keep/$1"
		mount --bind "$1" "$STAGE/keep/$1"
		keep+=("$1")
		;;
	esac
	shift
done
shift

for folder in /tmp /var/tmp /dev/shm; do
	mount -t tmpfs -o mode=1777 tmpfs "$folder"
done
# Empty as after a boot: systemd's test-execute fails on what it left there before.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /run/lock
for folder in /etc /usr /var/lib "${HOME:-/root}"; do
	[ -d "$folder" ] || continue
	mkdir -p "$STAGE/upper$folder" "$STAGE/work$folder"
	# The upper folder becomes the folder: it needs its mode and owner.
	chmod --reference="$folder" "$STAGE/upper$folder"
	chown --reference="$folder" "$STAGE/upper$folder"
	mount -t overlay overlay -o \
		"lowerdir=$folder,upperdir=$STAGE/upper$folder,workdir=$STAGE/work$folder" \
		"$folder"
done
for folder in "${keep[@]}"; do
	mkdir -p "$folder"
	mount --bind "$STAGE/keep/$folder" "$folder"
done

# Not exec: this shell is the init of the namespace and outlives the command.
status=0
"$@" || status=$?
exit $status
