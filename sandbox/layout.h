// SPDX-License-Identifier: Apache-2.0
/* layout.h - what the payload's file tree is made of: a spec turned into ordered operations. Pure.
 */
#ifndef PADDOCK_SANDBOX_LAYOUT_H
#define PADDOCK_SANDBOX_LAYOUT_H

#include <limits.h>
#include <sys/types.h>

#include "sandbox/box.h"

enum layout_kind {
	LAYOUT_SCRATCH, /* the one tmpfs of this run, on LAYOUT_SCRATCH_AT; bytes */
	LAYOUT_DIR,	/* folder `path` in the scratch, with mode; the payload's when own */
	LAYOUT_OVERLAY, /* make the copy-on-write view of host folder `source`; attached by a later
			   ATTACH */
	LAYOUT_SHOW,	/* scratch folder `source` appears at `path` */
	LAYOUT_ATTACH,	/* what operation `from` opened appears at `path` */
	LAYOUT_OPEN, /* host file or folder `source` is opened; writable; attached by a later ATTACH
		      */
	LAYOUT_PROC,
	LAYOUT_PTS,
};

/* The scratch is mounted here while the tree is built; at last its "run" covers it. */
#define LAYOUT_SCRATCH_AT "/run"

enum {
	LAYOUT_OPS_MAX = 64,
};

struct layout_op {
	enum layout_kind kind;
	const char *source;
	const char *path;
	uint64_t bytes;
	mode_t mode;
	int from;
	bool own;
	bool writable;
};

/* What is true on this host, for all runs. */
struct layout_host {
	uint32_t uid;
	const char *home;  /* the invoking user's own, absolute */
	bool has_home_dir; /* there is a /home */
	bool has_root_dir; /* there is a /root */
	bool has_var_tmp;
	bool home_is_dir; /* `home` is a folder on the host */
};

struct layout {
	struct layout_op ops[LAYOUT_OPS_MAX];
	int n;
	const char *home; /* HOME of the payload; "" when the spec brought its own */
	const char *cwd;
	char home_in_scratch[PATH_MAX];
	char runtime_dir[64]; /* XDG_RUNTIME_DIR */
	char runtime_in_scratch[64];
};

/* Plans the tree of a valid spec that is not OFF. Strings are borrowed from spec and host. */
void layout_plan(const struct box_spec *spec, const struct layout_host *host,
		 struct layout *ret_layout);

#endif
