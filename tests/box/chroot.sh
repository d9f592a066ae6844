#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A sandbox built by root inside a chroot, where the kernel refuses user namespaces: the payload sees the files of the
# chroot and nothing of what is around it, with a folder as the root of it (as debootstrap makes one) and with a mount.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

[ "$(id -u)" = 0 ] || skip "needs root to enter a chroot"
unshare -m true 2>/dev/null || skip "cannot make a private mount namespace here: in a chroot, or in a container"

# Host folders at their places in a new root; everything goes with the mount namespace.
cat >"$work/furnish" <<'SCRIPT'
set -e
root=$1
mount --make-rprivate /
[ "$2" = folder ] || mount -t tmpfs tmpfs "$root"
mkdir -p "$root"/{usr,proc,sys,dev,tmp,etc,home,run,var/tmp,box,place}
cp /etc/passwd /etc/group "$root/etc/"
for link in bin sbin lib lib32 lib64; do
	[ ! -L /$link ] || cp -d /$link "$root/"
done
for dir in usr proc sys dev; do
	mount --rbind /$dir "$root/$dir"
done
mount --bind "$PADDOCK_BIN" "$root/box"
echo inside >"$root/place/mark"
exec chroot "$root" /bin/sh -c 'cd /place && exec /box/paddock-box --workspace overlay -- /bin/sh -c "$0"' "$3"
SCRIPT

for kind in folder mount; do
	root=$work/$kind
	mkdir "$root"
	unshare -m bash "$work/furnish" "$root" $kind 'pwd; cat mark; echo changed >mark; cat mark; ls /; ls '"$work" \
		>"$work/out" 2>"$work/err"
	[ "$(head -n 3 "$work/out" | tr '\n' ' ')" = "/place inside changed " ] ||
		fail "$kind: the payload saw: $(cat "$work/out" "$work/err")"
	grep -qx place "$work/out" || fail "$kind: the root is not the one of the chroot: $(cat "$work/out")"
	grep -q 'No such file' "$work/err" || fail "$kind: what is around the chroot can be seen: $(cat "$work/out")"
	[ "$kind" = mount ] || [ "$(cat "$root/place/mark")" = inside ] || fail "$kind: the workspace was written to"
done
