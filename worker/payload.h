// SPDX-License-Identifier: Apache-2.0
/*
 * payload.h - one process of an attempt: from an adapter's command to a sandbox that runs it, and
 * from the keeper's result to the facts an adapter may know.
 *
 *	payload_clear -> (an adapter fills command, in the arena) -> payload_start
 *	-> (bytes; the result) -> payload_finish, payload_exit
 */
#ifndef PADDOCK_WORKER_PAYLOAD_H
#define PADDOCK_WORKER_PAYLOAD_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "sandbox/box.h"
#include "worker/adapt/adapt.h"
#include "worker/capture.h"
#include "worker/outfit.h"
#include "worker/scratch.h"
#include "worker/spawn.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PAYLOAD_SLOT_BITS = 10, /* an id is a serial number and, in the low bits, the slot */
};

/* What all payloads of a worker share. */
struct payload_host {
	struct spawn_host spawn;
	struct scratch *scratch;
	uint64_t serial; /* of the last payload */
};

/* Embedded by its attempt. */
struct payload {
	struct payload_host *host;
	unsigned slot;
	struct spawn spawn;
	struct arena arena; /* lives as long as the process */
	struct adapt_command command;
	const char *cwd;	 /* where it was started; NULL: in a private folder */
	struct capture out, err; /* of the case that runs */
	struct capture tail;	 /* of the process's standard error, for several cases */
};

struct payload_options {
	const struct outfit *outfit;
	const struct outfit_env *env; /* what all processes of the attempt share */
	uint64_t limit_us;	      /* of wall time; 0: none */
	struct str case_name;	      /* of a process that runs one case */
	bool interleaved;	      /* it runs several */
};

/* An idle payload of a slot. */
void payload_init(struct payload *payload, struct payload_host *host, unsigned slot);

/* Free its memory; a process that runs is forgotten. Accepts zeroed. */
void payload_done(struct payload *payload);

/* Keep this much of a case's output on each stream from now on. */
void payload_set_cap(struct payload *payload, size_t cap_bytes);

/* Forget the last process: its command, its arena. A process that runs is forgotten too. */
void payload_clear(struct payload *payload);

/*
 * Write the command's files and start it; fn(data, ...) gets its bytes. 0, -EPIPE when the keeper
 * is gone, -errno with a sentence in *ret_reason that lives as long as the arena's content.
 */
int payload_start(struct payload *payload, const struct payload_options *options,
		  spawn_bytes_fn *fn, void *data, const char **ret_reason);

/* Does a process run? */
bool payload_is_active(const struct payload *payload);

/* Is this the result of the process that runs? */
bool payload_is_of(const struct payload *payload, const struct box_result *result);

/* End it: TERM, grace_us (UINT64_MAX: the program's), KILL. Its result tells of it; a keeper that
 * is gone too. */
void payload_kill(struct payload *payload, uint64_t grace_us);

/* The result came: hand on what is left in the pipes. Idle afterwards. */
void payload_finish(struct payload *payload);

/* What an adapter may know of the end. The result file is read into *ret_file, the caller's to free
 * afterwards. */
struct adapt_exit payload_exit(struct payload *payload, const struct box_result *result,
			       struct buf *ret_file);

/*
 * Could the process not start for a reason that is the program's own: no such executable, no such
 * working directory? Then *ret_reason, in the arena, says so.
 */
bool payload_is_absent(struct payload *payload, const struct box_result *result,
		       const char **ret_reason);

/* Why its sandbox could not be made, a sentence in the arena. */
const char *payload_unstarted(struct payload *payload, const struct box_result *result);

/* What the sandbox refused it, "CALL (N times; allow it with …), …", in the arena; empty: nothing.
 */
struct str payload_refused(struct payload *payload, const struct box_result *result);

#endif
