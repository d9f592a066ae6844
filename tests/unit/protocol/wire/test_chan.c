// SPDX-License-Identifier: Apache-2.0
/*
 * test_chan.c - requests and replies over real sockets: order, loss, restart, hostile peers, and
 * what must not be destroyed. Other processes are this program started again with a role, since
 * nothing may fork once the library runs. ctest: timeout=60
 */
#include "protocol/wire/chan.h"
#include "protocol/wire/limits.h"
#include "tests/kit/temp.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, POLLERS = 2, POLLS_EACH = 500 };

extern char **environ;

static char folder[64], ipc[CHAN_URL_BYTES], tcp[CHAN_URL_BYTES];

/* -------- helpers -------- */

static bool readable(int fd, int wait_ms)
{
	struct pollfd watched = { .fd = fd, .events = POLLIN };
	int r;
	do
		r = poll(&watched, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	return r == 1;
}

/* The next request, waited for. */
static struct str next_request(struct chan_server *server, struct chan_peer *ret_peer)
{
	struct str frame = { NULL, 0 };
	int r;
	while ((r = chan_server_receive(server, &frame, ret_peer)) == 0)
		if (!readable(chan_server_fd(server), PATIENCE_MS))
			fail_msg("no request came");
	assert_int_equal(r, 1);
	return frame;
}

static struct str next_reply(struct chan_client *client)
{
	struct str frame = { NULL, 0 };
	int r;
	while ((r = chan_client_receive(client, &frame)) == 0)
		if (!readable(chan_client_fd(client), PATIENCE_MS))
			fail_msg("no reply came");
	assert_int_equal(r, 1);
	return frame;
}

static struct chan_server *listening(const char *url)
{
	struct chan_server *server;
	struct err err = { 0 };
	assert_int_equal(chan_server_new(&server, &err), 0);
	if (chan_server_listen(server, url, &err) != 0)
		fail_msg("%s", err.text);
	return server;
}

static struct chan_client *dialled(const char *url)
{
	struct chan_client *client;
	struct err err = { 0 };
	if (chan_client_new(url, &client, &err) != 0)
		fail_msg("%s", err.text);
	return client;
}

static void ask(struct chan_client *client, const char *text)
{
	assert_int_equal(chan_client_send(client, str_of(text)), 0);
	/* A connection may have to come first: receiving is what lets the frame go then. */
	struct str none;
	assert_int_equal(chan_client_receive(client, &none), 0);
}

/* One request there and one reply back, in this process. */
static void echo(struct chan_server *server, struct chan_client *client, const char *text)
{
	struct chan_peer peer;
	struct str frame;
	int r;
	ask(client, text);
	while ((r = chan_server_receive(server, &frame, &peer)) == 0) {
		struct str none;
		assert_int_equal(chan_client_receive(client, &none), 0);
		(void)readable(chan_server_fd(server), 10);
	}
	assert_int_equal(r, 1);
	assert_true(str_eq(frame, str_of(text)));
	assert_int_equal(chan_server_reply(server, &peer, frame), 0);
	assert_true(str_eq(next_reply(client), str_of(text)));
}

/* This program again, as `role` with `url`. */
static pid_t start(const char *role, const char *url)
{
	char *argv[] = { (char *)"test", (char *)role, (char *)url, NULL };
	pid_t pid;
	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	return pid;
}

static int ended(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

static void kill_hard(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_true(WIFSIGNALED(ended(pid)));
}

static int open_fds(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* -------- roles of other processes -------- */

static int role_echo(const char *url)
{
	struct chan_server *server;
	struct chan_peer peer;
	struct str frame;
	if (chan_server_new(&server, NULL) < 0 || chan_server_listen(server, url, NULL) < 0)
		return 1;
	while (readable(chan_server_fd(server), PATIENCE_MS))
		while (chan_server_receive(server, &frame, &peer) > 0)
			if (chan_server_reply(server, &peer, frame) < 0)
				return 1;
	return 2;
}

/* Many clients, each with one parked poll; done when each has its own bytes back. */
static int role_polls(const char *url)
{
	static struct chan_client *clients[POLLS_EACH];
	static struct pollfd watched[POLLS_EACH];
	char text[32];
	for (int i = 0; i < POLLS_EACH; i++) {
		snprintf(text, sizeof(text), "%d.%d", getpid(), i);
		if (chan_client_new(url, &clients[i], NULL) < 0 ||
		    chan_client_send(clients[i], str_of(text)) < 0)
			return 1;
		watched[i] = (struct pollfd){ .fd = chan_client_fd(clients[i]), .events = POLLIN };
	}
	for (int left = POLLS_EACH; left;) {
		if (poll(watched, POLLS_EACH, PATIENCE_MS) <= 0)
			return 2;
		for (int i = 0; i < POLLS_EACH; i++) {
			struct str frame;
			if (!watched[i].revents || chan_client_receive(clients[i], &frame) != 1)
				continue;
			snprintf(text, sizeof(text), "%d.%d", getpid(), i);
			if (!str_eq(frame, str_of(text)))
				return 3;
			watched[i].fd = -1;
			left--;
		}
	}
	return 0;
}

/* -------- the tests -------- */

static void replies_come_back_over_both_transports(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct err err = { 0 };
	assert_int_equal(chan_server_listen(server, tcp, &err), 0);
	struct chan_client *near = dialled(ipc), *far = dialled(tcp);
	for (int i = 0; i < 20; i++) {
		echo(server, near, "near");
		echo(server, far, "far");
	}
	assert_int_equal(chan_server_parked(server), 0);
	assert_int_equal(chan_server_counts(server).received, 40);
	assert_int_equal(chan_server_counts(server).replied, 40);
	chan_client_free(near);
	chan_client_free(far);
	chan_server_free(server);
}

static void parked_requests_are_answered_in_any_order(void **state)
{
	(void)state;
	enum { N = 5 };
	struct chan_server *server = listening(ipc);
	struct chan_client *clients[N];
	struct chan_peer peers[N];
	char texts[N][24];
	for (int i = 0; i < N; i++) {
		clients[i] = dialled(ipc);
		echo(server, clients[i], "connected");
		snprintf(texts[i], sizeof(texts[i]), "poll %d", i);
		ask(clients[i], texts[i]);
		assert_true(str_eq(next_request(server, &peers[i]), str_of(texts[i])));
	}
	assert_int_equal(chan_server_parked(server), N);
	for (int i = N - 1; i >= 0; i--) {
		assert_int_equal(chan_server_reply(server, &peers[i], str_of(texts[i])), 0);
		assert_int_equal(peers[i].request, 0);
	}
	for (int i = 0; i < N; i++) {
		assert_true(str_eq(next_reply(clients[i]), str_of(texts[i])));
		chan_client_free(clients[i]);
	}
	chan_server_free(server);
}

static void a_second_request_supersedes_the_parked_one(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc);
	struct chan_peer first, second;
	echo(server, client, "connected");
	ask(client, "first");
	next_request(server, &first);
	ask(client, "second");
	assert_true(str_eq(next_request(server, &second), STR_LIT("second")));
	assert_int_equal(chan_server_parked(server), 1);
	assert_int_equal(chan_server_reply(server, &first, STR_LIT("to first")), -ESTALE);
	assert_int_equal(chan_server_reply(server, &second, STR_LIT("to second")), 0);
	assert_true(str_eq(next_reply(client), STR_LIT("to second")));
	assert_int_equal(chan_server_counts(server).superseded, 1);
	chan_client_free(client);
	chan_server_free(server);
}

static void a_reply_to_an_older_request_is_not_taken(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc);
	struct chan_peer peer;
	struct str frame;
	echo(server, client, "connected");
	ask(client, "old");
	next_request(server, &peer);
	assert_int_equal(chan_server_reply(server, &peer, STR_LIT("late")), 0);
	assert_true(readable(chan_client_fd(client), PATIENCE_MS));
	assert_int_equal(chan_client_send(client, STR_LIT("new")), 0);
	assert_int_equal(chan_client_receive(client, &frame), 0);
	next_request(server, &peer);
	assert_int_equal(chan_server_reply(server, &peer, STR_LIT("right")), 0);
	assert_true(str_eq(next_reply(client), STR_LIT("right")));
	chan_client_free(client);
	chan_server_free(server);
}

static void a_request_sent_twice_is_answered_once(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc);
	struct chan_peer one, two;
	struct str frame;
	assert_int_equal(chan_client_resend(client), -ENOENT);
	echo(server, client, "connected");
	ask(client, "again");
	next_request(server, &one);
	assert_int_equal(chan_client_resend(client), 0);
	assert_true(str_eq(next_request(server, &two), STR_LIT("again")));
	assert_int_equal(chan_server_reply(server, &two, STR_LIT("yes")), 0);
	assert_int_equal(chan_server_reply(server, &one, STR_LIT("yes")), -ESTALE);
	assert_true(str_eq(next_reply(client), STR_LIT("yes")));
	assert_int_equal(chan_client_receive(client, &frame), 0);
	assert_int_equal(chan_client_resend(client), -ENOENT);
	chan_client_free(client);
	chan_server_free(server);
}

