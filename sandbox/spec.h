// SPDX-License-Identifier: Apache-2.0
/* spec.h - a box_spec as bytes: validated whole on both sides of the socket, before the first
 * system call. */
#ifndef PADDOCK_SANDBOX_SPEC_H
#define PADDOCK_SANDBOX_SPEC_H

#include "sandbox/box.h"

enum {
	SPEC_SLOTS_MAX = 1024,
	SPEC_PIDS_MAX = 4194304, /* the kernel's own PID_MAX_LIMIT */
	SPEC_CPU_MILLI_MAX = 8192 * 1000,
	SPEC_CPU_WEIGHT_MAX = 10000, /* the kernel's own, as is the next */
	SPEC_INODES_MAX = 2147483647,
};
#define SPEC_US_MAX    (366ull * 86400 * 1000000) /* a year: sums of two never wrap */
#define SPEC_BYTES_MAX (1ull << 50)

#define SPEC_MAGIC     "pbx4"

/* A decoded spec. The strings point into the bytes it was decoded from, the arrays into `memory`.
 */
struct spec_store {
	struct box_spec spec;
	void *memory;
	void *bytes; /* of what it was decoded from, where they are ours */
};

/* Checks every bound of `spec`. Returns NULL when it is good, else the name of the first bad field.
 */
const char *spec_validate(const struct box_spec *spec);

/* How many strings a NULL-terminated list has (NULL: none); beyond BOX_ARGS_MAX it does not matter.
 */
size_t spec_count(const char *const *args);

/* Encodes a valid spec into memory the caller frees. 0, -E2BIG beyond BOX_SPEC_BYTES_MAX, -ENOMEM.
 */
int spec_encode(const struct box_spec *spec, void **ret_bytes, size_t *ret_size);

/*
 * Decodes and validates; hostile bytes are refused. `bytes` must outlive the store. 0, -EINVAL or
 * -ENOMEM; on 0 the caller calls spec_done.
 */
int spec_decode(const void *bytes, size_t size, struct spec_store *ret_store);

/* Puts the documented default where a number is zero and zero does not mean "none". */
void spec_defaults(struct box_spec *spec);

/* Lets go of what a store holds; accepts a zeroed one. */
void spec_done(struct spec_store *store);

#endif
