// SPDX-License-Identifier: Apache-2.0
/* adaptfuzz.c - see adaptfuzz.h. Uses ASSERT, not a test framework: a fuzzer wants an abort. */
#include "tests/kit/adaptfuzz.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/map.h"
#include "protocol/wire/limits.h"

#include <stdlib.h>
#include <string.h>

enum { CASES_MAX = 64 };

struct told {
	const struct adapt_case *cases;
	size_t n;
	bool limit_moves;		/* as the command says */
	unsigned char state[CASES_MAX]; /* 0 waiting, 1 started, 2 ended */
	uint64_t hash;			/* of everything told, in order */
};

static void mix(struct told *told, struct str bytes)
{
	told->hash = told->hash * 31 + str_hash(bytes) + bytes.len;
}

static void started(void *data, size_t index)
{
	struct told *told = data;
	ASSERT(index < told->n && told->state[index] == 0);
	told->state[index] = 1;
	told->hash = told->hash * 31 + index;
}

/* No control bytes, no blanks at the ends; that it is UTF-8 is text.c's own test. */
static void check_name(struct str name)
{
	ASSERT(name.len > 0 && name.len <= LIMIT_NAME_BYTES);
	for (size_t i = 0; i < name.len; i++)
		ASSERT((unsigned char)name.data[i] >= ' ' && name.data[i] != 0x7f);
	ASSERT(name.data[0] != ' ' && name.data[name.len - 1] != ' ');
}

static void ended(void *data, const struct adapt_verdict *verdict)
{
	struct told *told = data;
	ASSERT(verdict->index < told->n && verdict->outcome < OUTCOME_MAX);
	ASSERT(verdict->message.len <= LIMIT_TEXT_BYTES);
	if (verdict->name.len) {
		check_name(verdict->name);
	} else {
		ASSERT(told->state[verdict->index] == 1);
		told->state[verdict->index] = 2;
	}
	mix(told, verdict->name);
	mix(told, verdict->message);
	told->hash = told->hash * 31 + verdict->index * OUTCOME_MAX + verdict->outcome;
}

static void limited(void *data, uint64_t limit_us)
{
	struct told *told = data;
	ASSERT(told->limit_moves && told->n == 1 && told->state[0] != 2);
	told->hash = told->hash * 31 + limit_us;
}

static uint64_t feed(const struct adapt_ops *ops, const struct adapt_program *program,
		     struct told *told, struct str output, const struct adapt_exit *how,
		     size_t piece)
{
	struct adapt_sink sink = {
		.data = told, .started = started, .ended = ended, .limited = limited
	};
	struct adapt_parser *parser = ops->parser_new(program, told->cases, told->n, &sink);
	if (!parser)
		return 0;
	for (struct str rest = output; rest.len;) {
		size_t n = rest.len < piece ? rest.len : piece;
		ops->feed(parser, ADAPT_STREAM_OUT, (struct str){ rest.data, n });
		rest.data += n;
		rest.len -= n;
	}
	ops->feed(parser, ADAPT_STREAM_ERR, output);
	for (struct str rest = output; rest.len;) {
		size_t n = rest.len < piece ? rest.len : piece;
		ops->feed(parser, ADAPT_STREAM_REPORT, (struct str){ rest.data, n });
		rest.data += n;
		rest.len -= n;
	}
	ops->finish(parser, how);
	ops->parser_free(parser);
	return told->hash;
}

static void check_listing(const struct adapt_cases *cases)
{
	struct map names = { 0 };
	for (size_t i = 0; i < cases->len; i++) {
		check_name(cases->items[i].name);
		ASSERT(cases->items[i].detail.len <= LIMIT_DETAIL_BYTES);
		ASSERT(map_put(&names, cases->items[i].name, i) == 1);
	}
	map_done(&names);
}

static struct adapt_exit exit_of(unsigned char choice, struct str output)
{
	static const int codes[] = { 0, 1, 2, 5, 77, 99, 125, 255 };
	return (struct adapt_exit){
		.signalled = (choice & 3) == 1,
		.killed = (choice & 3) == 2,
		.code = (choice & 3) == 0 ? codes[choice >> 2 & 7] : 0,
		.signal = (choice & 3) == 1 ? 11 : 0,
		.result = choice & 32 ? output : (struct str){ "", 0 },
		.errors = choice & 64 ? output : (struct str){ "", 0 },
	};
}

static void run_step(const struct adapt_ops *ops, const struct adapt_program *program,
		     struct adapt_cases *cases, struct str output, unsigned char choice)
{
	struct arena arena = { 0 };
	struct adapt_command command;
	struct err err = { 0 };
	struct adapt_exit how = exit_of(choice, output);
	size_t n = cases->len < CASES_MAX ? cases->len : CASES_MAX;
	if (ops->process_per_case)
		n = 1;
	ptrdiff_t covered = ops->run_command(program, cases->items, n, &arena, &command, &err);
	ASSERT(covered != 0 && covered <= (ptrdiff_t)n);
	if (covered > 0) {
		ASSERT(command.argv && command.argv[0]);
		struct told whole = { .cases = cases->items,
				      .n = (size_t)covered,
				      .limit_moves = command.limit_moves };
		struct told split = whole;
		uint64_t hash = feed(ops, program, &whole, output, &how, SIZE_MAX);
		ASSERT(feed(ops, program, &split, output, &how, choice & 128 ? 1 : 5) == hash);
	} else {
		ASSERT(err.text[0]);
	}
	arena_done(&arena);
}

void adaptfuzz_one(const struct adapt_ops *ops, const uint8_t *data, size_t size)
{
	static const struct adapt_program program = { .suite = { "s", 1 },
						      .name = { "prog", 4 },
						      .path = { "/t/bin", 6 },
						      .scratch = { "/s", 2 } };
	struct arena arena = { 0 };
	struct adapt_cases cases = { 0 };
	struct err err = { 0 };
	if (!size)
		return;
	struct str input = { (const char *)data + 1, size - 1 }, listing = input, output = input;
	ptrdiff_t cut = str_find(input, STR_LIT("\n%%\n"));
	if (cut >= 0) {
		listing.len = (size_t)cut + 1;
		output = (struct str){ input.data + cut + 4, input.len - (size_t)cut - 4 };
	}
	struct adapt_exit fine = { .result = data[0] & 16 ? listing : (struct str){ "", 0 } };
	int r = ops->list_parse(&program, listing, &fine, &arena, &cases, &err);
	ASSERT(r == 0 || err.text[0]);
	if (r == 0) {
		check_listing(&cases);
		if (cases.len)
			run_step(ops, &program, &cases, output, data[0]);
	}
	free(cases.items);
	arena_done(&arena);
}
