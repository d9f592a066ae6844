// SPDX-License-Identifier: Apache-2.0
/* adaptlog.c - see adaptlog.h. Not a worker: it reconciles nothing, it writes down what an adapter
 * tells. */
#include "tests/kit/adaptlog.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TRANSCRIPT_BYTES = 64 << 20 };

struct recorder {
	const struct adaptlog_run *run;
	struct buf text;
	unsigned char *state; /* 0 waiting, 1 started, 2 ended */
};

const struct adapt_program *adaptlog_program(void)
{
	static const struct adapt_program program = {
		.suite = { "s", 1 },
		.name = { "prog", 4 },
		.path = { "/t/bin", 6 },
		.scratch = { "/s", 2 },
	};
	return &program;
}

static void started(void *data, size_t index)
{
	struct recorder *recorder = data;
	assert_in_range(index, 0, recorder->run->n - 1);
	assert_int_equal(recorder->state[index], 0);
	recorder->state[index] = 1;
	buf_printf(&recorder->text, "start %.*s\n", STR_ARG(recorder->run->cases[index].name));
}

static void put_message(struct buf *text, struct str message)
{
	struct str line;
	if (!message.len)
		return;
	buf_puts(text, ":");
	while (str_line(&message, &line))
		buf_printf(text, " %.*s%s", STR_ARG(line), message.len ? " /" : "");
}

static void ended(void *data, const struct adapt_verdict *verdict)
{
	struct recorder *recorder = data;
	struct buf *text = &recorder->text;
	assert_in_range(verdict->index, 0, recorder->run->n - 1);
	const char *outcome = outcome_name(verdict->outcome);
	struct str listed = recorder->run->cases[verdict->index].name;
	if (verdict->name.len) {
		buf_printf(text, "found %s %.*s (%.*s)", outcome, STR_ARG(verdict->name),
			   STR_ARG(listed));
	} else {
		assert_int_equal(recorder->state[verdict->index], 1);
		recorder->state[verdict->index] = 2;
		buf_printf(text, "%s %.*s", outcome, STR_ARG(listed));
	}
	if (recorder->run->times)
		buf_printf(text, " %llu", (unsigned long long)verdict->duration_us);
	put_message(text, verdict->message);
	buf_puts(text, "\n");
}

/* Of the only case, once, before its end. */
static void limited(void *data, uint64_t limit_us)
{
	struct recorder *recorder = data;
	assert_int_equal(recorder->run->n, 1);
	assert_int_equal(recorder->state[0], 0);
	buf_printf(&recorder->text, "limit %llu\n", (unsigned long long)limit_us);
}

static void feed(const struct adaptlog_run *run, struct adapt_parser *parser,
		 enum adapt_stream stream, size_t piece)
{
	struct str bytes = stream == ADAPT_STREAM_OUT	? run->out
			   : stream == ADAPT_STREAM_ERR ? run->err
							: run->report;
	while (bytes.len) {
		size_t n = bytes.len < piece ? bytes.len : piece;
		/* a copy of its own, so that a sanitizer sees one byte read too many */
		char *copy = malloc(n);
		ASSERT(copy);
		memcpy(copy, bytes.data, n);
		run->ops->feed(parser, stream, (struct str){ copy, n });
		free(copy);
		bytes.data += n;
		bytes.len -= n;
	}
}

char *adaptlog_feed(const struct adaptlog_run *run, size_t piece)
{
	struct recorder recorder = { .run = run };
	struct adapt_sink sink = {
		.data = &recorder, .started = started, .ended = ended, .limited = limited
	};
	buf_init(&recorder.text, TRANSCRIPT_BYTES);
	recorder.state = calloc(run->n ? run->n : 1, 1);
	ASSERT(recorder.state && piece > 0);
	struct adapt_parser *parser = run->ops->parser_new(run->program, run->cases, run->n, &sink);
	ASSERT(parser);
	feed(run, parser, ADAPT_STREAM_OUT, piece);
	feed(run, parser, ADAPT_STREAM_ERR, piece);
	feed(run, parser, ADAPT_STREAM_REPORT, piece);
	run->ops->finish(parser, &run->how);
	run->ops->parser_free(parser);
	free(recorder.state);
	char *text = buf_take(&recorder.text);
	buf_done(&recorder.text);
	return text;
}

char *adaptlog_all(const struct adaptlog_run *run)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64 };
	char *whole = adaptlog_feed(run, SIZE_MAX);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *split = adaptlog_feed(run, pieces[i]);
		assert_string_equal(split, whole);
		free(split);
	}
	return whole;
}

static void put_names(struct buf *text, const char *key, const struct str *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(text, "%s%.*s", i ? "," : key, STR_ARG(names[i]));
}

static void put_case(struct buf *text, const struct adapt_case *one)
{
	buf_printf(text, "%.*s", STR_ARG(one->name));
	if (one->disabled)
		buf_puts(text, " disabled");
	if (one->serial)
		buf_puts(text, " serial");
	if (one->processors)
		buf_printf(text, " processors=%llu", (unsigned long long)one->processors);
	if (one->timeout_us)
		buf_printf(text, " timeout=%llu", (unsigned long long)one->timeout_us);
	put_names(text, " locks=", one->locks, one->n_locks);
	put_names(text, " after=", one->after, one->n_after);
	put_names(text, " needs=", one->needs, one->n_needs);
	put_names(text, " tags=", one->tags, one->n_tags);
	if (one->detail.len && !str_eq(one->detail, one->name))
		buf_printf(text, " detail=%.*s", STR_ARG(one->detail));
	buf_puts(text, "\n");
}

char *adaptlog_list(const struct adapt_ops *ops, const struct adapt_program *program,
		    struct str out, const struct adapt_exit *how)
{
	struct arena arena = { 0 };
	struct adapt_cases cases = { 0 };
	struct err err = { 0 };
	struct buf text;
	buf_init(&text, TRANSCRIPT_BYTES);
	int r = ops->list_parse(program, out, how, &arena, &cases, &err);
	for (size_t i = 0; r == 0 && i < cases.len; i++)
		put_case(&text, &cases.items[i]);
	if (r < 0) {
		assert_int_not_equal(err.text[0], '\0');
		buf_printf(&text, "error: %s", err.text);
	}
	free(cases.items);
	arena_done(&arena);
	char *taken = buf_take(&text);
	buf_done(&text);
	return taken;
}

char *adaptlog_argv(const struct adapt_command *command)
{
	struct buf text;
	buf_init(&text, TRANSCRIPT_BYTES);
	for (size_t i = 0; command->argv[i]; i++)
		buf_printf(&text, "%s%s", i ? "|" : "", command->argv[i]);
	char *taken = buf_take(&text);
	buf_done(&text);
	return taken;
}

struct str adaptlog_fixture(const char *name)
{
	char path[4096];
	const char *source = getenv("PADDOCK_SOURCE");
	snprintf(path, sizeof(path), "%s/tests/fixtures/adapt/%s", source ? source : ".", name);
	FILE *file = fopen(path, "rbe");
	if (!file)
		fail_msg("no fixture %s", path);
	struct buf bytes;
	char piece[4096];
	size_t n;
	buf_init(&bytes, TRANSCRIPT_BYTES);
	while (file && (n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_append(&bytes, piece, n);
	if (file)
		fclose(file);
	size_t len = bytes.len;
	return (struct str){ buf_take(&bytes), len };
}