static void reopening_sends_the_outstanding_request_again(void **state)
{
	(void)state;
	struct chan_server *server = listening(tcp);
	struct chan_client *client = dialled(tcp);
	struct chan_peer old, new;
	struct str none;
	int fd = chan_client_fd(client);
	echo(server, client, "connected");
	ask(client, "half open");
	next_request(server, &old);
	assert_int_equal(chan_client_reopen(client), 0);
	assert_int_equal(chan_client_fd(client), fd);
	while (!readable(chan_server_fd(server), 0)) {
		assert_int_equal(chan_client_receive(client, &none), 0);
		(void)readable(fd, 10);
	}
	assert_true(str_eq(next_request(server, &new), STR_LIT("half open")));
	assert_int_equal(chan_server_parked(server), 2);
	assert_int_equal(chan_server_reply(server, &old, STR_LIT("into the void")), 0);
	assert_int_equal(chan_server_reply(server, &new, STR_LIT("whole")), 0);
	assert_true(str_eq(next_reply(client), STR_LIT("whole")));
	chan_client_free(client);
	chan_server_free(server);
}

static void dropped_requests_are_forgotten(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc);
	struct chan_peer peer, copy, none = { 0, 0 };
	echo(server, client, "connected");
	ask(client, "never answered");
	next_request(server, &peer);
	copy = peer;
	chan_server_drop(server, &peer);
	assert_int_equal(peer.request, 0);
	assert_int_equal(chan_server_parked(server), 0);
	chan_server_drop(server, &none);
	assert_int_equal(chan_server_reply(server, &copy, STR_LIT("too late")), -ESTALE);
	chan_client_free(client);
	chan_server_free(server);
}

