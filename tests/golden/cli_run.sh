#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=120
# `paddock run` from the outside: exit codes, selection, reruns, reports again, profiles, what tests inherit.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

cd "$work" || exit 1
run() { # CODE ARGS...
	local code=$1
	shift
	expect_exit "$code" "$paddock" run --sandbox off --progress lines "$@"
}

# ids and outcomes of an event file, sorted
verdicts() { # FILE
	python3 -c '
import json, sys
for line in open(sys.argv[1]):
    event = json.loads(line)
    if event["event"] == "case":
        print(event["id"], event["outcome"])' "$1" | sort
}

mkdir s
printf '# a list\npasses\ttrue\nfails\techo oops >&2; exit 3\nskips\texit 77\nbroken\texit 99\n' >s/cmds.list
printf 'one\ttrue\ntwo\ttrue\n' >s/good.list

# the exit code says how it went
run 0 s/good.list
expect_in "2 passed" "$work/out"
run 100 s/cmds.list --events ev
expect_eq "s::cmds.list::broken error
s::cmds.list::fails fail
s::cmds.list::passes pass
s::cmds.list::skips skip" "$(verdicts ev)" "verdicts"
expect_in "oops" "$work/out"
expect_in "--rerun" "$work/out"
run 4 s/good.list -- nosuch
run 0 s/good.list --no-tests pass -- nosuch
run 0 s/good.list --no-tests warn -- nosuch
run 110 s/good.list --junit /dev/full
run 110 s/good.list --tap "$work/absent/x.tap"

# a file of commands that would take too long
printf 'slow\tsleep 30\n' >s/slow.list
run 112 --global-timeout 300ms s/slow.list --events ev
expect_eq "s::slow.list::slow notrun" "$(verdicts ev)" "a case that the global timeout stopped"
run 100 --timeout 300ms --grace 100ms s/slow.list --events ev
expect_eq "s::slow.list::slow timeout" "$(verdicts ev)" "a case that its own timeout stopped"

# interrupted: everything known is reported, and the code says by which signal
rm ev
"$paddock" run --sandbox off --progress none --events ev s/slow.list >"$work/out" 2>"$work/err" </dev/null &
pid=$!
wait_for 20 grep -q case_started ev
kill -TERM "$pid"
wait "$pid"
expect_eq 143 $? "exit code after SIGTERM"
expect_eq "s::slow.list::slow notrun" "$(verdicts ev)" "a case that was interrupted"

# selection
run 100 s --events ev -- s::cmds.list
expect_eq 4 "$(verdicts ev | wc -l)" "cases with the substring"
run 0 s/cmds.list s/good.list --events ev -E 'test(passes) or program(good.list)'
expect_eq "s::cmds.list::passes pass
s::good.list::one pass
s::good.list::two pass" "$(verdicts ev)" "cases of the filter"
for k in 1 2 3; do
	run 0 s/good.list --partition "slice:$k/3" --no-tests pass --events "part$k"
done
expect_eq "s::good.list::one pass
s::good.list::two pass" "$(cat part1 part2 part3 >all && verdicts all)" "the parts together"

# what failed runs again, and nothing else
run 100 s/cmds.list s/good.list --history "$work/h.db"
(cd s && expect_exit 100 "$paddock" run --sandbox off --history "$work/h.db" --rerun failed --events "$work/ev") || exit 1 # the same suites
expect_eq "s::cmds.list::broken error
s::cmds.list::fails fail" "$(verdicts ev)" "the rerun of what failed"
run 0 s/good.list --history "$work/h.db"
run 4 s/good.list --history "$work/h.db" --rerun failed
expect_in "left nothing to run again" "$work/err"
run 0 s/good.list --history "$work/h.db" --rerun failed --no-tests pass

# the stored run gives the same reports again
run 100 s/cmds.list --history "$work/r.db" --junit a.xml --tap a.tap --events a.jsonl
expect_exit 0 "$paddock" report latest --history "$work/r.db" --junit b.xml --tap b.tap --events b.jsonl
cmp a.xml b.xml || fail "JUnit of the run and of its report differ"
cmp a.tap b.tap || fail "TAP of the run and of its report differ"
expect_eq "$(verdicts a.jsonl)" "$(verdicts b.jsonl)" "events of the run and of its report"
expect_exit 100 "$paddock" merge a.jsonl --junit c.xml
expect_exit 0 "$paddock" explain --history "$work/r.db"
expect_in "no schedule of it could take less" "$work/out"
expect_exit 0 "$paddock" history runs --history "$work/r.db"
expect_in "exit 100" "$work/out"
expect_exit 0 "$paddock" history export --history "$work/r.db"
expect_in "s::cmds.list::passes" "$work/out"

# listing runs nothing and names the same cases
printf 'touched\ttouch %s/touched\n' "$work" >s/touch.list
expect_exit 0 "$paddock" list --sandbox off s
expect_in "s::touch.list::touched" "$work/out"
[ ! -e touched ] || fail "paddock list ran a test"

# options: a flag over a variable over a profile over the file
cat >paddock.yaml <<'YAML'
suites:
  good: {path: s/good.list, env: {FROM: yaml}}
  say: {command: 'echo "$FROM $PADDOCK_JOBS $OUTER"; exit 1', env: {FROM: yaml}}
options: {repeat: 2, sandbox: "off"}
profiles:
  more: {repeat: 3}
YAML
count() { verdicts ev | wc -l; }
expect_exit 0 "$paddock" run good --events ev --progress none
expect_eq 4 "$(count)" "cases with the file's repeat"
expect_exit 0 "$paddock" run good --events ev --progress none --profile more
expect_eq 6 "$(count)" "cases with the profile's repeat"
expect_exit 0 env PADDOCK_REPEAT=4 "$paddock" run good --events ev --progress none --profile more
expect_eq 8 "$(count)" "cases with the variable's repeat"
expect_exit 0 env PADDOCK_REPEAT=4 "$paddock" run good --events ev --progress none --repeat 1
expect_eq 2 "$(count)" "cases with the flag's repeat"

# what a test inherits: the caller's environment, its suite's own, nothing of paddock's options
expect_exit 100 env OUTER=kept PADDOCK_JOBS=1 "$paddock" run say --repeat 1 --progress lines
expect_in "| yaml  kept" "$work/out"
rm paddock.yaml

# a folder that may not be read: not passed over, since tests might be in it
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	mkdir -p closed/in && cp s/good.list closed/in/good.list && chmod 700 closed/in && chmod 755 "$work"
	expect_exit 104 setpriv --reuid=65534 --regid=65534 --clear-groups "$paddock" run closed --history none
	expect_in "closed/in: Permission denied" "$work/err"
fi
