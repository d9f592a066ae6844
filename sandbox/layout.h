// SPDX-License-Identifier: Apache-2.0
/* layout.h - what the payload's file tree is made of, as ordered operations: a base that is the
 * same for every run of a host, and what a spec adds. Pure. */
#ifndef PADDOCK_SANDBOX_LAYOUT_H
#define PADDOCK_SANDBOX_LAYOUT_H

#include <limits.h>
#include <sys/types.h>

#include "sandbox/box.h"

enum layout_kind {
	LAYOUT_SCRATCH, /* the one tmpfs of this run, on LAYOUT_SCRATCH_AT; bytes */
	LAYOUT_DIR,	/* folder `path` in the scratch, with mode; the payload's when own */
	LAYOUT_LINK,	/* a link in the scratch at `path` to `source` */
	LAYOUT_SHOW,	/* scratch folder `source` appears at `path` */
	LAYOUT_RESIZE, /* the scratch holds `bytes`, and `inodes` more files; 0: as bytes want it */
	LAYOUT_OVERLAY, /* a copy-on-write view of host folder `path` appears there */
	LAYOUT_KEEP,	/* right before an OVERLAY: host folder `path` is what holds its changes */
	LAYOUT_BIND, /* host file or folder `path`, or `source`, appears there, writable or not */
	LAYOUT_PTS,
};

/* The scratch is mounted here; its "run" covers it at the end of the base. */
#define LAYOUT_SCRATCH_AT    "/run"
#define LAYOUT_SCRATCH_BYTES (2ull << 30) /* unless the spec says otherwise */

enum {
	LAYOUT_OPS_MAX = 64,
	LAYOUT_PLACES = 6,
};

/* The host's folders that a private one hides; the scratch's own mount point comes last. */
extern const struct layout_place {
	const char *path;
	const char *scratch;
} layout_places[LAYOUT_PLACES];

struct layout_op {
	enum layout_kind kind;
	const char *source;
	const char *path;
	uint64_t bytes;
	uint64_t inodes;
	mode_t mode;
	bool own;
	bool writable;
};

/* What is true on this host, for all runs. */
struct layout_host {
	uint32_t uid;
	const char *home;	 /* the invoking user's own, absolute */
	bool home_is_dir;	 /* `home` is a folder on the host */
	bool has[LAYOUT_PLACES]; /* those of layout_places are there to be hidden */
};

struct layout {
	struct layout_op ops[LAYOUT_OPS_MAX];
	int n;
	uint64_t scratch_bytes; /* the base has */
	const char *home;	/* HOME of the payload; "" when the spec brought its own */
	const char *cwd;	/* of the payload */
	char home_in_scratch[PATH_MAX];
	char runtime_dir[64]; /* XDG_RUNTIME_DIR; in the scratch without its first slash */
};

/* How large the scratch of a valid spec's run is. */
uint64_t layout_scratch_bytes(const struct box_spec *spec);

/* Plans what every run on this host starts from, with a scratch of so many bytes. Strings are
 * borrowed from host. */
void layout_plan_base(const struct layout_host *host, uint64_t scratch_bytes,
		      struct layout *layout);

/* Plans what a valid spec that is not OFF adds to the base that `layout` was planned as. Strings
 * are borrowed from spec. */
void layout_plan_run(const struct box_spec *spec, struct layout *layout);

#endif
