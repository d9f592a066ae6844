#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What doctor says of a host that enforces everything, of one that does not, and of programs that are not there. The
# sandbox's answers are recorded ones, so that the host of this test does not matter.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

bin=$work/bin
mkdir "$bin" && cp "$paddock" "$bin/paddock" || exit 1
version=$("$paddock" version | sed 's/.*paddock \([0-9.]*\) .*/\1/')

# A program beside paddock that answers --version and --probe.
fake() { # NAME VERSION EXIT ANSWERS
	# shellcheck disable=SC2016 # the script expands it
	printf '#!/bin/sh\ncase $1 in\n--version) echo "%s %s (build x)" ;;\n--probe) cat "$0.answers"; exit %s ;;\nesac\n' \
		"$1" "$2" "$3" >"$bin/$1"
	printf '%s\n' "$4" >"$bin/$1.answers"
	chmod +x "$bin/$1"
}

told=$work/told
tell() { # CODE TITLE [PATH]
	expect_exit "$1" env PATH="${3:-$PATH}" "$bin/paddock" doctor
	{
		echo "== $2: exit code $1"
		sed "s|$work|WORK|g; s|$version|VERSION|g; s|(build [^)]*)|(build ID)|" "$work/out" "$work/err"
		echo
	} >>"$told"
}

all='yes sandbox  user, pid, mount, net, ipc, uts and cgroup namespaces; seccomp; no rights
yes overlay  overlayfs, changes on a tmpfs
yes memory   cgroup v2'
less='NO  sandbox  unshare user namespace: Operation not permitted
             to mend: allow user namespaces (sysctl user.max_user_namespaces)
yes memory   cgroup v2'

cd "$work" || exit 1
fake paddock-worker "$version" 0 ""
fake paddock-box "$version" 0 "$all"
tell 0 "all is well"

mkdir -p "$XDG_STATE_HOME/paddock" && echo "no database" >"$XDG_STATE_HOME/paddock/history.db"
printf 'suites: [\n' >paddock.yaml
tell 96 "a damaged history, a broken configuration"
rm "$XDG_STATE_HOME/paddock/history.db" paddock.yaml

fake paddock-worker 0.0.1 0 ""
tell 105 "a worker of another version"

fake paddock-worker "$version" 0 ""
fake paddock-box "$version" 113 "$less"
tell 113 "no namespaces"

rm "$bin/paddock-box"
tell 113 "no paddock-box" /nonexistent # not in PATH, either

expect_golden "$PADDOCK_SOURCE/tests/golden/cli/doctor.txt" "$told"
