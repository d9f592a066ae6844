// SPDX-License-Identifier: Apache-2.0
/*
 * tapread.h - a streaming reader of the Test Anything Protocol, versions 12 to 14, as strict as
 * Perl's TAP::Parser where that one judges a program. Subtests (indented by four) and what is not
 * TAP are passed over.
 */
#ifndef PADDOCK_WORKER_ADAPT_TAPREAD_H
#define PADDOCK_WORKER_ADAPT_TAPREAD_H

#include "protocol/base/buf.h"
#include "worker/adapt/lines.h"

#include <stdbool.h>
#include <stdint.h>

enum tapread_directive {
	TAPREAD_PLAIN,
	TAPREAD_SKIP,
	TAPREAD_TODO,
};

/* One "ok" or "not ok" at top level. Views are valid during the call. */
struct tapread_point {
	bool ok;
	enum tapread_directive directive;
	uint64_t number;	/* its place, from 1, whatever number it wears */
	struct str description; /* trimmed, without the "- " in front; may be empty */
	struct str reason;	/* of the directive */
	struct str diagnostics; /* of a failed point: its YAML block and the comments right behind
				   it */
};

/* Told of each point: passed ones at once, failed ones when their diagnostics are complete. */
typedef void (*tapread_fn)(void *data, const struct tapread_point *point);

struct tapread {
	struct lines lines;
	tapread_fn fn;
	void *data;

	/* what the stream said so far */
	uint64_t points, failed, skipped; /* failed: not ok without a directive */
	uint64_t planned;		  /* meaningful when n_plans > 0 */
	uint64_t n_plans;
	bool plan_late; /* the plan came after a point */
	bool point_after_late_plan;
	bool skip_all, bailed;
	uint64_t version;
	uint64_t wrong_number, wrong_expected; /* the first point out of sequence; 0: none */
	struct buf reason;		       /* of skip_all or the bail-out */
	struct buf failures; /* descriptions of the first failed points, for a message */

	/* a failed point that waits for its diagnostics */
	bool waiting, in_yaml;
	enum tapread_directive waiting_directive;
	struct buf description, waiting_reason, diagnostics;
};

/* Ready for bytes; `fn` is called with `data`. */
void tapread_init(struct tapread *tap, tapread_fn fn, void *data);

/* Free. Accepts NULL and zeroed. */
void tapread_done(struct tapread *tap);

/* Bytes arrived. Any split of the stream gives the same calls. */
void tapread_feed(struct tapread *tap, struct str bytes);

/* Tell a failed point now, without the diagnostics that may follow. */
void tapread_flush(struct tapread *tap);

/* The stream is over: the last line and the last point are told. */
void tapread_finish(struct tapread *tap);

/* Append what is wrong with the plan and the numbering, as sentences joined by "; ". Nothing when
 * all is well. */
void tapread_problems(const struct tapread *tap, struct buf *ret_text);

#endif
