// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - paddock-box: the keeper's entry, the one-shot program, the probe.
 *
 * One-shot is the keeper and its client in one: the keeper is forked before anything else happens and serves one
 * slot. Its end is ours: when this process dies, the socket closes and the sandbox goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/cli.h"
#include "sandbox/client.h"
#include "sandbox/probe.h"
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
		exit(serve_run(1, true));
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

static int report(const struct cli *cli, const struct box_result *result)
{
	FILE *out;

	result_explain(result, stderr);
	if (cli->json) {
		out = cli->json_fd == 2 ? stderr : fdopen(cli->json_fd, "w");
		if (!out) {
			fprintf(stderr, "paddock-box: write the record to descriptor %d: %s; open it in the caller\n", cli->json_fd,
				strerror(errno));
			return RESULT_EXIT_SETUP;
		}
		result_json(result, out);
		fflush(out);
	}
	return result_exit_code(result);
}

static int run(const struct cli *cli)
{
	static const int stdio[] = { 0, 1, 2 };
	struct box_error err;
	struct box_result result;
	struct box *box;
	pid_t keeper = -1;
	int signals = -1;
	int fd = -1;
	int r = fork_keeper(&fd, &keeper);

	if (r < 0) {
		fprintf(stderr, "paddock-box: start the keeper: %s; free some processes\n", strerror(-r));
		return RESULT_EXIT_SETUP;
	}
	if (client_adopt(fd, keeper, 1, &box, &err) < 0) {
		fprintf(stderr, "paddock-box: %s\n", err.text);
		return RESULT_EXIT_SETUP;
	}
	signals = open_signals();
	r = box_spawn(box, 1, &cli->spec, stdio, 3);
	if (r == 0)
		r = await(box, signals, &result);
	box_close(box);
	util_close(&signals);
	if (r < 0) {
		fprintf(stderr, "paddock-box: run %s: %s; the keeper ended early\n", cli->spec.argv[0], strerror(-r));
		return RESULT_EXIT_SETUP;
	}
	return report(cli, &result);
}

int main(int argc, char **argv)
{
	struct box_error err;
	struct cli cli;

	if (cli_parse(argc, argv, &cli, &err) < 0) {
		fprintf(stderr, "paddock-box: %s\n", err.text);
		return RESULT_EXIT_USAGE;
	}
	switch (cli.verb) {
	case CLI_SERVE:
		return serve_run(cli.slots, false);
	case CLI_PROBE:
		return probe_run(cli.json);
	case CLI_HELP:
		cli_help(stdout);
		return 0;
	case CLI_VERSION:
		puts("paddock-box " PADDOCK_VERSION " (" PADDOCK_BUILD_ID ")");
		return 0;
	case CLI_RUN:
		break;
	}
	return run(&cli);
}
