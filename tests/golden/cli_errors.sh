#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Wrong input: each has the exit code of the contract and a sentence that says what to do.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

cd "$work" || exit 1
mkdir empty suites && printf 'true\n' >cmds && : >nothing
printf '\001\002' >binary
cat >suites/paddock.yaml <<'YAML'
suites:
  unit: {path: absent}
  shell: {command: "true"}
options:
  retries: 1
YAML
told=$work/told

# One line of the golden file: what was typed, the exit code, standard error.
try() { # CODE ARGS...
	local code=$1
	shift
	expect_exit "$code" "$paddock" "$@"
	{
		echo "\$ paddock $*"
		sed "s|$work|WORK|g" "$work/err"
		echo "=> $code"
		echo
	} >>"$told"
	[ -s "$work/err" ] || fail "paddock $* said nothing"
}

try 2 runn
try 2 --jobs 3
try 2 run --jbos 3
try 2 run --jobs many
try 2 run -j0
try 2 run --jobs
try 2 run --sandbox loose
try 2 run --timeout soon
try 2 run --memory 1X
try 2 run --listen tcp://127.0.0.1:1 cmds
try 2 run --partition hash:4/3 cmds
try 2 run --max-fail 0 cmds
try 2 run -E 'test(' cmds
try 2 run --kind gtset cmds
try 2 run absent
try 2 run binary
try 2 run --junit a --tap a cmds
try 2 run --rerun failed cmds
try 2 run --coordinator ftp://x cmds
try 4 run empty
try 4 run nothing
try 4 list cmds -- nosuch
try 2 report
try 2 report latest
try 2 report a b
try 2 history slowst
try 2 history import
try 2 explain
try 2 merge
try 2 serve
try 2 serve --listen tcp://0.0.0.0:1 --insecure
try 2 serve --http 127.0.0.1:1 --listen ipc:///tmp/x
try 2 token
try 2 token crate
try 2 token create --role king --state s
try 2 token create --pool gpu --state s
try 2 token revoke abc --state s
try 2 audit look
try 2 audit verify abc
try 2 help runn
try 2 version now
try 96 run --profile ci cmds
try 96 run --config absent.yaml cmds
cd suites || exit 1
try 104 run unit
try 2 run unti
try 96 run --profile ci shell
cd .. || exit 1

config() { # CODE TEXT
	printf '%b' "$2" >paddock.yaml
	{
		echo "--- paddock.yaml"
		cat paddock.yaml
	} >>"$told"
	try "$1" list cmds
	rm paddock.yaml
}
config 96 'suite:\n  a: {path: x}\n'
config 96 'suites:\n  a: {path: x, knid: gtest}\n'
config 96 'suites:\n  - name: a\n'
config 96 'suites:\n  a: {path: x}\n  a: {path: y}\n'
config 96 'options:\n  jobs: many\n'
config 96 'options: {jobs: 1\n'
config 96 'options: &a {jobs: 1}\nprofiles: {b: *a}\n'
config 96 'profiles:\n  a: {inherits: b}\noptions: {profile: a}\n'
config 96 'overrides:\n  - filter: "test("\n    retries: 1\n'
config 96 'overrides:\n  - {filter: all(), quarantine: {owner: x}}\n'
config 96 'setup: [make]\n'

PADDOCK_JOBS=many try 2 run cmds

expect_golden "$PADDOCK_SOURCE/tests/golden/cli/errors.txt" "$told"
