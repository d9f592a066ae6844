// SPDX-License-Identifier: Apache-2.0
/* Limits that hold, counters that tell, and refusal where neither can be promised. ctest:
 * timeout=90 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"

static struct boxkit kit;
static bool has_memory;
static bool has_cpus;
static char one_cpu[16]; /* of those we may use */

static int open_kit(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	boxkit_open(&kit, 1);
	spec.memory_bytes = 64 << 20;
	boxkit_run(&kit, &spec);
	has_memory = kit.result.cause == BOX_CAUSE_EXIT;
	/* One or the other, never a quiet third thing. */
	assert_true(has_memory || kit.result.cause == BOX_CAUSE_REFUSED);
	snprintf(one_cpu, sizeof(one_cpu), "%d", sched_getcpu());
	spec.memory_bytes = 0;
	spec.cpuset = one_cpu;
	boxkit_run(&kit, &spec);
	has_cpus = kit.result.cause == BOX_CAUSE_EXIT;
	assert_true(has_cpus || kit.result.cause == BOX_CAUSE_REFUSED);
	return 0;
}

static int close_kit(void **state)
{
	(void)state;
	boxkit_close(&kit);
	return 0;
}

static struct box_spec probe_spec(const char *name, const char *argument)
{
	static const char *argv[4];

	argv[0] = boxkit_probe();
	argv[1] = name;
	argv[2] = argument;
	return boxkit_spec(argv);
}

static void memory_is_limited(void **state)
{
	struct box_spec spec = probe_spec("grow", "128");

	(void)state;
	if (!has_memory)
		skip();
	spec.memory_bytes = 64 << 20;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_OOM);
	assert_int_equal(kit.result.term_signal, SIGKILL);
	assert_true(kit.result.oom);
	assert_in_range(kit.result.peak_bytes, 48 << 20, 65 << 20);
	/* The same slot, wider: nothing of the last run sticks. */
	spec.memory_bytes = 256 << 20;
	boxkit_run(&kit, &spec);
	boxkit_expect(&kit, "ok\n");
	assert_false(kit.result.oom);
	assert_in_range(kit.result.peak_bytes, 125 << 20, 160 << 20);
	spec.memory_bytes = 0;
	boxkit_run(&kit, &spec);
	boxkit_expect(&kit, "ok\n");
}

/* Too little for what makes a sandbox: whoever the kernel kills, there is one result, and the next
 * run of the slot is none the worse. */
static void a_limit_below_all_ends_with_a_result(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	if (!has_memory)
		skip();
	for (uint64_t bytes = 100000; bytes < 3000000; bytes += bytes / 4) {
		spec.memory_bytes = bytes;
		boxkit_run(&kit, &spec);
		assert_int_not_equal(kit.result.cause, BOX_CAUSE_TIMEOUT);
	}
	spec.memory_bytes = 64 << 20;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
}

static void a_child_out_of_memory_is_not_the_payload(void **state)
{
	char script[5000];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	if (!has_memory)
		skip();
	snprintf(script, sizeof(script), "%s grow 256; echo $?; exit 0", boxkit_probe());
	spec.memory_bytes = 64 << 20;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_true(kit.result.oom);
}

static void processes_are_limited(void **state)
{
	struct box_spec spec = probe_spec("fork", "200");

	(void)state;
	spec.pids = 20;
	spec.leak_grace_us = 1000;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_non_null(strstr(kit.out, "EAGAIN"));
	assert_in_range(strtol(kit.out, NULL, 10), 5, 20);
	assert_true(kit.result.leftovers >= 5);
	if (has_memory)
		assert_true(kit.result.pids_limit);
}

static void processor_is_limited(void **state)
{
	struct box_spec spec = probe_spec("spin", "1000000");

	(void)state;
	spec.cpu_milli = 200;
	spec.wall_us = 1500000;
	spec.grace_us = 1000;
	boxkit_run(&kit, &spec);
	if (!has_memory) {
		assert_int_equal(kit.result.cause, BOX_CAUSE_REFUSED);
		return;
	}
	assert_int_equal(kit.result.cause, BOX_CAUSE_TIMEOUT);
	assert_true(kit.result.user_us + kit.result.system_us < kit.result.wall_us / 2);
}

