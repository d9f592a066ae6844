#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# 98 packages of Go 1.19's standard library: their test binaries as a list, each
# run in its package's source folder, as `go test` does. The binaries are built
# once, about two minutes; the package list is gostd.packages.
#
# ctest: timeout=2400
# ctest: serial

# shellcheck source=tests/suites/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"

SUITE=gostd
PACKAGES=(golang-1.19-go golang-1.19-src tzdata)
RUN_ARGS=(gostd)
GO=/usr/lib/go-1.19/bin
SOURCE=/usr/share/go-1.19/src
export GO111MODULE=off CGO_ENABLED=0 GOFLAGS=-vet=off GOPROXY=off
export PATH=$GO:/usr/local/bin:/usr/bin:/bin

binary() { echo "$WORK/bin/${1//\//_}.test"; }

build_binaries()
{
	local package out stamp
	stamp=$WORK/bin/$(dpkg-query -W -f '${Version}' golang-1.19-go)
	[ ! -e "$stamp" ] || return 0
	mkdir -p "$WORK/bin"
	say "building the test binaries"
	while read -r package; do
		out=$(binary "$package")
		[ -x "$out" ] || echo "$package $out"
	done <"$SUITES_DIR/gostd.packages" |
		GOCACHE=$WORK/gocache xargs -r -L1 -P2 sh -c \
			'"$0" test -c -o "$2.new" "$1" && mv "$2.new" "$2"' "$GO/go"
	touch "$stamp"
}

suite_prepare()
{
	local package
	build_binaries
	while read -r package; do
		printf '%s\tcd %s/%s && exec %s -test.v -test.short\n' \
			"$package" "$SOURCE" "$package" "$(binary "$package")"
	done <"$SUITES_DIR/gostd.packages" >"$WORK/packages"
	cat >"$WORK/paddock.yaml" <<-YAML
	suites:
	  gostd:
	    kind: list
	    path: packages
	    env:
	      GO111MODULE: "off"
	      CGO_ENABLED: "0"
	      GOFLAGS: -vet=off
	      GOPROXY: "off"
	      PATH: $PATH
	YAML
}

suite_native()
{
	"$KIT/native.py" --jobs "$JOBS" "$WORK/packages" "$WORK/logs" |
		awk -F'\t' -v OFS='\t' '{print "gostd", "packages", $1, $2}' >"$1"
}

suite_version() { cat "$SUITES_DIR/gostd.packages"; }

suites_main "$@"
