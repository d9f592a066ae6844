// SPDX-License-Identifier: Apache-2.0
/*
 * listing.c - from what a program lists to rows of the ledger: selection, estimates, order,
 * dependencies. A program's pieces are kept until its listing closed; with a partition all
 * programs are kept until the last one is listed, since the split is over the whole list.
 */
#include "coordinator/core/state.h"

#include "protocol/base/assert.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Order of a case: failed last time, then never seen, then the longest first. The class is in the
 * top bits.
 *
 * Lengths count to an eighth, which is less than they vary from run to run; of equals the first
 * listed goes first. In strict order all slots would begin cases of the same length at once and so
 * end them at once, again and again, and wait for each other's ends and starts.
 */
enum order_class { ORDER_FAILED_LAST, ORDER_UNSEEN, ORDER_SEEN };
#define ORDER_CLASS_SHIFT 60
#define ORDER_EIGHTHS_MAX 511

int listing_add(struct core_run *run, struct core_program *program, const struct msg_event *event)
{
	if (run->cases.len + program->listing.len + event->n_listed > LIMIT_CASES)
		return -EPROTO;
	for (size_t i = 0; i < event->n_listed; i++) {
		struct msg_listed copy;
		if (record_copy(&msg_record_listed, &event->listed[i], &copy, &run->arena) < 0 ||
		    VEC_PUSH(&program->listing, copy) < 0)
			return -ENOMEM;
	}
	return 0;
}

static struct filter_subject subject_of(const struct core_program *program,
					const struct msg_listed *listed)
{
	return (struct filter_subject){
		.suite = program->spec.suite,
		.program = program->spec.name,
		.name = listed->name,
		.kind = program->spec.kind,
		.tags = program->spec.tags,
		.n_tags = program->spec.n_tags,
		.case_tags = listed->tags,
		.n_case_tags = listed->n_tags,
	};
}

static bool passes_filters(const struct core_run *run, const struct filter_subject *subject,
			   struct str id)
{
	bool match = !run->spec.n_filters;
	for (size_t i = 0; i < run->spec.n_filters && !match; i++)
		match = filter_match(run->filters[i], subject);
	if (!match || (run->spec.n_only && !map_get(&run->only, id, NULL)))
		return false;
	match = !run->spec.n_substrings;
	for (size_t i = 0; i < run->spec.n_substrings && !match; i++)
		match = str_find(id, run->spec.substrings[i]) >= 0;
	return match;
}

/* Which listed cases the filters let through. */
static void select_cases(const struct core_run *run, const struct core_program *program,
			 bool *wanted)
{
	struct buf id;
	buf_init(&id, 4 * LIMIT_NAME_BYTES);
	for (size_t i = 0; i < program->listing.len; i++) {
		const struct msg_listed *listed = &program->listing.items[i];
		struct filter_subject subject = subject_of(program, listed);
		buf_clear(&id);
		wanted[i] = ids_case(&id, program->spec.suite, program->spec.name, listed->name) ==
				    0 &&
			    passes_filters(run, &subject, buf_str(&id));
	}
	buf_done(&id);
}

static int index_names(const struct core_program *program, struct map *by_name)
{
	for (size_t i = 0; i < program->listing.len; i++)
		if (map_put(by_name, program->listing.items[i].name, i) < 0)
			return -ENOMEM;
	return 0;
}

/*
 * Want what the wanted need, too, and what that needs: also where a partition gave it to another
 * machine, since a fixture is set up where it is used.
 */
