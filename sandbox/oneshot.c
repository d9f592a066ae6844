// SPDX-License-Identifier: Apache-2.0
/*
 * oneshot.c - the keeper and its client in one: the keeper is forked before anything else happens and serves one slot.
 * Its end is ours: when this process dies, the socket closes and the sandbox goes.
 */
#include "sandbox/oneshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/client.h"
#include "sandbox/proto.h"
#include "sandbox/result.h"
#include "sandbox/serve.h"
#include "sandbox/util.h"

/* The keeper as a child. 0 or -errno. */
static int fork_keeper(int *ret_fd, pid_t *ret_pid)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, PROTO_FD + 1);

		if (moved < 0 || dup2(moved, PROTO_FD) < 0)
			_exit(RESULT_EXIT_SETUP);
		if (pair[0] != PROTO_FD)
			close(pair[0]);
		if (pair[1] != PROTO_FD)
			close(pair[1]);
		close(moved);
		_exit(serve_run(1, true));
	}
	close(pair[1]);
	*ret_fd = pair[0];
	*ret_pid = pid;
	return 0;
}

/* Ctrl-C and friends end the payload, with its grace; a second one at once. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Until the result is there; 0 or -errno. */
static int await(struct box *box, int signals, struct box_result *ret_result)
{
	struct pollfd fds[2] = { { .fd = box_fd(box), .events = POLLIN }, { .fd = signals, .events = POLLIN } };
	bool asked = false;

	for (;;) {
		struct signalfd_siginfo info;
		int r;

		if (poll(fds, signals < 0 ? 1 : 2, -1) < 0 && errno != EINTR)
			return -errno;
		r = fds[0].revents ? box_receive(box, ret_result) : 0;
		if (r != 0)
			return r < 0 ? r : 0;
		if (signals >= 0 && (fds[1].revents & POLLIN) && read(signals, &info, sizeof(info)) > 0) {
			box_kill(box, 1, asked ? 0 : UINT64_MAX);
			asked = true;
		}
	}
}

int oneshot_run(const struct box_spec *spec, bool signals_kill, struct box_result *ret_result, struct box_error *err)
{
	static const int stdio[] = { 0, 1, 2 };
	AUTO_CLOSE int signals = -1;
	struct box *box;
	pid_t keeper = -1;
	int fd = -1;
	int r = fork_keeper(&fd, &keeper);

	if (r < 0) {
		util_print(err->text, sizeof(err->text), "start the keeper: %s; free some processes", strerror(-r));
		return r;
	}
	r = client_adopt(fd, keeper, 1, &box, err);
	if (r < 0)
		return r;
	if (signals_kill)
		signals = open_signals();
	r = box_spawn(box, 1, spec, stdio, 3);
	if (r == 0)
		r = await(box, signals, ret_result);
	box_close(box);
	if (r < 0)
		util_print(err->text, sizeof(err->text), "run %.200s: %s; the keeper ended early", spec->argv[0], strerror(-r));
	return r;
}
