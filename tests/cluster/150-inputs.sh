#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=240
# A run brings its files along: workers whose view has neither the checkout nor its build folder (a mount namespace that
# hides them) give the verdicts of a local run. A second run sends nothing, a changed file its own chunks; what is damaged
# or evicted is fetched again; what cannot be sent is refused with a sentence.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

[ "$(id -u)" = 0 ] || skip "only root can hide the checkout from a worker"
needs ctest g++

port=$(python3 -c '
import socket
while True:
    a = socket.socket(); a.bind(("127.0.0.1", 0)); port = a.getsockname()[1]
    b = socket.socket()
    try:
        b.bind(("127.0.0.1", port + 1)); print(port); break
    except OSError:
        pass')
url=tcp://127.0.0.1:$port
tree=$work/far/checkout
mkdir -p "$tree/.git" "$tree/build" "$tree/data/deep" "$work/bin"
cp "$PADDOCK_BIN/paddock-worker" "$PADDOCK_BIN/paddock-box" "$work/bin" # the worker's own installation

# A checkout with a freshly built GoogleTest program, a CTest folder beside it, and a list of commands.
echo forty-two >"$tree/data/deep/answer"
ln -s deep/answer "$tree/data/link"
head -c 2000000 /dev/urandom >"$tree/data/noise.bin"
printf 'object %s\n' $(seq 200000) >"$tree/build/huge.o"
printf '*.o\n/secret\n' >"$tree/.paddockignore"
echo password >"$tree/secret"
cat >"$tree/one.cc" <<'END'
#include <fstream>
#include <gtest/gtest.h>
TEST(Inputs, ReadsItsData) { std::string s; std::ifstream("data/link") >> s; EXPECT_EQ(s, "forty-two"); }
TEST(Inputs, WritesInItsOwnCopy) { std::ofstream("data/new") << 1; EXPECT_TRUE(std::ifstream("data/new").good()); }
TEST(Inputs, HasNoSecret) { EXPECT_FALSE(std::ifstream("secret").good()); }
TEST(Inputs, Fails) { FAIL() << "as it should"; }
END
g++ -O0 -o "$tree/build/one" "$tree/one.cc" -lgtest -lgtest_main -pthread || skip "libgtest-dev is not installed"
cat >"$tree/build/CTestTestfile.cmake" <<END
add_test([=[reads]=] "/bin/cat" "$tree/data/deep/answer")
add_test([=[runs]=] "$tree/build/one" "--gtest_filter=Inputs.ReadsItsData")
set_tests_properties([=[runs]=] PROPERTIES WORKING_DIRECTORY "$tree")
add_test([=[fails]=] "/bin/false")
END
printf 'size\ttest "$(wc -c <data/noise.bin)" = 2000000\nmode\ttest -x build/one\ntime\ttest data/link -nt /proc/1 && exit 1; true\nred\texit 3\n' >"$tree/t.list"
cat >"$tree/paddock.yaml" <<END
suites:
  one: { path: build/one, kind: gtest, workspace: ., cwd: . }
  folder: { path: build, kind: ctest, workspace: . }
  list: { path: t.list, kind: list, workspace: ., cwd: . }
END
cd "$tree" || exit 1
expect_exit 100 "$paddock" run --progress none --events "$work/local"
verdicts "$work/local" >"$work/want"
grep -q 'HasNoSecret fail' "$work/want" || fail "locally the secret is there"
sed -i 's/HasNoSecret fail/HasNoSecret pass/' "$work/want"

serve() {
	"$paddock" serve --listen "$url" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
	serve=$!
	wait_for 10 grep -q listening "$work/serve.log"
}

# A worker in a view of its own: nothing where the checkout is, an empty folder for its build tree.
start_worker() { # NAME
	mkdir -p "$work/$1"
	XDG_CACHE_HOME=$work/$1/cache XDG_RUNTIME_DIR=$work/run unshare --mount bash -c '
		mount -t tmpfs none "$1/far" && mount -t tmpfs none "$2" || exit 1
		shift 2; exec "$@"' - "$work" "$PADDOCK_SOURCE" \
		"$work/bin/paddock-worker" --coordinator "$url" --insecure --slots 2 --name "$1" --cache-quota 256M >"$work/$1/log" 2>&1 &
	worker=$!
	wait_for 10 grep -q joined "$work/$1/log"
}

# A run through the coordinator whose verdicts are those wanted; "sent" is how many chunks travelled.
remote() {
	expect_exit 100 "$paddock" run --coordinator "$url" --insecure --progress none --events "$work/events"
	verdicts "$work/events" | diff -u "$work/want" - || fail "verdicts of a run with its files sent"
	sent=$(sed -n 's/^paddock: inputs: .* chunks; \([0-9]*\) chunks sent.*/\1/p' "$work/err")
	[ -n "$sent" ] || fail "the client does not say what it sent"
}

cd "$tree" || exit 1
serve
start_worker w1
remote
[ "$sent" -gt 10 ] || fail "the first run sent only $sent chunks"
expect_in "fetched=$sent " "$work/w1/log"
expect_not_in huge.o "$work/w1/log"
remote
expect_eq 0 "$sent" "chunks sent by a second run"

# One changed file: its chunks, those of the manifest, and the root.
echo forty-two >"$tree/data/deep/answer.new"
remote
[ "$sent" -gt 0 ] && [ "$sent" -le 4 ] || fail "a new small file sent $sent chunks"
python3 -c '
import sys
with open(sys.argv[1], "r+b") as f: f.seek(1000000); f.write(b"changed")' "$tree/data/noise.bin"
remote
[ "$sent" -gt 0 ] && [ "$sent" -le 6 ] || fail "a change in the middle of a file sent $sent chunks"

# Another worker finds everything at the coordinator. Then its cache is damaged in three places: a file in its tree, a
# file that was added, a chunk; it notices, and fetches no more than that.
kill -TERM "$worker" && wait "$worker"
start_worker w2
remote
kill -TERM "$worker" && wait "$worker"
cache=$work/w2/cache/paddock/cas
chmod u+w "$cache"/trees/*/data/noise.bin && printf 'x' >>"$(echo "$cache"/trees/*/data/noise.bin)"
touch "$(echo "$cache"/trees/*/data)/intruder"
for chunk in "$cache"/cas/[0-9a-f]/*; do printf 'garbage' | dd of="$chunk" bs=1 seek=40 conv=notrunc status=none; done
: >"$work/w2/log"
start_worker w2
remote
expect_eq 0 "$sent" "chunks sent after a worker's cache was damaged"
expect_in "tree_damaged" "$work/w2/log"
expect_in "file_damaged" "$work/w2/log"
expect_not_in "tree_failed" "$work/w2/log"
[ ! -e "$(echo "$cache"/trees/*-*/data)/intruder" ] || fail "a damaged tree is used again"

