# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# packages.sh - install what a list of Debian packages names and the machine lacks. Sourced by deploy/quickstart and
# tests/check. Asks for root only when something is missing; PADDOCK_NO_INSTALL=1 never installs.

# Names in package lists: all plain lines, and those marked [MODE].
packages_named() { # MODE FILE...
	local mode=$1
	shift
	sed -n -E "s/^\[$mode\] +//; /^[[#]/d; s/^([^ ]+).*/\1/p" "$@"
}

# Those of the given packages that are not installed.
packages_missing() { # NAME...
	local name
	for name in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) in
		installed) ;;
		*) printf '%s\n' "$name" ;;
		esac
	done
}

# apt-get as root, directly or through sudo.
packages_apt() { # ARG...
	local as_root=()
	[ "$(id -u)" = 0 ] || as_root=(sudo)
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false "$@" </dev/null
}

# Whether this user can become root without being asked for a password nobody is there to type.
packages_may_install() {
	[ "$(id -u)" = 0 ] && return 0
	command -v sudo >/dev/null || return 1
	sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }
}

# Install what is missing of the given lists. 0 when everything is there at the end.
packages_install() { # MODE FILE...
	local named missing
	if ! command -v dpkg-query >/dev/null; then
		echo "packages: this is not Debian; the lists to install from are: ${*:2}" >&2
		return 0
	fi
	mapfile -t named < <(packages_named "$@")
	mapfile -t missing < <(packages_missing "${named[@]}")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "${PADDOCK_NO_INSTALL:-0}" = 1 ] || ! packages_may_install; then
		echo "packages: missing, and not allowed to install them. Run as root:" >&2
		echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
		return 1
	fi
	echo "packages: installing ${missing[*]}"
	if ! packages_apt install -y "${missing[@]}" >/dev/null 2>&1; then
		# The usual reason is a package index that is missing or old.
		if ! packages_apt update || ! packages_apt install -y "${missing[@]}"; then
			echo "packages: apt-get could not install ${missing[*]}; its words are above" >&2
			return 1
		fi
	fi
}

# Tests of networks look up "localhost", which a root made by debootstrap alone has no file for.
packages_localhost() {
	[ ! -e /etc/hosts ] && [ "$(id -u)" = 0 ] && [ "${PADDOCK_NO_INSTALL:-0}" != 1 ] || return 0
	echo "packages: there is no /etc/hosts; making one that knows localhost"
	printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n' >/etc/hosts
}
