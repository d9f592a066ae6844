// SPDX-License-Identifier: Apache-2.0
/*
 * request.c - every option that changes what a run does ends up here in a field of msg_submit or
 * msg_program. What can be checked before anything starts is: filters and partitions are parsed
 * once for their errors and sent as text.
 */
#include "coordinator/cli/request.h"

#include "coordinator/plan/filter.h"
#include "coordinator/plan/partition.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/rng.h"
#include "protocol/base/vec.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned request_jobs(const struct conf *conf)
{
	cpu_set_t set;
	if (conf_is_set(conf, OPTIONS_JOBS))
		return (unsigned)conf_u64(conf, OPTIONS_JOBS);
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 && online < LIMIT_SLOTS ? (unsigned)online : 1;
}

void request_done(struct request *request)
{
	if (!request)
		return;
	discover_done(&request->found);
	rerun_done(&request->rerun);
	arena_done(&request->arena);
	request->submit = (struct msg_submit){ 0 };
}

static int no_memory(struct err *err)
{
	err_set(err, -ENOMEM, "out of memory while preparing the run");
	return EXIT_CODE_SETUP;
}

/* ---- programs ---- */

/* The suites to look for: those named, else those of the run to rerun, else all. */
static void choose_suites(const struct verbs_call *call, struct request *request)
{
	const struct rerun *rerun = &request->rerun;
	bool again = rerun->suites.len > 0;
	request->kind = conf_text(call->conf, OPTIONS_KIND);
	request->suites = conf_operands(call->conf, &request->n_suites);
	if (request->n_suites || !again)
		return;
	request->suites = rerun->suites.items;
	request->n_suites = rerun->suites.len;
	if (rerun->kind && !conf_is_set(call->conf, OPTIONS_KIND))
		request->kind = rerun->kind;
}

static int find_programs(const struct verbs_call *call, struct request *request, struct err *err)
{
	const struct discover_options options = {
		.config = call->config,
		.kind = request->kind,
		.folder = call->folder,
		.env = call->env,
	};
	int code = request->n_suites ? 0 : discover_all(&options, &request->found, err);
	for (size_t i = 0; code == 0 && i < request->n_suites; i++)
		code = discover_argument(&options, request->suites[i], &request->found, err);
	return code;
}

/* Adds the bits of "NAME,..." as the wire has them. */
static int add_grants(const char *names, uint64_t *grants, struct err *err)
{
	static const char *const known[] = { "ptrace", "io_uring", "userfaultfd", "perf",
					     "userns", "kvm",	   "fuse",	  "tun" };
	enum { KNOWN = sizeof(known) / sizeof(known[0]) };
	while (*names) {
		size_t i = 0, n = strcspn(names, ",");
		while (i < KNOWN && (strlen(known[i]) != n || memcmp(known[i], names, n) != 0))
			i++;
		if (i == KNOWN) {
			err_set(err, -EINVAL,
				"--grant: there is no \"%.*s\"; it takes ptrace, io_uring, "
				"userfaultfd, perf, userns, kvm, fuse and tun",
				n < 80 ? (int)n : 80, names);
			return EXIT_CODE_USAGE;
		}
		*grants |= UINT64_C(1) << i;
		names += n + (names[n] == ',');
	}
	return 0;
}

static int find_grants(const struct conf *conf, uint64_t *ret_grants, struct err *err)
{
	size_t n;
	const char *const *lists = conf_list(conf, OPTIONS_GRANT, &n);
	uint64_t grants = 0;
	int code = 0;
	for (size_t i = 0; i < n && code == 0; i++)
		code = add_grants(lists[i], &grants, err);
	if (code == 0)
		*ret_grants = grants;
	return code;
}

/* Only what a private copy takes in can be kept. */
static int check_keep(const struct conf *conf, struct err *err)
{
	bool overlay = conf_choice(conf, OPTIONS_WORKSPACE) == 0;
	if (!conf_flag(conf, OPTIONS_KEEP_WORKSPACE) ||
	    (overlay && conf_choice(conf, OPTIONS_SANDBOX)))
		return 0;
	err_set(err, -EINVAL,
		"--keep-workspace: there is nothing to keep with %s: tests write to the suite's "
		"own folder; use --workspace overlay in a sandbox",
		overlay ? "--sandbox off" : "a workspace that is no overlay");
	return EXIT_CODE_USAGE;
}

