// SPDX-License-Identifier: Apache-2.0
/* points.c - points of TAP as verdicts. Pure; see points.h. */
#include "worker/adapt/points.h"

#include "protocol/base/assert.h"
#include "worker/adapt/text.h"

enum outcome points_outcome(const struct tapread_point *point)
{
	if (point->directive == TAPREAD_SKIP || (point->directive == TAPREAD_TODO && !point->ok))
		return OUTCOME_SKIP;
	return point->ok ? OUTCOME_PASS : OUTCOME_FAIL;
}

void points_message(const struct tapread_point *point, struct buf *message)
{
	if (point->directive == TAPREAD_TODO)
		buf_puts(message, point->ok ? "todo, yet it passes: " : "todo: ");
	if (point->directive != TAPREAD_PLAIN)
		text_message(message, point->reason);
	else if (!point->ok)
		buf_put_str(message, point->diagnostics);
}

void points_found(struct step *step, size_t index, const struct tapread_point *point)
{
	struct buf message;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	points_message(point, &message);
	struct adapt_verdict verdict = {
		.index = index,
		.name = point->description,
		.outcome = points_outcome(point),
		.message = buf_str(&message),
	};
	step_found(step, &verdict, point->number);
	buf_done(&message);
}

static void separate(struct buf *message)
{
	if (message->len)
		buf_puts(message, "; ");
}

void points_complaints(const struct tapread *tap, int code, struct buf *message)
{
	if (tap->bailed)
		buf_printf(message, "Bail out! %s", buf_text(&tap->reason));
	if (tap->failed) {
		separate(message);
		buf_printf(message, "%llu of %llu points failed: %s%s",
			   (unsigned long long)tap->failed, (unsigned long long)tap->points,
			   buf_text(&tap->failures),
			   tap->failures.len > tap->failures.cap_bytes / 2 ? ", ..." : "");
	}
	if (code) {
		separate(message);
		buf_printf(message, "exit code %d", code);
	}
	struct buf problems;
	buf_init(&problems, 1024);
	if (!tap->bailed)
		tapread_problems(tap, &problems);
	if (problems.len) {
		separate(message);
		buf_put_str(message, buf_str(&problems));
	}
	buf_done(&problems);
}
