// SPDX-License-Identifier: Apache-2.0
/* bpf.c - classic BPF, as far as filters of system calls are made of it. */
#include "tests/kit/bpf.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned bpf_run(const struct filter *filter, const struct seccomp_data *data)
{
	const struct sock_filter *code = filter->program;
	unsigned a = 0;
	size_t pc;

	for (pc = 0; pc < filter->n; pc++) {
		const struct sock_filter *i = &code[pc];
		int taken = 0;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof(*data) - sizeof(a) || i->k % sizeof(a))
				goto bad;
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; continue;
		case BPF_RET | BPF_K: return i->k;
		case BPF_JMP | BPF_JA: pc += i->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: taken = a == i->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: taken = a >= i->k; break;
		case BPF_JMP | BPF_JGT | BPF_K: taken = a > i->k; break;
		default: goto bad;
		}
		pc += taken ? i->jt : i->jf;
	}
bad:
	fprintf(stderr, "bpf: instruction %zu of %zu is none of a filter's\n", pc, filter->n);
	abort();
}
