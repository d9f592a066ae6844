// SPDX-License-Identifier: Apache-2.0
/*
 * operate.c - `paddock workers`, `runs`, `drain`, `cancel`, and `explain` of a run in progress:
 * each is one question to a coordinator, printed as a table or as JSON.
 */
#include "coordinator/cli/say.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/operator.h"
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/escape.h"
#include "protocol/base/vec.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/outcome.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const worker_states[] = { "healthy", "draining", "suspect", "quarantined" };
static const char *const run_phases[MSG_RUN_PHASE_MAX] = { "running", "waiting", "stopped",
							   "over" };
static const char *const reasons[] = { "running", "listing", "no_worker", "workers", "busy",
				       "lock",	  "after",   "alone",	  "stopped", "done" };

enum { COLUMNS_MAX = 10 };

/* What all pages told, kept. */
struct answer {
	struct arena arena;
	struct {
		struct msg_worker_state *items;
		size_t len, cap;
	} workers;
	struct {
		struct msg_run_state *items;
		size_t len, cap;
	} runs;
	struct {
		struct msg_reason *items;
		size_t len, cap;
	} reasons;
	bool failed; /* for lack of memory */
};

static void keep(void *data, const struct msg_told *told)
{
	struct answer *answer = data;
	for (size_t i = 0; i < told->n_workers; i++) {
		struct msg_worker_state copy;
		if (record_copy(&msg_record_worker_state, &told->workers[i], &copy,
				&answer->arena) < 0 ||
		    VEC_PUSH(&answer->workers, copy) < 0)
			answer->failed = true;
	}
	for (size_t i = 0; i < told->n_runs; i++) {
		struct msg_run_state copy;
		if (record_copy(&msg_record_run_state, &told->runs[i], &copy, &answer->arena) < 0 ||
		    VEC_PUSH(&answer->runs, copy) < 0)
			answer->failed = true;
	}
	for (size_t i = 0; i < told->n_reasons; i++) {
		struct msg_reason copy;
		if (record_copy(&msg_record_reason, &told->reasons[i], &copy, &answer->arena) < 0 ||
		    VEC_PUSH(&answer->reasons, copy) < 0)
			answer->failed = true;
	}
}

static void answer_done(struct answer *answer)
{
	VEC_DONE(&answer->workers);
	VEC_DONE(&answer->runs);
	VEC_DONE(&answer->reasons);
	arena_done(&answer->arena);
}

static int by_name(const void *a, const void *b)
{
	const struct msg_worker_state *x = a, *y = b;
	return str_compare(x->name, y->name);
}

/* Ask what the verb asks. 0, or an exit code with err. */
static int ask(const struct verbs_call *call, struct operator_question *question,
	       struct answer *answer, struct err *err)
{
	size_t n;
	const char *const *operands = conf_operands(call->conf, &n);
	question->url = conf_text(call->conf, OPTIONS_COORDINATOR);
	question->token = conf_text(call->conf, OPTIONS_TOKEN_FILE);
	question->insecure = conf_flag(call->conf, OPTIONS_INSECURE);
	question->pattern = n ? operands[0] : NULL;
	if (!question->url || !*question->url) {
		err_set(err, -EINVAL,
			"which coordinator? give --coordinator URL, or set PADDOCK_COORDINATOR");
		return EXIT_CODE_USAGE;
	}
	int code = operator_ask(question, keep, answer, err);
	if (code == 0 && answer->failed) {
		err_set(err, -ENOMEM, "out of memory");
		code = EXIT_CODE_SETUP;
	}
	if (answer->workers.len)
		qsort(answer->workers.items, answer->workers.len, sizeof(*answer->workers.items),
		      by_name);
	return code;
}

static int finish(struct answer *answer, int code)
{
	answer_done(answer);
	return code ? code : fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}

/* ---- tables ---- */

/* Cells, row by row, the first row the heads. Numbers stand to the right. */
struct table {
	struct arena arena;
	struct {
		const char **items;
		size_t len, cap;
	} cells;
	size_t columns;
	bool failed;
};

static void cell(struct table *table, const char *text)
{
	if (!text || VEC_PUSH(&table->cells, text) < 0)
		table->failed = true;
}

