#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# paddock-box by hand: exit codes, the record, the probe, the help, and what a killed keeper leaves in the cgroups.
set -u
box=$PADDOCK_BIN/paddock-box
work=$(mktemp -d /tmp/box-cli-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

# expect WHAT EXPECTED ACTUAL
expect()
{
	[ "$2" = "$3" ] && return
	printf 'not ok: %s: expected "%s", got "%s"\n' "$1" "$2" "$3"
	failed=$((failed + 1))
}

# What a sanitized paddock-box remarks of a stack of its own is no output.
plain()
{
	sed '/^==[0-9]*==WARNING: ASan is ignoring/,+2d'
}

# code NAME EXPECTED ARG...: the exit code of paddock-box
code()
{
	local name=$1 expected=$2
	shift 2
	"$box" "$@" >out 2>err </dev/null
	expect "$name" "$expected" $?
}

code "exit code of the command" 3 -- /bin/sh -c 'exit 3'
code "without --" 4 /bin/sh -c 'exit 4'
code "killed by a signal" 139 -- /bin/sh -c 'kill -SEGV $$'
code "past its deadline" 124 --timeout 200ms --grace 100ms -- sleep 30
expect "a deadline is said" 1 "$(grep -c 'past its deadline' err)"
if "$box" --memory 64M -- true 2>/dev/null; then
	code "past its processor time" 124 --cpu-time 200ms --timeout 60s --grace 100ms -- sh -c 'while :; do :; done'
	expect "and which deadline is said" 1 "$(grep -c 'past its deadline after [0-9]* ms of processor time' err)"
	code "a weight" 0 --cpu-weight 10 -- true
fi
code "no weight" 2 --cpu-weight 10001 -- true
code "no list of processors" 2 --cpus all -- true
code "processors that are not there" 113 --cpus 1000-1023 -- true
code "not limited, but said" 0 --best-effort --cpus 1000-1023 -- true
expect "what was dropped" 1 "$(grep -c 'not enforced here: cpus' err)"
code "more output than allowed" 3 --output 10 -- sh -c 'echo 123; echo 45 >&2; echo 6789012; exit 3'
said="paddock-box: dropped 5 bytes of output: more than --output"
expect "and said" 1 "$(grep -c "$said\$" err)"
expect "is cut over both streams together" $((10 + ${#said} + 1)) "$(plain <err | cat out - | wc -c)"
expect "in order where both are one" "a b c" "$("$box" --output 100 -- sh -c 'echo a; echo b >&2; echo c' 2>&1 | plain | xargs)"
expect "and told" '"output_limit":true,"dropped_bytes":999990' \
	"$("$box" --output 10 --json -- head -c 1000000 /dev/zero 2>&1 >/dev/null | grep -a -o '"output_limit.*[0-9],"setup_step' | sed 's/,"setup_step//')"
expect "less than allowed is all there" 1000000 "$("$box" --output 1M -- head -c 1000000 /dev/zero | wc -c)"
expect "a reader that goes ends it" 141 "$("$box" --output 1G -- yes 2>/dev/null | head -n 1 >/dev/null; echo "${PIPESTATUS[0]}")"
# Nobody reads: the deadline holds all the same.
mkfifo unread && exec 9<>unread
start=$SECONDS
"$box" --output 1G --timeout 300ms --grace 100ms -- yes >&9 2>/dev/null
expect "a reader that stalls" 124 $?
expect "delays nothing but the last of it" 1 $((SECONDS - start < 10))
exec 9>&-
expect "explain: what is not limited" "not limited: memory processors time output" "$("$box" --explain --cpu-time 1s | grep '^not limited')"
code "missing program" 105 -- /no/such/program
expect "and named" 1 "$(grep -c '/no/such/program' err)"
code "unknown option" 2 --no-such-option -- true
expect "and named" 1 "$(grep -c -e '--no-such-option' err)"
code "bad value" 2 --memory 12X -- true
code "value left out" 2 --memory
code "no command" 2 --level strict
code "a workspace that cannot be" 2 --workspace overlay:/ -- true
code "level off" 0 --level off -- true
code "stdin is passed" 0 -- true
expect "stdin" "hello" "$(echo hello | "$box" -- cat)"
expect "stdout goes where ours goes" "both" "$("$box" -- sh -c 'echo both')"
expect "current folder" "$work" "$("$box" -- pwd)"
"$box" -- sh -c 'echo x >made'
expect "workspace is private" 1 "$([ -e made ] && echo 0 || echo 1)"
"$box" --workspace shared -- sh -c 'echo x >made'
expect "workspace is shared on demand" x "$(cat made)"
"$box" --json=3 -- sh -c 'exit 7' 3>record
expect "record" '{"cause":"exit","exit_code":7,' "$(head -c 30 record)"
expect "record is JSON" 7 "$(python3 -c 'import json; print(json.load(open("record"))["exit_code"])')"
expect "probe is JSON" True "$("$box" --probe --json | python3 -c '
import json, sys
answers = json.load(sys.stdin)
print(all(set(a) == {"ok", "how", "fix"} and (a["ok"] or a["fix"]) for a in answers.values()))')"
"$box" --explain --level strict --rw "$work" --network host >open
expect "explain: network" "network: the host's" "$(grep ^network open)"
expect "explain: writes" "writes: the host's own $work" "$(grep "own $work" open)"
expect "explain: strict leaves no ptrace" 0 "$(grep -c '^  ptrace' open)"
expect "explain: a grant does" 1 "$("$box" --explain --level strict --grant ptrace | grep -c '^  ptrace')"
code "a grant that is none" 2 --grant everything -- true
mkdir -p real/sub && ln -s real link
code "a link on the way to what may be written" 105 --rw "$work/link/sub" -- true
expect "and the cure is named" 1 "$(grep -c 'without symbolic links' err)"
expect "version" 1 "$("$box" --version | grep -c '^paddock-box [0-9]')"

# Ctrl-C ends it, with its grace.
"$box" -- sh -c 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.01; done' >out &
pid=$!
for _ in $(seq 3000); do grep -q ready out && break; sleep 0.01; done
kill -TERM $pid
wait $pid
expect "a signal is passed on" "ready bye" "$(xargs <out)"

# A caller that ignores the end of its children, as perl's $SIG{CHLD} = "IGNORE" does, hands that down.
expect "an ignored SIGCHLD" hi "$(timeout 20 env --ignore-signal=CHLD "$box" -- /bin/echo hi)"

# A start that is refused leaves nobody who helped: no child of ours, to whom strays come here.
expect "a refusal leaves nobody" nobody "$(python3 - "$box" <<'PY'
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
left = 0
for _ in range(20):
    subprocess.run([sys.argv[1], "--grant", "kvm,fuse,tun", "--", "true"], stderr=subprocess.DEVNULL)
    try:
        os.waitpid(-1, os.WNOHANG)
        left += 1
    except ChildProcessError:
        pass
print(left or "nobody")
PY
)"

# Every option of the help is in the manual page, and the other way round.
if [ -f "$PADDOCK_SOURCE/deploy/man/paddock-box.1" ]; then
	"$box" --help | grep -o -E '^  --[a-z-]+' | tr -d ' ' | sort >help
	grep -o -E '^\.B \\-\\-[a-z\\-]+' "$PADDOCK_SOURCE/deploy/man/paddock-box.1" | sed 's/\\//g; s/^\.B //' | sort >"manual"
	expect "help and manual agree" "" "$(diff help manual)"
fi

# A keeper killed with SIGKILL leaves groups; the next one removes them, and its processes are gone by itself.
if "$box" --memory 64M -- true 2>/dev/null; then
	groups() { find /sys/fs/cgroup -maxdepth 6 -type d -name "paddock-*-$1-*" 2>/dev/null | wc -l; }
	"$box" --memory 64M -- sleep 1000.25 &
	keeper=$!
	for _ in $(seq 500); do pgrep -f '^sleep 1000.25$' >/dev/null && break; sleep 0.01; done
	expect "groups of a keeper" 1 "$([ "$(groups "$keeper")" -gt 0 ] && echo 1)"
	kill -KILL "$keeper"
	wait "$keeper" 2>/dev/null
	for _ in $(seq 500); do pgrep -f '^sleep 1000.25$' >/dev/null || break; sleep 0.01; done
	expect "nothing of a dead keeper lives" "" "$(pgrep -f '^sleep 1000.25$')"
	"$box" --memory 64M -- true
	expect "groups of a dead keeper are swept" 0 "$(groups "$keeper")"
fi

[ $failed = 0 ] || { echo "$failed failed"; exit 1; }
