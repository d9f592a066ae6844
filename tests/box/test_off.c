// SPDX-License-Identifier: Apache-2.0
/* Level off: the payload is as bare as after fork and exec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"

static void run_off(const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	spec.level = BOX_LEVEL_OFF;
	boxkit_run(&boxkit, &spec);
}

static void namespaces_are_the_hosts(void **state)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char script[128];
		char path[64];
		char ours[64] = "";
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, ours, sizeof(ours) - 2);
		assert_true(n > 0);
		ours[n] = '\n';
		snprintf(script, sizeof(script), "readlink %s", path);
		run_off(script);
		boxkit_expect(&boxkit, ours);
	}
}

static void nothing_is_taken(void **state)
{
	(void)state;
	run_off("grep -E '^(NoNewPrivs|Seccomp:|SigIgn|SigBlk)' /proc/self/status | tr -d '\\t'");
	boxkit_expect(
		&boxkit,
		"SigBlk:0000000000000000\nSigIgn:0000000000000000\nNoNewPrivs:0\nSeccomp:0\n");
	run_off("env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)=' | sort | tr '\\n' ' '");
	boxkit_expect(&boxkit, "LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin ");
	run_off("test -t 0 && echo tty; ps -o sid= -p $$ | tr -d ' ' | grep -c \"^$$\\$\"");
	boxkit_expect(&boxkit, "1\n");
}

static void only_given_descriptors_are_open(void **state)
{
	const char *argv[] = { boxkit_probe(), "fds", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.level = BOX_LEVEL_OFF;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "0 1 2 \n");
}

static void usage_is_known(void **state)
{
	const char *argv[] = { boxkit_probe(), "grow", "100", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.level = BOX_LEVEL_OFF;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "ok\n");
	assert_true(boxkit.result.peak_bytes >= 100 << 20);
	assert_true(boxkit.result.user_us + boxkit.result.system_us > 1000);
	assert_true(boxkit.result.wall_us > 0);
}

static void many_runs_follow_each_other(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		run_off("exit 3");
		assert_int_equal(boxkit.result.cause, BOX_CAUSE_EXIT);
		assert_int_equal(boxkit.result.exit_code, 3);
		assert_int_equal(boxkit.result.leftovers, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_are_the_hosts),
		cmocka_unit_test(nothing_is_taken),
		cmocka_unit_test(only_given_descriptors_are_open),
		cmocka_unit_test(usage_is_known),
		cmocka_unit_test(many_runs_follow_each_other),
	};

	return cmocka_run_group_tests(tests, boxkit_set_up, boxkit_tear_down);
}
