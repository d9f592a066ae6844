// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_config.c - paddock.yaml of any bytes: refused with a text that names the file, or accepted;
 * then its options are given to conf for the file alone and for each of its profiles.
 */
#include "coordinator/cli/config.h"
#include "coordinator/cli/options.h"
#include "protocol/base/assert.h"

#include <string.h>

static void apply(const struct config *config, const char *profile)
{
	struct err err = { 0 };
	struct conf *conf = conf_new(&options_table, OPTIONS_VERB_RUN);
	ASSERT(conf);
	if (profile)
		(void)conf_set(conf, OPTIONS_PROFILE, CONF_SOURCE_FLAG, "--profile",
			       str_of(profile), &err);
	int r = config_apply(config, conf, &err);
	ASSERT(r == 0 || err.text[0]);
	conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct err err = { 0 };
	struct str text = { (const char *)data, size };
	int r = config_parse(text, "/src/paddock.yaml", &options_table, &config, &err);
	if (r < 0) {
		ASSERT(strncmp(err.text, "/src/paddock.yaml", 17) == 0);
		return 0;
	}
	apply(&config, NULL);
	for (size_t i = 0; i < config.profiles.len && i < 16; i++)
		apply(&config, config.profiles.items[i].name);
	for (size_t i = 0; i < config.suites.len; i++)
		ASSERT(!config.suites.items[i].path != !config.suites.items[i].command);
	config_done(&config);
	return 0;
}
