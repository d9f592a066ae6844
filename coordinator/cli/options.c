// SPDX-License-Identifier: Apache-2.0
/* options.c - the table of paddock: verbs here, options from options.def. */
#include "coordinator/cli/options.h"

#include <stddef.h>

enum {
	RUN = 1 << OPTIONS_VERB_RUN,
	LIST = 1 << OPTIONS_VERB_LIST,
	PLAN = 1 << OPTIONS_VERB_PLAN,
	HISTORY = 1 << OPTIONS_VERB_HISTORY,
	REPORT = 1 << OPTIONS_VERB_REPORT,
	MERGE = 1 << OPTIONS_VERB_MERGE,
	EXPLAIN = 1 << OPTIONS_VERB_EXPLAIN,
	SERVE = 1 << OPTIONS_VERB_SERVE,
	TOKEN = 1 << OPTIONS_VERB_TOKEN,
	AUDIT = 1 << OPTIONS_VERB_AUDIT,
	DRAIN = 1 << OPTIONS_VERB_DRAIN,
	OPERATE = 1 << OPTIONS_VERB_WORKERS | 1 << OPTIONS_VERB_RUNS | DRAIN |
		  1 << OPTIONS_VERB_CANCEL,
	DOCTOR = 1 << OPTIONS_VERB_DOCTOR,
	HELP = 1 << OPTIONS_VERB_HELP,
};