static void limit_program(const struct conf *conf, struct msg_program *program)
{
	if (!program->timeout_us)
		program->timeout_us = conf_u64(conf, OPTIONS_TIMEOUT);
	program->grace_us = conf_u64(conf, OPTIONS_GRACE);
	program->level = conf_choice(conf, OPTIONS_SANDBOX);
	program->workspace_mode = conf_choice(conf, OPTIONS_WORKSPACE);
	program->network = conf_choice(conf, OPTIONS_NETWORK);
	program->best_effort = conf_flag(conf, OPTIONS_BEST_EFFORT);
	program->memory_bytes = conf_u64(conf, OPTIONS_MEMORY);
	program->pids = conf_u64(conf, OPTIONS_PIDS);
	program->cpu_milli = conf_u64(conf, OPTIONS_CPU) * 10;
	program->core_bytes = conf_u64(conf, OPTIONS_CORES);
	program->output_bytes = conf_u64(conf, OPTIONS_OUTPUT_LIMIT);
	program->retries = conf_u64(conf, OPTIONS_RETRIES);
	program->isolate = conf_flag(conf, OPTIONS_ISOLATE);
	program->keep_workspace = conf_flag(conf, OPTIONS_KEEP_WORKSPACE);
	program->keep_output = conf_flag(conf, OPTIONS_KEEP_OUTPUT);
}

/* ---- selection ---- */

static int check_filter(struct str text, const char *origin, struct err *err)
{
	struct filter *filter = NULL;
	int r = filter_parse(text, &filter, err);
	filter_free(filter);
	return r < 0 ? err_wrap(err, "%s", origin) : 0;
}

static const struct str *views(struct request *request, const char *const *texts, size_t n)
{
	struct str *items = arena_alloc(&request->arena, (n + 1) * sizeof(*items));
	for (size_t i = 0; items && i < n; i++)
		items[i] = str_of(texts[i]);
	return items;
}

static int select_cases(const struct verbs_call *call, struct request *request, struct err *err)
{
	struct msg_submit *submit = &request->submit;
	struct partition partition;
	size_t n;
	const char *const *filters = conf_list(call->conf, OPTIONS_FILTERSET, &n);
	for (size_t i = 0; i < n; i++)
		if (check_filter(str_of(filters[i]), "--filterset", err) < 0)
			return EXIT_CODE_USAGE;
	if (n > LIMIT_TAGS) {
		err_set(err, -E2BIG, "--filterset: at most %d of them; join them with \"or\"",
			LIMIT_TAGS);
		return EXIT_CODE_USAGE;
	}
	submit->filters = views(request, filters, n);
	submit->n_filters = n;
	const char *const *substrings = conf_rest(call->conf, &n);
	submit->substrings = views(request, substrings, n);
	submit->n_substrings = n;
	if (!submit->filters || !submit->substrings)
		return no_memory(err);
	submit->partition = str_of(conf_text(call->conf, OPTIONS_PARTITION));
	if (partition_parse(submit->partition, &partition, err) < 0) {
		err_wrap(err, "--partition");
		return EXIT_CODE_USAGE;
	}
	submit->no_tests = conf_choice(call->conf, OPTIONS_NO_TESTS);
	return 0;
}

static int select_failed(const struct verbs_call *call, struct request *request, struct err *err)
{
	const char *what = conf_text(call->conf, OPTIONS_RERUN);
	if (!what || !*what)
		return 0;
	if (rerun_load(call->conf, what, &request->rerun, err) < 0) {
		err_wrap(err, "--rerun %s", what);
		return EXIT_CODE_USAGE;
	}
	request->nothing = !request->rerun.ids.len;
	request->submit.only = request->rerun.ids.items;
	request->submit.n_only = request->rerun.ids.len;
	return 0;
}

/* ---- overrides ---- */

