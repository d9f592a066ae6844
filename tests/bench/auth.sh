#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What keys cost: handshakes a coordinator can answer, sealing, and a round trip sealed beside one in the clear (auth_bench.c).
# Usage: auth.sh [-n MESSAGES] [--json FILE]
set -eu -o pipefail
# shellcheck source=tests/bench/kit/lib.sh
. "$(dirname "$0")/kit/lib.sh"
bench_begin 50000 1 "$@"
driver=${PADDOCK_BUILD:-$(dirname "$(dirname "$paddock")")}/tests/bench/auth_bench
"$driver" "$count" "$json"