static const struct conf_option options[OPTIONS_MAX] = {
#define OPTION(id, option_name, option_verbs, ...) \
	[OPTIONS_##id] = { .name = (option_name), .verbs = (option_verbs), __VA_ARGS__ },
#include "coordinator/cli/options.def"
#undef OPTION
};

static const struct conf_verb verbs[OPTIONS_VERB_MAX] = {
	[OPTIONS_VERB_RUN] = {
		.name = "run", .operands = "[SUITE...]", .rest = "SUBSTRING...",
		.summary = "list, shard, run and merge test suites",
		.about = "A SUITE is the name of one in paddock.yaml, a directory, an "
			"executable, or a text file of commands, one per line, optionally with "
			"a name and a tab in front. Without any, all suites of paddock.yaml "
			"run, or what is found below the current directory.\n"
			"\n"
			"Each case runs in a sandbox; longest and never-seen cases go first, "
			"by what earlier runs took. Every listed case ends with exactly one "
			"verdict. Words behind -- select cases whose name holds one of them.\n"
			"\n"
			"Exit codes: 0 all passed, 2 usage, 4 no tests, 96 configuration "
			"invalid, 100 failures, 104 listing failed, 105 set-up failed, 110 a "
			"report could not be written, 111 results lost or coordinator out of "
			"reach, 112 global timeout, 113 the sandbox asked for cannot be "
			"enforced, 128+n ended by signal n.",
	},
	[OPTIONS_VERB_LIST] = {
		.name = "list", .operands = "[SUITE...]", .rest = "SUBSTRING...",
		.summary = "show what would run, with estimates",
		.about = "Takes suites and selections as run does, lists the cases and runs "
			"none of them.",
	},
	[OPTIONS_VERB_PLAN] = {
		.name = "plan", .operands = "[SUITE...]",
		.summary = "simulate pools of workers against recorded history",
		.about = "Runs the scheduler itself under a virtual clock over the recorded "
			"history and prints, for each size of the pool, how long the suites "
			"would take, how busy the workers would be, and what bounds it.",
	},
	[OPTIONS_VERB_HISTORY] = {
		.name = "history", .operands = "[WHAT] [FILE...]",
		.summary = "what earlier runs tell: slowest, flakiest, regressed",
		.about = "WHAT is one of:\n"
			"  slowest    cases by how long they usually take\n"
			"  flakiest   cases by how often they passed only after a retry\n"
			"  regressed  cases whose latest runs took much longer than before\n"
			"  changed    cases whose verdict changed lately\n"
			"  runs       the runs that are kept, newest first\n"
			"  import     take durations from FILEs: JUnit, CTest, prove, lit, "
			"pytest-split\n"
			"  export     write all that is known to FILE, or to standard output\n"
			"  prune      forget runs older than the newest hundred, or than "
			"thirty days\n"
			"Without it, the first three and the latest runs.",
	},
	[OPTIONS_VERB_REPORT] = {
		.name = "report", .operands = "RUN", .min_operands = 1, .max_operands = 1,
		.summary = "write the reports of a stored run again",
		.about = "RUN is the name that run printed, or \"latest\". Without an option "
			"that names a report, the summary is printed.",
	},
	[OPTIONS_VERB_MERGE] = {
		.name = "merge", .operands = "FILE...", .min_operands = 1,
		.summary = "merge event files into one report",
		.about = "Each FILE was written by run --events, on whatever machine. The order "
			"of the files does not matter. Exits as one run of all would have.",
	},
	[OPTIONS_VERB_EXPLAIN] = {
		.name = "explain", .operands = "[RUN]", .max_operands = 1,
		.summary = "why a run took so long, or does not go faster",
		.about = "Shows what bounded the run named, or the latest one: its makespan "
			"against the lower bound, its slowest cases, and how busy each slot "
			"was.\n"
			"\n"
			"With --coordinator, the run is one in progress there, and what keeps it "
			"from going faster is told: no worker with the tags it requires, slots "
			"taken by others, locks, silent workers, and what runs where.",
	},
	[OPTIONS_VERB_SERVE] = {
		.name = "serve",
		.summary = "be the coordinator of a cluster",
		.about = "Serves paddock-worker and run --coordinator until SIGTERM or SIGINT. On "
			"SIGHUP it reads paddock.yaml again: --verbose, --lease and --client-slots "
			"change at once, of anything else it says that it needs a restart.\n"
			"\n"
			"All that is said is encrypted, and only who was introduced with a "
			"token is listened to: see paddock token. The coordinator's own key is "
			"made in the state folder at the first start.",
	},
	[OPTIONS_VERB_TOKEN] = {
		.name = "token", .operands = "create|list|revoke [ID...]", .min_operands = 1,
		.summary = "let workers and clients into a coordinator, or keep them out",
		.about = "  create   print a new token on standard output\n"
			"  list     the tokens, and the keys they vouched for\n"
			"  revoke   the tokens or keys that begin with these IDs\n"
			"\n"
			"Whoever starts a worker or a run with a token (--token FILE) makes a key "
			"of its own, which is enrolled for what the token allows. A token that is "
			"revoked vouches for no further key; the sessions of a key that is "
			"revoked end at once.\n"
			"\n"
			"To be run on the coordinator's machine, by the user it runs as and with "
			"the same --state; it need not be stopped.",
	},
	[OPTIONS_VERB_AUDIT] = {
		.name = "audit", .operands = "verify|show [HEAD]", .min_operands = 1,
		.max_operands = 2,
		.summary = "what operators did, and whether the log was changed",
		.about = "  verify   check the chain of digests from first to last\n"
			"  show     print the entries, checking them too\n"
			"\n"
			"Exits 111 when an entry was changed, removed, added or moved. An end "
			"that was cut off leaves a shorter log that is whole. To notice that, "
			"keep the head that verify prints elsewhere, and give it as HEAD next "
			"time.",
	},
	[OPTIONS_VERB_WORKERS] = {
		.name = "workers", .operands = "[PATTERN]", .max_operands = 1,
		.summary = "the workers of a coordinator, and what they are about",
		.about = "All, or those whose name PATTERN matches, or one of whose tags it does "
			"where it holds a \"=\": * stands for anything, ? for one character.",
	},
	[OPTIONS_VERB_RUNS] = {
		.name = "runs",
		.summary = "the runs in progress at a coordinator",
		.about = "Finished ones are in its history: paddock history runs.",
	},
	[OPTIONS_VERB_DRAIN] = {
		.name = "drain", .operands = "PATTERN", .min_operands = 1, .max_operands = 1,
		.summary = "give workers no more work; they leave when they are empty",
		.about = "PATTERN is as for workers. A drained worker ends what it runs and "
			"leaves. What it still runs at the deadline is cancelled and runs "
			"elsewhere, which counts as no loss. Exits 2 when no worker matches.",
	},
	[OPTIONS_VERB_CANCEL] = {
		.name = "cancel", .operands = "RUN|all", .min_operands = 1, .max_operands = 1,
		.summary = "stop a run of a coordinator at once",
		.about = "Tests that run are killed; what did not run ends as notrun, and whoever "
			"submitted the run gets its report with exit code 111. Exits 2 when there "
			"is no such run.",
	},
	[OPTIONS_VERB_DOCTOR] = {
		.name = "doctor",
		.summary = "what this host can enforce, what not, and how to mend it",
		.about = "Asks the sandbox what it can build here, and looks for the other "
			"programs, the history and the configuration. Exits 113 when the "
			"default sandbox cannot be enforced, 105 when a program is missing or "
			"of another version, 96 when paddock.yaml is invalid.",
	},
	[OPTIONS_VERB_HELP] = {
		.name = "help", .operands = "[VERB]", .max_operands = 1,
		.summary = "print help, or completion scripts",
		.about = "The same as VERB --help. With --completion, a script for a shell to "
			"source.",
	},
	[OPTIONS_VERB_VERSION] = {
		.name = "version",
		.summary = "print version and build id",
	},
};

const struct conf_table options_table = {
	.program = "paddock",
	.summary = "a test runner and executor cluster",
	.about = "paddock lists the cases of test suites, packs them into shards by "
		 "what history says they cost, runs each in a sandbox, here or on a "
		 "cluster, and merges every verdict into one report.",
	.prefix = "PADDOCK_",
	.file = "paddock.yaml",
	.verbs = verbs,
	.n_verbs = OPTIONS_VERB_MAX,
	.options = options,
	.n_options = OPTIONS_MAX,
};