static void asking_again_elsewhere_leaves_nothing_behind(void **state)
{
	(void)state;
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc), *elsewhere = dialled(ipc);
	struct chan_peer held = { 0, 0 }, newer;
	echo(server, client, "connected");
	echo(server, elsewhere, "connected");
	ask(client, "poll");
	next_request(server, &newer);
	chan_server_renew(server, &held, newer);
	assert_int_equal(chan_client_resend(client), 0);
	next_request(server, &newer);
	chan_server_renew(server, &held, newer);
	assert_int_equal(chan_server_parked(server), 1);
	ask(elsewhere, "poll");
	next_request(server, &newer);
	chan_server_renew(server, &held, newer);
	assert_int_equal(chan_server_parked(server), 1);
	assert_int_equal(chan_server_reply(server, &held, STR_LIT("orders")), 0);
	assert_true(str_eq(next_reply(elsewhere), STR_LIT("orders")));
	assert_int_equal(chan_server_parked(server), 0);
	chan_client_free(client);
	chan_client_free(elsewhere);
	chan_server_free(server);
}

static void the_largest_frame_passes_and_no_larger(void **state)
{
	(void)state;
	struct chan_server *server = listening(tcp);
	struct chan_client *client = dialled(tcp);
	struct chan_peer peer;
	char *bytes = malloc(LIMIT_FRAME_BYTES + 1);
	memset(bytes, 'x', LIMIT_FRAME_BYTES + 1);
	struct str frame = { bytes, LIMIT_FRAME_BYTES + 1 };
	echo(server, client, "connected");
	assert_int_equal(chan_client_send(client, frame), -EMSGSIZE);
	assert_int_equal(chan_client_resend(client), -ENOENT);
	frame.len--;
	assert_int_equal(chan_client_send(client, frame), 0);
	assert_true(str_eq(next_request(server, &peer), frame));
	frame.len++;
	assert_int_equal(chan_server_reply(server, &peer, frame), -EMSGSIZE);
	frame.len--;
	assert_int_equal(chan_server_reply(server, &peer, frame), 0);
	assert_true(str_eq(next_reply(client), frame));
	free(bytes);
	chan_client_free(client);
	chan_server_free(server);
}

