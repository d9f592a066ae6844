// SPDX-License-Identifier: Apache-2.0
/* test_config.c - paddock.yaml: what it may say, and that each mistake is told with its line. */
#include "coordinator/cli/config.h"

#include "coordinator/cli/options.h"

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

static const char whole[] =
	"# a comment\n"
	"suites:\n"
	"  unit:\n"
	"    kind: gtest\n"
	"    path: build/unit\n"
	"    args: [build/unit, --fast]\n"
	"    env: {LANG: C, EMPTY: \"\"}\n"
	"    tags: [quick, cpu]\n"
	"    cwd: .\n"
	"    workspace: /srv/w\n"
	"    inputs: [data/a.txt]\n"
	"    timeout: 1m30s\n"
	"  \"with space/x\":\n"
	"    command: make check\n"
	"    env: {PATH: /bin}\n"
	"options:\n"
	"  jobs: 4\n"
	"  filterset: [\"test(a)\", \"test(b)\"]\n"
	"  fail-fast: true\n"
	"profiles:\n"
	"  ci:\n"
	"    retries: 2\n"
	"    jobs: 8\n"
	"    filterset: [\"test(c)\"]\n"
	"  nightly: {inherits: ci, repeat: 10, retries: 3}\n"
	"overrides:\n"
	"  - filter: test(/slow/)\n"
	"    timeout: 5m\n"
	"    locks: [db, port]\n"
	"  - {filter: all(), retries: 0, threads: 2, memory: 1G, isolate: yes}\n"
	"  - filter: test(known)\n"
	"    quarantine: {reason: broken upstream, owner: build, expires: 2026-12-31}\n";

static int parse(const char *text, struct config *config, struct err *err)
{
	return config_parse(str_of(text), "/src/paddock.yaml", &options_table, config, err);
}

