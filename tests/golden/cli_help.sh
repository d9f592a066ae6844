#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Help, manual pages and completions are made of the option table; what is stored in deploy/ is what the table says now.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

cd "$work" || exit 1
verbs=$("$paddock" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$verbs")" -ge 11 ] || fail "found only these verbs: $verbs"

golden() { # STORED COMMAND...
	local stored=$1
	shift
	expect_exit 0 "$@"
	[ ! -s "$work/err" ] || fail "$* wrote to standard error"
	expect_golden "$PADDOCK_SOURCE/$stored" "$work/out"
}

golden tests/golden/cli/help.txt "$paddock" --help
golden deploy/man/paddock.1 "$paddock" help --man
for verb in $verbs; do
	golden "tests/golden/cli/help-$verb.txt" "$paddock" "$verb" --help
	[ "$(awk 'length > 80' "$work/out" | wc -l)" = 0 ] || fail "help of $verb is wider than 80 columns"
	cp "$work/out" "$work/help"
	expect_exit 0 "$paddock" help "$verb"
	cmp -s "$work/out" "$work/help" || fail "help $verb differs from $verb --help"
	golden "deploy/man/paddock-$verb.1" "$paddock" help --man "$verb"
done
golden deploy/completions/paddock.bash "$paddock" help --completion bash
golden deploy/completions/_paddock "$paddock" help --completion zsh
golden deploy/completions/paddock.fish "$paddock" help --completion fish

golden tests/golden/cli/help-worker-program.txt "$PADDOCK_BIN/paddock-worker" --help
golden deploy/man/paddock-worker.1 "$PADDOCK_BIN/paddock-worker" --man
golden deploy/completions/paddock-worker.bash "$PADDOCK_BIN/paddock-worker" --completion bash
golden deploy/completions/_paddock-worker "$PADDOCK_BIN/paddock-worker" --completion zsh
golden deploy/completions/paddock-worker.fish "$PADDOCK_BIN/paddock-worker" --completion fish

# nothing stale is left of a verb that is gone
for page in "$PADDOCK_SOURCE"/deploy/man/paddock-*.1; do
	verb=${page##*/paddock-}
	[[ $verb == worker.1 || $verb == box.1 ]] || grep -qx "${verb%.1}" <<<"$verbs" || fail "$page belongs to no verb"
done

# the bash completion is loaded and asked
# shellcheck disable=SC1091,SC2034
complete_with() { # WORDS... : what would follow the last
	bash -c 'compopt() { :; }; . "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); "_${1//-/_}"; printf "%s\n" "${COMPREPLY[@]}"' x \
		"$PADDOCK_SOURCE/deploy/completions/$1.bash" "$@"
}
expect_eq "report" "$(complete_with paddock rep)" "completion of a verb"
expect_eq "--retries" "$(complete_with paddock run --retr)" "completion of an option"
expect_eq "strict" "$(complete_with paddock run --sandbox st)" "completion of a choice"
expect_eq "" "$(complete_with paddock serve --retr)" "completion of another verb's option"

expect_eq "--slots" "$(complete_with paddock-worker --slo)" "completion of the worker's option"
expect_eq "json" "$(complete_with paddock-worker --log-format js)" "completion of the worker's choice"

# the pages are roff without faults, where there is somebody to tell
if command -v groff >/dev/null; then
	for page in "$PADDOCK_SOURCE"/deploy/man/*.1; do
		said=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
		[ -z "$said" ] || fail "groff says of ${page##*/}: $said"
	done
fi
