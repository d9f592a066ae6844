// SPDX-License-Identifier: Apache-2.0
/* What a payload at level default cannot do to the host, and what it must still be able to do. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"

static void namespaces_are_its_own(void **state)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64];
		char ours[64];
		ssize_t n;
		const char *argv[] = { "/bin/readlink", path, NULL };
		struct box_spec spec = boxkit_spec(argv);

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		n = readlink(path, ours, sizeof(ours) - 1);
		assert_true(n > 0);
		ours[n] = '\0';
		boxkit_run(&boxkit, &spec);
		assert_int_equal(boxkit.result.exit_code, 0);
		boxkit.out[strcspn(boxkit.out, "\n")] = '\0';
		assert_memory_equal(boxkit.out, kinds[i], strlen(kinds[i]));
		assert_string_not_equal(boxkit.out, ours);
	}
}

/* Each with the answer of a kernel that has refused, or of one too old to know. */
static void system_calls_are_refused(void **state)
{
	static const char *const table[][3] = {
		{ "unknown", "", "ENOSYS\n" },
		{ "clone3", "", "ENOSYS\n" },
		{ "mount", "/tmp", "EPERM\n" },
		{ "unshare", "0x10000000", "EPERM\n" },
		{ "unshare", "0x20000", "EPERM\n" },
		{ "unshare", "0x200", "ok\n" },
		{ "clone-user", "", "EPERM\n" },
		{ "socket", "40", "EAFNOSUPPORT\n" },
		{ "socket", "17", "EPERM\n" },
		{ "tiocsti", "", "EPERM\n" },
		{ "bpf", "", "EPERM\n" },
		{ "io_uring", "", "EPERM\n" },
		{ "keyctl", "", "EPERM\n" },
		{ "mknod", "/tmp/node", "EPERM\n" },
		{ "ptrace-init", "", "EPERM\n" },
		{ "nice", "", "EPERM\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		boxkit_probe_run(&boxkit, table[i][0], table[i][1]);
		boxkit_expect(&boxkit, table[i][2]);
	}
}

static void other_architectures_are_killed(void **state)
{
	(void)state;
#if defined(__x86_64__)
	boxkit_probe_run(&boxkit, "ia32", NULL);
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_SIGNAL);
	assert_int_equal(boxkit.result.term_signal, SIGSYS);
	assert_string_equal(boxkit.out, "");
	boxkit_probe_run(&boxkit, "x32", NULL);
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_SIGNAL);
	assert_int_equal(boxkit.result.term_signal, SIGSYS);
#else
	skip();
#endif
}

static void tests_can_do_their_work(void **state)
{
	/* Where only one id is mapped another one is not forbidden but invalid. */
	const char *alone = getenv("BOX_SINGLE_ID");
	const char *refused = alone && *alone ? "EINVAL\n" : "EPERM\n";
	const char *const table[][3] = {
		{ "bind", "80", "ok\n" },	    { "bind6", "", "ok\n" },
		{ "look-up", "127.0.0.1", "ok\n" }, { "ptrace-child", "", "ok\n" },
		{ "write", "/dev/shm/x", "ok\n" },  { "write", "/var/tmp/x", "ok\n" },
		{ "chown", "/tmp/x", refused },	    { "setuid", "", refused },
		{ "fds", "", "0 1 2 \n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		boxkit_probe_run(&boxkit, table[i][0], table[i][1]);
		boxkit_expect(&boxkit, table[i][2]);
	}
}

static void no_rights_are_left(void **state)
{
	(void)state;
	boxkit_sh(&boxkit, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\\t'");
	boxkit_expect(&boxkit, "CapInh:0000000000000000\nCapPrm:0000000000000000\n"
			       "CapEff:0000000000000000\nCapBnd:0000000000000000\n"
			       "CapAmb:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
}

static void the_host_is_read_only(void **state)
{
	static const char *const paths[] = { "/etc/box-marker", "/usr/box-marker", "/box-marker" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		boxkit_probe_run(&boxkit, "write", paths[i]);
		boxkit_expect(&boxkit, "EROFS\n");
		assert_int_equal(access(paths[i], F_OK), -1);
	}
	boxkit_probe_run(&boxkit, "write", "/proc/sys/kernel/core_pattern");
	assert_true(strcmp(boxkit.out, "EACCES\n") == 0 || strcmp(boxkit.out, "EROFS\n") == 0);
	boxkit_probe_run(&boxkit, "read", "/etc/shadow");
	boxkit_expect(&boxkit, "EACCES\n");
	boxkit_probe_run(&boxkit, "read", "/proc/1/environ");
	boxkit_expect(&boxkit, "EACCES\n");
}

static void private_folders_are_empty_and_vanish(void **state)
{
	char marker[64];
	char script[256];

	(void)state;
	snprintf(marker, sizeof(marker), "/tmp/box-marker-%d", (int)getpid());
	snprintf(script, sizeof(script),
		 "for d in /tmp /var/tmp /dev/shm $HOME; do >$d/box-marker-%d || exit 1; done",
		 (int)getpid());
	boxkit_sh(&boxkit, script);
	assert_int_equal(boxkit.result.exit_code, 0);
	assert_int_equal(access(marker, F_OK), -1);
	snprintf(script, sizeof(script), "ls /tmp /dev/shm | grep box-marker-%d", (int)getpid());
	boxkit_sh(&boxkit, script);
	assert_int_equal(boxkit.result.exit_code, 1);
}

static void it_is_who_the_user_is(void **state)
{
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected), "%u %u\n", getuid(), getgid());
	boxkit_sh(&boxkit, "echo $(id -u) $(id -g)");
	boxkit_expect(&boxkit, expected);
	/* Outside it is nobody who owns anything: its files are not readable as root's. */
	boxkit_sh(&boxkit, "read inside outside count </proc/self/uid_map; echo $((outside > 0))");
	if (getuid() == 0)
		boxkit_expect(&boxkit, "1\n");
}

static void it_sees_only_itself(void **state)
{
	(void)state;
	boxkit_sh(&boxkit,
		  "set -- /proc/[0-9]*; echo $#; grep -c : /proc/net/dev; ls /dev | tr '\\n' ' '");
	boxkit_expect(&boxkit,
		      "2\n1\nfd full mqueue null ptmx pts random shm stderr stdin stdout tty "
		      "urandom zero ");
}

static void killing_all_hits_only_itself(void **state)
{
	(void)state;
	boxkit_sh(&boxkit, "sleep 100 & trap '' TERM; kill -TERM -1; wait; echo done");
	boxkit_expect(&boxkit, "done\n");
}

static void strict_takes_more_and_permissive_less(void **state)
{
	const char *argv[] = { boxkit_probe(), "ptrace-child", NULL };
	const char *unshare[] = { boxkit_probe(), "unshare", "0x10000000", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.level = BOX_LEVEL_STRICT;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "EPERM\n");
	spec.level = BOX_LEVEL_PERMISSIVE;
	spec.argv = unshare;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "ok\n");
}

