// SPDX-License-Identifier: Apache-2.0
/* What a level refuses is named, counted, lifted by its grant, and is what libseccomp makes of the
 * table. */
#include <errno.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/compile.h"
#include "sandbox/filter.h"
#include "tests/kit/boxkit.h"

static const struct box_refusal *find(const char *call)
{
	for (size_t i = 0; i < BOX_REFUSALS_MAX && boxkit.result.refusals[i].count; i++)
		if (strcmp(boxkit.result.refusals[i].call, call) == 0)
			return &boxkit.result.refusals[i];
	return NULL;
}

static void probe_for(enum box_level level, unsigned grants, const char *name,
		      uint64_t leak_grace_us)
{
	const char *argv[] = { boxkit_probe(), name, NULL };
	struct box_bind bind = { .path = boxkit_probe() };
	struct box_spec spec = boxkit_spec(argv);

	spec.level = level;
	spec.grants = grants;
	spec.binds = &bind;
	spec.n_binds = 1;
	spec.leak_grace_us = leak_grace_us;
	boxkit_run(&boxkit, &spec);
}

static void probe(enum box_level level, unsigned grants, const char *name)
{
	probe_for(level, grants, name, 0);
}

static void a_refusal_is_named_and_counted(void **state)
{
	(void)state;
	probe(BOX_LEVEL_DEFAULT, 0, "bpf");
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_EXIT);
	assert_non_null(find("bpf"));
	assert_int_equal(find("bpf")->count, 1);
	assert_int_equal(find("bpf")->grant, 0);
	assert_int_equal(find("bpf")->level, BOX_LEVEL_OFF);
	boxkit_sh(&boxkit, "true");
	assert_int_equal(boxkit.result.refusals[0].count, 0);
}

static void a_grant_lifts_it(void **state)
{
	(void)state;
	probe(BOX_LEVEL_DEFAULT, 0, "io_uring");
	assert_non_null(find("io_uring_setup"));
	assert_int_equal(find("io_uring_setup")->grant, BOX_GRANT_IO_URING);
	probe(BOX_LEVEL_DEFAULT, BOX_GRANT_IO_URING, "io_uring");
	assert_null(find("io_uring_setup"));
	probe(BOX_LEVEL_STRICT, 0, "ptrace-child");
	assert_non_null(find("ptrace"));
	probe(BOX_LEVEL_STRICT, BOX_GRANT_PTRACE, "ptrace-child");
	assert_null(find("ptrace"));
}

/* Threads and children start by clone3 first and fall back: that is no news. */
static void everyday_fallbacks_are_not_told(void **state)
{
	(void)state;
	boxkit_sh(&boxkit, "for i in 1 2 3; do /bin/true; done");
	assert_int_equal(boxkit.result.refusals[0].count, 0);
}

/* Processes that do nothing but refused calls: all counted, the deadline holds, none is left. */
static void a_flood_of_refusals_ends_in_time(void **state)
{
	const char *argv[] = { boxkit_probe(), "refused-flood", NULL };
	struct box_bind bind = { .path = boxkit_probe() };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.binds = &bind;
	spec.n_binds = 1;
	spec.wall_us = 700000;
	spec.grace_us = 1000;
	boxkit_run(&boxkit, &spec);
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_TIMEOUT);
	assert_non_null(find("keyctl"));
	assert_in_range(find("keyctl")->count, 1000, UINT32_MAX);
	boxkit_sh(&boxkit, "echo fine");
	boxkit_expect(&boxkit, "fine\n");
}

/* One that outlives its parent and is in the middle of a refused call is answered, not left over.
 */
static void a_child_is_answered_after_the_payload_is_gone(void **state)
{
	(void)state;
	/* Time enough on any machine: one that is not answered never ends. */
	probe_for(BOX_LEVEL_DEFAULT, 0, "refused-orphan", 10000000);
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_EXIT);
	assert_int_equal(boxkit.result.leftovers, 0);
	assert_non_null(find("keyctl"));
}

/* Every filter that is part of paddock-box is what libseccomp makes of the table, here and now. */
static void what_is_built_in_is_what_is_compiled(void **state)
{
	const unsigned all = BOX_GRANT_PTRACE | BOX_GRANT_IO_URING | BOX_GRANT_USERFAULTFD |
			     BOX_GRANT_PERF | BOX_GRANT_USERNS;
	struct sock_filter *compiled;
	size_t n;

	(void)state;
	for (enum box_level level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++)
		for (unsigned grants = 0; grants <= all; grants++) {
			const struct filter *built_in = filter_get(level, grants);

			assert_int_equal(compile_filter(level, grants, &compiled, &n), 0);
			assert_int_equal(built_in->n, n);
			assert_memory_equal(built_in->program, compiled, n * sizeof(*compiled));
			free(compiled);
		}
}

/* Reads the program of a running payload back, as only a very capable root may. */
static long read_filter(enum box_level level, struct sock_filter *out)
{
	const char *argv[] = { "/bin/sleep", "19.125", NULL };
	static const int fds[] = { 0, 1, 2 };
	struct box_spec spec = boxkit_spec(argv);
	pid_t pid;
	long n;
	int error;

	spec.level = level;
	assert_int_equal(box_spawn(boxkit.box, 1, &spec, fds, 3), 0);
	pid = boxkit_await_process("19.125");
	assert_true(pid > 0);
	n = ptrace(PTRACE_SEIZE, pid, 0, 0);
	if (n == 0)
		n = ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, NULL, 0) != pid ? -1
											    : 0;
	if (n == 0)
		n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, out);
	error = errno;
	assert_int_equal(box_kill(boxkit.box, 1, 0), 0);
	while (box_receive(boxkit.box, &boxkit.result) == 0)
		(void)waitpid(pid, NULL, WNOHANG);
	return n < 0 ? -error : n;
}

static void what_is_loaded_is_what_was_compiled(void **state)
{
	static struct sock_filter loaded[COMPILE_INSNS_MAX];

	(void)state;
	for (enum box_level level = BOX_LEVEL_STRICT; level < BOX_LEVEL_MAX; level++) {
		const struct filter *compiled = filter_get(level, 0);
		long n = read_filter(level, loaded);

		if (n == -EACCES || n == -EPERM)
			skip();
		assert_int_equal(n, compiled->n);
		assert_memory_equal(loaded, compiled->program, (size_t)n * sizeof(loaded[0]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_is_named_and_counted),
		cmocka_unit_test(a_grant_lifts_it),
		cmocka_unit_test(everyday_fallbacks_are_not_told),
		cmocka_unit_test(a_flood_of_refusals_ends_in_time),
		cmocka_unit_test(a_child_is_answered_after_the_payload_is_gone),
		cmocka_unit_test(what_is_built_in_is_what_is_compiled),
		cmocka_unit_test(what_is_loaded_is_what_was_compiled),
	};

	return cmocka_run_group_tests(tests, boxkit_set_up, boxkit_tear_down);
}
