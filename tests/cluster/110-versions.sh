#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker of another build is refused with a sentence, at both ends, and takes no work.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

build=$("$paddock" version | grep -o 'build [^)]*' | cut -d' ' -f2)
[ -n "$build" ] || fail "no build id in: $("$paddock" version)"
other=$(printf '%s' "$build" | tr '0-9a-f' '1-9a-f0')
mkdir "$work/bin"
cp "$PADDOCK_BIN/paddock-box" "$work/bin/paddock-box"
# The same worker, but for the id it carries.
python3 - "$PADDOCK_BIN/paddock-worker" "$work/bin/paddock-worker" "$build" "$other" <<-'END' || fail "no build id in the worker"
	import sys
	data = open(sys.argv[1], "rb").read()
	assert sys.argv[3].encode() in data
	open(sys.argv[2], "wb").write(data.replace(sys.argv[3].encode(), sys.argv[4].encode()))
END
chmod +x "$work/bin/paddock-worker"
"$paddock" serve --listen "ipc://$work/socket" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
expect_exit 111 "$work/bin/paddock-worker" --coordinator "ipc://$work/socket" --insecure
expect_in "$other" "$work/err"
expect_in "install the same version" "$work/err"
expect_in "$other" "$work/serve.log"
