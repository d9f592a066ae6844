// SPDX-License-Identifier: Apache-2.0
/* bpf.h - a filter's program, run as the kernel would run it. */
#ifndef PADDOCK_TESTS_KIT_BPF_H
#define PADDOCK_TESTS_KIT_BPF_H

#include "sandbox/filter.h"

/* What the program of a compiled filter answers to a call: a SECCOMP_RET_ value. Aborts, naming the
 * instruction, where it is none that filters are made of, or jumps out of the program. */
unsigned bpf_run(const struct filter *filter, const struct seccomp_data *data);

#endif
