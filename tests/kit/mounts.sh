# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# mounts.sh - a mount namespace for one test, so that what it mounts is gone with it. Sourced before kit.sh, since the test begins
# again in there; a test that can do without looks at PADDOCK_INNER.
if [ "${PADDOCK_INNER:-}" != 1 ] && unshare --mount true 2>/dev/null; then
	PADDOCK_INNER=1 exec unshare --mount --propagation private "$BASH" "$0"
fi
