#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# With --cores a crash's core file comes back as an artifact of its case, from an overlay, a shared workspace, bare, and through a
# coordinator; sparse ones with their holes, and cut ones said to be cut. Without it nothing comes and nothing is left, and what only
# is called core is nobody's.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"
needs python3

suite=$work/suite came=$work/came
mkdir -p "$suite/sub"
cat >"$suite/t.list" <<'END'
green	true
abort	exec python3 -c 'import os; os.abort()'
child	python3 -c 'import os; os.abort()'; exit $?
sparse	exec python3 -c 'import mmap, os; m = mmap.mmap(-1, 300 << 20, flags=mmap.MAP_PRIVATE); m[0] = m[-1] = 1; os.abort()'
fake	echo nothing >core; ln -s /etc/passwd core.1; mkfifo core.2; mkdir core.3; kill -SEGV $$
folder	mkdir core; kill -SEGV $$
END
cat >"$suite/one.list" <<'END'
abort	exec python3 -c 'import os; os.abort()'
END

# A run on a machine that has none to give: it said so once, and of each crash.
expect_elsewhere() {
	expect_eq 1 "$(grep -c "sysctl -w kernel.core_pattern" "$work/err")" "warnings: $(cat "$work/err")"
	expect_in "no core file: this machine's kernel" "$work/out"
	[ ! -e "$came" ] || fail "something came back"
	expect_eq "one.list sub t.list" "$(left)" "what is left where core files go elsewhere"
}
left() {
	find "$suite" -mindepth 1 -printf '%f\n' | sort | xargs
}

pattern=$(cat /proc/sys/kernel/core_pattern)
case $pattern in
"|"* | @* | */*)
	expect_exit 100 "$paddock" run --cores 32M --progress lines --artifacts-dir "$came" "$suite/t.list"
	expect_elsewhere
	skip "core files go elsewhere on this machine: $pattern"
	;;
esac
[ "$(ulimit -Hc)" != 0 ] || skip "this test is allowed no core files"

# The only file of a case that came back.
core_of() { # CASE
	find "$came/suite" -path "*/$1/*" -type f
}
# It is a core file by its header, and whole by its program headers.
is_core() { # FILE
	python3 -c 'import os, struct, sys
with open(sys.argv[1], "rb") as file:
    head = file.read(64)
    start, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    file.seek(start)
    parts = [struct.unpack("<IIQQQQQQ", file.read(size)) for _ in range(count)]
whole = max(part[2] + part[5] for part in parts)
sys.exit(head[:4] != b"\x7fELF" or head[16:18] != b"\x04\x00" or os.path.getsize(sys.argv[1]) < whole)' "$1"
}
messages() { # EVENTS CASE
	python3 -c 'import json, sys
for e in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    if e.get("case") == sys.argv[2]: print(e["event"], e.get("path", ""), e.get("message", ""))' "$1" "$2"
}

# ---- here ----
for how in "--workspace overlay" "--workspace shared" "--sandbox off"; do
	rm -rf "$came"
	read -ra options <<<"$how"
	expect_exit 100 "$paddock" run "${options[@]}" --jobs 1 --cores 64M --progress none --events "$work/events" --artifacts-dir "$came" \
		"$suite/t.list" -- green abort child sparse
	for one in abort child sparse; do
		is_core "$(core_of $one)" || fail "$how: no core file of $one: $(messages "$work/events" $one)"
		expect_in "core file: $(basename "$(core_of $one)")" <(messages "$work/events" $one)
	done
	file=$(core_of sparse)
	[ "$(stat -c %s "$file")" -gt $((300 << 20)) ] || fail "$how: the sparse one is short"
	[ $(($(stat -c %b "$file") * 512)) -lt $((100 << 20)) ] || fail "$how: its holes were filled"
	[ ! -e "$came/suite/t.list/green" ] || fail "$how: something of a green case"
	expect_eq "one.list sub t.list" "$(left)" "$how: what is left in the suite's folder"
	[ -z "$(find "$XDG_STATE_HOME/paddock/runs" -mindepth 1 2>/dev/null)" ] || fail "$how: a workspace was left"
done

# What is no core file is nobody's; where none could be written, that is said.
rm -rf "$came"
expect_exit 100 "$paddock" run --cores 64M --progress none --events "$work/events" --artifacts-dir "$came" "$suite/t.list" -- fake folder
expect_not_in passwd "$work/events"
find "$came" -type f ! -size +4k 2>/dev/null | grep . && fail "a file that is no core came"
if [ "$pattern" = core ] && [ "$(cat /proc/sys/kernel/core_uses_pid)" = 0 ]; then
	is_core "$(core_of fake)" || fail "a file in its place kept the core file away"
	expect_in "no core file was left in $suite" <(messages "$work/events" folder)
fi

# Beyond its limit it is cut, and said so; as much as comes back at all is the most.
rm -rf "$came"
expect_exit 100 "$paddock" run --cores 1M --progress none --events "$work/events" --artifacts-dir "$came" "$suite/one.list"
[ "$(stat -c %b "$(core_of abort)")" -le 2304 ] || fail "more than a MiB came"
is_core "$(core_of abort)" && fail "it is whole"
expect_in "core, not whole: cut at its limit (--cores)" <(messages "$work/events" abort | sed 's/core\.[0-9]*/core/')
expect_exit 2 "$paddock" run --cores 65M "$suite/one.list"
PADDOCK_CORES=32M expect_exit 100 "$paddock" run --progress none --artifacts-dir "$came" "$suite/one.list"
is_core "$(core_of abort)" || fail "PADDOCK_CORES is not heard"

