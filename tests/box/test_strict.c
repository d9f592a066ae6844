// SPDX-License-Identifier: Apache-2.0
/* What level strict adds to the mounts, that it lets tests do their work, and devices by grant. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/fence.h"
#include "tests/kit/boxkit.h"
#include "tests/kit/temp.h"

/* Runs a script with a folder of ours as its input; returns its exit code. */
static int run_with_folder(enum box_level level, int folder)
{
	const char *argv[] = { "/bin/sh", "-c", "echo x >/proc/self/fd/0/made", NULL };
	struct box_spec spec = boxkit_spec(argv);
	struct pollfd pfd = { .fd = box_fd(boxkit.box), .events = POLLIN };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[] = { folder, null, null };

	spec.level = level;
	assert_int_equal(box_spawn(boxkit.box, 3, &spec, fds, 3), 0);
	while (box_receive(boxkit.box, &boxkit.result) == 0)
		(void)poll(&pfd, 1, -1);
	close(null);
	assert_int_equal(boxkit.result.cause, BOX_CAUSE_EXIT);
	return boxkit.result.exit_code;
}

/* It lies on a mount that is writable, and everybody may write to it: nothing else is in the way.
 */
static void a_folder_from_outside_stays_as_it_is(void **state)
{
	char path[256];
	int folder;

	(void)state;
	temp_folder(path, sizeof(path));
	assert_int_equal(chmod(path, 0777), 0);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(run_with_folder(BOX_LEVEL_DEFAULT, folder), 0);
	assert_int_equal(unlinkat(folder, "made", 0), 0);
	if (fence_version())
		assert_int_not_equal(run_with_folder(BOX_LEVEL_STRICT, folder), 0);
	assert_int_equal(unlinkat(folder, "made", 0) < 0, fence_version() != 0);
	close(folder);
	rmdir(path);
}

static void tests_can_do_their_work(void **state)
{
	const char *argv[] = {
		"/bin/sh", "-ec",
		"for dir in . /tmp /dev/shm /run /var/tmp $HOME; do cd $dir\n"
		"mkdir -p a/b c; echo x >a/b/f; mv a/b/f c/g; mv c a/d; mkfifo p\n"
		"ln -s d s; ln a/d/g h; : >h; cp /bin/true t; ./t\n"
		"rm h t s p; done; echo x >/dev/null; echo 500 >/proc/self/oom_score_adj\n"
		"echo y >/dev/stdout",
		NULL
	};
	const char *queues[] = { NULL, "need-buffers", "word=strict", NULL };
	struct box_spec spec = boxkit_spec(argv);
	char program[4096];
	struct box_bind shown = { .path = program };

	(void)state;
	spec.level = BOX_LEVEL_STRICT;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "y\n");
	snprintf(program, sizeof(program), "%s/hostile", getenv("PADDOCK_FIXTURES"));
	queues[0] = program;
	spec.argv = queues;
	spec.binds = &shown;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "works\n");
}

static void abstract_names_of_the_host_are_out_of_reach(void **state)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char program[4096], fact[128];
	const char *argv[] = { program, "abstract-socket", fact, NULL };
	struct box_bind shown = { .path = program };
	struct box_spec spec = boxkit_spec(argv);
	int length, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (fence_version() < 6)
		skip();
	snprintf(program, sizeof(program), "%s/hostile", getenv("PADDOCK_FIXTURES"));
	length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "box-strict-%d", getpid());
	snprintf(fact, sizeof(fact), "abstract=@%s", name.sun_path + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&name,
			      (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 +
				      (socklen_t)length),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	spec.binds = &shown;
	spec.network = BOX_NETWORK_HOST;
	boxkit_run(&boxkit, &spec);
	assert_memory_equal(boxkit.out, "open", 4);
	spec.level = BOX_LEVEL_STRICT;
	boxkit_run(&boxkit, &spec);
	boxkit_expect(&boxkit, "refused EPERM\n");
	close(fd);
}

static void devices_are_there_when_granted(void **state)
{
	static const struct {
		enum box_grant grant;
		const char *path;
	} all[] = { { BOX_GRANT_KVM, "/dev/kvm" },
		    { BOX_GRANT_FUSE, "/dev/fuse" },
		    { BOX_GRANT_TUN, "/dev/net/tun" } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const char *argv[] = { "/bin/sh", "-c", "exec 3<>$0 && echo open", all[i].path,
				       NULL };
		struct box_spec spec = boxkit_spec(argv);
		int fd = open(all[i].path, O_RDWR | O_CLOEXEC);

		spec.grants = all[i].grant;
		boxkit_run(&boxkit, &spec);
		if (fd >= 0) {
			boxkit_expect(&boxkit, "open\n");
		} else {
			assert_int_equal(boxkit.result.cause, BOX_CAUSE_REFUSED);
			assert_string_equal(boxkit.result.setup_object, all[i].path);
		}
		close(fd);
		/* The next run of the slot has none of it. */
		spec.grants = 0;
		boxkit_run(&boxkit, &spec);
		assert_int_not_equal(boxkit.result.exit_code, 0);
		assert_int_equal(boxkit.result.cause, BOX_CAUSE_EXIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_from_outside_stays_as_it_is),
		cmocka_unit_test(tests_can_do_their_work),
		cmocka_unit_test(abstract_names_of_the_host_are_out_of_reach),
		cmocka_unit_test(devices_are_there_when_granted),
	};

	return cmocka_run_group_tests(tests, boxkit_set_up, boxkit_tear_down);
}