static void network_kinds_differ(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "cat /sys/class/net/lo/operstate", NULL };
	const char *link[] = { "/bin/readlink", "/proc/self/ns/net", NULL };
	struct box_spec spec = boxkit_spec(argv);
	char ours[64] = "";
	ssize_t n = readlink("/proc/self/ns/net", ours, sizeof(ours) - 2);

	(void)state;
	assert_true(n > 0);
	memcpy(ours + n, "\n", 2);
	spec.network = BOX_NETWORK_HOST;
	spec.argv = link;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, ours);
	spec.network = BOX_NETWORK_NONE;
	boxkit_run(&boxkit, &spec);
	assert_string_not_equal(boxkit.out, ours);
}

/* The inode of the network a run was in. */
static unsigned long network_of(enum box_network network)
{
	const char *argv[] = { "/bin/readlink", "/proc/self/ns/net", NULL };
	struct box_spec spec = boxkit_spec(argv);
	const char *number;

	spec.network = network;
	boxkit_run(&boxkit, &spec);
	assert_int_equal(boxkit.result.exit_code, 0);
	number = strchr(boxkit.out, '[');
	assert_non_null(number);
	return strtoul(number + 1, NULL, 10);
}

/* Only the mode that is named for it uses a network again, and nobody else gets it then. */
static void networks_serve_one_run(void **state)
{
	unsigned long first = network_of(BOX_NETWORK_LOOPBACK);
	unsigned long second = network_of(BOX_NETWORK_LOOPBACK);
	unsigned long reused = network_of(BOX_NETWORK_REUSE);
	unsigned long again = network_of(BOX_NETWORK_REUSE);
	unsigned long fresh = network_of(BOX_NETWORK_LOOPBACK);

	(void)state;
	assert_int_not_equal(first, second);
	assert_int_equal(reused, again);
	assert_int_not_equal(fresh, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_are_its_own),
		cmocka_unit_test(system_calls_are_refused),
		cmocka_unit_test(other_architectures_are_killed),
		cmocka_unit_test(tests_can_do_their_work),
		cmocka_unit_test(no_rights_are_left),
		cmocka_unit_test(the_host_is_read_only),
		cmocka_unit_test(private_folders_are_empty_and_vanish),
		cmocka_unit_test(it_is_who_the_user_is),
		cmocka_unit_test(it_sees_only_itself),
		cmocka_unit_test(killing_all_hits_only_itself),
		cmocka_unit_test(strict_takes_more_and_permissive_less),
		cmocka_unit_test(network_kinds_differ),
		cmocka_unit_test(networks_serve_one_run),
	};

	return cmocka_run_group_tests(tests, boxkit_set_up, boxkit_tear_down);
}