/* Text from elsewhere, made safe. */
static void cell_str(struct table *table, struct str text)
{
	struct buf safe;
	buf_init(&safe, 8 * LIMIT_NAME_BYTES);
	(void)escape_terminal(&safe, text, false); /* what does not fit is cut */
	cell(table, safe.len ? arena_copy(&table->arena, buf_str(&safe)) : "-");
	buf_done(&safe);
}

static void cell_u64(struct table *table, uint64_t value)
{
	cell(table, arena_printf(&table->arena, "%llu", (unsigned long long)value));
}

static void cell_time(struct table *table, uint64_t us)
{
	char text[32];
	cell(table, arena_copy(&table->arena, str_of(str_format_duration(text, 32, us))));
}

static int print_table(struct table *table, const bool *right)
{
	size_t widths[COLUMNS_MAX] = { 0 }, rows = table->cells.len / table->columns;
	for (size_t i = 0; i < rows * table->columns; i++) {
		size_t width = escape_width(str_of(table->cells.items[i]));
		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < rows * table->columns; i++) {
		const char *text = table->cells.items[i];
		size_t column = i % table->columns;
		int pad = (int)(widths[column] - escape_width(str_of(text)));
		bool last = column + 1 == table->columns;
		printf("%*s%s%*s%s", right[column] ? pad : 0, "", text,
		       right[column] || last ? 0 : pad, "", last ? "\n" : "  ");
	}
	bool failed = table->failed;
	VEC_DONE(&table->cells);
	arena_done(&table->arena);
	return failed ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}

static void heads(struct table *table, const char *const *names)
{
	for (table->columns = 0; names[table->columns]; table->columns++)
		cell(table, names[table->columns]);
}

/* ---- JSON ---- */

struct json {
	struct buf text;
	bool first;
};

static void json_key(struct json *json, const char *key)
{
	(void)buf_printf(&json->text, "%s\"%s\":", json->first ? "" : ",", key);
	json->first = false;
}

static void json_text(struct json *json, const char *key, struct str text)
{
	json_key(json, key);
	(void)buf_puts(&json->text, "\"");
	(void)escape_json(&json->text, text);
	(void)buf_puts(&json->text, "\"");
}

static void json_u64(struct json *json, const char *key, uint64_t value)
{
	json_key(json, key);
	(void)buf_printf(&json->text, "%llu", (unsigned long long)value);
}

static void json_seconds(struct json *json, const char *key, uint64_t us)
{
	json_key(json, key);
	(void)buf_printf(&json->text, "%.3f", (double)us / 1e6);
}

/* One object on a line of its own, and the next may begin. */
static void json_open(struct json *json)
{
	buf_init(&json->text, 1 << 20);
	(void)buf_puts(&json->text, "{");
	json->first = true;
}

static void json_close(struct json *json)
{
	printf("%s}\n", buf_text(&json->text));
	buf_done(&json->text);
}

/* ---- workers ---- */

static struct str join_tags(struct table *table, const struct msg_worker_state *worker)
{
	struct buf text;
	buf_init(&text, 8 * LIMIT_NAME_BYTES);
	for (size_t i = 0; i < worker->n_tags; i++)
		(void)buf_printf(&text, "%s%.*s", i ? "," : "", STR_ARG(worker->tags[i]));
	const char *copy = arena_copy(&table->arena, buf_str(&text));
	buf_done(&text);
	return str_of(copy);
}

static int print_workers(const struct answer *answer)
{
	static const char *const names[] = { "WORKER", "HOST",	"STATE", "SLOTS", "FREE",
					     "RUNS",   "HEARD", "TAGS",	 NULL };
	static const bool right[] = { false, false, false, true, true, true, true, false };
	struct table table = { 0 };
	heads(&table, names);
	for (size_t i = 0; i < answer->workers.len; i++) {
		const struct msg_worker_state *worker = &answer->workers.items[i];
		cell_str(&table, worker->name);
		cell_str(&table, worker->host);
		cell(&table, worker_states[worker->state]);
		cell_u64(&table, worker->slots);
		cell_u64(&table, worker->slots - worker->used);
		cell_u64(&table, worker->attempts);
		cell_time(&table, worker->heard_us);
		cell_str(&table, join_tags(&table, worker));
	}
	return print_table(&table, right);
}

