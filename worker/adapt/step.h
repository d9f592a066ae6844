// SPDX-License-Identifier: Apache-2.0
/*
 * step.h - the cases of one process, as every parser keeps them: which exist, which one runs, which
 * have their verdict. It guards what the worker relies on: a listed case is told started once and
 * before its end, and ended once; found cases have names of their own.
 */
#ifndef PADDOCK_WORKER_ADAPT_STEP_H
#define PADDOCK_WORKER_ADAPT_STEP_H

#include "protocol/base/map.h"
#include "worker/adapt/adapt.h"

enum step_state {
	STEP_WAITING,
	STEP_STARTED,
	STEP_ENDED,
};

enum {
	STEP_NONE = -1,
	STEP_FOUND_MAX =
		65536, /* found cases of one process; a program that "reports" more is flooding */
};

struct step {
	const struct adapt_case *cases; /* borrowed */
	size_t n, n_ended, n_started, n_red;
	const struct adapt_sink *sink; /* borrowed */
	unsigned char *state;	       /* enum step_state, one per case */
	ptrdiff_t running;	       /* index, or STEP_NONE */
	struct map names;	       /* key of a listed case to its index */
	struct map found;	       /* name of a found case to how often it came */
};

/* What a program calls a case while it runs. */
typedef struct str (*step_key_fn)(const struct adapt_case *one);

/* Keep `cases` and `sink` (both outlive the step). `key`: what step_find finds a case by; NULL: its
 * name. 0 or -ENOMEM. */
int step_init(struct step *step, const struct adapt_case *cases, size_t n,
	      const struct adapt_sink *sink, step_key_fn key);

/* Free. Accepts NULL and zeroed. */
void step_done(struct step *step);

/* The index of the listed case whose key is `name`, or STEP_NONE. */
ptrdiff_t step_find(const struct step *step, struct str name);

/* The first case that has not started, or STEP_NONE. */
ptrdiff_t step_next(const struct step *step);

/* Has case `index` its verdict? */
bool step_has_ended(const struct step *step, size_t index);

/* Case `index` runs now. Nothing happens when it started before. */
void step_start(struct step *step, size_t index);

/* Case `index` has its verdict (told as started first). Nothing happens when it had one.
 * duration_us 0: not told. */
void step_end(struct step *step, size_t index, enum outcome outcome, uint64_t duration_us,
	      struct str message);

/*
 * A case that no listing knew, belonging to listed case `index`. The name is cleaned (text_name);
 * an empty one becomes `number`; one that came before gets "#2", "#3", ... Beyond STEP_FOUND_MAX
 * nothing is told. Returns true when told.
 */
bool step_found(struct step *step, const struct adapt_verdict *verdict, uint64_t number);

/*
 * The process ended with `code`: when that is not 0 and yet every case of the step has a verdict
 * and none is red, something outside the cases failed (a leak checker, a global tear-down), told as
 * a found case "exit" that fails. `why` is what is known of it, may be empty.
 */
void step_exit(struct step *step, int code, struct str why);

#endif
