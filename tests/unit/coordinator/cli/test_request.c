// SPDX-License-Identifier: Apache-2.0
/* test_request.c - options and arguments end up in the submission, wrong ones with their code. */
#include "coordinator/cli/request.h"

#include "protocol/wire/outcome.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/test_request.XXXXXX";
static char *env[] = { "PATH=/bin:/usr/bin", NULL };

static int setup(void **state)
{
	char path[64];
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/cmds", folder);
	FILE *file = fopen(path, "we");
	fputs("true\n", file);
	return fclose(file);
}

static int teardown(void **state)
{
	char path[64];
	(void)state;
	snprintf(path, sizeof(path), "%s/cmds", folder);
	unlink(path);
	return rmdir(folder);
}

struct made {
	struct conf *conf;
	struct config config;
	struct request request;
	struct err err;
	int code;
};

/* The request of `paddock run ARGS...` below `folder`, with this paddock.yaml. */
static struct made make(const char *yaml, size_t n, char *const *args)
{
	struct made made = { .conf = conf_new(&options_table, OPTIONS_VERB_RUN) };
	char path[64];
	assert_int_equal(conf_parse_args(made.conf, n, args, &made.err), 0);
	snprintf(path, sizeof(path), "%s/paddock.yaml", folder);
	if (yaml) {
		assert_int_equal(config_parse(str_of(yaml), path, &options_table, &made.config,
					      &made.err),
				 0);
		assert_int_equal(config_apply(&made.config, made.conf, &made.err), 0);
	}
	const struct verbs_call call = {
		.conf = made.conf,
		.config = yaml ? &made.config : NULL,
		.folder = folder,
		.env = env,
	};
	made.code = request_make(&call, &made.request, &made.err);
	return made;
}

static void done(struct made *made)
{
	request_done(&made->request);
	config_done(&made->config);
	conf_free(made->conf);
}

#define MAKE(yaml, ...) \
	make(yaml, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), (char *[]){ __VA_ARGS__ })

static void test_defaults(void **state)
{
	(void)state;
	struct made made = MAKE(NULL, "cmds");
	assert_int_equal(made.code, 0);
	const struct msg_submit *submit = &made.request.submit;
	assert_int_equal(submit->n_programs, 1);
	const struct msg_program *program = &submit->programs[0];
	assert_int_equal(program->level, 2);
	assert_int_equal(program->workspace_mode, 0);
	assert_int_equal(program->network, 0);
	assert_int_equal(program->timeout_us, 600000000);
	assert_int_equal(program->grace_us, 2000000);
	assert_int_equal(program->retries, 0);
	assert_int_equal(submit->repeat, 1);
	assert_int_equal(submit->max_fail, 0);
	assert_int_equal(submit->shuffle, 0);
	assert_int_equal(submit->n_filters, 0);
	assert_true(str_ends(submit->name, STR_LIT("/cmds")));
	done(&made);
}

static void test_every_option_arrives(void **state)
{
	(void)state;
	struct made made = MAKE(NULL, "cmds", "-E", "test(a)", "-E", "test(b)", "--partition",
				"hash:1/3", "--retries", "2", "--max-fail", "5:immediate",
				"--timeout", "3s", "--grace", "0", "--global-timeout", "1m",
				"--repeat", "4", "--shuffle=7", "--isolate", "--sandbox", "off",
				"--workspace", "readonly", "--network", "host", "--memory", "64M",
				"--pids", "9", "--cpu", "150", "--best-effort", "--keep-output",
				"--output-limit", "2K", "--cores", "3M", "--no-tests", "pass",
				"--priority", "3", "--", "x", "y");
	assert_int_equal(made.code, 0);
	const struct msg_submit *submit = &made.request.submit;
	const struct msg_program *program = &submit->programs[0];
	assert_int_equal(submit->n_filters, 2);
	assert_true(str_eq(submit->filters[1], STR_LIT("test(b)")));
	assert_int_equal(submit->n_substrings, 2);
	assert_true(str_eq(submit->substrings[0], STR_LIT("x")));
	assert_true(str_eq(submit->partition, STR_LIT("hash:1/3")));
	assert_int_equal(submit->max_fail, 5);
	assert_int_equal(submit->fail_immediate, 1);
	assert_int_equal(submit->deadline_us, 60000000);
	assert_int_equal(submit->slow_us, 60000000); /* the default */
	assert_int_equal(submit->repeat, 4);
	assert_int_equal(submit->shuffle, 1);
	assert_int_equal(submit->seed, 7);
	assert_int_equal(submit->no_tests, 2);
	assert_int_equal(submit->priority, 3);
	assert_int_equal(program->retries, 2);
	assert_int_equal(program->timeout_us, 3000000);
	assert_int_equal(program->grace_us, 0);
	assert_int_equal(program->isolate, 1);
	assert_int_equal(program->level, 0);
	assert_int_equal(program->workspace_mode, 2);
	assert_int_equal(program->network, 2);
	assert_int_equal(program->memory_bytes, 64 << 20);
	assert_int_equal(program->pids, 9);
	assert_int_equal(program->cpu_milli, 1500);
	assert_int_equal(program->best_effort, 1);
	assert_int_equal(program->keep_output, 1);
	assert_int_equal(program->output_bytes, 2048);
	assert_int_equal(program->core_bytes, 3 << 20);
	done(&made);
}

