#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# ctest: timeout=240
# ctest: serial
# The coordinator is killed again and again, as in 200-coordinator-killed.sh, with keys over TCP: sessions end with their
# coordinator, keys do not, and first messages recorded earlier disturb nobody.
export PADDOCK_KEYS=1 PADDOCK_KILLS=${PADDOCK_KILLS:-12}
exec "$BASH" "$(dirname "$0")/200-coordinator-killed.sh"
