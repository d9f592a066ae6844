#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=300
# ctest: serial
# ctest: label=guest
#
# guest.sh [KERNEL] - the sandbox on pure cgroup v2, whatever this machine mounts: boots Debian's cloud kernel in an emulated
# machine with a disk that holds paddock-box, the box tests and what they call, and takes the verdicts from its console.
# guest/run is what happens inside. Needs no right and no /dev/kvm. KERNEL: 6.1 (what ctest runs), 5.10 or newest (what
# `tests/check guest` adds).
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
guest=$PADDOCK_SOURCE/tests/box/guest
kernel=${1:-6.1}
cache=$PADDOCK_BUILD/tests/guest/$kernel
tests=${PADDOCK_BOX_TESTS:-$PADDOCK_BUILD/tests/box}
export PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -m)" = x86_64 ] || skip "the guest is an x86-64 machine"
needs qemu-system-x86_64 busybox cpio mke2fs dpkg-deb apt-get xz

# The suites of Debian's archive that may have the kernel, the newest of which is taken; none: what this machine has.
suites=""
patience=580
case $kernel in
6.1) patience=280 ;;
5.10) suites=bullseye ;;
newest) suites="trixie-backports sid" ;;
*) fail "there is no guest for a kernel '$kernel': 6.1, 5.10 or newest" ;;
esac

# apt with package lists of our own, of $suites from where this machine has its packages from.
own_apt() { # PROGRAM ARG...
	local program=$1
	shift
	"$program" -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/aptcache" -o Debug::NoLocking=1 \
		"${own_sources[@]}" "$@"
}
own_sources=()

# $suites as the only sources.
name_sources() {
	local archive suite
	archive=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^[a-z]* \(.*\/debian\/\)$/\1/p' | head -n 1)
	[ -n "$archive" ] || skip "no archive of Debian is among this machine's package sources"
	for suite in $suites; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
	done >"$work/sources.list"
	own_sources=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null)
}

# The packages that make the newest cloud kernel of the lists at hand: since 6.17 it comes in several.
kernel_packages() { # APT...
	local version image
	version=$("$@" apt-cache madison linux-image-cloud-amd64 2>/dev/null | awk '{print $3}' | sort -V | tail -n 1)
	[ -n "$version" ] || return
	image=$("$@" apt-cache show "linux-image-cloud-amd64=$version" | grep -o 'linux-image-[0-9][^ ,]*' | head -n 1)
	echo "$image"
	"$@" apt-cache show "$image" | sed -n 's/^Depends: //p' | grep -oE 'linux-(binary|modules)-[0-9][^ ,]*'
}

# The kernel into $cache: its image, and the modules that guest/init loads.
unpack_kernel() {
	local packages package module
	mkdir -p "$work/deb" "$work/lists/partial" "$work/aptcache/archives/partial" "$work/kept" && cd "$work/deb" || exit 1
	[ -z "$suites" ] || name_sources
	[ -n "$suites" ] || mapfile -t packages < <(kernel_packages env)
	if [ -z "${packages[*]-}" ] || ! apt-get -qq download "${packages[@]}" 2>"$work/apt"; then
		# The machine's package index is missing or old, or not of the suite that is wanted: one of our own.
		own_apt apt-get -qq update 2>"$work/apt"
		mapfile -t packages < <(kernel_packages own_apt)
		[ -n "${packages[*]-}" ] && own_apt apt-get -qq download "${packages[@]}" 2>>"$work/apt" ||
			skip "the kernel package cannot be had: $(tail -n 1 "$work/apt")"
	fi
	for package in *.deb; do
		dpkg-deb -x "$package" "$work/kernel" || fail "the kernel package cannot be unpacked"
	done
	find "$work/kernel" -name 'vmlinuz*' -type f -exec cp {} "$work/kept/vmlinuz" \;
	[ -f "$work/kept/vmlinuz" ] || fail "there is no kernel in ${packages[*]}"
	for module in virtio virtio_ring virtio_pci{_legacy_dev,_modern_dev,} virtio_blk overlay; do
		find "$work/kernel" \( -name "$module.ko" -o -name "$module.ko.xz" \) -exec cp {} "$work/kept/" \;
	done
	find "$work/kept" -name '*.xz' -exec xz -d {} + || fail "the modules of the kernel cannot be unpacked"
	mkdir -p "${cache%/*}" && rm -rf "$cache" && mv "$work/kept" "$cache" || fail "the kernel cannot be kept in $cache"
	cd "$work" || exit 1
}

