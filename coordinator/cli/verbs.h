// SPDX-License-Identifier: Apache-2.0
/*
 * verbs.h - what main hands to a verb, and the verbs: one file each. A verb returns an exit code of
 * the contract; when `err` has a text, main prints it behind the program's name.
 */
#ifndef PADDOCK_CLI_VERBS_H
#define PADDOCK_CLI_VERBS_H

#include "coordinator/cli/config.h"
#include "coordinator/cli/options.h"
#include "protocol/base/conf.h"
#include "protocol/base/err.h"

struct verbs_call {
	const struct conf *conf;     /* options of options_table, complete */
	const struct config *config; /* paddock.yaml; NULL: there is none */
	const char *folder;	     /* working directory, absolute */
	char *const *env;	     /* of this process */
	size_t n_args;		     /* words behind the verb ... */
	char *const *args;
};

/* List, run, report. Blocks until the run is over. */
int verbs_run(const struct verbs_call *call, struct err *err);

/* Print what would run. Blocks until all is listed. */
int verbs_list(const struct verbs_call *call, struct err *err);

/* Tables of the recorded history; imports, exports, prunes. */
int verbs_history(const struct verbs_call *call, struct err *err);

/* Write reports of a stored run again. */
int verbs_report(const struct verbs_call *call, struct err *err);

/* Merge event files into reports. */
int verbs_merge(const struct verbs_call *call, struct err *err);

/* Why a run took as long as it did. */
int verbs_explain(const struct verbs_call *call, struct err *err);

/* Be a coordinator until SIGTERM or SIGINT. */
int verbs_serve(const struct verbs_call *call, struct err *err);

/* Tokens and keys of a coordinator on this machine. */
int verbs_token(const struct verbs_call *call, struct err *err);

/* Its audit log. */
int verbs_audit(const struct verbs_call *call, struct err *err);

/* Operate a cluster: each asks a coordinator and prints what it tells. */
int verbs_workers(const struct verbs_call *call, struct err *err); /* who is there */
int verbs_runs(const struct verbs_call *call, struct err *err);	   /* runs in progress */
int verbs_drain(const struct verbs_call *call, struct err *err);   /* workers are to leave */
int verbs_cancel(const struct verbs_call *call, struct err *err);  /* a run is to end */

/* Explain a run in progress at a coordinator. */
int verbs_explain_there(const struct verbs_call *call, struct err *err);

/* What this host can enforce. Starts paddock-box. */
int verbs_doctor(const struct verbs_call *call, struct err *err);

/* Help, manual pages, completions. */
int verbs_help(const struct verbs_call *call, struct err *err);

/* Version and build id. */
int verbs_version(const struct verbs_call *call, struct err *err);

/* Simulate pools of workers. */
int verbs_plan(const struct verbs_call *call, struct err *err);

#endif
