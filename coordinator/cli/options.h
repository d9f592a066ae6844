// SPDX-License-Identifier: Apache-2.0
/* options.h - paddock's verbs and options: their numbers, and the table that conf.h reads. */
#ifndef PADDOCK_CLI_OPTIONS_H
#define PADDOCK_CLI_OPTIONS_H

#include "protocol/base/conf.h"

/* In the order of the help. */
enum options_verb {
	OPTIONS_VERB_RUN,
	OPTIONS_VERB_LIST,
	OPTIONS_VERB_PLAN,
	OPTIONS_VERB_HISTORY,
	OPTIONS_VERB_REPORT,
	OPTIONS_VERB_MERGE,
	OPTIONS_VERB_EXPLAIN,
	OPTIONS_VERB_SERVE,
	OPTIONS_VERB_TOKEN,
	OPTIONS_VERB_AUDIT,
	OPTIONS_VERB_WORKERS,
	OPTIONS_VERB_RUNS,
	OPTIONS_VERB_DRAIN,
	OPTIONS_VERB_CANCEL,
	OPTIONS_VERB_DOCTOR,
	OPTIONS_VERB_HELP,
	OPTIONS_VERB_VERSION,
	OPTIONS_VERB_MAX,
};

/* OPTIONS_JOBS, OPTIONS_RETRIES, ... */
enum options_id {
#define OPTION(id, ...) OPTIONS_##id,
#include "coordinator/cli/options.def"
#undef OPTION
	OPTIONS_MAX,
};

extern const struct conf_table options_table; /* of paddock; lives for ever */

#endif
