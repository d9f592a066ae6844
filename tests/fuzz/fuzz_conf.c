// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_conf.c - words of a command line: the first byte picks the verb, NULs divide the words; what
 * begins with PADDOCK_ is taken for a variable. Either everything is in its range, or an error says
 * something.
 */
#include "coordinator/cli/options.h"
#include "protocol/base/assert.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 256 };

static void look_at(const struct conf *conf)
{
	for (size_t i = 0; i < OPTIONS_MAX; i++) {
		const struct conf_option *option = &options_table.options[i];
		size_t n;
		switch (option->type) {
		case CONF_FLAG: (void)conf_flag(conf, i); break;
		case CONF_STRING: ASSERT(!conf_is_set(conf, i) || conf_text(conf, i)); break;
		case CONF_ENUM: ASSERT(strlen(option->choices) > conf_choice(conf, i)); break;
		case CONF_LIST:
			(void)conf_list(conf, i, &n);
			ASSERT(n <= CONF_LIST_MAX);
			break;
		default:
			ASSERT(!conf_is_set(conf, i) || !option->max ||
			       conf_u64(conf, i) <= option->max);
			ASSERT(!conf_is_set(conf, i) || conf_u64(conf, i) >= option->min);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 1] = { 0 }, *env[WORDS_MAX + 1] = { 0 };
	size_t n = 0, n_env = 0;
	struct err err = { 0 };
	if (!size)
		return 0;
	char *text = malloc(size);
	ASSERT(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (char *at = text; at < text + size && n < WORDS_MAX && n_env < WORDS_MAX;
	     at += strlen(at) + 1) {
		if (strncmp(at, "PADDOCK_", 8) == 0)
			env[n_env++] = at;
		else
			words[n++] = at;
	}
	struct conf *conf = conf_new(&options_table, data[0] % OPTIONS_VERB_MAX);
	ASSERT(conf);
	int r = conf_parse_args(conf, n, words, &err);
	r = r < 0 ? r : conf_parse_env(conf, env, &err);
	r = r < 0 ? r : conf_finish(conf, &err);
	ASSERT(r == 0 || err.text[0]);
	look_at(conf);
	conf_free(conf);
	free(text);
	return 0;
}
