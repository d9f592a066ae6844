// SPDX-License-Identifier: Apache-2.0
/*
 * shard.h - the cases of one attempt and what becomes of each. Pure: it is told what an adapter saw
 * and how processes ended, and tells who is to run next and which verdicts follow. Every case gets
 * exactly one verdict, unless the attempt is cancelled; and every step makes progress, so an
 * attempt always ends.
 *
 *	shard_offer -> (the adapter says how many it takes) -> shard_begin
 *	-> { shard_started, shard_ended }* -> shard_end
 */
#ifndef PADDOCK_WORKER_SHARD_H
#define PADDOCK_WORKER_SHARD_H

#include "protocol/base/str.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"
#include "worker/adapt/adapt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the process of a step ended, from the sandbox's facts. */
enum shard_how {
	SHARD_EXITED,
	SHARD_SIGNALLED,
	SHARD_OOM,
	SHARD_TIMED_OUT,
	SHARD_CANCELLED,   /* the attempt is over, nobody wants verdicts */
	SHARD_NOT_STARTED, /* the program could not be run at all: `reason` says why */
	SHARD_HOW_MAX,
};

struct shard_end {
	enum shard_how how;
	int code;	    /* EXITED */
	int signal;	    /* SIGNALLED, OOM, TIMED_OUT */
	bool cpu_deadline;  /* TIMED_OUT by the processor time it used */
	uint32_t leftovers; /* processes it left behind, dead by now */
	uint64_t wall_us, cpu_us, peak_bytes;
	struct str reason; /* NOT_STARTED */
	/* What the sandbox refused it, in words; goes with what is not a pass of a process of one
	 * case. */
	struct str refused;
};

/* A verdict to tell. Views are valid during the call only. */
struct shard_verdict {
	uint32_t index;	 /* the coordinator's number of the listed case */
	struct str name; /* non-empty: a case found while running */
	enum outcome outcome;
	uint64_t duration_us;
	uint64_t at_us;		     /* since the attempt began */
	uint64_t cpu_us, peak_bytes; /* where the case had a process of its own; else 0 */
	int exit_code, signal;
	struct str message;
};

/* Where a shard tells what happens. */
struct shard_sink {
	void *data;
	void (*started)(void *data, uint32_t index, uint64_t at_us);
	void (*ended)(void *data, const struct shard_verdict *verdict);
};

struct shard_options {
	bool process_per_case; /* the kind takes one case per process and judges by how it exits */
	bool isolate;	       /* each case in a process of its own all the same */
	uint64_t timeout_us;   /* of a case that names none; 0: none */
	uint64_t now_us;       /* when the attempt began */
};

struct shard;

/*
 * A shard of cases[0..n), whose texts are borrowed and outlive it; the caller frees it. NULL on no
 * memory. `sink` is copied; it is called from within shard_begin, _started, _ended and _end.
 */
struct shard *shard_new(const struct msg_shard_case *cases, size_t n,
			const struct shard_options *options, const struct shard_sink *sink);

/* Free it. Accepts NULL. */
void shard_free(struct shard *shard);

/* The cases that may go into the next step, in order; valid until shard_end. Returns how many; 0:
 * the shard is done. */
size_t shard_offer(const struct shard *shard, const struct adapt_case **ret_cases);

/* A process for the first n offered cases starts now. */
void shard_begin(struct shard *shard, size_t n, uint64_t now_us);

/* The coordinator's number of the step's first case, and how many the step holds. */
uint32_t shard_first(const struct shard *shard);
size_t shard_size(const struct shard *shard); /* of the step, as above */

/* That of the case to blame, were the step's process to die now. */
uint32_t shard_suspect(const struct shard *shard);

/* The limit of the step's only case as it begins, or 0: none, or the step holds several and
 * shard_deadline counts. */
uint64_t shard_limit(const struct shard *shard);

/* Does the step hold one case only, so that its process and the case are one? */
bool shard_is_single(const struct shard *shard);

/* The step's case `i` runs now, the adapter says. Out of range and repeated news is ignored. */
void shard_started(struct shard *shard, size_t i, uint64_t now_us);

/* A verdict of the step, the adapter says. Only the first of a case counts. */
void shard_ended(struct shard *shard, const struct adapt_verdict *verdict, uint64_t now_us);

/* The step's case that runs now, or -1 when none is known to. */
ptrdiff_t shard_running(const struct shard *shard);

/* The step's only case has limit_us left, whatever its limit was before. */
void shard_move_limit(struct shard *shard, uint64_t limit_us, uint64_t now_us);

/* When the step is to be killed because a case of it takes too long; 0: never. */
uint64_t shard_deadline(const struct shard *shard);

/* The step's process is over and the adapter has told all it knows: settle the rest. */
void shard_end(struct shard *shard, const struct shard_end *end, uint64_t now_us);

/*
 * From a step's begin until its first case ran, mean over the steps so far that told; 0: none did.
 */
uint64_t shard_startup_us(const struct shard *shard);

#endif
