// SPDX-License-Identifier: Apache-2.0
/* tally.h - what every reporter counts, and the words they share. Pure. */
#ifndef PADDOCK_COORDINATOR_REPORT_TALLY_H
#define PADDOCK_COORDINATOR_REPORT_TALLY_H

#include "protocol/base/buf.h"
#include "protocol/wire/msg.h"
#include "protocol/wire/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* Zeroed is nothing seen. */
struct tally {
	uint64_t outcomes[OUTCOME_MAX]; /* verdicts */
	uint64_t verdicts;
	uint64_t listed; /* cases that listings named */
	uint64_t flaky, quarantined, found, retried;
	uint64_t slow;	      /* cases that were told as slow, however often */
	uint64_t list_failed; /* programs */
	bool finished;	      /* the run ended in order */
};

/* Count an event. */
void tally_add(struct tally *tally, const struct msg_run_event *event);

/* Does this verdict redden the run? Red and not quarantined. */
bool tally_is_red(const struct msg_run_event *event);

/* Verdicts that redden the run. */
uint64_t tally_red(const struct tally *tally);

/* "SIGSEGV" of a number into out; "signal 99" when it has no name. Returns out. */
const char *tally_signal(char out[24], uint64_t signal);

/*
 * Append why a verdict is what it is, in a few words: the message's first line, else the signal,
 * else the exit code, else the outcome's name. As buf_append.
 */
int tally_reason(struct buf *buf, const struct msg_run_event *event);

#endif
