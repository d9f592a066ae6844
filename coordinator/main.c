// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - paddock: the first word is a verb, the rest its options. Here the sources of options
 * come together (command line, environment, paddock.yaml) and errors are printed; everything else
 * is a verb's.
 */
#include "coordinator/cli/say.h"
#include "coordinator/cli/verbs.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	int (*run)(const struct verbs_call *call, struct err *err);
	bool takes_config; /* reads paddock.yaml */
} verbs[OPTIONS_VERB_MAX] = {
	[OPTIONS_VERB_RUN] = { verbs_run, true },
	[OPTIONS_VERB_LIST] = { verbs_list, true },
	[OPTIONS_VERB_PLAN] = { verbs_plan, true },
	[OPTIONS_VERB_HISTORY] = { verbs_history, true },
	[OPTIONS_VERB_REPORT] = { verbs_report, true },
	[OPTIONS_VERB_MERGE] = { verbs_merge, false },
	[OPTIONS_VERB_EXPLAIN] = { verbs_explain, true },
	[OPTIONS_VERB_SERVE] = { verbs_serve, true },
	[OPTIONS_VERB_TOKEN] = { verbs_token, false },
	[OPTIONS_VERB_AUDIT] = { verbs_audit, false },
	[OPTIONS_VERB_WORKERS] = { verbs_workers, true },
	[OPTIONS_VERB_RUNS] = { verbs_runs, true },
	[OPTIONS_VERB_DRAIN] = { verbs_drain, true },
	[OPTIONS_VERB_CANCEL] = { verbs_cancel, true },
	[OPTIONS_VERB_DOCTOR] = { verbs_doctor, false },
	[OPTIONS_VERB_HELP] = { verbs_help, false },
	[OPTIONS_VERB_VERSION] = { verbs_version, false },
};

/* "paddock run: text" on standard error. Returns `code`. */
static int complain(const char *verb, const struct err *err, int code)
{
	if (!err->text[0])
		return code;
	fprintf(stderr, "paddock%s%s: ", verb ? " " : "", verb ? verb : "");
	say_lines(stderr, str_of(err->text));
	fputs("\n", stderr);
	return code;
}

static int print_help(size_t verb, FILE *file)
{
	struct buf text;
	buf_init(&text, CONF_TEXT_MAX_BYTES);
	int r = conf_help(&options_table, verb, &text);
	if (r == 0)
		fwrite(text.data, 1, text.len, file);
	buf_done(&text);
	return r < 0 || fflush(file) == EOF ? EXIT_CODE_REPORT : EXIT_CODE_OK;
}

/* Which verb a first word means: "--help" and "--version" are what everybody tries. */
static int find_verb(const char *word, struct err *err)
{
	static const char *const spellings[][2] = {
		{ "--help", "help" },
		{ "-h", "help" },
		{ "--version", "version" },
		{ "-V", "version" },
	};
	const char *names[OPTIONS_VERB_MAX];
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
		if (strcmp(word, spellings[i][0]) == 0)
			word = spellings[i][1];
	int verb = conf_find_verb(&options_table, str_of(word));
	if (verb >= 0)
		return verb;
	for (size_t i = 0; i < OPTIONS_VERB_MAX; i++)
		names[i] = options_table.verbs[i].name;
	const char *nearest = conf_nearest(str_of(word), names, OPTIONS_VERB_MAX);
	if (nearest)
		return err_set(err, -EINVAL, "there is no verb \"%.60s\"; did you mean \"%s\"?",
			       word, nearest);
	return err_set(err, -EINVAL, "there is no verb \"%.60s\"; paddock --help lists them", word);
}

/* Read paddock.yaml, where there is one. 0, or an exit code with err. */
static int load_config(const char *folder, const struct conf *conf, struct config *config,
		       bool *ret_loaded, struct err *err)
{
	const char *given = conf_text(conf, OPTIONS_CONFIG);
	char *path = NULL;
	int r = 0;
	*ret_loaded = false;
	if (given && strcmp(given, "none") == 0)
		return 0;
	if (!given)
		r = config_find(folder, &path);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		err_errno(err, r, "looking for %s", CONFIG_FILE_NAME);
	else
		r = config_load(given ? given : path, &options_table, config, err);
	free(path);
	*ret_loaded = r == 0;
	return r < 0 ? EXIT_CODE_CONFIG : 0;
}