static int add_needed(const struct core_program *program, bool *wanted)
{
	size_t n = program->listing.len, len = 0;
	bool any = false;
	for (size_t i = 0; i < n && !any; i++)
		any = program->listing.items[i].n_needs;
	if (!any)
		return 0;
	struct map by_name = { 0 };
	size_t *todo = malloc(n * sizeof(*todo));
	int r = todo ? index_names(program, &by_name) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (wanted[i])
			todo[len++] = i;
	while (r == 0 && len) {
		const struct msg_listed *listed = &program->listing.items[todo[--len]];
		for (size_t j = 0; j < listed->n_needs; j++) {
			uint64_t at;
			if (!map_get(&by_name, listed->needs[j], &at) || wanted[at])
				continue;
			wanted[at] = true;
			todo[len++] = at;
		}
	}
	map_done(&by_name);
	free(todo);
	return r;
}

static void apply_overrides(const struct core_run *run, const struct filter_subject *subject,
			    struct core_case *item)
{
	uint64_t done = 0; /* the first override that sets a thing wins */
	for (size_t i = 0; i < run->spec.n_overrides; i++) {
		const struct msg_override *spec = &run->overrides[i].spec;
		uint64_t sets = spec->has & ~done;
		if (!sets || !filter_match(run->overrides[i].filter, subject))
			continue;
		done |= spec->has;
		if (sets & MSG_OVERRIDE_TIMEOUT)
			item->timeout_us = spec->timeout_us;
		if (sets & MSG_OVERRIDE_RETRIES)
			item->retries_left = (uint32_t)spec->retries;
		if (sets & MSG_OVERRIDE_MEMORY)
			item->memory_bytes = spec->memory_bytes;
		if (sets & MSG_OVERRIDE_THREADS)
			item->processors = spec->threads ? (uint16_t)spec->threads : 1;
		if (sets & MSG_OVERRIDE_ISOLATE)
			item->alone = spec->isolate;
		if (sets & MSG_OVERRIDE_QUARANTINE)
			item->quarantined = spec->quarantine;
		if (sets & MSG_OVERRIDE_LOCKS) {
			item->locks = spec->locks;
			item->n_locks = spec->n_locks;
		}
	}
}

static struct estimate estimate_case(const struct core_run *run, const struct core_program *program,
				     const struct msg_listed *listed, uint64_t prior_us)
{
	struct buf key;
	buf_init(&key, 4 * LIMIT_NAME_BYTES);
	const struct estimate_history *history = NULL;
	if (ids_history_key(&key, program->spec.suite, program->spec.name, listed->name) == 0)
		history = estimate_table_find(&run->history, buf_str(&key));
	struct estimate estimate = estimate_of(history, prior_us);
	buf_done(&key);
	return estimate;
}

/* Eighths of octaves, rounded down: 8 to the octave, and evenly spaced within it. */
static uint64_t eighths_of(uint64_t us)
{
	unsigned octave = us < 8 ? 3 : 63 - (unsigned)__builtin_clzll(us);
	return ((uint64_t)octave << 3) + (us >> (octave - 3)) - 8;
}

static uint64_t order_of(struct core_run *run, const struct estimate *estimate)
{
	if (run->spec.shuffle)
		return rng_next(&run->rng) >> 4;
	uint64_t class = estimate->failed_last ? ORDER_FAILED_LAST : ORDER_SEEN;
	if (!estimate->failed_last && !estimate->seen)
		return (uint64_t)ORDER_UNSEEN << ORDER_CLASS_SHIFT;
	return (class << ORDER_CLASS_SHIFT) | (ORDER_EIGHTHS_MAX - eighths_of(estimate->upper_us));
}

static struct core_case make_case(struct core_run *run, uint32_t at,
				  const struct msg_listed *listed, const struct estimate *estimate)
{
	const struct core_program *program = &run->programs.items[at];
	struct filter_subject subject = subject_of(program, listed);
	struct core_case item = {
		.name = listed->name,
		.detail = listed->detail,
		.program = at,
		.state = CASE_WAITING,
		.order = order_of(run, estimate),
		.expect_us = estimate->expect_us,
		.seen = estimate->seen,
		.timeout_us = listed->timeout_us ? listed->timeout_us : program->spec.timeout_us,
		.retries_left = (uint32_t)program->spec.retries,
		.processors = listed->processors ? (uint16_t)listed->processors : 1,
		.disabled = listed->disabled,
		.alone = program->spec.isolate || estimate->isolate,
		.serial = listed->serial,
		.locks = listed->locks,
		.n_locks = listed->n_locks,
	};
	apply_overrides(run, &subject, &item);
	item.constrained = item.processors > 1 || item.n_locks || item.memory_bytes;
	return item;
}