static void test_max_fail(void **state)
{
	(void)state;
	struct {
		const char *text;
		uint64_t count, percent, immediate;
		int r;
	} cases[] = {
		{ "1", 1, 0, 0, 0 },	       { "20%", 0, 20, 0, 0 },
		{ "3:immediate", 3, 0, 1, 0 }, { "1%:immediate", 0, 1, 1, 0 },
		{ "0", 0, 0, 0, -EINVAL },     { "101%", 0, 0, 0, -EINVAL },
		{ "", 0, 0, 0, -EINVAL },      { "%", 0, 0, 0, -EINVAL },
		{ "3:", 0, 0, 0, -EINVAL },    { "3:now", 0, 0, 0, -EINVAL },
		{ "x", 0, 0, 0, -EINVAL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_submit submit = { 0 };
		struct err err = { 0 };
		int r = request_parse_max_fail(str_of(cases[i].text), &submit, &err);
		assert_int_equal(r, cases[i].r);
		assert_int_equal(submit.max_fail, cases[i].count);
		assert_int_equal(submit.max_fail_percent, cases[i].percent);
		assert_int_equal(submit.fail_immediate, cases[i].immediate);
		assert_int_equal(r < 0, err.text[0] != '\0');
	}
}

static void test_fail_fast_and_max_fail(void **state)
{
	(void)state;
	struct made made = MAKE(NULL, "cmds", "--fail-fast");
	assert_int_equal(made.request.submit.max_fail, 1);
	done(&made);
	made = MAKE("options: {fail-fast: true}\n", "cmds", "--no-fail-fast");
	assert_int_equal(made.request.submit.max_fail, 0);
	done(&made);
	made = MAKE("options: {max-fail: 3}\n", "cmds", "--no-fail-fast");
	assert_int_equal(made.request.submit.max_fail, 0);
	done(&made);
	made = MAKE("options: {fail-fast: true}\n", "cmds", "--max-fail", "9");
	assert_int_equal(made.request.submit.max_fail, 9);
	done(&made);
}

/* The request must end with this exit code and a text that holds `part`. */
static void refused(struct made made, int code, const char *part)
{
	assert_int_equal(made.code, code);
	if (!strstr(made.err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", made.err.text, part);
	done(&made);
}

static void test_what_is_refused(void **state)
{
	(void)state;
	refused(MAKE(NULL, "cmds", "-E", "test("), EXIT_CODE_USAGE, "--filterset: ");
	refused(MAKE(NULL, "cmds", "--partition", "hash:4/3"), EXIT_CODE_USAGE, "--partition: ");
	refused(MAKE(NULL, "cmds", "--max-fail", "no"), EXIT_CODE_USAGE, "--max-fail: ");
	refused(MAKE(NULL, "absent"), EXIT_CODE_USAGE, "absent: ");
	refused(MAKE("overrides:\n  - {filter: \"test(\", retries: 1}\n", "cmds"), EXIT_CODE_CONFIG,
		"paddock.yaml:2: overrides.1.filter: ");
	refused(MAKE(NULL, "cmds", "--rerun", "failed", "--history", "none"), EXIT_CODE_USAGE,
		"--rerun failed: there is no history");
	refused(MAKE(NULL, "cmds", "--rerun", "failed", "--history", "/nonexistent/h"),
		EXIT_CODE_USAGE, "no run was recorded there yet");
}

static void test_quarantine_ends(void **state)
{
	(void)state;
	struct made made = MAKE("overrides:\n"
				"  - filter: test(a)\n"
				"    quarantine: {reason: x, expires: 2001-01-01}\n"
				"  - filter: test(b)\n"
				"    quarantine: {reason: x, expires: 2999-01-01}\n",
				"cmds");
	assert_int_equal(made.code, 0);
	assert_int_equal(made.request.submit.n_overrides, 2);
	assert_int_equal(made.request.submit.overrides[0].has, 0);
	assert_int_equal(made.request.submit.overrides[0].quarantine, 0);
	assert_int_equal(made.request.submit.overrides[1].has, MSG_OVERRIDE_QUARANTINE);
	done(&made);
}

static void test_jobs(void **state)
{
	(void)state;
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	char *args[] = { "-j7" };
	assert_in_range(request_jobs(conf), 1, LIMIT_SLOTS);
	assert_int_equal(conf_parse_args(conf, 1, args, NULL), 0);
	assert_int_equal(request_jobs(conf), 7);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_option_arrives),
		cmocka_unit_test(test_max_fail),
		cmocka_unit_test(test_fail_fast_and_max_fail),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_quarantine_ends),
		cmocka_unit_test(test_jobs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