/* Quarantines end on their day, so that nobody forgets them. */
static void end_quarantine(const struct config *config, const struct config_override *override,
			   struct msg_override *wire)
{
	if (!wire->quarantine || !override->quarantine_until_us ||
	    clock_wall_us() < override->quarantine_until_us)
		return;
	LOG_WARN("quarantine_over",
		 "%s:%llu: the quarantine of %.*s is over (%s%s%s): it fails "
		 "the run again",
		 config->path, (unsigned long long) override->line, STR_ARG(wire->filter),
		 override->quarantine_reason, override->quarantine_owner ? ", " : "",
		 override->quarantine_owner ? override->quarantine_owner : "");
	wire->quarantine = 0;
	wire->has &= ~(uint64_t)MSG_OVERRIDE_QUARANTINE;
}

static int take_overrides(const struct verbs_call *call, struct request *request, struct err *err)
{
	const struct config *config = call->config;
	char origin[512];
	if (!config || !config->overrides.len)
		return 0;
	struct msg_override *items = arena_alloc(&request->arena,
						 config->overrides.len * sizeof(*items));
	if (!items)
		return no_memory(err);
	for (size_t i = 0; i < config->overrides.len; i++) {
		const struct config_override *override = &config->overrides.items[i];
		snprintf(origin, sizeof(origin), "%.400s:%llu: overrides.%zu.filter", config->path,
			 (unsigned long long) override->line, i + 1);
		if (check_filter(override->wire.filter, origin, err) < 0)
			return EXIT_CODE_CONFIG;
		items[i] = override->wire;
		end_quarantine(config, override, &items[i]);
	}
	request->submit.overrides = items;
	request->submit.n_overrides = config->overrides.len;
	return 0;
}

/* ---- failures and order ---- */

int request_parse_max_fail(struct str text, struct msg_submit *submit, struct err *err)
{
	struct str rest = text, number;
	str_split(&rest, ':', &number);
	bool percent = str_ends(number, STR_LIT("%"));
	uint64_t value;
	number.len -= percent;
	int r = str_parse_u64(number, 1, percent ? 100 : UINT64_MAX, &value);
	if (r < 0 || (rest.data && !str_eq(rest, STR_LIT("immediate"))))
		return err_set(err, -EINVAL,
			       "--max-fail: \"%.*s\" is neither a number, as 5, nor a "
			       "percentage, as 10%%, with :immediate behind it or not",
			       (int)(text.len < 100 ? text.len : 100), text.data);
	submit->max_fail = percent ? 0 : value;
	submit->max_fail_percent = percent ? value : 0;
	submit->fail_immediate = rest.data != NULL;
	return 0;
}

static int limit_failures(const struct conf *conf, struct msg_submit *submit, struct err *err)
{
	const char *max_fail = conf_text(conf, OPTIONS_MAX_FAIL);
	if (max_fail && request_parse_max_fail(str_of(max_fail), submit, err) < 0)
		return EXIT_CODE_USAGE;
	if (!conf_is_set(conf, OPTIONS_FAIL_FAST) ||
	    conf_source(conf, OPTIONS_FAIL_FAST) < conf_source(conf, OPTIONS_MAX_FAIL))
		return 0;
	if (conf_flag(conf, OPTIONS_FAIL_FAST) && conf_is_set(conf, OPTIONS_MAX_FAIL))
		return 0;
	submit->max_fail = conf_flag(conf, OPTIONS_FAIL_FAST) ? 1 : 0;
	submit->max_fail_percent = 0;
	submit->fail_immediate = 0;
	return 0;
}

static void choose_order(const struct conf *conf, struct msg_submit *submit)
{
	struct rng rng;
	rng_seed(&rng, clock_wall_us() ^ (uint64_t)getpid() << 32);
	submit->seed = rng_next(&rng) >> 32;
	submit->shuffle = conf_is_set(conf, OPTIONS_SHUFFLE);
	if (submit->shuffle && conf_u64(conf, OPTIONS_SHUFFLE))
		submit->seed = conf_u64(conf, OPTIONS_SHUFFLE);
}

/* A suite as it is remembered: a path from the root on, a name as it is. */
static const char *remember(const struct verbs_call *call, struct request *request,
			    const char *suite)
{
	if (suite[0] == '/' || (call->config && config_suite(call->config, str_of(suite))))
		return suite;
	return arena_printf(&request->arena, "%s/%s", call->folder, suite);
}