static void emit_listed(struct core *core, const struct core_run *run,
			const struct core_program *program, size_t count)
{
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_LISTED,
					  .suite = program->spec.suite,
					  .program = program->spec.name,
					  .adapter = program->spec.kind,
					  .file = program->spec.path,
					  .count = count });
}

static void emit_case_listed(struct core *core, const struct core_run *run,
			     const struct core_program *program, const struct msg_listed *listed,
			     const struct estimate *estimate)
{
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_CASE_LISTED,
					  .suite = program->spec.suite,
					  .program = program->spec.name,
					  .name = listed->name,
					  .adapter = program->spec.kind,
					  .file = program->spec.path,
					  .outcome = listed->disabled ? OUTCOME_SKIP : OUTCOME_PASS,
					  .estimate_us = estimate->seen ? estimate->expect_us
									: 0 });
}

/* Link `index` behind the cases it names. Edges of `needs` come first in the other's list. */
static int link_names(struct core_run *run, const struct map *by_name, uint32_t index,
		      const struct str *names, size_t n, bool needs)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t other;
		if (!map_get(by_name, names[i], &other) || other == index)
			continue;
		struct core_case *first = &run->cases.items[other];
		if (VEC_PUSH(&first->unblocks, index) < 0)
			return -ENOMEM;
		if (needs)
			first->n_needed_by++;
		run->cases.items[index].waiting_for++;
	}
	return 0;
}

static bool has_edges(const struct core_program *program)
{
	for (size_t i = 0; i < program->listing.len; i++)
		if (program->listing.items[i].n_needs || program->listing.items[i].n_after)
			return true;
	return false;
}

static int link_program(struct core_run *run, const struct core_program *program,
			const uint32_t *rows)
{
	struct map by_name = { 0 };
	int r = 0;
	for (size_t i = 0; i < program->listing.len; i++)
		if (rows[i] != UINT32_MAX &&
		    map_put(&by_name, program->listing.items[i].name, rows[i]) < 0)
			r = -ENOMEM;
	for (int needs = 1; needs >= 0; needs--) /* needs first: n_needed_by counts a prefix */
		for (size_t i = 0; r == 0 && i < program->listing.len; i++) {
			const struct msg_listed *listed = &program->listing.items[i];
			if (rows[i] != UINT32_MAX)
				r = needs ? link_names(run, &by_name, rows[i], listed->needs,
						       listed->n_needs, true)
					  : link_names(run, &by_name, rows[i], listed->after,
						       listed->n_after, false);
		}
	map_done(&by_name);
	return r;
}

/*
 * Cases that wait for each other in a circle would never start: count who can be reached, give
 * the rest an error.
 */
static void break_cycles(struct core *core, struct core_run *run, uint32_t at)
{
	const struct core_program *program = &run->programs.items[at];
	size_t n = program->cases.len, done = 0, len = 0;
	uint32_t *order = malloc((n + 1) * sizeof(*order));
	uint32_t *waiting = malloc((run->cases.len + 1) * sizeof(*waiting));
	if (!order || !waiting) {
		core->out_of_memory = true;
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t row = program->cases.items[i];
		waiting[row] = run->cases.items[row].waiting_for;
		if (!waiting[row] && run->cases.items[row].state != CASE_DONE)
			order[len++] = row;
	}
	while (done < len) {
		const struct core_case *item = &run->cases.items[order[done++]];
		for (size_t i = 0; i < item->unblocks.len; i++)
			if (--waiting[item->unblocks.items[i]] == 0)
				order[len++] = item->unblocks.items[i];
	}
	for (size_t i = 0; i < n && len < n; i++) {
		uint32_t row = program->cases.items[i];
		if (waiting[row] && run->cases.items[row].state == CASE_WAITING)
			merge_conclude(core, run, row, OUTCOME_ERROR,
				       STR_LIT("its dependencies form a circle: it can never start "
					       "(check DEPENDS and fixtures)"));
	}
	free(order);
	free(waiting);
}