static void test_whole_file(void **state)
{
	(void)state;
	struct config config;
	struct err err = { 0 };
	if (parse(whole, &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(config.folder, "/src");
	assert_int_equal(config.suites.len, 2);
	const struct config_suite *unit = config_suite(&config, STR_LIT("unit"));
	assert_non_null(unit);
	assert_string_equal(unit->kind, "gtest");
	assert_string_equal(unit->path, "/src/build/unit");
	assert_string_equal(unit->cwd, "/src");
	assert_string_equal(unit->workspace, "/srv/w");
	assert_string_equal(unit->inputs.items[0], "/src/data/a.txt");
	assert_int_equal(unit->timeout_us, 90000000);
	assert_int_equal(unit->args.len, 2);
	assert_string_equal(unit->args.items[1], "--fast");
	assert_int_equal(unit->env.len, 2);
	assert_string_equal(unit->env.items[0], "LANG=C");
	assert_string_equal(unit->env.items[1], "EMPTY=");
	assert_string_equal(unit->tags.items[1], "cpu");
	assert_int_equal(unit->line, 3);
	const struct config_suite *other = config_suite(&config, STR_LIT("with space/x"));
	assert_non_null(other);
	assert_string_equal(other->command, "make check");
	assert_null(other->path);
	assert_int_equal(other->env.len, 1);
	assert_string_equal(other->env.items[0], "PATH=/bin");
	assert_null(config_suite(&config, STR_LIT("nothing")));
	config_done(&config);
	config_done(NULL);
}

static void test_overrides(void **state)
{
	(void)state;
	struct config config;
	assert_int_equal(parse(whole, &config, NULL), 0);
	assert_int_equal(config.overrides.len, 3);
	const struct msg_override *first = &config.overrides.items[0].wire;
	assert_int_equal(first->has, MSG_OVERRIDE_TIMEOUT | MSG_OVERRIDE_LOCKS);
	assert_int_equal(first->timeout_us, 300000000);
	assert_int_equal(first->n_locks, 2);
	assert_true(str_eq(first->locks[1], STR_LIT("port")));
	const struct msg_override *second = &config.overrides.items[1].wire;
	assert_int_equal(second->has, MSG_OVERRIDE_RETRIES | MSG_OVERRIDE_THREADS |
					      MSG_OVERRIDE_MEMORY | MSG_OVERRIDE_ISOLATE);
	assert_int_equal(second->memory_bytes, 1 << 30);
	const struct config_override *third = &config.overrides.items[2];
	assert_int_equal(third->wire.quarantine, 1);
	assert_string_equal(third->quarantine_reason, "broken upstream");
	/* 2027-01-01T00:00:00Z */
	assert_int_equal(third->quarantine_until_us, UINT64_C(1798761600000000));
	config_done(&config);
}

/* Values of a run with these arguments and this file. */
static struct conf *applied(const char *text, char *profile)
{
	struct config config;
	struct err err = { 0 };
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	char *args[] = { "--profile", profile };
	assert_int_equal(conf_parse_args(conf, profile ? 2 : 0, args, &err), 0);
	assert_int_equal(parse(text, &config, &err), 0);
	if (config_apply(&config, conf, &err) < 0)
		fail_msg("%s", err.text);
	config_done(&config);
	return conf;
}

static void test_options_and_profiles(void **state)
{
	(void)state;
	size_t n;
	struct conf *conf = applied(whole, NULL);
	assert_int_equal(conf_u64(conf, OPTIONS_JOBS), 4);
	assert_int_equal(conf_source(conf, OPTIONS_JOBS), CONF_SOURCE_FILE);
	assert_true(conf_flag(conf, OPTIONS_FAIL_FAST));
	conf_list(conf, OPTIONS_FILTERSET, &n);
	assert_int_equal(n, 2);
	conf_free(conf);
	conf = applied(whole, "nightly");
	assert_int_equal(conf_u64(conf, OPTIONS_JOBS), 8);
	assert_int_equal(conf_u64(conf, OPTIONS_RETRIES), 3);
	assert_int_equal(conf_u64(conf, OPTIONS_REPEAT), 10);
	assert_string_equal(conf_list(conf, OPTIONS_FILTERSET, &n)[0], "test(c)");
	assert_int_equal(n, 1);
	conf_free(conf);
}

/* Applying this file with this profile must fail with a text that holds `part`. */
static void not_applied(const char *text, char *profile, const char *part)
{
	struct config config;
	struct err err = { 0 };
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	char *args[] = { "--profile", profile };
	assert_int_equal(conf_parse_args(conf, 2, args, &err), 0);
	assert_int_equal(parse(text, &config, &err), 0);
	assert_int_equal(config_apply(&config, conf, &err), -EINVAL);
	if (!strstr(err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
	config_done(&config);
	conf_free(conf);
}

static void test_wrong_profiles(void **state)
{
	(void)state;
	not_applied(whole, "nightl", "did you mean \"nightly\"?");
	not_applied(whole, "xyz", "there is no profile \"xyz\" in /src/paddock.yaml");
	not_applied("profiles:\n  a: {inherits: b}\n  b: {inherits: a}\n", "a", "in a circle");
	not_applied("profiles:\n  a: {inherits: b}\n", "a",
		    "/src/paddock.yaml:2: profiles.a: there");
	not_applied("profiles:\n  a:\n    retries: 1\n    jobs: many\n", "a",
		    "/src/paddock.yaml:4: jobs: \"many\" is not a whole number");
}

/* This text must be refused with exactly these words behind the file's name. */
static void refused(const char *text, const char *words)
{
	struct config config;
	struct err err = { 0 };
	int r = parse(text, &config, &err);
	if (r == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(r, -EINVAL);
	if (strncmp(err.text, "/src/paddock.yaml:", 18) != 0 || strcmp(err.text + 18, words) != 0)
		fail_msg("\"%s\" is not \"%s\"", err.text, words);
}

static void test_unknown_keys(void **state)
{
	(void)state;
	refused("suite:\n  a: {}\n", "1: suite: no such key; did you mean \"suites\"?");
	refused("suites:\n  unit:\n    path: x\n    knid: gtest\n",
		"4: suites.unit.knid: no such key; did you mean \"kind\"?");
	refused("options:\n\n\n  jbos: 3\n", "4: options.jbos: no such key; did you mean "
					     "\"jobs\"?");
	refused("profiles:\n  ci:\n    inherit: x\n",
		"3: profiles.ci.inherit: no such key; did you mean \"inherits\"?");
	refused("overrides:\n  - filter: all()\n    retries: 1\n  - filter: all()\n    retrys: 1\n",
		"5: overrides.2.retrys: no such key; did you mean \"retries\"?");
	refused("zzz: 1\n", "1: zzz: no such key; known are suites, options, profiles, overrides, "
			    "setup, teardown");
}

static void test_wrong_types(void **state)
{
	(void)state;
	refused("suites: [a, b]\n", "1: suites: needs keys with values here, found a list");
	refused("suites:\n  unit: build/unit\n",
		"2: suites.unit: needs keys with values here, found one value");
	refused("suites:\n  unit:\n    path: [a]\n",
		"3: suites.unit.path: needs one value here, found a list");
	refused("suites:\n  unit:\n    path: a\n    tags: quick\n",
		"4: suites.unit.tags: needs a list here, found one value");
	refused("suites:\n  unit:\n    path: a\n    tags:\n      - a\n      - [b]\n",
		"6: suites.unit.tags.2: needs one value here, found a list");
	refused("options:\n  filterset: x\n",
		"2: options.filterset: needs a list here, found one value");
	refused("- a\n", "1: needs keys with values here, found a list");
	refused("plain\n", "1: needs keys with values here, found one value");
	refused("overrides:\n  - retries: 1\n", "2: overrides.1: the key \"filter\" is missing");
}

static void test_wrong_values(void **state)
{
	(void)state;
	refused("suites:\n  u: {path: a, kind: gtset}\n",
		"2: suites.u.kind: \"gtset\" is no kind of suite that is known; did you mean "
		"\"gtest\"?");
	refused("suites:\n  u: {}\n", "2: suites.u: needs either a path or a command");
	refused("suites:\n  u: {path: a, command: b}\n",
		"2: suites.u: needs either a path or a command");
	refused("suites:\n  a::b: {path: a}\n", "2: suites.a::b: a name must not hold \"::\"");
	refused("suites:\n  u:\n    path: a\n    timeout: soon\n",
		"4: suites.u.timeout: not a duration; write it as 90, 1.5s or 1h30m");
	refused("overrides:\n  - {filter: all(), memory: lots}\n",
		"2: overrides.1.memory: not a size; write it as 512K, 64M or 1.5G");
	refused("overrides:\n  - filter: all()\n    isolate: perhaps\n",
		"3: overrides.1.isolate: neither true nor false");
	refused("overrides:\n  - filter: all()\n    retries: 1001\n",
		"3: overrides.1.retries: not a whole number up to 1000");
	refused("overrides:\n  - filter: all()\n    quarantine: {reason: x, expires: tomorrow}\n",
		"3: overrides.1.quarantine: not a date; write it as 2026-12-31");
	refused("overrides:\n  - filter: all()\n",
		"2: overrides.1: changes nothing: give timeout, retries, threads, memory, isolate, "
		"locks or quarantine");
	refused("setup: [a]\n", "1: setup: scripts around a run are not supported by this version; "
				"run them before and after paddock, and remove this key");
	refused("profiles:\n  a: {profile: b}\n",
		"2: profiles.a.profile: a profile takes another's options with \"inherits\"");
}

static void test_broken_yaml(void **state)
{
	(void)state;
	refused("suites:\n  a: {path: x}\n  a: {path: y}\n",
		"3: this key was given before; keep one of the two");
	refused("options: &o {jobs: 1}\nprofiles: {a: *o}\n",
		"2: aliases are not supported; write it out, or use a profile that inherits");
	refused("options: {jobs: 1\n", "2: not valid YAML: did not find expected ',' or '}', while "
				       "parsing a flow mapping that starts on line 1");
	refused("? [a]\n: 1\n", "1: a key must be plain text");
	refused("a: 1\n---\nb: 1\n", "2: a second document starts here; one is read");
	refused("options: {jobs: \"1\\0\"}\n", "1: a text holds a NUL byte");
	refused("\"a\\x1fb\": 1\n", "1: a key holds a control byte");
	refused("[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]\n", "1: nested too deeply");
}

/* `head`, then `n` lines: before, a number, behind. The caller frees. */
static char *many(const char *head, const char *before, const char *behind, size_t n)
{
	size_t size = strlen(head) + n * 64 + 1;
	char *text = malloc(size);
	assert_non_null(text);
	size_t len = (size_t)snprintf(text, size, "%s", head);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%zu%s\n", before, i, behind);
	return text;
}

static void test_large_files_have_an_end(void **state)
{
	(void)state;
	struct config config;
	struct err err = { 0 };
	char *text = many("suites:\n", "  s", ": {path: p}", 2000);
	assert_int_equal(parse(text, &config, &err), 0);
	assert_int_equal(config.suites.len, 2000);
	config_done(&config);
	free(text);
	text = many("suites:\n", "  s", ": {path: p}", 9000);
	assert_int_equal(parse(text, &config, &err), -E2BIG);
	assert_non_null(strstr(err.text, "more names of suites"));
	free(text);
	text = many("", "k", ": v", 70000);
	assert_int_equal(parse(text, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "more keys than a configuration may have"));
	free(text);
}

static void test_nothing_is_fine(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",	"\n\n",	      "# only a comment\n",
		"{}\n", "---\n...\n", "suites: {}\noptions: {}\noverrides: []\n"
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config config;
		struct err err = { 0 };
		if (parse(texts[i], &config, &err) < 0)
			fail_msg("\"%s\": %s", texts[i], err.text);
		assert_int_equal(config.suites.len, 0);
		config_done(&config);
	}
}

static void test_find_and_load(void **state)
{
	(void)state;
	char folder[] = "/tmp/test_config.XXXXXX", path[64], deep[64], *found;
	struct config config;
	struct err err = { 0 };
	assert_non_null(mkdtemp(folder));
	snprintf(deep, sizeof(deep), "%s/a", folder);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(config_find(deep, &found), -ENOENT);
	snprintf(path, sizeof(path), "%s/paddock.yaml", folder);
	assert_int_equal(config_load(path, &options_table, &config, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the configuration cannot be read: No such file"));
	FILE *file = fopen(path, "we");
	fputs("options: {jobs: 3}\n", file);
	fclose(file);
	assert_int_equal(config_find(deep, &found), 0);
	assert_string_equal(found, path);
	assert_int_equal(config_load(found, &options_table, &config, &err), 0);
	assert_int_equal(config.options.len, 1);
	config_done(&config);
	free(found);
	unlink(path);
	rmdir(deep);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_options_and_profiles),
		cmocka_unit_test(test_wrong_profiles),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_wrong_values),
		cmocka_unit_test(test_broken_yaml),
		cmocka_unit_test(test_nothing_is_fine),
		cmocka_unit_test(test_find_and_load),
		cmocka_unit_test(test_large_files_have_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