static void processor_time_is_a_deadline(void **state)
{
	static const enum box_level levels[] = { BOX_LEVEL_DEFAULT, BOX_LEVEL_OFF };
	char script[10000];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };

	(void)state;
	if (!has_memory)
		skip();
	/* Two at once, whose parent waits for neither. */
	snprintf(script, sizeof(script), "trap '' CHLD; %s spin 60000 & %s spin 60000 & sleep 50",
		 boxkit_probe(), boxkit_probe());
	for (int i = 0; i < 2; i++) {
		struct box_spec spec = boxkit_spec(argv);

		spec.level = levels[i];
		spec.cpu_us = 1500000;
		spec.wall_us = 30000000;
		spec.grace_us = 1000;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_CPU_TIME);
		assert_in_range(kit.result.user_us + kit.result.system_us, 1500000, 1900000);
		assert_true(kit.result.wall_us < 20000000);
	}
}

static void what_stays_below_its_processor_time_ends_itself(void **state)
{
	struct box_spec spec = probe_spec("spin", "100");

	(void)state;
	if (!has_memory)
		skip();
	spec.cpu_us = 60000000;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
}

static void only_these_processors_are_used(void **state)
{
	static const char *const beyond[] = { "1023", "0-1023", "3-1" };
	struct box_spec spec = probe_spec("widen", NULL);
	char command[4200];
	int all = 0;
	FILE *outside;

	(void)state;
	if (!has_cpus)
		skip();
	snprintf(command, sizeof(command), "%s widen", boxkit_probe());
	outside = popen(command, "re");
	assert_non_null(outside);
	assert_int_equal(fscanf(outside, "%d", &all), 1);
	pclose(outside);
	boxkit_run(&kit, &spec);
	assert_int_equal(strtol(kit.out, NULL, 10), all);
	spec.cpuset = one_cpu;
	boxkit_run(&kit, &spec);
	boxkit_expect(&kit, "1\n");
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		spec.cpuset = beyond[i];
		spec.best_effort = false;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_REFUSED);
		assert_string_equal(kit.result.setup_step, "cgroup");
		spec.best_effort = true;
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
		assert_string_equal(kit.result.degraded, "cpus");
	}
	/* The same slot: nothing of it sticks. */
	spec.cpuset = NULL;
	boxkit_run(&kit, &spec);
	assert_int_equal(strtol(kit.out, NULL, 10), all);
}

/* Two spin on one processor until their wall deadline; bare, since set-up is counted, too. */
static void the_heavier_gets_more(void **state)
{
	struct box_spec spec = probe_spec("spin", "60000");
	uint64_t used_us[2];
	struct boxkit two;

	(void)state;
	if (!has_memory || !has_cpus)
		skip();
	boxkit_open(&two, 2);
	spec.level = BOX_LEVEL_OFF;
	spec.cpuset = one_cpu;
	spec.wall_us = 2500000;
	spec.grace_us = 1000;
	for (unsigned i = 0; i < 2; i++) {
		spec.slot = i;
		spec.cpu_weight = i ? 1000 : 20;
		assert_int_equal(box_spawn(two.box, i, &spec, NULL, 0), 0);
	}
	for (int i = 0; i < 2; i++) {
		struct pollfd pfd = { .fd = box_fd(two.box), .events = POLLIN };

		while (box_receive(two.box, &two.result) == 0)
			(void)poll(&pfd, 1, -1);
		assert_int_equal(two.result.cause, BOX_CAUSE_TIMEOUT);
		assert_string_equal(two.result.degraded, "");
		used_us[two.result.slot] = two.result.user_us + two.result.system_us;
	}
	boxkit_close(&two);
	assert_true(used_us[1] > 2 * used_us[0]);
}