# With a workspace that is kept it stays there, too.
rm -rf "$came"
expect_exit 100 "$paddock" run --cores 32M --keep-workspace --progress none --events "$work/events" --artifacts-dir "$came" "$suite/one.list"
expect_in "workspace kept by worker local" <(messages "$work/events" abort; cat "$work/events")
is_core "$(find "$XDG_STATE_HOME"/paddock/runs/*/workspaces -name 'core*')" || fail "no core file in the kept workspace"
rm -rf "$XDG_STATE_HOME/paddock/runs"

# ---- none is wanted ----
for how in "--workspace overlay" "--workspace shared" "--sandbox off"; do
	rm -rf "$came"
	read -ra options <<<"$how"
	expect_exit 100 "$paddock" run "${options[@]}" --progress none --events "$work/events" --artifacts-dir "$came" "$suite/one.list"
	[ ! -e "$came" ] || fail "$how: a core file came that nobody wanted"
	expect_not_in "core file" "$work/events"
	expect_eq "one.list sub t.list" "$(left)" "$how: what is left without --cores"
done

# ---- the crashing case of a process of several ----
cat >"$work/several" <<'END'
#!/bin/sh
only=S.first:S.dies:S.last
for word; do
	case $word in
	--gtest_list_tests) printf 'S.\n  first\n  dies\n  last\n'; exit 0 ;;
	--gtest_filter=*) only=${word#*=} ;;
	esac
done
IFS=:
for name in $only; do
	printf '[ RUN      ] %s\n' "$name"
	[ "$name" != S.dies ] || exec python3 -c 'import os; os.abort()'
	printf '[       OK ] %s (0 ms)\n' "$name"
done
END
mkdir "$suite/bin"
mv "$work/several" "$suite/bin/several" && chmod +x "$suite/bin/several"
rm -rf "$came"
expect_exit 100 "$paddock" run --cores 64M --kind gtest --progress none --events "$work/events" --artifacts-dir "$came" "$suite/bin/several"
expect_eq S.dies "$(find "$came" -type f -printf '%h\n' | xargs -r -n 1 basename)" "whose core file it is"
expect_in "core file: core" <(messages "$work/events" S.dies)
rm -r "${suite:?}/bin"

# ---- a machine that does otherwise ----
printf '|/usr/bin/handler %%p\n' >"$work/pattern"
if unshare -m mount --bind "$work/pattern" /proc/sys/kernel/core_pattern 2>/dev/null; then
	rm -rf "$came"
	# shellcheck disable=SC2016 # for the inner shell
	expect_exit 100 unshare -m sh -c 'mount --bind "$1" /proc/sys/kernel/core_pattern && shift && exec "$@"' sh "$work/pattern" \
		"$paddock" run --cores 32M --jobs 1 --progress lines --artifacts-dir "$came" "$suite/t.list" -- abort sparse
	expect_elsewhere
fi

# ---- through a coordinator ----
serve_from_far
rm -rf "$came"
expect_exit 100 "$paddock" run --coordinator "$url" --insecure --cores 64M --progress none --events "$work/events" --artifacts-dir "$came" \
	"$suite/t.list" -- abort sparse
for one in abort sparse; do
	is_core "$(core_of $one)" || fail "no core file of $one through a coordinator: $(messages "$work/events" $one)"
done
[ $(($(stat -c %b "$(core_of sparse)") * 512)) -lt $((100 << 20)) ] || fail "holes were filled on the way"
[ -z "$(find "$work/far/paddock/runs" -mindepth 1 2>/dev/null)" ] || fail "the worker kept a workspace"
# A run that wants none gets none of the same worker.
rm -rf "$came"
expect_exit 100 "$paddock" run --coordinator "$url" --insecure --progress none --artifacts-dir "$came" "$suite/one.list"
[ ! -e "$came" ] || fail "a core file came that nobody wanted"
exit 0
