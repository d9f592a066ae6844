// SPDX-License-Identifier: Apache-2.0
/*
 * outline.h - the keys of a YAML text and the lines they stand on, before any schema sees it. It
 * finds what people chose as names (suites, profiles, variables), which libcyaml's fixed schemas
 * cannot, gives errors their line, and refuses what no configuration needs: aliases, a key given
 * twice, deep nesting, several documents.
 */
#ifndef PADDOCK_CLI_OUTLINE_H
#define PADDOCK_CLI_OUTLINE_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/map.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	OUTLINE_KEYS_MAX = 65536, /* a file with more is no configuration */
	OUTLINE_DEPTH_MAX = 16,
	OUTLINE_KEY_BYTES = 4096, /* one key: names of suites are names of the wire */
};

/* Stands between the keys of a path; control bytes are refused in keys, so it is unambiguous. */
#define OUTLINE_SEPARATOR '\x1f'

/* Zeroed is empty. */
struct outline {
	struct map lines; /* path such as "suites<SEPARATOR>unit" -> line; items are "1", "2" */
	bool filled;	  /* there is anything at all beside comments */
};

/* Free it. Accepts NULL and zeroed. */
void outline_done(struct outline *outline);

/*
 * Read `text`. 0 with *ret_outline (the caller's to free), or -EINVAL with err saying
 * "`file`:LINE: ...", -ENOMEM. An empty text has an empty outline.
 */
int outline_read(struct str text, const char *file, struct outline *ret_outline, struct err *err);

/* The line of the thing at `path`, or of the nearest one around it; 1 when there is none. */
uint64_t outline_line(const struct outline *outline, struct str path);

#endif
