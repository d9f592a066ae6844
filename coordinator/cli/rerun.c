// SPDX-License-Identifier: Apache-2.0
/*
 * rerun.c - a stored run as the beginning of another. Its description in the store is a line of
 * words, as a shell would read them: "--kind list /src/tests unit".
 */
#include "coordinator/cli/rerun.h"

#include "coordinator/cli/place.h"
#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/ids.h"
#include "protocol/wire/limits.h"

#include <errno.h>
#include <string.h>

enum { RUNS_MAX = 1 << 20 };

struct lookup {
	struct rerun *rerun;
	uint64_t run;
	int r;
};

void rerun_done(struct rerun *rerun)
{
	if (!rerun)
		return;
	VEC_DONE(&rerun->ids);
	words_done(&rerun->suites);
	arena_done(&rerun->arena);
	*rerun = (struct rerun){ 0 };
}

int rerun_describe(const char *kind, const char *const *suites, size_t n, struct buf *buf)
{
	int r = 0;
	if (kind)
		r = words_quote(buf, STR_LIT("--kind"));
	if (r == 0 && kind)
		r = words_quote(buf, str_of(kind));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = words_quote(buf, str_of(suites[i]));
	return r;
}

static void take_failed(void *data, struct str suite, struct str program, struct str name)
{
	struct lookup *lookup = data;
	struct rerun *rerun = lookup->rerun;
	struct buf id;
	buf_init(&id, 4 * LIMIT_NAME_BYTES);
	int r = ids_case(&id, suite, program, name);
	char *copy = r < 0 ? NULL : arena_copy(&rerun->arena, buf_str(&id));
	if (!copy || VEC_PUSH(&rerun->ids, str_of(copy)) < 0)
		lookup->r = -ENOMEM;
	buf_done(&id);
}

/* A kind in front is an option; the rest are suites. */
static void take_kind(struct rerun *rerun)
{
	struct words *words = &rerun->suites;
	if (words->len < 2 || strcmp(words->items[0], "--kind") != 0)
		return;
	rerun->kind = words->items[1];
	words->len -= 2;
	memmove(words->items, words->items + 2, words->len * sizeof(*words->items));
}

static void take_run(void *data, const struct store_run *run)
{
	struct lookup *lookup = data;
	struct rerun *rerun = lookup->rerun;
	if (run->run != lookup->run)
		return;
	int r = words_parse(run->submit, &rerun->arena, &rerun->suites);
	if (r == 0)
		take_kind(rerun);
	else if (r == -EINVAL)
		rerun->suites.len = 0; /* written by something else */
	else
		lookup->r = r;
}

int rerun_load(const struct conf *conf, const char *what, struct rerun *ret_rerun, struct err *err)
{
	struct rerun rerun = { .kind = NULL };
	struct lookup lookup = { .rerun = &rerun };
	struct store *store = NULL;
	const char *name = strcmp(what, "failed") == 0 ? "latest" : what;
	ASSERT(*name);
	int r = place_open_history(conf, &store, err);
	r = r < 0 ? r : store_run_find(store, str_of(name), &lookup.run, err);
	r = r < 0 ? r : store_run_failed(store, lookup.run, take_failed, &lookup, err);
	r = r < 0 ? r : store_runs(store, RUNS_MAX, take_run, &lookup, err);
	store_close(store);
	if (r == 0 && lookup.r < 0)
		r = err_set(err, lookup.r, "out of memory");
	if (r < 0) {
		rerun_done(&rerun);
		return r;
	}
	*ret_rerun = rerun;
	return 0;
}
