// SPDX-License-Identifier: Apache-2.0
/*
 * step.c - the ledger of one process. Invariants: state only grows; running is a case in state
 * STARTED or STEP_NONE; n_ended counts the states ENDED. Memory is bounded by the cases of the step
 * and STEP_FOUND_MAX names.
 */
#include "worker/adapt/step.h"

#include "protocol/base/assert.h"
#include "protocol/wire/limits.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <stdlib.h>

int step_init(struct step *step, const struct adapt_case *cases, size_t n,
	      const struct adapt_sink *sink, step_key_fn key)
{
	ASSERT(sink && sink->started && sink->ended);
	*step = (struct step){ .cases = cases, .n = n, .sink = sink, .running = STEP_NONE };
	step->state = calloc(n ? n : 1, 1);
	if (!step->state)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct str name = key ? key(&cases[i]) : cases[i].name;
		if (!map_get(&step->names, name, NULL) && map_put(&step->names, name, i) < 0) {
			step_done(step);
			return -ENOMEM;
		}
	}
	return 0;
}

void step_done(struct step *step)
{
	if (!step)
		return;
	free(step->state);
	map_done(&step->names);
	map_done(&step->found);
	*step = (struct step){ .running = STEP_NONE };
}

ptrdiff_t step_find(const struct step *step, struct str name)
{
	uint64_t index;
	return map_get(&step->names, name, &index) ? (ptrdiff_t)index : STEP_NONE;
}

ptrdiff_t step_next(const struct step *step)
{
	for (size_t i = 0; i < step->n; i++)
		if (step->state[i] == STEP_WAITING)
			return (ptrdiff_t)i;
	return STEP_NONE;
}

bool step_has_ended(const struct step *step, size_t index)
{
	ASSERT(index < step->n);
	return step->state[index] == STEP_ENDED;
}

void step_start(struct step *step, size_t index)
{
	ASSERT(index < step->n);
	if (step->state[index] != STEP_WAITING)
		return;
	step->state[index] = STEP_STARTED;
	step->running = (ptrdiff_t)index;
	step->n_started++;
	step->sink->started(step->sink->data, index);
}

void step_end(struct step *step, size_t index, enum outcome outcome, uint64_t duration_us,
	      struct str message)
{
	ASSERT(index < step->n && outcome < OUTCOME_MAX);
	if (step->state[index] == STEP_ENDED)
		return;
	step_start(step, index);
	step->state[index] = STEP_ENDED;
	step->n_ended++;
	if (step->running == (ptrdiff_t)index)
		step->running = STEP_NONE;
	step->n_red += outcome_is_red(outcome);
	struct adapt_verdict verdict = {
		.index = index, .outcome = outcome, .duration_us = duration_us, .message = message
	};
	step->sink->ended(step->sink->data, &verdict);
}

/* Put "#2" behind a name that came before, as often as needed. Two names can meet ("a" twice beside
 * a real "a#2"). */
static int make_unique(struct step *step, struct buf *name)
{
	uint64_t count = 0;
	if (!map_get(&step->found, buf_str(name), &count))
		return map_put(&step->found, buf_str(name), 1) < 0 ? -ENOMEM : 0;
	size_t base = name->len;
	do {
		struct str first = { name->data, base };
		count++;
		if (map_put(&step->found, first, count) < 0)
			return -ENOMEM;
		name->len = base;
		if (buf_printf(name, "#%llu", (unsigned long long)count) < 0)
			return -ENOBUFS;
	} while (map_get(&step->found, buf_str(name), NULL));
	return map_put(&step->found, buf_str(name), 1) < 0 ? -ENOMEM : 0;
}

bool step_found(struct step *step, const struct adapt_verdict *verdict, uint64_t number)
{
	ASSERT(verdict->index < step->n);
	if (step->found.len >= STEP_FOUND_MAX)
		return false;
	struct buf name;
	buf_init(&name, LIMIT_NAME_BYTES);
	int r = text_name(&name, verdict->name);
	if (r == 0 && !name.len)
		r = buf_printf(&name, "%llu", (unsigned long long)number);
	if (r == 0)
		r = make_unique(step, &name);
	if (r == 0) {
		struct adapt_verdict told = *verdict;
		told.name = buf_str(&name);
		step->n_red += outcome_is_red(told.outcome);
		step->sink->ended(step->sink->data, &told);
	}
	buf_done(&name);
	return r == 0;
}

void step_exit(struct step *step, int code, struct str why)
{
	struct buf message;
	if (!code || step->n_red || step->n_ended < step->n)
		return;
	buf_init(&message, TEXT_MESSAGE_BYTES);
	buf_printf(&message, "the program ended with exit code %d though no case failed%s", code,
		   code == 23 ? " (23 is what the leak checker uses)" : "");
	why = str_trim(why);
	if (why.len) {
		buf_puts(&message, ":\n");
		text_message(&message, why);
	}
	struct adapt_verdict verdict = {
		.index = step->n - 1,
		.name = STR_LIT("exit"),
		.outcome = OUTCOME_FAIL,
		.message = buf_str(&message),
	};
	step_found(step, &verdict, 1);
	buf_done(&message);
}
