// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - the program paddock-worker: options, and finding paddock-box. The table below is all
 * there is to say about options; parsing, help and manual page follow from it.
 */
#include "protocol/base/buf.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/limits.h"
#include "protocol/wire/outcome.h"
#include "worker/worker.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option {
	COORDINATOR,
	SLOTS,
	TAG,
	NAME,
	STATE,
	TOKEN,
	TRUST,
	DRAIN_TIMEOUT,
	CACHE_QUOTA,
	INSECURE,
	EMBEDDED,
	LOG_FORMAT,
	VERBOSE,
	VERSION,
	MAN,
	COMPLETION,
	OPTIONS
};

static const struct conf_option options[OPTIONS] = {
	[COORDINATOR] = {
		.name = "coordinator",
		.verbs = 1, .type = CONF_STRING, .metavar = "URL", .group = "Cluster",
		.help = "Control address of the coordinator, ipc://PATH or "
			"tcp://HOST:PORT; its data address follows from it.",
	},
	[SLOTS] = {
		.name = "slots",
		.verbs = 1, .type = CONF_U64, .metavar = "N", .min = 1, .max = LIMIT_SLOTS,
		.group = "Cluster",
		.help = "How many shards to run at once; the processors it may use unless "
			"given.",
	},
	[TAG] = {
		.name = "tag",
		.verbs = 1, .type = CONF_LIST, .metavar = "K=V", .group = "Cluster",
		.help = "What sets this worker apart, for tests that ask for it. May be given "
			"more than once.",
	},
	[NAME] = {
		.name = "name",
		.verbs = 1, .type = CONF_STRING, .metavar = "NAME", .group = "Cluster",
		.help = "What reports call this worker; the host's name unless given.",
	},
	[STATE] = {
		.name = "state",
		.verbs = 1, .type = CONF_STRING, .metavar = "DIR", .group = "Cluster",
		.help = "Folder for results that no coordinator has acknowledged yet; they are "
			"there again when the worker is restarted. Unless given "
			"$XDG_STATE_HOME/paddock, else ~/.local/state/paddock.",
	},
	[TOKEN] = {
		.name = "token",
		.verbs = 1, .type = CONF_STRING, .metavar = "FILE", .group = "Cluster",
		.help = "File with a token of paddock token create, for first contact: a key is "
			"made and enrolled. From then on the key is enough, and the file is not "
			"used again.",
	},
	[TRUST] = {
		.name = "trust",
		.verbs = 1, .type = CONF_STRING, .metavar = "FILE", .group = "Cluster",
		.help = "Run only programs signed by one of the keys in this file, a signer of "
			"paddock token list on each line.",
	},
	[DRAIN_TIMEOUT] = {
		.name = "drain-timeout",
		.verbs = 1, .type = CONF_DURATION, .metavar = "DURATION", .fallback = "0",
		.group = "Cluster",
		.help = "After the first SIGTERM or SIGINT, kill what still runs after this; it "
			"runs elsewhere. 0 waits for its own end.",
	},
	[CACHE_QUOTA] = {
		.name = "cache-quota",
		.verbs = 1, .type = CONF_SIZE, .metavar = "SIZE", .fallback = "10G",
		.min = 256 << 20, .group = "Cluster",
		.help = "Most that is kept of the files that runs bring along, in paddock/cas of "
			"the XDG cache folder; what was used last stays.",
	},
	[INSECURE] = {
		.name = "insecure",
		.verbs = 1, .type = CONF_FLAG, .group = "Cluster",
		.help = "Speak without keys and encryption; allowed on loopback and ipc "
			"addresses only.",
	},
	[EMBEDDED] = {
		.name = "embedded",
		.verbs = 1, .type = CONF_FLAG, .flag_only = true, .hidden = true,
		 .group = "Cluster",
		.help = "Belong to the process that started it: end with it, and leave Ctrl-C "
			"to it.",
	},
	[LOG_FORMAT] = {
		.name = "log-format",
		.verbs = 1, .type = CONF_ENUM, .choices = "text|json", .fallback = "text",
		.group = "Output", .help = "How lines of the log look.",
	},
	[VERBOSE] = {
		.name = "verbose",
		.verbs = 1, .type = CONF_FLAG, .letter = 'v', .group = "Output",
		.help = "Log every step of the session and every attempt that closes badly.",
	},
	[VERSION] = {
		.name = "version",
		.verbs = 1, .type = CONF_FLAG, .flag_only = true, .letter = 'V', .group = "Output",
		.help = "Print version and build id.",
	},
	[MAN] = {
		.name = "man",
		.verbs = 1, .type = CONF_FLAG, .flag_only = true, .hidden = true, .group = "Output",
		.help = "Print the manual page.",
	},
	[COMPLETION] = {
		.name = "completion",
		.verbs = 1, .type = CONF_ENUM, .choices = "bash|zsh|fish", .flag_only = true,
		.group = "Output", .help = "Print the completion script for a shell.",
	},
};

