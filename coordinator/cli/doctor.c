// SPDX-License-Identifier: Apache-2.0
/*
 * doctor.c - `paddock doctor`: is everything there, and what can this host enforce? The sandbox
 * answers for itself: paddock-box is asked, not guessed about.
 */
#include "coordinator/cli/place.h"
#include "coordinator/cli/verbs.h"
#include "protocol/base/fd.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_BYTES = 1 << 20 };

/* ---- other programs ---- */

static int read_all(int fd, struct buf *buf)
{
	for (;;) {
		int r = buf_reserve(buf, 4096);
		if (r < 0)
			return r;
		ssize_t n = read(fd, buf->data + buf->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf->len += (size_t)n;
		buf->data[buf->len] = '\0';
	}
}

static int start(char *const argv[], char *const *env, int out, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* What `argv` prints, into buf (initialised here); its exit code in *ret_code. 0 or -errno. */
static int ask(char *const argv[], char *const *env, struct buf *ret_buf, int *ret_code)
{
	int fds[2], status = 0;
	pid_t pid = -1;
	buf_init(ret_buf, PROBE_BYTES);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	int r = start(argv, env, fds[1], &pid);
	close(fds[1]);
	if (r == 0) {
		int reading = read_all(fds[0], ret_buf);
		r = waitpid(pid, &status, 0) == pid ? reading : -errno;
	}
	close(fds[0]);
	if (r < 0)
		return r;
	*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CODE_SIGNAL + WTERMSIG(status);
	return 0;
}

/* "ok   worker    /usr/bin/paddock-worker" */
static void say(bool ok, const char *what, const char *how, const char *mend)
{
	printf("%-3s %-8s %s\n", ok ? "yes" : "NO", what, how);
	if (!ok && mend)
		printf("             to mend: %s\n", mend);
}

/* Is the program there and of this build? Returns whether it is. */
static bool check_program(const struct verbs_call *call, const char *what, const char *name)
{
	struct buf path = { 0 }, said = { 0 };
	char *argv[] = { NULL, "--version", NULL }, how[1024];
	int code = 0;
	int r = place_program(name, &path);
	argv[0] = path.data;
	r = r < 0 ? r : ask(argv, call->env, &said, &code);
	bool same = r == 0 && code == 0 && str_find(buf_str(&said), STR_LIT(PADDOCK_VERSION)) >= 0;
	struct str first = { 0 }, rest = buf_str(&said);
	if (r == 0)
		(void)str_line(&rest, &first);
	if (r < 0)
		snprintf(how, sizeof(how), "%.300s: %s", path.len ? buf_text(&path) : name,
			 strerror(-r));
	else
		snprintf(how, sizeof(how), "%.300s: %.*s", buf_text(&path), STR_ARG(first));
	say(same, what, how, "install the three programs of one build beside each other");
	buf_done(&path);
	buf_done(&said);
	return same;
}

/* ---- the sandbox ---- */

/* Print the sandbox's own answers. Returns its exit code: 0, or 113 when something is missing. */
static int check_sandbox(const struct verbs_call *call, struct err *err)
{
	struct buf path = { 0 }, said = { 0 };
	char *argv[] = { NULL, "--probe", NULL };
	int code = EXIT_CODE_SANDBOX;
	int r = place_program("paddock-box", &path);
	argv[0] = path.data;
	r = r < 0 ? r : ask(argv, call->env, &said, &code);
	if (r < 0)
		err_errno(err, r, "%s cannot be asked what this host enforces",
			  path.len ? buf_text(&path) : "paddock-box");
	else
		fwrite(said.data, 1, said.len, stdout);
	buf_done(&path);
	buf_done(&said);
	return r < 0 ? EXIT_CODE_SANDBOX : code;
}

/* ---- files ---- */

static bool is_writable_below(const char *path)
{
	char *copy = strdup(path);
	bool writable = false;
	while (copy) {
		if (access(copy, F_OK) == 0) {
			writable = access(copy, W_OK) == 0;
			break;
		}
		char *slash = strrchr(copy, '/');
		if (!slash || slash == copy)
			break;
		*slash = '\0';
	}
	free(copy);
	return writable;
}

static void check_history(const struct verbs_call *call)
{
	struct buf path = { 0 };
	struct err err = { 0 };
	char how[1400];
	struct store *store = NULL;
	if (place_history(call->conf, &path, &err) < 0) {
		say(false, "history", err.text, "set HOME");
	} else if (!path.len) {
		say(true, "history", "none, as asked for", NULL);
	} else if (!store_is_url(buf_text(&path)) && access(buf_text(&path), F_OK) < 0) {
		snprintf(how, sizeof(how), "%.900s: none yet", buf_text(&path));
		say(is_writable_below(buf_text(&path)), "history", how,
		    "make its folder writable, or give --history FILE");
	} else if (store_open(buf_text(&path), &store, &err) < 0) {
		say(false, "history", err.text,
		    store_is_url(buf_text(&path)) ? NULL
						  : "move the file away, or give --history FILE");
	} else {
		say(true, "history", store_name(store), NULL);
	}
	store_close(store);
	buf_done(&path);
}

/* Returns whether it is valid, or absent. */
static bool check_config(const struct verbs_call *call)
{
	struct config config = { 0 };
	struct err err = { 0 };
	char *path = NULL, how[1400];
	bool valid = true;
	if (config_find(call->folder, &path) < 0) {
		say(true, "config", "no " CONFIG_FILE_NAME " here or above; none is needed", NULL);
	} else if (config_load(path, &options_table, &config, &err) < 0) {
		say(false, "config", err.text, "correct that line");
		valid = false;
	} else {
		snprintf(how, sizeof(how), "%.900s: %zu suites, %zu profiles", path,
			 config.suites.len, config.profiles.len);
		say(true, "config", how, NULL);
	}
	config_done(&config);
	free(path);
	return valid;
}

int verbs_doctor(const struct verbs_call *call, struct err *err)
{
	printf("paddock %s (build %s)\n", PADDOCK_VERSION, hello_build_id());
	bool worker = check_program(call, "worker", "paddock-worker");
	bool box = check_program(call, "box", "paddock-box");
	check_history(call);
	bool valid = check_config(call);
	fflush(stdout);
	int code = check_sandbox(call, err);
	if (fflush(stdout) == EOF)
		return EXIT_CODE_REPORT;
	if (code != EXIT_CODE_OK)
		return EXIT_CODE_SANDBOX;
	if (!worker || !box)
		return EXIT_CODE_SETUP;
	return valid ? EXIT_CODE_OK : EXIT_CODE_CONFIG;
}