# A program and the libraries it asks for, at their own places.
install_program() { # PROGRAM [PATH-INSIDE]
	local inside=${2:-/usr/bin/${1##*/}} library
	mkdir -p "$root${inside%/*}"
	cp -L "$1" "$root$inside" || fail "cannot copy $1"
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' >>"$work/libraries"
}

make_disk() {
	local name library
	root=$work/root
	mkdir -p "$root"/{usr/{bin,sbin,lib,lib64,share},etc,dev,proc,sys,root,home/user,run,var,mnt}
	mkdir -m 1777 "$root/tmp" "$root/var/tmp"
	for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
	printf '%s\n' root:x:0:0::/root:/bin/sh user:x:1000:1000::/home/user:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: tty:x:5: user:x:1000: >"$root/etc/group"
	(umask 077 && echo 'root:*:::::::' >"$root/etc/shadow")
	install_program "$(command -v busybox)"
	install_program "$(readlink -f /bin/sh)" /usr/bin/sh
	for name in bash cat chmod chown cp cut date echo env false find grep head id ls mkdir mount mv pgrep ps pwd readlink \
		rm sed setpriv sleep sort stat sync tail test timeout touch tr true wc; do
		install_program "$(type -P $name)"
	done
	for name in awk hostname; do ln -s busybox "$root/usr/bin/$name"; done
	for name in limits isolation workspace end hostile hostile_ends; do
		install_program "$tests/$name" "/guest/tests/$name"
	done
	for name in paddock-box paddock paddock-worker; do
		install_program "$PADDOCK_BIN/$name" "/guest/bin/$name"
	done
	for name in boxprobe hostile; do
		install_program "$PADDOCK_FIXTURES/$name" "/guest/fixtures/$name"
	done
	install -m 755 "$guest/run" "$root/guest/run"
	sort -u "$work/libraries" | while read -r library; do
		# Through the links of a merged /usr.
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library" || exit 1
	done || fail "cannot copy the libraries"
	truncate -s 1G "$work/disk"
	mke2fs -q -F -t ext4 -O ^has_journal -E root_owner=0:0 -d "$root" "$work/disk" || fail "cannot make the disk"
}

make_initramfs() {
	mkdir -p "$work/initramfs"/{bin,modules,proc,dev,root} && cp "$cache"/*.ko "$work/initramfs/modules/" &&
		cp "$(command -v busybox)" "$work/initramfs/bin/busybox" &&
		install -m 755 "$guest/init" "$work/initramfs/init" &&
		(cd "$work/initramfs" && find . | cpio --quiet -o -H newc >"$work/initrd") || fail "cannot make the initramfs"
}

# Without cx16: newer kernels trip over it under emulation. The console is cut at the first boot: a panic reboots.
boot() {
	timeout "$patience" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-cx16 -m 1G -smp 2 -nodefaults -no-user-config \
		-display none -serial stdio -no-reboot -kernel "$cache/vmlinuz" -initrd "$work/initrd" \
		-drive "file=$work/disk,if=virtio,format=raw,cache=unsafe" \
		-append "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check" </dev/null 2>&1 | sed -u 's|\r||g' | tee "$work/console"
}

[ -f "$cache/vmlinuz" ] || unpack_kernel
make_disk
make_initramfs
boot
ran=$(grep -c -E '^(not )?ok [0-9]+ - ' "$work/console")
grep -q "^1\.\.$ran$" "$work/console" || fail "the guest stopped after $ran checks"
! grep -q '^not ok ' "$work/console" || fail "$(grep -c '^not ok ' "$work/console") of $ran checks failed on cgroup v2, $(sed -n 's/^# \(Linux [^,]*\),.*/\1/p' "$work/console")"
