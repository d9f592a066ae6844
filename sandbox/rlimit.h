// SPDX-License-Identifier: Apache-2.0
/* rlimit.h - the resource limits a spec asks for. */
#ifndef PADDOCK_SANDBOX_RLIMIT_H
#define PADDOCK_SANDBOX_RLIMIT_H

#include "sandbox/box.h"

/*
 * Sets RLIMIT_CORE and, when asked for, RLIMIT_FSIZE; with count_processes also RLIMIT_NPROC for
 * spec->pids (where no cgroup counts). A limit above the hard one is cut to it: raising needs a
 * right even root may lack. Never touches RLIMIT_AS: sanitizers and managed runtimes reserve
 * terabytes. Async-signal-safe. 0 or -errno.
 */
int rlimit_apply(const struct box_spec *spec, bool count_processes);

#endif