static void private_files_are_counted(void **state)
{
	const char *argv[] = {
		"/bin/sh", "-c",
		"i=0; while echo >/tmp/$i; do i=$((i + 1)); done 2>/dev/null; echo $i", NULL
	};
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.tmp_inodes = 200;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_in_range(strtol(kit.out, NULL, 10), 180, 200);
}

static void processor_time_is_counted(void **state)
{
	char script[5000];
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	/* Also what nobody waited for. */
	snprintf(script, sizeof(script), "(%s spin 200 & ) ; sleep 0.3", boxkit_probe());
	spec.leak_grace_us = 5000000;
	boxkit_run(&kit, &spec);
	assert_true(kit.result.user_us + kit.result.system_us > 50000);
}

static void private_files_are_limited(void **state)
{
	const char *argv[] = {
		"/bin/sh", "-c",
		"head -c 3000000 /dev/zero >/tmp/a && head -c 3000000 /dev/zero >$HOME/b; echo $?",
		NULL
	};
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.tmp_bytes = 4 << 20;
	boxkit_run(&kit, &spec);
	assert_non_null(strstr(kit.out, "No space left"));
	spec = probe_spec("write", "/tmp/x");
	spec.file_bytes = 100;
	boxkit_run(&kit, &spec);
	boxkit_expect(&kit, "ok\n");
}

static void cores_are_off(void **state)
{
	(void)state;
	boxkit_sh(&kit, "ulimit -c; ulimit -v");
	boxkit_expect(&kit, "0\nunlimited\n");
}

static void best_effort_says_what_it_dropped(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.memory_bytes = 64 << 20;
	spec.cpu_milli = 500;
	spec.cpu_weight = 10;
	spec.cpu_us = 10000000;
	spec.best_effort = true;
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_string_equal(kit.result.degraded,
			    has_memory ? "" : "memory,cpu,cpu-weight,cpu-time");
}

static void a_missing_program_is_a_set_up_failure(void **state)
{
	static const enum box_level levels[] = { BOX_LEVEL_DEFAULT, BOX_LEVEL_OFF };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *argv[] = { "no-such-program", NULL };
		struct box_spec spec = boxkit_spec(argv);

		spec.level = levels[i];
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
		assert_string_equal(kit.result.setup_step, "exec");
		assert_string_equal(kit.result.setup_object, "no-such-program");
		assert_int_equal(kit.result.setup_errno, ENOENT);
	}
}

static void long_specs_travel_too(void **state)
{
	enum { WORDS = 3000 };
	static char word[100];
	static const char *argv[WORDS + 4];
	struct box_spec spec;
	char expected[32];

	(void)state;
	memset(word, 'w', sizeof(word) - 1);
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = "echo $#";
	for (int i = 0; i < WORDS; i++)
		argv[3 + i] = word;
	spec = boxkit_spec(argv);
	boxkit_run(&kit, &spec);
	snprintf(expected, sizeof(expected), "%d\n", WORDS - 1);
	boxkit_expect(&kit, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_limited),
		cmocka_unit_test(a_limit_below_all_ends_with_a_result),
		cmocka_unit_test(a_child_out_of_memory_is_not_the_payload),
		cmocka_unit_test(processes_are_limited),
		cmocka_unit_test(processor_is_limited),
		cmocka_unit_test(processor_time_is_a_deadline),
		cmocka_unit_test(what_stays_below_its_processor_time_ends_itself),
		cmocka_unit_test(only_these_processors_are_used),
		cmocka_unit_test(the_heavier_gets_more),
		cmocka_unit_test(private_files_are_counted),
		cmocka_unit_test(processor_time_is_counted),
		cmocka_unit_test(private_files_are_limited),
		cmocka_unit_test(cores_are_off),
		cmocka_unit_test(best_effort_says_what_it_dropped),
		cmocka_unit_test(a_missing_program_is_a_set_up_failure),
		cmocka_unit_test(long_specs_travel_too),
	};

	return cmocka_run_group_tests(tests, open_kit, close_kit);
}
