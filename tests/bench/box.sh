#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a sandbox costs beside bwrap with all namespaces: single starts, sustained, paced, with a large owner, and how fast a crowd of
# hostile processes is gone. The rows and the bars are in box_bench.c.
# Usage: box.sh [-n ROUNDS] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 300 1 "$@"
bench_needs bwrap busybox
driver=${PADDOCK_BUILD:-$(dirname "$(dirname "$paddock")")}/tests/bench/box_bench
"$driver" "$(dirname "$paddock")/paddock-box" "$count" "$json"