static void print_workers_json(const struct answer *answer)
{
	for (size_t i = 0; i < answer->workers.len; i++) {
		const struct msg_worker_state *worker = &answer->workers.items[i];
		struct json json;
		json_open(&json);
		json_text(&json, "worker", worker->name);
		json_text(&json, "host", worker->host);
		json_text(&json, "state", str_of(worker_states[worker->state]));
		json_u64(&json, "slots", worker->slots);
		json_u64(&json, "free", worker->slots - worker->used);
		json_u64(&json, "attempts", worker->attempts);
		json_seconds(&json, "heard_s", worker->heard_us);
		json_text(&json, "build", str_of(hello_build_id())); /* or it were not let in */
		json_key(&json, "tags");
		(void)buf_puts(&json.text, "[");
		for (size_t j = 0; j < worker->n_tags; j++) {
			(void)buf_puts(&json.text, j ? ",\"" : "\"");
			(void)escape_json(&json.text, worker->tags[j]);
			(void)buf_puts(&json.text, "\"");
		}
		(void)buf_puts(&json.text, "]");
		json_close(&json);
	}
}

static int show_workers(const struct verbs_call *call, const struct answer *answer)
{
	if (!conf_flag(call->conf, OPTIONS_JSON))
		return print_workers(answer);
	print_workers_json(answer);
	return EXIT_CODE_OK;
}

int verbs_workers(const struct verbs_call *call, struct err *err)
{
	struct operator_question question = { .what = MSG_ASK_WORKERS };
	struct answer answer = { 0 };
	int code = ask(call, &question, &answer, err);
	return finish(&answer, code ? code : show_workers(call, &answer));
}

int verbs_drain(const struct verbs_call *call, struct err *err)
{
	bool undo = conf_flag(call->conf, OPTIONS_UNDO);
	struct operator_question question = { .what = undo ? MSG_ASK_UNDRAIN : MSG_ASK_DRAIN,
					      .deadline_us = conf_u64(call->conf,
								      OPTIONS_DEADLINE) };
	struct answer answer = { 0 };
	int code = ask(call, &question, &answer, err);
	if (code == 0 && !answer.workers.len) {
		err_set(err, -ENOENT, "no worker of this coordinator matches \"%s\"",
			question.pattern);
		code = EXIT_CODE_USAGE;
	}
	return finish(&answer, code ? code : show_workers(call, &answer));
}

/* ---- runs ---- */

static int print_runs(const struct answer *answer)
{
	static const char *const names[] = { "RUN",   "CLIENT",	  "STATE", "DONE", "CASES", "RED",
					     "SLOTS", "PRIORITY", "AGE",   "LEFT", NULL };
	static const bool right[] = {
		false, false, false, true, true, true, true, true, true, true
	};
	struct table table = { 0 };
	heads(&table, names);
	for (size_t i = 0; i < answer->runs.len; i++) {
		const struct msg_run_state *run = &answer->runs.items[i];
		cell_str(&table, run->name);
		cell_str(&table, run->client);
		cell(&table, run_phases[run->state]);
		cell_u64(&table, run->finished);
		/* more may be listed yet */
		cell(&table, arena_printf(&table.arena, "%llu%s", (unsigned long long)run->cases,
					  run->listed < run->programs ? "+" : ""));
		cell_u64(&table, run->red);
		cell_u64(&table, run->slots);
		cell_u64(&table, run->priority);
		cell_time(&table, run->age_us);
		cell_time(&table, run->left_us);
	}
	return print_table(&table, right);
}

static void print_run_json(const struct msg_run_state *run, struct json *json)
{
	json_text(json, "run", run->name);
	json_text(json, "client", run->client);
	json_text(json, "state", str_of(run_phases[run->state]));
	json_u64(json, "priority", run->priority);
	json_u64(json, "programs", run->programs);
	json_u64(json, "listed", run->listed);
	json_u64(json, "cases", run->cases);
	json_u64(json, "finished", run->finished);
	json_u64(json, "running", run->running);
	json_u64(json, "red", run->red);
	json_u64(json, "slots", run->slots);
	json_seconds(json, "age_s", run->age_us);
	json_seconds(json, "left_s", run->left_us);
}

static int show_runs(const struct verbs_call *call, const struct answer *answer)
{
	if (!conf_flag(call->conf, OPTIONS_JSON))
		return print_runs(answer);
	for (size_t i = 0; i < answer->runs.len; i++) {
		struct json json;
		json_open(&json);
		print_run_json(&answer->runs.items[i], &json);
		json_close(&json);
	}
	return EXIT_CODE_OK;
}

