// SPDX-License-Identifier: Apache-2.0
/* points.h - what points of TAP mean as verdicts, shared by the adapters that read TAP. */
#ifndef PADDOCK_WORKER_ADAPT_POINTS_H
#define PADDOCK_WORKER_ADAPT_POINTS_H

#include "worker/adapt/step.h"
#include "worker/adapt/tapread.h"

/* The verdict of one point: skip directives and failed to-do points skip, else ok passes and not ok
 * fails. */
enum outcome points_outcome(const struct tapread_point *point);

/* Append why: the directive's reason ("todo: ..."), or the diagnostics of a failure. */
void points_message(const struct tapread_point *point, struct buf *message);

/* Tell `point` as a found case of listed case `index`, named by its description. */
void points_found(struct step *step, size_t index, const struct tapread_point *point);

/* Append why prove would fail the whole: bail-out, failed points, exit code, plan. Nothing when it
 * passes. */
void points_complaints(const struct tapread *tap, int code, struct buf *message);

#endif