/* What the run is asked for, for the list of runs and for a rerun. */
static int describe(const struct verbs_call *call, struct request *request)
{
	const struct config *config = request->n_suites ? NULL : call->config;
	size_t n = config ? config->suites.len : request->n_suites, i;
	const char **suites = arena_alloc(&request->arena, (n + 1) * sizeof(*suites));
	const char *kind = strcmp(request->kind, "auto") == 0 ? NULL : request->kind;
	struct buf text;
	for (i = 0; suites && i < n; i++)
		suites[i] = config ? config->suites.items[i].name
				   : remember(call, request, request->suites[i]);
	if (!suites || (n && !suites[n - 1]))
		return -ENOMEM;
	if (!n)
		suites[n++] = call->folder;
	buf_init(&text, LIMIT_NAME_BYTES);
	if (rerun_describe(kind, suites, n, &text) < 0)
		buf_clear(&text); /* more than is remembered: a rerun has to name them */
	const char *copy = arena_copy(&request->arena, buf_str(&text));
	buf_done(&text);
	request->submit.name = str_of(copy);
	return copy ? 0 : -ENOMEM;
}

/*
 * What the command line requires comes on top of what each suite does. On this machine alone
 * nothing is required: its worker is the only one there is.
 */
static int take_requires(const struct verbs_call *call, struct request *request, struct err *err)
{
	const char *url = conf_text(call->conf, OPTIONS_COORDINATOR);
	size_t n;
	const char *const *more = conf_list(call->conf, OPTIONS_REQUIRE, &n);
	for (size_t i = 0; i < n; i++)
		if (more[i][0] == '=' || !strchr(more[i], '=')) {
			err_set(err, -EINVAL, "--require %.100s is not of the form K=V", more[i]);
			return EXIT_CODE_USAGE;
		}
	for (size_t i = 0; i < request->found.len; i++) {
		struct msg_program *program = &request->found.items[i];
		size_t had = program->n_requires;
		struct str *all = arena_alloc(&request->arena, (had + n + 1) * sizeof(*all));
		if (!all)
			return no_memory(err);
		for (size_t j = 0; j < had; j++)
		all[j] = program->requires[j];
		for (size_t j = 0; j < n; j++)
			all[had + j] = str_of(more[j]);
		program->requires = all;
		program->n_requires = url && *url ? had + n : 0;
		if (had + n > LIMIT_TAGS) {
			err_set(err, -E2BIG, "%.*s requires more than %d tags",
				STR_ARG(program->name), LIMIT_TAGS);
			return EXIT_CODE_USAGE;
		}
	}
	return 0;
}

int request_make(const struct verbs_call *call, struct request *ret_request, struct err *err)
{
	struct request *request = ret_request;
	struct msg_submit *submit = &request->submit;
	uint64_t grants = 0;
	*request = (struct request){ 0 };
	choose_order(call->conf, submit);
	submit->deadline_us = conf_u64(call->conf, OPTIONS_GLOBAL_TIMEOUT);
	submit->repeat = conf_u64(call->conf, OPTIONS_REPEAT);
	submit->priority = conf_u64(call->conf, OPTIONS_PRIORITY);
	submit->wait_us = conf_u64(call->conf, OPTIONS_WAIT);
	submit->slow_us = conf_u64(call->conf, OPTIONS_SLOW_TIMEOUT);
	int code = limit_failures(call->conf, submit, err);
	code = code ? code : select_cases(call, request, err);
	code = code ? code : take_overrides(call, request, err);
	code = code ? code : select_failed(call, request, err);
	code = code ? code : check_keep(call->conf, err);
	code = code ? code : find_grants(call->conf, &grants, err);
	if (code || request->nothing)
		return code;
	choose_suites(call, request);
	code = find_programs(call, request, err);
	code = code ? code : take_requires(call, request, err);
	if (code)
		return code;
	for (size_t i = 0; i < request->found.len; i++) {
		limit_program(call->conf, &request->found.items[i]);
		request->found.items[i].grants = grants;
	}
	submit->programs = request->found.items;
	submit->n_programs = request->found.len;
	return describe(call, request) < 0 ? no_memory(err) : 0;
}
