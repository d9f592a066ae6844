// SPDX-License-Identifier: Apache-2.0
/*
 * oneshot.c - the client of a keeper of its own: this same program, for one slot. Its end is ours:
 * when this process dies, the socket closes and the sandbox goes.
 */
#include "sandbox/oneshot.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "sandbox/client.h"
#include "sandbox/util.h"

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
	struct pollfd fds[2] = { { .fd = box_fd(box), .events = POLLIN },
				 { .fd = signals, .events = POLLIN } };
	bool asked = false;

	for (;;) {
		struct signalfd_siginfo info;
		int r;

		if (poll(fds, signals < 0 ? 1 : 2, -1) < 0 && errno != EINTR)
			return -errno;
		r = fds[0].revents ? box_receive(box, ret_result) : 0;
		if (r != 0)
			return r < 0 ? r : 0;
		if (signals >= 0 && (fds[1].revents & POLLIN) &&
		    read(signals, &info, sizeof(info)) > 0) {
			box_kill(box, 1, asked ? 0 : UINT64_MAX);
			asked = true;
		}
	}
}

int oneshot_run(const struct box_spec *spec, struct box_result *ret_result, struct box_error *err)
{
	static const int stdio[] = { 0, 1, 2 };
	AUTO_CLOSE int signals = -1;
	struct box *box;
	int r = client_open("/proc/self/exe", 1, "--on-demand", &box, err);

	if (r < 0)
		return r;
	signals = open_signals();
	r = box_spawn(box, 1, spec, stdio, 3);
	if (r == 0)
		r = await(box, signals, ret_result);
	box_close(box);
	if (r < 0)
		util_print(err->text, sizeof(err->text), "run %.200s: %s; the keeper ended early",
			   spec->argv[0], strerror(-r));
	return r;
}