static void start_cases(struct core *core, struct core_run *run, uint32_t at)
{
	for (size_t i = 0; i < run->programs.items[at].cases.len; i++) {
		uint32_t row = run->programs.items[at].cases.items[i];
		if (run->cases.items[row].state == CASE_WAITING &&
		    !run->cases.items[row].waiting_for)
			queue_start(core, run, row);
	}
}

/*
 * What every listed case is expected to cost. One that history does not know is taken for the
 * mean of those it does, or for the default.
 */
static void estimate_program(const struct core_run *run, const struct core_program *program,
			     struct estimate *estimates)
{
	uint64_t sum = 0, n = 0;
	for (size_t i = 0; i < program->listing.len; i++) {
		estimates[i] = estimate_case(run, program, &program->listing.items[i], 0);
		sum += estimates[i].seen ? estimates[i].expect_us : 0;
		n += estimates[i].seen;
	}
	for (size_t i = 0; i < program->listing.len; i++)
		if (!estimates[i].seen)
			estimates[i].expect_us = estimates[i].upper_us = n ? sum / n
									   : ESTIMATE_DEFAULT_US;
}

/* The program is one error instead of its cases. */
static void fail_program(struct core *core, struct core_run *run, uint32_t at, struct str message,
			 int exit_code)
{
	struct core_program *program = &run->programs.items[at];
	program->state = PROGRAM_FAILED;
	program->listing.len = 0;
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_LIST_FAILED,
					    .program = at,
					    .exit_code = (uint64_t)exit_code });
	run_raise(run, exit_code);
	run_emit(core, run,
		 &(struct msg_run_event){ .kind = MSG_RUN_LIST_FAILED,
					  .suite = program->spec.suite,
					  .program = program->spec.name,
					  .adapter = program->spec.kind,
					  .file = program->spec.path,
					  .message = message });
	struct core_case item = { .name = STR_LIT("(listing)"),
				  .program = at,
				  .state = CASE_WAITING };
	run->selected++;
	if (VEC_PUSH(&run->cases, item) < 0)
		core->out_of_memory = true;
	else
		merge_conclude(core, run, (uint32_t)run->cases.len - 1, OUTCOME_ERROR, message);
}

/* A program on its way into the ledger: for each listed case ... */
struct filing {
	const bool *wanted;
	struct estimate *estimates;
	uint32_t *rows; /* its row in this repetition, UINT32_MAX: none */
};