static const struct conf_verb verbs[] = {
	{
		.name = "",
		.summary = "run tests for a paddock coordinator",
	},
};

static const struct conf_table table = {
	.program = "paddock-worker",
	.summary = "run tests for a paddock coordinator",
	.about = "Joins the coordinator, lists programs and runs shards of their cases in "
		 "sandboxes, and reports every verdict. It needs no privilege itself; "
		 "paddock-box, which it starts, uses what it has.\n"
		 "\n"
		 "The first SIGTERM or SIGINT drains it: it takes no more work, lets what "
		 "runs end and reports it. The second one kills what runs.\n"
		 "\n"
		 "Exit codes: 0 drained, 2 usage, 105 set-up failed, 111 refused by the "
		 "coordinator.",
	.prefix = "PADDOCK_WORKER_",
	.verbs = verbs,
	.n_verbs = 1,
	.options = options,
	.n_options = OPTIONS,
};

/* paddock-box beside this program, else the one in PATH. False when there is none. */
static bool find_box(char out[PATH_MAX])
{
	static const char name[] = "paddock-box";
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - sizeof(name));
	char *slash = n > 0 ? memrchr(out, '/', (size_t)n) : NULL;
	if (slash) {
		memcpy(slash + 1, name, sizeof(name));
		if (access(out, X_OK) == 0)
			return true;
	}
	struct str rest = str_of(getenv("PATH")), folder;
	while (str_split(&rest, ':', &folder))
		if (folder.len && folder.data[0] == '/' &&
		    snprintf(out, PATH_MAX, "%.*s/%s", STR_ARG(folder), name) < PATH_MAX &&
		    access(out, X_OK) == 0)
			return true;
	return false;
}

static unsigned processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	return 1;
}

/* A text made of the table: a completion script, the manual page, or the help. */
static int show_text(const struct conf *conf)
{
	struct buf text;
	int r;
	buf_init(&text, CONF_TEXT_MAX_BYTES);
	if (conf_is_set(conf, COMPLETION))
		r = conf_complete(&table, (enum conf_shell)conf_choice(conf, COMPLETION), &text);
	else if (conf_flag(conf, MAN))
		r = conf_man(&table, 0, &text);
	else
		r = conf_help(&table, 0, &text);
	if (r == 0)
		fputs(buf_text(&text), stdout);
	buf_done(&text);
	return r == 0 && fflush(stdout) == 0 ? EXIT_CODE_OK : EXIT_CODE_REPORT;
}

static int usage(const struct err *err)
{
	fprintf(stderr, "paddock-worker: %s\ntry: paddock-worker --help\n", err->text);
	return EXIT_CODE_USAGE;
}

static int check_tags(const char *const *tags, size_t n, struct str *ret_tags, struct err *err)
{
	if (n > LIMIT_TAGS)
		return err_set(err, -1, "%zu tags are given; at most %d are allowed", n,
			       LIMIT_TAGS);
	for (size_t i = 0; i < n; i++) {
		ret_tags[i] = str_of(tags[i]);
		if (ret_tags[i].len > LIMIT_NAME_BYTES || str_find(ret_tags[i], STR_LIT("=")) < 1)
			return err_set(err, -1, "--tag %.100s is not of the form K=V", tags[i]);
	}
	return 0;
}

