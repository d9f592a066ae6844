#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=240
# What tests leave comes back: files below PADDOCK_ARTIFACTS with the reports, changed workspaces of red cases on the worker's
# machine; here and through a coordinator; from cases with a process of their own and from many in one. Nothing a hostile test
# puts there is followed, waited for or written elsewhere.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

suite=$work/suite
mkdir "$suite"
# The folders that tests write, in memory: one of them makes very many files.
if [ -w /dev/shm ]; then
	XDG_RUNTIME_DIR=$(mktemp -d /dev/shm/paddock-test.XXXXXX)
	trap 'status=$?; rm -rf "$XDG_RUNTIME_DIR"; (exit "$status"); kit_end' EXIT
fi

# The only run's folder of what was kept.
kept() { # WHAT
	echo "$XDG_STATE_HOME"/paddock/runs/*/"$1"
}
forget() {
	rm -rf "$XDG_STATE_HOME/paddock/runs"
}
# Of an events file the artifacts, "case attempt path bytes message", sorted.
artifacts() { # EVENTS
	python3 -c 'import json, sys
events = map(json.loads, open(sys.argv[1], encoding="utf-8"))
for line in sorted(" ".join([e["case"], str(e["attempt"]), e["path"], str(e["bytes"]), e["message"]]).strip() for e in events
                   if e["event"] == "artifact"): print(line)' "$1"
}

# ---- files ----
cat >"$suite/t.list" <<'END'
good	cd $PADDOCK_ARTIFACTS && mkdir -p a/b && head -c 700000 /dev/zero | tr '\0' x >a/b/big && echo hi >one && : >none
bazel	echo out >$TEST_UNDECLARED_OUTPUTS_DIR/result.json
bad	echo seen >$PADDOCK_ARTIFACTS/log; exit 1
once	echo $PADDOCK_ATTEMPT >$PADDOCK_ARTIFACTS/try; test $PADDOCK_ATTEMPT = 2
nothing	test -z "$(ls $PADDOCK_ARTIFACTS)"
END
cat >"$work/want" <<'END'
bad 1 log 5
bad 2 log 5
bazel 1 result.json 4
good 1 a/b/big 700000
good 1 none 0
good 1 one 3
once 1 try 2
once 2 try 2
END
for sandbox in off default; do
	forget
	expect_exit 100 "$paddock" run --sandbox "$sandbox" --jobs 2 --retries 1 --events "$work/events" --junit "$work/junit.xml" \
		--html "$work/page.html" "$suite/t.list"
	artifacts "$work/events" | diff -u "$work/want" - || fail "artifacts with --sandbox $sandbox"
	here=$(kept artifacts)/suite/t.list
	[ "$(tr -d x <"$here/good/a/b/big" | wc -c)" = 0 ] && [ "$(wc -c <"$here/good/a/b/big")" = 700000 ] || fail "content of big"
	expect_eq "1 2" "$(cat "$here/once/try" "$here/once~attempt-2/try" | xargs)" "files of two attempts"
	[ -f "$here/good/none" ] || fail "an empty file"
	expect_eq 8 "$(find "$here" -type f | wc -l)" "files that came back"
	expect_in "[[ATTACHMENT|$here/bad/log]]" "$work/junit.xml"
	expect_in "href=\"file://" "$work/page.html"
	expect_in "Artifacts 8 files in $here/" "$work/out"
done
# Said again by what was stored; where they are is looked up.
expect_exit 0 "$paddock" report latest --junit "$work/again.xml"
expect_in "[[ATTACHMENT|$here/bad/log]]" "$work/again.xml"
expect_exit 100 "$paddock" merge "$work/events" --junit "$work/merged.xml"
expect_in "[[ATTACHMENT|$here/bad/log]]" "$work/merged.xml"

# Elsewhere, and nowhere.
forget
expect_exit 0 "$paddock" run --artifacts-dir "$work/elsewhere" --progress none "$suite/t.list" -- good
expect_eq hi "$(cat "$work/elsewhere/suite/t.list/good/one")" "a file in the folder asked for"
expect_exit 0 "$paddock" run --artifacts-dir none --progress none "$suite/t.list" -- good
[ ! -e "$XDG_STATE_HOME/paddock/runs" ] || fail "files were kept that nobody wanted"
: >"$work/file"
expect_exit 110 "$paddock" run --artifacts-dir "$work/file" --progress none "$suite/t.list" -- good
expect_in "artifact" "$work/err"

# ---- hostile ones ----
cat >"$suite/hostile.list" <<'END'
links	ln -s /etc/passwd $PADDOCK_ARTIFACTS/passwd; ln -s / $PADDOCK_ARTIFACTS/root; ln -s .. $PADDOCK_ARTIFACTS/up
special	mkfifo $PADDOCK_ARTIFACTS/pipe; mknod $PADDOCK_ARTIFACTS/disk b 8 0; python3 -c 'import socket,os; os.chdir(os.environ["PADDOCK_ARTIFACTS"]); socket.socket(socket.AF_UNIX).bind("s")'; :
hard	echo x >$PADDOCK_ARTIFACTS/a; ln $PADDOCK_ARTIFACTS/a $PADDOCK_ARTIFACTS/b
sparse	truncate -s 4T $PADDOCK_ARTIFACTS/huge || truncate -s 1G $PADDOCK_ARTIFACTS/huge
many	python3 -c 'import os; os.chdir(os.environ["PADDOCK_ARTIFACTS"]); [os.close(os.open(str(i), os.O_CREAT)) for i in range(100000)]'
deep	cd $PADDOCK_ARTIFACTS && for i in $(seq 300); do mkdir d && cd d; done; echo x >x
names	cd $PADDOCK_ARTIFACTS && echo x >"$(printf 'new\nline')" && echo x >'..  ' && echo x >'a%2F..%2Fb' && mkdir -p '...' && echo x >.../x
folder	rmdir $PADDOCK_ARTIFACTS && ln -s /etc $PADDOCK_ARTIFACTS
shut	echo x >$PADDOCK_ARTIFACTS/x; chmod 0 $PADDOCK_ARTIFACTS/x; chmod 0 $PADDOCK_ARTIFACTS
../../../evil	echo x >$PADDOCK_ARTIFACTS/x
after	echo still here >$PADDOCK_ARTIFACTS/x
END
for sandbox in off default; do
	forget
	expect_exit 0 "$paddock" run --sandbox "$sandbox" --jobs 2 --progress none --events "$work/events" "$suite/hostile.list"
	expect_eq 11 "$(verdicts "$work/events" | grep -c ' pass$')" "verdicts of hostile cases with --sandbox $sandbox"
	artifacts "$work/events" >"$work/got"
	here=$(kept artifacts)/suite/hostile.list
	for left_out in "links 1 passwd 0 a symbolic link" "links 1 root 0 a symbolic link" "special 1 pipe 0 not a regular file" \
		"special 1 s 0 not a regular file" "hard 1 a 0 it has several names" "sparse 1 huge 0 too large" "many 1 0 more than" \
		"folder 1  0 PADDOCK_ARTIFACTS is no folder"; do
		grep -qF "$(tr -s ' ' <<<"$left_out")" <(tr -s ' ' <"$work/got") ||
			fail "--sandbox $sandbox: no word of: $left_out; $(grep "^${left_out%% *}" "$work/got" | head -n 5)"
	done
	[ ! -e "$here/links" ] && [ ! -e "$here/special" ] && [ ! -e "$here/hard" ] || fail "something was followed"
	find "$(kept artifacts)" ! -type d ! -type f | grep . && fail "something that is no file"
	grep -rlq "root:" "$(kept artifacts)" && fail "/etc/passwd was read"
	expect_eq "still here" "$(cat "$here/after/x")" "the case after the hostile ones"
	expect_eq x "$(cat "$here/%2E.%2F..%2F..%2Fevil/x")" "a case whose name leads out"
	expect_eq x "$(cat "$here/names/new%0Aline")" "a file whose name has a newline"
	expect_eq 1024 "$(find "$here/many" -type f | wc -l)" "files of the case with very many"
done

# ---- many cases in one process ----
if python3 -c 'import pytest' 2>/dev/null; then
	cat >"$suite/test_files.py" <<'END'
import os, pathlib

def leave(name):
    (pathlib.Path(os.environ["PADDOCK_ARTIFACTS"]) / name).write_text(name)

def test_first():
    leave("first")

def test_second():
    leave("second")
    pathlib.Path("changed").write_text("by the second")
    assert False
END
	forget
	expect_exit 100 "$paddock" run --keep-workspace --progress none --events "$work/events" "$suite/test_files.py"
	expect_eq "test_first 1 first 5 test_first 1 second 6" "$(artifacts "$work/events" | sed 's/.*:://' | xargs)" "files of a shared process"
	expect_eq second "$(cat "$(kept artifacts)"/suite/test_files.py/test_first~and-1-more/second)" "a file of a shared process"
	expect_eq "by the second" "$(cat "$(kept workspaces)"/suite/test_files.py/test_first~and-1-more/upper/changed)" \
		"the workspace of a shared process"
fi

# ---- workspaces ----
cat >"$suite/w.list" <<'END'
red	echo new >made; rm -f t.list; echo why; exit 1
green	echo new >made
late	echo new >made; sleep 100
END
forget
expect_exit 100 "$paddock" run --keep-workspace --timeout 2s --grace 100ms --retries 1 --progress none --events "$work/events" \
	"$suite/w.list"
here=$(kept workspaces)/suite/w.list
expect_eq "late late~attempt-2 red red~attempt-2" "$(find "$here" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)" \
	"workspaces that were kept"
expect_eq new "$(cat "$here/red/upper/made")" "a kept change"
[ -c "$here/red/upper/t.list" ] || fail "a removal is not kept"
[ ! -e "$here/red/work" ] || fail "overlayfs' own folder was left"
expect_in "workspace kept by worker local: $here/red~attempt-2/upper" "$work/events"
[ -e "$suite/t.list" ] && [ ! -e "$suite/made" ] || fail "the suite's own folder was changed"
# The merged view again, and going on from it.
(cd "$suite" && "$PADDOCK_BIN/paddock-box" --keep "$here/red" -- sh -c 'cat made; ls t.list') >"$work/out" 2>&1
expect_in new "$work/out"
expect_in "t.list" "$work/out"
expect_in "No such file" "$work/out"

# Without red cases nothing stays; without an overlay nothing could.
forget
expect_exit 0 "$paddock" run --keep-workspace --progress none "$suite/w.list" -- green
[ -z "$(find "$XDG_STATE_HOME/paddock/runs" -mindepth 1)" ] || fail "the workspace of a green case was left"
expect_exit 2 "$paddock" run --keep-workspace --sandbox off "$suite/w.list"
expect_in "--sandbox off" "$work/err"
expect_exit 2 "$paddock" run --keep-workspace --workspace shared "$suite/w.list"

# ---- through a coordinator ----
forget
serve_from_far
expect_exit 100 "$paddock" run --coordinator "$url" --insecure --retries 1 --progress none --events "$work/events" "$suite/t.list"
artifacts "$work/events" | diff -u "$work/want" - || fail "artifacts through a coordinator"
here=$(kept artifacts)/suite/t.list
[ "$(wc -c <"$here/good/a/b/big")" = 700000 ] || fail "a large file through a coordinator"
expect_exit 100 "$paddock" run --coordinator "$url" --insecure --keep-workspace --progress none --events "$work/events" \
	"$suite/w.list" -- red
expect_in "workspace kept by worker far: $work/far/paddock/runs/" "$work/events"
expect_eq new "$(cat "$work"/far/paddock/runs/*/workspaces/suite/w.list/red/upper/made)" "a change kept at the worker"
# Its content is nowhere in the coordinator's store.
grep -rqa xxxxxxxxxxxxxxxx "$work/serve" && fail "the coordinator stored a file's content"
exit 0