/* Add the wanted cases of one program to the ledger, room for which was made. */
static int add_rows(struct core *core, struct core_run *run, uint32_t at,
		    const struct filing *filing, uint32_t repeat)
{
	struct core_program *program = &run->programs.items[at];
	for (size_t i = 0; i < program->listing.len; i++) {
		const struct msg_listed *listed = &program->listing.items[i];
		const struct estimate *estimate = &filing->estimates[i];
		filing->rows[i] = UINT32_MAX;
		if (!filing->wanted[i])
			continue;
		if (run->spec.list_only) {
			emit_case_listed(core, run, program, listed, estimate);
			continue;
		}
		struct core_case item = make_case(run, at, listed, estimate);
		item.repeat = repeat;
		filing->rows[i] = (uint32_t)run->cases.len;
		if (VEC_PUSH(&run->cases, item) < 0 ||
		    VEC_PUSH(&program->cases, filing->rows[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void decide_filed(struct core *core, const struct core_run *run, uint32_t at,
			 const bool *wanted)
{
	size_t n = run->programs.items[at].listing.len;
	char *bits = core->options.journal ? core_action_alloc(core, n / 8 + 1) : NULL;
	if (!bits)
		return;
	memset(bits, 0, n / 8 + 1);
	for (size_t i = 0; i < n; i++)
		if (wanted[i])
			bits[i / 8] = (char)(bits[i / 8] | 1 << i % 8);
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_FILED,
					    .program = at,
					    .wanted = { bits, (n + 7) / 8 } });
}

int listing_file(struct core *core, struct core_run *run, uint32_t at, const bool *wanted)
{
	struct core_program *program = &run->programs.items[at];
	program->filed = true;
	uint64_t repeats = run->spec.repeat > 1 && !run->spec.list_only ? run->spec.repeat : 1,
		 count = 0;
	bool edges = has_edges(program) && !run->spec.list_only;
	for (size_t i = 0; i < program->listing.len; i++)
		count += wanted[i];
	if (count && repeats > (LIMIT_CASES - run->cases.len) / count) {
		program->listing.len = 0;
		fail_program(core, run, at,
			     STR_LIT("too many cases: one run holds 4194304, repetitions counted "
				     "(lower --repeat or select fewer)"),
			     EXIT_CODE_LISTING);
		return 0;
	}
	run->selected += count * repeats;
	decide_filed(core, run, at, wanted);
	emit_listed(core, run, program, count * repeats);
	size_t room = program->listing.len + 1;
	struct filing filing = { .wanted = wanted,
				 .estimates = calloc(room, sizeof(struct estimate)),
				 .rows = calloc(room, sizeof(uint32_t)) };
	int r = filing.rows && filing.estimates ? 0 : -ENOMEM;
	if (r == 0 && !run->spec.list_only)
		r = VEC_RESERVE(&run->cases, count * repeats);
	if (r == 0 && !run->spec.list_only)
		r = VEC_RESERVE(&program->cases, count * repeats);
	if (r == 0)
		estimate_program(run, program, filing.estimates);
	for (uint64_t repeat = 1; r == 0 && repeat <= repeats; repeat++) {
		r = add_rows(core, run, at, &filing, repeats > 1 ? (uint32_t)repeat : 0);
		if (r == 0 && edges)
			r = link_program(run, program, filing.rows);
	}
	free(filing.rows);
	free(filing.estimates);
	if (r == 0 && edges && !run->restoring)
		break_cycles(core, run, at);
	if (r == 0 && !run->restoring)
		start_cases(core, run, at);
	VEC_DONE(&program->listing);
	return r;
}

/*
 * Let the partition strike out what other machines run. `offsets` tells where each program's
 * cases start in `wanted`.
 */
static int strike_out(struct core_run *run, bool *wanted, size_t total)
{
	struct partition_item *items = calloc(total + 1, sizeof(*items));
	size_t *places = calloc(total + 1, sizeof(*places));
	size_t n = 0, at = 0;
	int r = items && places ? 0 : -ENOMEM;
	for (size_t p = 0; r == 0 && p < run->programs.len; p++) {
		const struct core_program *program = &run->programs.items[p];
		for (size_t i = 0; i < program->listing.len; i++, at++) {
			if (!wanted[at])
				continue;
			struct estimate estimate = estimate_case(run, program,
								 &program->listing.items[i],
								 ESTIMATE_DEFAULT_US);
			char *id = arena_printf(&run->arena, "%.*s::%.*s::%.*s",
						STR_ARG(program->spec.suite),
						STR_ARG(program->spec.name),
						STR_ARG(program->listing.items[i].name));
			items[n] = (struct partition_item){ .id = str_of(id),
							    .expect_us = estimate.expect_us };
			places[n++] = at;
		}
	}
	if (r == 0)
		r = partition_apply(&run->partition, items, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		wanted[places[i]] = items[i].mine;
	free(items);
	free(places);
	return r;
}

/* Select and file the programs [from, to). */
static void file_programs(struct core *core, struct core_run *run, size_t from, size_t to)
{
	size_t total = 0, at = 0;
	for (size_t p = from; p < to; p++)
		total += run->programs.items[p].listing.len;
	bool *wanted = calloc(total + 1, sizeof(*wanted));
	int r = wanted ? 0 : -ENOMEM;
	for (size_t p = from; r == 0 && p < to; at += run->programs.items[p++].listing.len) {
		select_cases(run, &run->programs.items[p], wanted + at);
		r = add_needed(&run->programs.items[p], wanted + at);
	}
	if (r == 0 && run->partition.kind != PARTITION_NONE)
		r = strike_out(run, wanted, total);
	at = 0;
	for (size_t p = from; r == 0 && p < to; p++) {
		size_t n = run->programs.items[p].listing.len;
		if (run->partition.kind != PARTITION_NONE)
			r = add_needed(&run->programs.items[p], wanted + at);
		if (r == 0 && run->programs.items[p].state == PROGRAM_LISTED)
			r = listing_file(core, run, (uint32_t)p, wanted + at);
		at += n;
	}
	free(wanted);
	if (r < 0)
		core->out_of_memory = true;
	core->work_changed = true;
}

static void count_listed(struct core *core, struct core_run *run, uint32_t at)
{
	run->listed++;
	ASSERT(run->listed <= run->programs.len);
	if (run->held && run->listed == run->programs.len) {
		run->held = false;
		file_programs(core, run, 0, run->programs.len);
	} else if (!run->held && run->programs.items[at].state == PROGRAM_LISTED) {
		file_programs(core, run, at, at + 1);
	}
}

void listing_done(struct core *core, struct core_run *run, uint32_t at)
{
	struct core_program *program = &run->programs.items[at];
	ASSERT(program->state == PROGRAM_LISTING);
	program->state = PROGRAM_LISTED;
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_LISTED, .program = at });
	listing_startup(run, at);
	count_listed(core, run, at);
}

void listing_startup(struct core_run *run, uint32_t at)
{
	struct core_program *program = &run->programs.items[at];
	char *key = program->startup_us
			    ? NULL
			    : arena_printf(&run->arena, "%.*s::%.*s", STR_ARG(program->spec.suite),
					   STR_ARG(program->spec.name));
	if (key)
		(void)map_get(&run->history.startups, str_of(key), &program->startup_us);
}

void listing_resume(struct core *core, struct core_run *run)
{
	if (run->held && run->listed == run->programs.len) {
		run->held = false;
		file_programs(core, run, 0, run->programs.len);
	}
	for (uint32_t at = 0; at < run->programs.len; at++) {
		const struct core_program *program = &run->programs.items[at];
		bool edges = false;
		if (!run->held && program->state == PROGRAM_LISTED && !program->filed) {
			file_programs(core, run, at, at + 1);
			continue;
		}
		for (size_t i = 0; i < program->cases.len && !edges; i++)
			edges = run->cases.items[program->cases.items[i]].unblocks.len;
		if (edges)
			break_cycles(core, run, at);
		start_cases(core, run, at);
	}
}

void listing_failed(struct core *core, struct core_run *run, uint32_t at, struct str message,
		    int exit_code)
{
	ASSERT(run->programs.items[at].state == PROGRAM_LISTING);
	fail_program(core, run, at, message, exit_code);
	count_listed(core, run, at);
}

void listing_abandoned(struct core *core, struct core_run *run, uint32_t at)
{
	ASSERT(run->stopped && run->programs.items[at].state <= PROGRAM_LISTING);
	core_decide(core, run,
		    &(struct msg_decision){ .kind = MSG_DECISION_ABANDONED, .program = at });
	run->programs.items[at].state = PROGRAM_FAILED;
	run->programs.items[at].listing.len = 0;
	run->abandoned++;
	count_listed(core, run, at);
}
