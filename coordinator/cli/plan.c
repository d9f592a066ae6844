// SPDX-License-Identifier: Apache-2.0
/*
 * plan.c - `paddock plan`: pools of several sizes, simulated against what earlier runs recorded.
 * The simulation is
 * coordinator/sim; here are the sizes asked for, the table and the JSON.
 */
#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "coordinator/sim/forecast.h"
#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/escape.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	POOLS_MAX = 64,
	WORKERS_MAX = 1024,
	KNEE_PERCENT = 5, /* a smaller pool within so much of the best is the better buy */
};

struct pools {
	uint64_t sizes[POOLS_MAX];
	size_t len;
};

/* "4", "1..8" or "1,2,4..6" into sizes, in the order given. */
static int parse_pools(struct str text, struct pools *pools, struct err *err)
{
	struct str rest = text, piece;
	while (str_split(&rest, ',', &piece)) {
		ptrdiff_t dots = str_find(piece, STR_LIT(".."));
		struct str low = piece, high = piece;
		uint64_t from, to;
		if (dots >= 0) {
			low.len = (size_t)dots;
			high = (struct str){ piece.data + dots + 2, piece.len - (size_t)dots - 2 };
		}
		if (str_parse_u64(str_trim(low), 1, WORKERS_MAX, &from) < 0 ||
		    str_parse_u64(str_trim(high), from, WORKERS_MAX, &to) < 0)
			return err_set(err, -EINVAL,
				       "--workers '%.*s': give sizes from 1 to %d such as 4, "
				       "1..8 or 1,2,4",
				       STR_ARG(text), WORKERS_MAX);
		if (to - from >= POOLS_MAX - pools->len)
			return err_set(err, -EINVAL,
				       "--workers '%.*s': more than %d sizes; name fewer, such as "
				       "1,2,4,8,16",
				       STR_ARG(text), POOLS_MAX);
		while (from <= to)
			pools->sizes[pools->len++] = from++;
	}
	return 0;
}

/*
 * What the operands mean to the history: a path that exists by its absolute name, anything else
 * by its own.
 */
static struct str *resolve(struct arena *arena, const char *const *operands, size_t n)
{
	struct str *wanted = arena_alloc(arena, (n + 1) * sizeof(*wanted));
	for (size_t i = 0; wanted && i < n; i++) {
		char *path = realpath(operands[i], NULL);
		const char *copy = arena_copy(arena, str_of(path ? path : operands[i]));
		free(path);
		if (!copy)
			return NULL;
		wanted[i] = str_of(copy);
	}
	return wanted;
}

