// SPDX-License-Identifier: Apache-2.0
/*
 * adapt.h - how paddock speaks with a test framework: one `const struct adapt_ops` per kind. An
 * adapter is pure: it turns a program into commands and untrusted bytes into verdicts; it opens no
 * file and starts no process.
 *
 * Life of a listing:  list_command -> (the worker runs it) -> list_parse
 * Life of a process:  run_command -> parser_new -> feed* -> finish -> parser_free
 *
 * One process runs a *step*: the first `n` cases of those still to run. Kinds with a process per
 * case take one at a time.
 *
 * What a sink hears of one process: a listed case is started at most once and ended at most once,
 * started before it ends; adapters that learn of a case only by its end say both at once. Found
 * cases (named verdicts) are only ended. Kinds with a process per case tell nothing before the end:
 * the worker knows which one runs.
 */
#ifndef PADDOCK_WORKER_ADAPT_H
#define PADDOCK_WORKER_ADAPT_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of the program. Views are borrowed. */
struct adapt_program {
	struct str suite, name, path; /* path absolute */
	const struct str *args;	      /* command words that replace the path; may be empty */
	size_t n_args;
	struct str cwd;	    /* what the configuration asks for; empty: the adapter's choice */
	struct str scratch; /* absolute folder the process may write; files below are put there
			       before it starts */
};

/* A file the worker writes into the scratch folder before the process starts. */
struct adapt_file {
	const char *name; /* plain file name */
	struct str content;
};

/* One process to start. All memory from the arena given. */
struct adapt_command {
	const char **argv; /* NULL-terminated; a first word without slash is looked up in PATH */
	const char **env;  /* NULL-terminated "K=V" added to the program's, or "K" alone to remove;
			      may be NULL */
	const char *cwd; /* NULL: the program's cwd, else its workspace, else the private temporary
			    folder */
	struct adapt_file *files;
	size_t n_files;
	const char *result_file; /* plain name in scratch, read after the end and given to finish;
				    NULL none */
	/* The process gets fd 3, a pipe whose bytes are fed as ADAPT_STREAM_REPORT; when listing,
	 * list_parse gets them as `out` instead of standard output. */
	bool report_fd;
	uint64_t timeout_us; /* the framework's own limit for this step; 0 none */
	bool limit_moves;    /* the parser may tell sink.limited; steps of one case only */
};

/* A case as listed. Memory from the arena given. Mirrors the listed record of the wire. */
struct adapt_case {
	struct str name, detail;
	bool disabled, serial;
	uint64_t processors, timeout_us;
	struct str *locks, *after, *needs, *tags;
	size_t n_locks, n_after, n_needs, n_tags;
};

/* A growing list of cases. Zeroed to start; the caller frees items. */
struct adapt_cases {
	struct adapt_case *items;
	size_t len, cap;
};

enum adapt_stream {
	ADAPT_STREAM_OUT,
	ADAPT_STREAM_ERR,
	ADAPT_STREAM_REPORT,
};

/* How the process ended. */
struct adapt_exit {
	bool signalled; /* by itself: a crash */
	bool killed;	/* by us: timeout or cancellation; verdicts of cases without one are the
			   worker's business */
	int code;	/* exit code when not signalled */
	int signal;
	struct str result; /* content of result_file; empty when none was written */
	struct str errors; /* tail of standard error, for messages */
};

/* A verdict an adapter found. */
struct adapt_verdict {
	size_t index; /* into the step's cases; a found case names the listed case it belongs to */
	struct str name; /* empty: the listed case itself; else a case found while running */
	enum outcome outcome;
	uint64_t duration_us; /* 0: not told, the worker's clock decides */
	struct str message;   /* why it failed or was skipped; may be empty */
};

/* Where an adapter tells what it sees, in the order of the bytes. Views are valid during the call
 * only. */
struct adapt_sink {
	void *data;
	void (*started)(void *data, size_t index); /* case `index` of the step runs now */
	void (*ended)(void *data, const struct adapt_verdict *verdict);
	/*
	 * The step's only case may take limit_us from now on (0: it is over), whatever its limit
	 * was before; past it, it is killed and its outcome is timeout. Only while the process
	 * runs, from feed, and only where the command said limit_moves.
	 */
	void (*limited)(void *data, uint64_t limit_us);
};

struct adapt_parser; /* each kind has its own; ops cast */

struct adapt_ops {
	const char *name;

	/* Does it take its cases one process each? Then a shard may hold many and run them one
	 * after the other. */
	bool process_per_case;

	/*
	 * The command that lists `program`. 1: ret_command is filled; 0: no process is needed,
	 * list_parse gets `content`, the bytes of the program's own file (or nothing). -errno with
	 * err: it cannot be listed.
	 */
	int (*list_command)(const struct adapt_program *program, struct arena *arena,
			    struct adapt_command *ret_command, struct err *err);

	/*
	 * Turn what the listing printed (or the file's content) into cases, appended to *cases. 0,
	 * or -errno with err saying what the program printed instead. Never trusts the bytes. `how`
	 * is NULL when no process ran. Names are valid UTF-8 and unique within the program; zero
	 * cases is a listing too, what that means is the caller's to decide.
	 */
	int (*list_parse)(const struct adapt_program *program, struct str out,
			  const struct adapt_exit *how, struct arena *arena,
			  struct adapt_cases *cases, struct err *err);

	/*
	 * The command that runs the next step. Returns how many of cases[0..n) it covers (>= 1), or
	 * -errno with err. Argument lists that would pass the kernel's limits cover fewer cases, or
	 * go through a file.
	 */
	ptrdiff_t (*run_command)(const struct adapt_program *program,
				 const struct adapt_case *cases, size_t n, struct arena *arena,
				 struct adapt_command *ret_command, struct err *err);

	/* A parser for one process that runs cases[0..n), which outlive it. NULL on no memory. */
	struct adapt_parser *(*parser_new)(const struct adapt_program *program,
					   const struct adapt_case *cases, size_t n,
					   const struct adapt_sink *sink);

	/* Bytes arrived. Any split of the stream gives the same verdicts. Memory stays bounded. */
	void (*feed)(struct adapt_parser *parser, enum adapt_stream stream, struct str bytes);

	/*
	 * The process is over: tell the verdicts that only the end decides. Cases left without one
	 * are reconciled by the worker: started ones are blamed for a crash or timeout, the rest
	 * runs again or is an error.
	 */
	void (*finish)(struct adapt_parser *parser, const struct adapt_exit *how);

	void (*parser_free)(struct adapt_parser *parser); /* accepts NULL */
};

/* The adapter called `kind`, or NULL. "auto" is not one: see kind_detect. */
const struct adapt_ops *adapt_find(struct str kind);

/* Adapter number i, or NULL past the end: for lists in help texts. */
const struct adapt_ops *adapt_nth(size_t i);

/* The adapters, one per file, for adapt_find's table. */
extern const struct adapt_ops adapt_gtest;
extern const struct adapt_ops adapt_ctest;
extern const struct adapt_ops adapt_tap;
extern const struct adapt_ops adapt_glib;
extern const struct adapt_ops adapt_installed_tests;
extern const struct adapt_ops adapt_pytest;
extern const struct adapt_ops adapt_list;

#endif