static void a_request_waits_for_the_server_to_appear(void **state)
{
	(void)state;
	struct chan_client *client = dialled(ipc);
	struct str none;
	assert_int_equal(chan_client_send(client, STR_LIT("early")), 0);
	assert_int_equal(chan_client_receive(client, &none), 0);
	assert_false(readable(chan_client_fd(client), 0));
	pid_t pid = start("echo", ipc);
	assert_true(str_eq(next_reply(client), STR_LIT("early")));
	kill_hard(pid);
	chan_client_free(client);
}

static void a_restarted_server_answers_a_resent_request(void **state)
{
	(void)state;
	struct chan_client *client = dialled(ipc);
	struct str reply = { NULL, 0 };
	for (int round = 0; round < 3; round++) {
		pid_t pid = start("echo", ipc);
		assert_int_equal(chan_client_send(client, STR_LIT("still here")), 0);
		/*
		 * The first try may have left with the dead connection: it is sent again and again.
		 */
		while (chan_client_receive(client, &reply) == 0)
			if (!readable(chan_client_fd(client), 200))
				assert_int_equal(chan_client_resend(client), 0);
		assert_true(str_eq(reply, STR_LIT("still here")));
		kill_hard(pid);
	}
	chan_client_free(client);
}

static void a_socket_of_the_dead_is_replaced(void **state)
{
	(void)state;
	struct stat st;
	pid_t pid = start("echo", ipc);
	struct chan_client *client = dialled(ipc);
	assert_int_equal(chan_client_send(client, STR_LIT("alive")), 0);
	next_reply(client);
	kill_hard(pid);
	assert_int_equal(stat(ipc + 6, &st), 0);
	chan_client_free(client);
	struct chan_server *server = listening(ipc);
	assert_int_equal(stat(ipc + 6, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	client = dialled(ipc);
	echo(server, client, "reborn");
	chan_client_free(client);
	chan_server_free(server);
	assert_int_equal(stat(ipc + 6, &st), -1);
}

static void the_living_are_not_replaced(void **state)
{
	(void)state;
	static char *const urls[] = { ipc, tcp };
	for (int i = 0; i < 2; i++) {
		struct chan_server *server = listening(urls[i]), *other;
		struct chan_client *client = dialled(urls[i]);
		struct err err = { 0 };
		assert_int_equal(chan_server_new(&other, &err), 0);
		assert_int_equal(chan_server_listen(other, urls[i], &err), -EADDRINUSE);
		assert_non_null(strstr(err.text, "listening there"));
		assert_non_null(strstr(err.text, urls[i]));
		chan_server_free(other);
		echo(server, client, "unharmed");
		chan_client_free(client);
		chan_server_free(server);
	}
}

static void what_is_no_socket_is_left_alone(void **state)
{
	(void)state;
	struct chan_server *server;
	struct err err = { 0 };
	char text[16] = "";
	int fd = open(ipc + 6, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	assert_int_equal(chan_server_new(&server, &err), 0);
	assert_int_equal(chan_server_listen(server, ipc, &err), -EEXIST);
	assert_non_null(strstr(err.text, "is not a socket, so it is left alone"));
	fd = open(ipc + 6, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 8);
	assert_string_equal(text, "precious");
	close(fd);
	assert_int_equal(unlink(ipc + 6), 0);
	assert_int_equal(symlink("/nonexistent", ipc + 6), 0);
	assert_int_equal(chan_server_listen(server, ipc, &err), -EEXIST);
	assert_int_equal(unlink(ipc + 6), 0);
	chan_server_free(server);
}

static void listening_nowhere_is_explained(void **state)
{
	(void)state;
	struct chan_server *server;
	struct err err = { 0 };
	assert_int_equal(chan_server_new(&server, &err), 0);
	assert_int_equal(chan_server_listen(server, "ipc:///nonexistent/x/socket", &err), -ENOENT);
	assert_string_equal(err.text, "cannot listen on ipc:///nonexistent/x/socket: cannot make a "
				      "socket in the folder /nonexistent/x: No such file or "
				      "directory");
	assert_int_equal(chan_server_listen(server, "ipc:///dev/null/socket", &err), -ENOTDIR);
	assert_int_equal(chan_server_listen(server, "tcp://192.0.2.1:7077", &err), -EADDRNOTAVAIL);
	assert_int_equal(chan_server_listen(server, "tcp://no.such.name:7077", &err), -ENODEV);
	assert_non_null(strstr(err.text, "give a numeric address"));
	assert_int_equal(chan_server_listen(server, "ws://127.0.0.1:7077", &err), -EINVAL);
	chan_server_free(server);
	struct chan_client *client;
	assert_int_equal(chan_client_new("ws://127.0.0.1:7077", &client, &err), -EINVAL);
}

/* A plain stream to the server, past the transport's greeting of a REQ peer. */
static int stranger(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char greeting[8];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, ipc + 6, strnlen(ipc + 6, sizeof(address.sun_path) - 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, "\0SP\0\0\x30\0\0", 8, MSG_NOSIGNAL), 8);
	assert_int_equal(recv(fd, greeting, 8, MSG_WAITALL), 8);
	return fd;
}

static void hostile_bytes_disturb_nobody(void **state)
{
	(void)state;
	/* ipc frames: a byte 1 (any other aborts the library), a length of 8 bytes, the body */
	static const struct str attacks[] = {
		STR_LIT("\1\0\0\0\0\0\0\0\0"),			  /* no header */
		STR_LIT("\1\0\0\0\0\0\0\0\2\x80\0"),		  /* half a header */
		STR_LIT("\1\0\0\0\0\0\0\0\4\0\0\0\1"),		  /* a hop, never an end */
		STR_LIT("\1\0\0\0\0\0\0\0\x8\0\0\0\1\x80\0\0\1"), /* a device in between */
		STR_LIT("\1\0\0\1\0\0\0\0\0garbage"),		  /* 2^40 bytes to come */
		STR_LIT("\1\xff\xff\xff\xff\xff\xff\xff\xff"),
	};
	struct chan_server *server = listening(ipc);
	struct chan_client *client = dialled(ipc);
	echo(server, client, "before");
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		int fd = stranger();
		ssize_t n = send(fd, attacks[i].data, attacks[i].len, MSG_NOSIGNAL);
		assert_int_equal(n, attacks[i].len);
		echo(server, client, "meanwhile");
		close(fd);
		echo(server, client, "after");
	}
	int fd = stranger();
	assert_int_equal(send(fd, "\1\0\0\0\0\0\0\0\x8\x80\0\0\1data", 17, MSG_NOSIGNAL), 17);
	struct chan_peer peer;
	assert_true(str_eq(next_request(server, &peer), STR_LIT("data")));
	close(fd);
	assert_int_equal(chan_server_reply(server, &peer, STR_LIT("gone")), 0);
	echo(server, client, "at last");
	assert_true(chan_server_counts(server).malformed >= 1);
	chan_client_free(client);
	chan_server_free(server);
}

/* Room for that many open files in this process and its children? */
static bool room_for_fds(rlim_t n)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur >= n)
		return true;
	if (limit.rlim_max < n)
		return false;
	limit.rlim_cur = n;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void a_thousand_parked_polls(void **state)
{
	(void)state;
	static struct chan_peer peers[POLLERS * POLLS_EACH];
	static char texts[POLLERS * POLLS_EACH][32];
	pid_t pids[POLLERS];
	if (!room_for_fds(4096)) {
		print_message("skipped: fewer than 4096 open files allowed\n");
		skip();
	}
	struct chan_server *server = listening(ipc);
	for (int i = 0; i < POLLERS; i++)
		pids[i] = start("polls", ipc);
	for (size_t i = 0; i < POLLERS * POLLS_EACH; i++) {
		struct str frame = next_request(server, &peers[i]);
		snprintf(texts[i], sizeof(texts[i]), "%.*s", STR_ARG(frame));
	}
	assert_int_equal(chan_server_parked(server), POLLERS * POLLS_EACH);
	for (size_t i = POLLERS * POLLS_EACH; i-- > 0;)
		assert_int_equal(chan_server_reply(server, &peers[i], str_of(texts[i])), 0);
	for (int i = 0; i < POLLERS; i++) {
		int status = ended(pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	chan_server_free(server);
}

static void nothing_stays_open(void **state)
{
	(void)state;
	int before = 0;
	for (int round = 0; round < 20; round++) {
		struct chan_server *server = listening(ipc);
		struct chan_client *client = dialled(ipc), *idle = dialled(tcp);
		echo(server, client, "hello");
		assert_int_equal(chan_client_send(idle, STR_LIT("nobody hears this")), 0);
		assert_int_equal(chan_client_reopen(idle), 0);
		chan_client_free(client);
		chan_client_free(idle);
		chan_server_free(server);
		if (round == 0)
			before = open_fds();
	}
	assert_int_equal(open_fds(), before);
	chan_server_free(NULL);
	chan_client_free(NULL);
}

/* -------- -------- */

/* A port nobody has: given by the kernel, then free again. */
static unsigned free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	close(fd);
	return ntohs(address.sin_port);
}

static int set_up(void **state)
{
	(void)state;
	temp_folder(folder, sizeof(folder));
	snprintf(ipc, sizeof(ipc), "ipc://%s/socket", folder);
	snprintf(tcp, sizeof(tcp), "tcp://localhost:%u", free_port());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		_exit(strcmp(argv[1], "echo") == 0 ? role_echo(argv[2]) : role_polls(argv[2]));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_come_back_over_both_transports),
		cmocka_unit_test(parked_requests_are_answered_in_any_order),
		cmocka_unit_test(a_second_request_supersedes_the_parked_one),
		cmocka_unit_test(a_reply_to_an_older_request_is_not_taken),
		cmocka_unit_test(a_request_sent_twice_is_answered_once),
		cmocka_unit_test(reopening_sends_the_outstanding_request_again),
		cmocka_unit_test(dropped_requests_are_forgotten),
		cmocka_unit_test(asking_again_elsewhere_leaves_nothing_behind),
		cmocka_unit_test(the_largest_frame_passes_and_no_larger),
		cmocka_unit_test(a_request_waits_for_the_server_to_appear),
		cmocka_unit_test(a_restarted_server_answers_a_resent_request),
		cmocka_unit_test(a_socket_of_the_dead_is_replaced),
		cmocka_unit_test(the_living_are_not_replaced),
		cmocka_unit_test(what_is_no_socket_is_left_alone),
		cmocka_unit_test(listening_nowhere_is_explained),
		cmocka_unit_test(hostile_bytes_disturb_nobody),
		cmocka_unit_test(a_thousand_parked_polls),
		cmocka_unit_test(nothing_stays_open),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
