#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A worker of another build is refused with a sentence, at both ends, and takes no work.
# shellcheck source=tests/kit/kit.sh
. "$(dirname "$0")/../kit/kit.sh"

other=0.0.0-other
mkdir "$work/bin"
cp "$PADDOCK_BIN/paddock-box" "$work/bin/paddock-box"
cp "$PADDOCK_FIXTURES/other-worker" "$work/bin/paddock-worker"
"$paddock" serve --listen "ipc://$work/socket" --insecure --state "$work/serve" >"$work/serve.log" 2>&1 &
wait_for 10 grep -q listening "$work/serve.log"
expect_exit 111 "$work/bin/paddock-worker" --coordinator "ipc://$work/socket" --insecure
expect_in "$other" "$work/err"
expect_in "install the same version" "$work/err"
expect_in "$other" "$work/serve.log"