static size_t knee_of(const struct forecast_row *rows, size_t n)
{
	size_t best = 0, knee = 0;
	ASSERT(n > 0);
	for (size_t i = 1; i < n; i++)
		if (rows[i].makespan_us < rows[best].makespan_us)
			best = i;
	knee = best;
	for (size_t i = 0; i < n; i++)
		if (rows[i].slots < rows[knee].slots &&
		    rows[i].makespan_us * 100 <= rows[best].makespan_us * (100 + KNEE_PERCENT))
			knee = i;
	return knee;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void print_table(const struct forecast_basis *basis, const struct forecast_row *rows,
			size_t n)
{
	char work[32], makespan[32], late[32];
	size_t knee = knee_of(rows, n);
	printf("%zu cases of %zu programs as run %s had them, %s of work", basis->cases,
	       basis->programs, basis->run,
	       str_format_duration(work, sizeof(work), basis->work_us));
	if (basis->unseen)
		printf("; %zu of them without history", basis->unseen);
	printf("\n\n%8s %6s  %10s %10s %5s %8s  %s\n", "workers", "slots", "makespan", "p95",
	       "used", "/ bound", "bounded by");
	for (size_t i = 0; i < n; i++)
		printf("%8llu %6llu  %10s %10s %4.0f%% %8.3f  %s%s\n",
		       (unsigned long long)rows[i].workers, (unsigned long long)rows[i].slots,
		       str_format_duration(makespan, sizeof(makespan), rows[i].makespan_us),
		       str_format_duration(late, sizeof(late), rows[i].late_us),
		       100 * share(rows[i].busy_us, rows[i].makespan_us * rows[i].slots),
		       share(rows[i].makespan_us, rows[i].bound_us), rows[i].bounded_by,
		       i == knee ? "  <- enough" : "");
	printf("\nenough: %llu workers, the fewest within %d%% of the shortest time\n",
	       (unsigned long long)rows[knee].workers, KNEE_PERCENT);
}

static int print_json(const struct forecast_basis *basis, const struct forecast_row *rows, size_t n)
{
	struct buf out;
	size_t knee = knee_of(rows, n);
	buf_init(&out, 1 << 20);
	int r = buf_printf(
		&out,
		"{\"run\":\"%s\",\"programs\":%zu,\"cases\":%zu,\"unseen\":%zu,\"work_us\":%llu,"
		"\"draws\":%zu,\"enough\":%llu,\"pools\":[",
		basis->run, basis->programs, basis->cases, basis->unseen,
		(unsigned long long)basis->work_us, basis->draws,
		(unsigned long long)rows[knee].workers);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct forecast_row *row = &rows[i];
		r = buf_printf(
			&out,
			"%s\n{\"workers\":%llu,\"slots\":%llu,\"makespan_us\":%llu,\"p95_us\":%llu,"
			"\"bound_us\":%llu,\"busy_us\":%llu,\"utilisation\":%.4f,"
			"\"shards\":%llu,\"bounded_by\":\"",
			i ? "," : "", (unsigned long long)row->workers,
			(unsigned long long)row->slots, (unsigned long long)row->makespan_us,
			(unsigned long long)row->late_us, (unsigned long long)row->bound_us,
			(unsigned long long)row->busy_us,
			share(row->busy_us, row->makespan_us * row->slots),
			(unsigned long long)row->shards);
		r = r < 0 ? r : escape_json(&out, str_of(row->bounded_by));
		r = r < 0 ? r : buf_puts(&out, "\"}");
	}
	if (r == 0)
		printf("%s]}\n", buf_text(&out));
	buf_done(&out);
	return r;
}

static int simulate(const struct verbs_call *call, const struct forecast *forecast,
		    const struct pools *pools, struct err *err)
{
	struct forecast_row rows[POOLS_MAX];
	struct forecast_basis basis = forecast_basis(forecast);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t slots = conf_u64(call->conf, OPTIONS_PLAN_SLOTS);
	if (!slots)
		slots = online > 0 ? (uint64_t)online : 1;
	for (size_t i = 0; i < pools->len; i++) {
		int r = forecast_pool(forecast, pools->sizes[i], slots, &rows[i], err);
		if (r < 0)
			return r;
	}
	if (conf_flag(call->conf, OPTIONS_JSON))
		return print_json(&basis, rows, pools->len);
	print_table(&basis, rows, pools->len);
	return 0;
}

int verbs_plan(const struct verbs_call *call, struct err *err)
{
	struct pools pools = { 0 };
	struct arena arena = { 0 };
	struct store *store = NULL;
	struct forecast *forecast = NULL;
	size_t n;
	const char *const *operands = conf_operands(call->conf, &n);
	if (parse_pools(str_of(conf_text(call->conf, OPTIONS_WORKERS)), &pools, err) < 0)
		return EXIT_CODE_USAGE;
	const struct str *wanted = resolve(&arena, operands, n);
	int r = wanted ? place_open_history(call->conf, &store, err)
		       : err_set(err, -ENOMEM, "out of memory");
	if (r == -ENOENT)
		err_wrap(err, "nothing to plan with: run first (paddock run ...)");
	r = r < 0 ? r : forecast_load(store, wanted, n, &forecast, err);
	store_close(store);
	r = r < 0 ? r : simulate(call, forecast, &pools, err);
	forecast_free(forecast);
	arena_done(&arena);
	if (r < 0)
		return r == -ENOENT ? EXIT_CODE_NO_TESTS : EXIT_CODE_USAGE;
	return fflush(stdout) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}