int verbs_runs(const struct verbs_call *call, struct err *err)
{
	struct operator_question question = { .what = MSG_ASK_RUNS };
	struct answer answer = { 0 };
	int code = ask(call, &question, &answer, err);
	return finish(&answer, code ? code : show_runs(call, &answer));
}

/* There is none, or the beginning of its name is that of several. */
static int no_run(const char *name, struct err *err)
{
	err_set(err, -ENOENT,
		"no run in progress at this coordinator is called \"%s\"; paddock runs lists them",
		name ? name : "");
	return EXIT_CODE_USAGE;
}

int verbs_cancel(const struct verbs_call *call, struct err *err)
{
	struct operator_question question = { .what = MSG_ASK_CANCEL };
	struct answer answer = { 0 };
	int code = ask(call, &question, &answer, err);
	if (code == 0 && !answer.runs.len && strcmp(question.pattern, "all") != 0)
		code = no_run(question.pattern, err);
	return finish(&answer, code ? code : show_runs(call, &answer));
}

/* ---- why ---- */

static void print_why(const struct answer *answer)
{
	const struct msg_run_state *run = &answer->runs.items[0];
	char age[32], left[32];
	printf("run ");
	say_text(stdout, run->name);
	printf(": %s, %llu of %llu%s cases done, %llu red, %llu slots, for %s",
	       run_phases[run->state], (unsigned long long)run->finished,
	       (unsigned long long)run->cases, run->listed < run->programs ? " or more" : "",
	       (unsigned long long)run->red, (unsigned long long)run->slots,
	       str_format_duration(age, 32, run->age_us));
	printf("; about %s of work not begun\n", str_format_duration(left, 32, run->left_us));
	for (size_t i = 0; i < answer->reasons.len; i++) {
		printf("  ");
		say_text(stdout, answer->reasons.items[i].text);
		printf("\n");
	}
}

static void print_why_json(const struct answer *answer)
{
	struct json json;
	json_open(&json);
	print_run_json(&answer->runs.items[0], &json);
	json_key(&json, "reasons");
	(void)buf_puts(&json.text, "[");
	for (size_t i = 0; i < answer->reasons.len; i++) {
		const struct msg_reason *reason = &answer->reasons.items[i];
		(void)buf_puts(&json.text, i ? ",{" : "{");
		json.first = true;
		json_text(&json, "kind", str_of(reasons[reason->kind]));
		json_u64(&json, "count", reason->count);
		json_text(&json, "text", reason->text);
		(void)buf_puts(&json.text, "}");
	}
	(void)buf_puts(&json.text, "]");
	json_close(&json);
}

/* Without a name it is the only run there is. */
static int only_run(const struct verbs_call *call, struct operator_question *question,
		    struct answer *answer, struct err *err)
{
	struct operator_question runs = { .what = MSG_ASK_RUNS };
	int code = ask(call, &runs, answer, err);
	if (code)
		return code;
	if (answer->runs.len != 1) {
		err_set(err, -EINVAL,
			"%zu runs are in progress at this coordinator; say which (paddock runs "
			"lists them)",
			answer->runs.len);
		return EXIT_CODE_USAGE;
	}
	question->pattern = arena_copy(&answer->arena, answer->runs.items[0].name);
	answer->runs.len = 0;
	*question = (struct operator_question){ .what = MSG_ASK_EXPLAIN,
						.url = runs.url,
						.insecure = runs.insecure,
						.pattern = question->pattern };
	return operator_ask(question, keep, answer, err);
}

int verbs_explain_there(const struct verbs_call *call, struct err *err)
{
	struct operator_question question = { .what = MSG_ASK_EXPLAIN };
	struct answer answer = { 0 };
	size_t n;
	(void)conf_operands(call->conf, &n);
	int code = n ? ask(call, &question, &answer, err) : only_run(call, &question, &answer, err);
	if (code == 0 && !answer.runs.len)
		code = no_run(question.pattern, err);
	else if (code == 0 && conf_flag(call->conf, OPTIONS_JSON))
		print_why_json(&answer);
	else if (code == 0)
		print_why(&answer);
	return finish(&answer, code);
}