/* Bring all sources of options together. 0, or an exit code with err. */
static int gather(size_t verb, struct conf *conf, struct verbs_call *call, struct config *config,
		  struct err *err)
{
	bool loaded = false;
	int code = 0;
	if (conf_parse_env(conf, environ, err) < 0)
		return EXIT_CODE_USAGE;
	if (verbs[verb].takes_config)
		code = load_config(call->folder, conf, config, &loaded, err);
	if (code == 0 && loaded && config_apply(config, conf, err) < 0)
		code = EXIT_CODE_CONFIG;
	if (code == 0 && !loaded && conf_takes(&options_table, verb, OPTIONS_PROFILE) &&
	    conf_text(conf, OPTIONS_PROFILE)) {
		err_set(err, -EINVAL, "--profile %s: there is no %s here or above",
			conf_text(conf, OPTIONS_PROFILE), CONFIG_FILE_NAME);
		code = EXIT_CODE_CONFIG;
	}
	call->config = loaded ? config : NULL;
	return code;
}

static void set_up_log(size_t verb, const struct conf *conf)
{
	bool serves = verb == OPTIONS_VERB_SERVE;
	bool json = conf_takes(&options_table, verb, OPTIONS_LOG_FORMAT) &&
		    conf_choice(conf, OPTIONS_LOG_FORMAT) == 1;
	bool verbose = conf_takes(&options_table, verb, OPTIONS_VERBOSE) &&
		       conf_flag(conf, OPTIONS_VERBOSE);
	log_setup("paddock", STDERR_FILENO,
		  serves ? (verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO) : LOG_LEVEL_WARN, json);
}

static int run_verb(size_t verb, struct conf *conf, const char *folder, size_t n_args,
		    char *const *args)
{
	struct err err = { 0 };
	struct config config = { 0 };
	struct verbs_call call = {
		.conf = conf, .folder = folder, .env = environ, .n_args = n_args, .args = args
	};
	const char *name = options_table.verbs[verb].name;
	int code = gather(verb, conf, &call, &config, &err);
	if (code == 0) {
		set_up_log(verb, conf);
		code = verbs[verb].run(&call, &err);
	}
	config_done(&config);
	return complain(name, &err, code);
}

/* A reader that went away (`paddock list | head`) is an error of write, not the end of us. */
static void ignore_broken_pipes(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	char folder[PATH_MAX];
	if (fd_open_standard() < 0)
		return EXIT_CODE_SETUP;
	setlocale(LC_CTYPE, "");
	ignore_broken_pipes();
	log_setup("paddock", STDERR_FILENO, LOG_LEVEL_WARN, false);
	if (argc < 2) {
		print_help(options_table.n_verbs, stderr);
		return EXIT_CODE_USAGE;
	}
	int verb = find_verb(argv[1], &err);
	if (verb < 0)
		return complain(NULL, &err, EXIT_CODE_USAGE);
	if (!getcwd(folder, sizeof(folder))) {
		err_errno(&err, -errno, "the working directory");
		return complain(NULL, &err, EXIT_CODE_USAGE);
	}
	struct conf *conf = conf_new(&options_table, (size_t)verb);
	if (!conf) {
		err_set(&err, -ENOMEM, "out of memory");
		return complain(NULL, &err, EXIT_CODE_SETUP);
	}
	int code;
	int r = conf_parse_args(conf, (size_t)argc - 2, argv + 2, &err);
	if (r == 0 && conf_wants_help(conf))
		code = print_help((size_t)verb, stdout);
	else if (r < 0 || conf_finish(conf, &err) < 0)
		code = complain(options_table.verbs[verb].name, &err, EXIT_CODE_USAGE);
	else
		code = run_verb((size_t)verb, conf, folder, (size_t)argc - 2, argv + 2);
	conf_free(conf);
	return code;
}
