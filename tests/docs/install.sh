#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# What `cmake --install` puts somewhere works from there: the three programs are of one build and find each other, every
# verb has its manual page, the completions load. The folder they were built in is not needed.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

prefix=$work/prefix
cmake --install "$PADDOCK_BUILD" --prefix "$prefix" >"$work/log" 2>&1 || fail "it could not be installed: $(cat "$work/log")"
cd "$work" || exit 1

build_id=$("$prefix/bin/paddock" --version | sed -n 's/.*(build \(.*\))$/\1/p')
[ -n "$build_id" ] || fail "paddock --version names no build: $("$prefix/bin/paddock" --version)"
for program in paddock paddock-worker paddock-box; do
	version=$("$prefix/bin/$program" --version) || fail "$program --version ended with $?"
	[[ $version == "$program "*"$build_id"* ]] || fail "$program says '$version', paddock is of build $build_id"
done

# Found beside it, whatever PATH says, also through a link from elsewhere.
ln -s "$prefix/bin/paddock" "$work/pd"
printf 'one\ttrue\ntwo\techo hello\n' >t.list
for cmd in "$prefix/bin/paddock" "$work/pd"; do
	env -i PATH=/usr/bin:/bin HOME="$work" "$cmd" run --junit out.xml t.list >out 2>&1 || fail "$cmd run ended with $?: $(cat out)"
	grep -q 'Summary  2 cases: 2 passed' out || fail "$cmd run said: $(cat out)"
done
"$prefix/bin/paddock" doctor >out 2>&1
for program in paddock-worker paddock-box; do
	grep -q "$prefix/bin/$program" out || fail "doctor does not show $program of the prefix: $(cat out)"
done

# The manual: a page for each program and each verb that the help lists.
for program in paddock paddock-worker paddock-box; do
	[ -s "$prefix/share/man/man1/$program.1" ] || fail "$program has no manual page"
done
verbs=$("$prefix/bin/paddock" help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -ge 8 ] || fail "the help lists no verbs"
for verb in $verbs; do
	[ -s "$prefix/share/man/man1/paddock-$verb.1" ] || fail "paddock $verb has no manual page"
done

# The completions: bash loads them and they know a verb; those of the other shells are there.
for program in paddock paddock-worker; do
	bash -euc '. "$1"; complete -p "$2"' - "$prefix/share/bash-completion/completions/$program" $program >out 2>&1 ||
		fail "the completion of $program: $(cat out)"
	[ -s "$prefix/share/zsh/vendor-completions/_$program" ] || fail "no completion of $program for zsh"
	[ -s "$prefix/share/fish/vendor_completions.d/$program.fish" ] || fail "no completion of $program for fish"
done
