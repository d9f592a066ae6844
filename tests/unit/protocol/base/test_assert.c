// SPDX-License-Identifier: Apache-2.0
/* test_assert.c - a broken contract stops the process and says which. */
#include "protocol/base/assert.h"

#include "protocol/base/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned evaluations;

static int counted(int value)
{
	evaluations++;
	return value;
}

static void a_true_condition_is_evaluated_once(void **state)
{
	(void)state;
	ASSERT(counted(1));
	assert_int_equal(evaluations, 1);
}

static void a_false_one_aborts_and_names_itself(void **state)
{
	(void)state;
	const struct rlimit no_core = { 0, 0 };
	char text[512] = "";
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		ASSERT(evaluations == 12345);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "evaluations == 12345"));
	assert_non_null(strstr(text, "test_assert.c"));
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_true_condition_is_evaluated_once),
		cmocka_unit_test(a_false_one_aborts_and_names_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
