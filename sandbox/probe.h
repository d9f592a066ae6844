// SPDX-License-Identifier: Apache-2.0
/* probe.h - what this host can enforce. */
#ifndef PADDOCK_SANDBOX_PROBE_H
#define PADDOCK_SANDBOX_PROBE_H

#include <stdbool.h>

/*
 * Tries each control and prints one line per control, or one JSON object
 * {"name":{"ok":…,"how":…,"fix":…}}. Returns the exit code: 0 when level default can be enforced
 * with memory, pids and cpu limits, else 113.
 */
int probe_run(bool json);

#endif
