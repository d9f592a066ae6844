// SPDX-License-Identifier: Apache-2.0
/*
 * serve.c - `paddock serve`: the daemon with its options, and those options read again on SIGHUP.
 * The words of the command line and the environment stay what they were; the file may have changed.
 */
#include "coordinator/cli/verbs.h"
#include "coordinator/serve/daemon.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct daemon_settings settings_of(const struct conf *conf)
{
	return (struct daemon_settings){
		.lease_us = conf_u64(conf, OPTIONS_LEASE),
		.client_slots = conf_u64(conf, OPTIONS_CLIENT_SLOTS),
		.quarantine = conf_flag(conf, OPTIONS_WORKER_QUARANTINE),
		.verbose = conf_flag(conf, OPTIONS_VERBOSE),
	};
}

/* ---- reading again ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const struct conf *a, const struct conf *b, size_t option)
{
	size_t n, m;
	const char *const *x = conf_list(a, option, &n), *const *y = conf_list(b, option, &m);
	bool same = n == m;
	for (size_t i = 0; same && i < n; i++)
		same = strcmp(x[i], y[i]) == 0;
	return same;
}

static bool same(const struct conf *a, const struct conf *b, size_t option)
{
	switch (conf_table(a)->options[option].type) {
	case CONF_FLAG: return conf_flag(a, option) == conf_flag(b, option);
	case CONF_U64:
	case CONF_SIZE:
	case CONF_DURATION: return conf_u64(a, option) == conf_u64(b, option);
	case CONF_STRING:
	case CONF_ENUM: return same_text(conf_text(a, option), conf_text(b, option));
	case CONF_LIST: return same_list(a, b, option);
	case CONF_TYPE_MAX: break;
	}
	ASSERT_NOT_REACHED();
}

/* Name what changed and cannot while it serves. */
static void name_fixed(const struct conf *before, const struct conf *after)
{
	for (size_t i = 0; i < OPTIONS_MAX; i++) {
		bool may = i == OPTIONS_LEASE || i == OPTIONS_CLIENT_SLOTS ||
			   i == OPTIONS_WORKER_QUARANTINE || i == OPTIONS_VERBOSE;
		if (!may && conf_takes(&options_table, OPTIONS_VERB_SERVE, i) &&
		    !same(before, after, i))
			LOG_WARN("needs_restart",
				 "option=%s: its new value counts from the next "
				 "start on",
				 options_table.options[i].name);
	}
}

/* The file that was read at the start, or the one that would be found now. */
static int read_file(const struct verbs_call *call, struct conf *conf, struct err *err)
{
	const char *given = conf_text(conf, OPTIONS_CONFIG);
	struct config config = { 0 };
	char *found = NULL;
	if (given && strcmp(given, "none") == 0)
		return 0;
	if (!given && config_find(call->folder, &found) == -ENOENT)
		return 0;
	const char *path = given ? given : found;
	int r = path ? config_load(path, &options_table, &config, err)
		     : err_set(err, -ENOMEM, "no memory for the path of %s", CONFIG_FILE_NAME);
	r = r < 0 ? r : config_apply(&config, conf, err);
	if (path)
		config_done(&config);
	free(found);
	return r;
}

static int reload(void *data, struct daemon_settings *settings, struct err *err)
{
	const struct verbs_call *call = data;
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_SERVE);
	if (!conf)
		return err_set(err, -ENOMEM, "no memory for options");
	int r = conf_parse_args(conf, call->n_args, call->args, err);
	r = r < 0 ? r : conf_parse_env(conf, call->env, err);
	r = r < 0 ? r : read_file(call, conf, err);
	if (r == 0) {
		name_fixed(call->conf, conf);
		*settings = settings_of(conf);
	}
	conf_free(conf);
	return r;
}

int verbs_serve(const struct verbs_call *call, struct err *err)
{
	struct daemon_options options = {
		.state = conf_text(call->conf, OPTIONS_STATE),
		.contents_bytes = conf_u64(call->conf, OPTIONS_CONTENT_QUOTA),
		.store = conf_text(call->conf, OPTIONS_STORE),
		.insecure = conf_flag(call->conf, OPTIONS_INSECURE),
		.json_log = conf_choice(call->conf, OPTIONS_LOG_FORMAT) == 1,
		.settings = settings_of(call->conf),
		.reload = reload,
		.data = (void *)call,
	};
	options.urls = conf_list(call->conf, OPTIONS_LISTEN, &options.n_urls);
	if (conf_is_set(call->conf, OPTIONS_HTTP)) {
		err_set(err, -ENOTSUP, "--http: this version has no dashboard yet; leave it out");
		return EXIT_CODE_USAGE;
	}
	if (!options.n_urls) {
		err_set(err, -EINVAL,
			"nowhere to listen; give --listen URL, such as --listen "
			"tcp://127.0.0.1:7200");
		return EXIT_CODE_USAGE;
	}
	return daemon_run(&options, err);
}