/* The folder for what outlives the worker. False: there is none. */
static bool find_state(const struct conf *conf, char out[PATH_MAX])
{
	const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");
	int n = -1;
	if (conf_is_set(conf, STATE))
		n = snprintf(out, PATH_MAX, "%s", conf_text(conf, STATE));
	else if (state && state[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/paddock", state);
	else if (home && home[0] == '/')
		n = snprintf(out, PATH_MAX, "%s/.local/state/paddock", home);
	return n > 0 && n < PATH_MAX;
}

/* Run the worker with options that were read. Returns the exit code. */
static int run(const struct conf *conf)
{
	struct err err = { 0 };
	char box[PATH_MAX], state[PATH_MAX], host[256] = "worker";
	struct str tags[LIMIT_TAGS];
	size_t n_tags;
	const char *const *list = conf_list(conf, TAG, &n_tags);
	if (!conf_text(conf, COORDINATOR)) {
		err_set(&err, -1, "--coordinator is missing: which coordinator to join?");
		return usage(&err);
	}
	if (check_tags(list, n_tags, tags, &err) < 0)
		return usage(&err);
	if (!find_box(box)) {
		fprintf(stderr,
			"paddock-worker: paddock-box is neither beside this program nor in PATH; "
			"install both\n");
		return EXIT_CODE_SETUP;
	}
	if (!conf_flag(conf, EMBEDDED) && !find_state(conf, state)) {
		fprintf(stderr, "paddock-worker: there is no HOME: say with --state DIR where "
				"results are kept until they are acknowledged\n");
		return EXIT_CODE_SETUP;
	}
	gethostname(host, sizeof(host) - 1);
	struct worker_options worker = {
		.coordinator = conf_text(conf, COORDINATOR),
		.name = conf_is_set(conf, NAME) ? conf_text(conf, NAME) : host,
		.slots = conf_is_set(conf, SLOTS) ? (unsigned)conf_u64(conf, SLOTS) : processors(),
		.tags = tags,
		.n_tags = n_tags,
		.box_program = box,
		.drain_us = conf_u64(conf, DRAIN_TIMEOUT),
		.state = conf_flag(conf, EMBEDDED) ? NULL : state,
		.cache_bytes = conf_u64(conf, CACHE_QUOTA),
		.insecure = conf_flag(conf, INSECURE),
		.token = conf_text(conf, TOKEN),
		.trust = conf_text(conf, TRUST),
		.embedded = conf_flag(conf, EMBEDDED),
	};
	enum log_level level = conf_flag(conf, VERBOSE) ? LOG_LEVEL_DEBUG
			       : worker.embedded	? LOG_LEVEL_WARN
							: LOG_LEVEL_INFO;
	log_setup("paddock-worker", STDERR_FILENO, level, conf_choice(conf, LOG_FORMAT) == 1);
	int code = worker_run(&worker, &err);
	if (code != EXIT_CODE_OK)
		fprintf(stderr, "paddock-worker: %s\n",
			err.text[0] ? err.text : "ended without a reason");
	return code;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int code = EXIT_CODE_OK;
	if (fd_open_standard() < 0)
		return EXIT_CODE_SETUP;
	struct conf *conf = conf_new(&table, 0);
	if (!conf) {
		fprintf(stderr, "paddock-worker: no memory\n");
		return EXIT_CODE_SETUP;
	}
	int r = conf_parse_args(conf, (size_t)argc - 1, argv + 1, &err);
	if (r == 0 &&
	    (conf_wants_help(conf) || conf_flag(conf, MAN) || conf_is_set(conf, COMPLETION)))
		code = show_text(conf);
	else if (r == 0 && conf_flag(conf, VERSION))
		printf("paddock-worker %s (build %s)\n", PADDOCK_VERSION, hello_build_id());
	else if (r < 0 || conf_parse_env(conf, environ, &err) < 0 || conf_finish(conf, &err) < 0)
		code = usage(&err);
	else
		code = run(conf);
	conf_free(conf);
	return code;
}
