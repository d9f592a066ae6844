// SPDX-License-Identifier: Apache-2.0
/* news.h - what an attempt tells the coordinator: events, cut to the wire's limits and put into the
 * spool. */
#ifndef PADDOCK_WORKER_NEWS_H
#define PADDOCK_WORKER_NEWS_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"
#include "worker/adapt/adapt.h"
#include "worker/capture.h"
#include "worker/shard.h"
#include "worker/spool.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose news. */
struct news {
	struct spool *spool;
	uint64_t attempt, epoch;
	uint64_t seq; /* of the last event told */
	unsigned slot;
	uint64_t output_bytes; /* told since the last verdict */
};

/* What an attempt used, for its last event. */
struct news_totals {
	uint64_t at_us, cpu_us, peak_bytes, startup_us, processes;
};

enum news_stream {
	NEWS_STREAM_OUT = 1, /* as the wire numbers them */
	NEWS_STREAM_ERR = 2,
};

/* A case runs now. */
void news_started(struct news *news, uint32_t index, uint64_t at_us);

/* What is kept of a case's output on one stream; goes before its verdict. Nothing when nothing is
 * kept. */
void news_output(struct news *news, uint32_t index, enum news_stream stream,
		 const struct capture *capture);

/* A piece of a file that a process left, or (without data, with `why`) one that is left out. */
struct news_artifact {
	uint32_t index; /* of the step's first case */
	size_t cases;	/* of the step */
	struct str path;
	uint64_t offset, zeros; /* of the piece; right before it, not sent */
	struct str data;	/* at most LIMIT_CHUNK_BYTES */
	bool more;		/* another piece of the same file follows */
	struct str why;		/* it is left out, or not whole */
};

/* Tell it; goes before the verdict of a process of one case. */
void news_artifact(struct news *news, const struct news_artifact *artifact);

/* A verdict. `dropped_bytes` of output were not kept; what was told of it is told by its length,
 * too. Text that cannot be shown is made safe. */
void news_ended(struct news *news, const struct shard_verdict *verdict, uint64_t dropped_bytes);

/* The cases of a listing, in pieces. 0, or -EMSGSIZE with err naming the case the wire cannot
 * carry; -ENOMEM. */
int news_listed(struct news *news, const struct adapt_cases *cases, struct err *err);

/* The attempt is over: MSG_CLOSE_FINE, or why not, with a sentence. */
void news_closed(struct news *news, enum msg_close_cause cause, const char *message,
		 const struct news_totals *totals);

#endif
