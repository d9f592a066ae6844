// SPDX-License-Identifier: Apache-2.0
/*
 * How many system calls one more start takes, of keeper, zygote, init and payload together, what is
 * made ahead included. The number may only go down: lower CALLS_MAX when it does. It leaves room
 * for how the C library of a host starts /bin/true.
 *
 * Started with a number it is the one that is counted: an owner that starts so many payloads.
 *
 * ctest: timeout=120
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"

enum { CALLS_MAX = 249, FEW = 4, MANY = 24 };

/* Nothing of the spec depends on where the tree lies: each folder on the way to a bind is a call.
 */
static int start(long n)
{
	static struct boxkit kit;
	static const int fds[] = { 0, 1, 2 };
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	boxkit_open(&kit, 1);
	for (long i = 1; i <= n; i++) {
		struct pollfd pfd = { .fd = box_fd(kit.box), .events = POLLIN };

		assert_int_equal(box_spawn(kit.box, (uint64_t)i, &spec, fds, 3), 0);
		while (box_receive(kit.box, &kit.result) == 0)
			(void)poll(&pfd, 1, -1);
	}
	boxkit_close(&kit);
	return kit.result.exit_code;
}

/* The total of strace's table: its last line, "100.00 SECONDS USECS CALLS ERRORS total". */
static long count(const char *self, int starts)
{
	char command[4400], line[256], last[256] = "";
	long calls = -1;
	FILE *table;

	snprintf(command, sizeof(command), "strace -f -qq -c %s %d 2>&1", self, starts);
	table = popen(command, "r");
	assert_non_null(table);
	while (fgets(line, sizeof(line), table))
		memcpy(last, line, sizeof(last));
	if (pclose(table) != 0)
		return -1;
	return sscanf(last, "%*s %*s %*s %ld", &calls) == 1 ? calls : -1;
}

static void a_start_takes_few_calls(void **state)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	long few, many;

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* a sanitizer makes calls of its own */
#endif
	/* Where nothing may be traced, as in some containers, there is nothing to count. */
	if (system("strace -qq -o /dev/null true 2>/dev/null") != 0)
		skip();
	few = count(self, FEW);
	many = count(self, MANY);
	assert_true(few > 0);
	print_message("%ld calls for one more start\n", (many - few) / (MANY - FEW));
	assert_in_range((many - few) / (MANY - FEW), 50, CALLS_MAX);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_start_takes_few_calls) };

	if (argc == 2)
		return start(strtol(argv[1], NULL, 10));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
