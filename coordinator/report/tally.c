// SPDX-License-Identifier: Apache-2.0
/* tally.c - counting verdicts, naming causes. Pure. A quarantined red verdict counts under its
 * outcome, too. */
#include "coordinator/report/tally.h"

#include "protocol/base/assert.h"

#include <stdio.h>
#include <string.h>

bool tally_is_red(const struct msg_run_event *event)
{
	return outcome_is_red((enum outcome)event->outcome) && !event->quarantined;
}

static void add_verdict(struct tally *tally, const struct msg_run_event *event)
{
	ASSERT(event->outcome < OUTCOME_MAX);
	tally->verdicts++;
	tally->outcomes[event->outcome]++;
	tally->flaky += event->flaky != 0;
	tally->found += event->found != 0;
	tally->quarantined += event->quarantined && outcome_is_red((enum outcome)event->outcome);
}

void tally_add(struct tally *tally, const struct msg_run_event *event)
{
	switch (event->kind) {
	case MSG_RUN_LISTED: tally->listed += event->count; break;
	case MSG_RUN_LIST_FAILED:
		tally->list_failed++;
		tally->listed++; /* the case that tells it */
		break;
	case MSG_RUN_CASE_RETRIED: tally->retried++; break;
	case MSG_RUN_CASE_SLOW: tally->slow += event->count == 1; break;
	case MSG_RUN_CASE_FINISHED: add_verdict(tally, event); break;
	case MSG_RUN_FINISHED: tally->finished = true; break;
	default: break;
	}
}

uint64_t tally_red(const struct tally *tally)
{
	uint64_t red = 0;
	for (unsigned i = 0; i < OUTCOME_MAX; i++)
		red += outcome_is_red((enum outcome)i) ? tally->outcomes[i] : 0;
	ASSERT(tally->quarantined <= red);
	return red - tally->quarantined;
}

const char *tally_signal(char out[24], uint64_t signal)
{
	const char *name = signal < 65 ? sigabbrev_np((int)signal) : NULL;
	if (name)
		snprintf(out, 24, "SIG%s", name);
	else
		snprintf(out, 24, "signal %u", (unsigned)(signal & 0xffff));
	return out;
}

int tally_reason(struct buf *buf, const struct msg_run_event *event)
{
	struct str rest = str_trim(event->message), line;
	char name[24];
	if (rest.len && str_line(&rest, &line))
		return buf_put_str(buf, str_trim(line));
	if (event->signal)
		return buf_puts(buf, tally_signal(name, event->signal));
	if (event->exit_code)
		return buf_printf(buf, "exit code %u", (unsigned)event->exit_code);
	return buf_puts(buf, outcome_name((enum outcome)event->outcome));
}