# What the coordinator keeps is damaged: it is not served, and the next run brings it again.
kill -TERM "$worker" && wait "$worker"
for chunk in "$work"/serve/cas/[0-9a-f]/*; do printf 'garbage' | dd of="$chunk" bs=1 seek=40 conv=notrunc status=none; done
start_worker w3
"$paddock" run --coordinator "$url" --insecure --progress lines one >"$work/out" 2>&1
expect_eq 105 $? "exit code when the coordinator's copy is damaged"
expect_in "does not have all of the run's files any more: run it again" "$work/out"
remote
[ "$sent" -gt 10 ] || fail "$sent chunks sent to a coordinator that lost all"

# Declared inputs: exactly those, and the program.
cat >"$tree/paddock.yaml" <<END
suites:
  few: { command: "find . -type f | sort | tr '\\\\n' ' ' >&2; exit 1", workspace: ., inputs: [data/deep, t.list] }
END
"$paddock" run --coordinator "$url" --insecure --progress lines >"$work/out" 2>&1
expect_eq 100 $? "exit code of the suite with inputs"
expect_in "./data/deep/answer ./data/deep/answer.new ./t.list " "$work/out"
sed -i 's/t.list/absent/' "$tree/paddock.yaml"
expect_exit 105 "$paddock" run --coordinator "$url" --insecure --progress none
expect_in "$tree/absent" "$work/err"
sed -i 's/absent/..\/..\/..\/etc/' "$tree/paddock.yaml"
expect_exit 105 "$paddock" run --coordinator "$url" --insecure --progress none
expect_in "is not in the workspace" "$work/err"
rm "$tree/paddock.yaml"

# What cannot be sent is refused; what need not be is not.
expect_exit 2 "$paddock" run --coordinator "$url" --insecure --ship always --sandbox off t.list
expect_in "without a sandbox" "$work/err"
expect_exit 2 "$paddock" run --coordinator "$url" --insecure --ship always --workspace shared t.list
expect_in "would reach nobody" "$work/err"
"$paddock" run --coordinator "$url" --insecure --progress none --ship never t.list >"$work/out" 2>&1
expect_eq 104 $? "exit code without the files"
expect_not_in "inputs:" "$work/out"

# More than the cache holds: refused by the worker with a sentence; less, again and again: old trees go.
head -c 230000000 /dev/zero >"$tree/large"
"$paddock" run --coordinator "$url" --insecure --progress lines t.list >"$work/out" 2>&1
expect_eq 105 $? "exit code of a tree larger than the cache"
expect_in "cache-quota" "$work/out"
for i in 1 2 3; do
	rm -f "$tree"/large*
	head -c 90000000 /dev/zero | tr '\0' "$i" >"$tree/large$i"
	expect_exit 100 "$paddock" run --coordinator "$url" --insecure --progress none t.list
done
cache=$work/w3/cache/paddock/cas
wait_for 20 bash -c "[ \"\$(ls -d $cache/trees/*-9* | wc -l)\" = 2 ] && ! ls -d $cache/trees/gone-* 2>/dev/null"
kill -TERM "$worker" "$serve"
wait "$worker" "$serve"
