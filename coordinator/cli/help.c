// SPDX-License-Identifier: Apache-2.0
/* help.c - `paddock help` and `paddock version`: texts made of the option table. */
#include "coordinator/cli/verbs.h"
#include "protocol/wire/hello.h"
#include "protocol/wire/outcome.h"

#include <errno.h>
#include <stdio.h>

static int print(struct buf *text, struct err *err)
{
	fwrite(text->data, 1, text->len, stdout);
	if (fflush(stdout) == 0)
		return EXIT_CODE_OK;
	err_errno(err, -errno, "standard output");
	return EXIT_CODE_REPORT;
}

static int no_verb(const char *name, struct err *err)
{
	const char *names[OPTIONS_VERB_MAX];
	for (size_t i = 0; i < OPTIONS_VERB_MAX; i++)
		names[i] = options_table.verbs[i].name;
	const char *nearest = conf_nearest(str_of(name), names, OPTIONS_VERB_MAX);
	err_set(err, -EINVAL, "there is no verb \"%.60s\"%s%s%s", name,
		nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
	return EXIT_CODE_USAGE;
}

int verbs_help(const struct verbs_call *call, struct err *err)
{
	size_t n, verb = options_table.n_verbs;
	const char *const *operands = conf_operands(call->conf, &n);
	struct buf text;
	if (n) {
		int found = conf_find_verb(&options_table, str_of(operands[0]));
		if (found < 0)
			return no_verb(operands[0], err);
		verb = (size_t)found;
	}
	buf_init(&text, CONF_TEXT_MAX_BYTES);
	int r;
	if (conf_is_set(call->conf, OPTIONS_COMPLETION))
		r = conf_complete(&options_table,
				  (enum conf_shell)conf_choice(call->conf, OPTIONS_COMPLETION),
				  &text);
	else if (conf_flag(call->conf, OPTIONS_MAN))
		r = conf_man(&options_table, verb, &text);
	else
		r = conf_help(&options_table, verb, &text);
	int code = EXIT_CODE_SETUP;
	if (r < 0)
		err_errno(err, r, "making the text");
	else
		code = print(&text, err);
	buf_done(&text);
	return code;
}

int verbs_version(const struct verbs_call *call, struct err *err)
{
	struct buf text;
	(void)call;
	buf_init(&text, CONF_TEXT_MAX_BYTES);
	int r = buf_printf(&text, "paddock %s (build %s)\n", PADDOCK_VERSION, hello_build_id());
	int code = r < 0 ? EXIT_CODE_SETUP : print(&text, err);
	buf_done(&text);
	return code;
}
