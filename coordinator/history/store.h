// SPDX-License-Identifier: Apache-2.0
/*
 * store.h - what is kept between runs: the journal of every run's events (from which any report can
 * be written again) and the history of what each case costs (from which the next run is planned).
 * One SQLite file in WAL mode, or a PostgreSQL database; several processes may share it. Every call
 * may block on the disk, and on another process's transaction for up to ten seconds; on a server
 * that has gone silent, for a minute at most.
 *
 * A run: store_run_begin -> { store_run_event ... store_commit } -> store_run_finish. Events are
 * held in memory until store_commit, which makes them durable in one transaction; acknowledge them
 * to anybody only after it returned 0.
 *
 * Errors beside those of memory: -EBADMSG the file is damaged or no history, -EPROTO written by a
 * newer paddock, -ENOSPC the disk is full, -EBUSY somebody else holds it for too long, -EACCES not
 * allowed to write, -EINVAL no valid URL, -EIO, which also is a server that cannot be reached:
 * whatever call comes next connects again. The text says what to do, and never a password.
 */
#ifndef PADDOCK_COORDINATOR_HISTORY_STORE_H
#define PADDOCK_COORDINATOR_HISTORY_STORE_H

#include "coordinator/plan/estimate.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum {
	STORE_KEEP_DAYS = 30,  /* retention of runs: younger than this ... */
	STORE_KEEP_RUNS = 100, /* ... and among the newest of this many */
	STORE_PENDING_BYTES =
		64 << 20,      /* events not yet committed; more are refused with -ENOBUFS */
	STORE_NAME_BYTES = 64, /* room for a run's name */
};

/*
 * Open `path`, making the file and its folders when absent; or the database of a postgresql:// URL,
 * making the tables when absent. 0 with *ret_store (close it with store_close).
 */
int store_open(const char *path, struct store **ret_store, struct err *err);

/* Close it; events never committed are dropped. Accepts NULL. */
void store_close(struct store *store);

/* Whether `name` is for a server and not the path of a file. */
bool store_is_url(const char *name);

/* What to call it: the path, or the URL without its password. */
const char *store_name(const struct store *store);

/*
 * Nobody else may go on with the runs of this database until it is closed; others may still read it
 * and add runs of their own. 0, or -EADDRINUSE with err: another process has claimed it. Whoever
 * goes on with the runs of a file locks its folder.
 */
int store_claim(struct store *store, struct err *err);

/*
 * Let commits survive the death of this process but not a power cut (synchronous=NORMAL): a hundred
 * times faster on a slow disk. For runs that acknowledge nothing to other machines. The default
 * survives both.
 */
int store_relax(struct store *store, struct err *err);

/* A run begins. `submit` describes it for people. Durable at once. 0 with the run's number here;
 * -EEXIST: the name is taken. */
int store_run_begin(struct store *store, struct str name, uint64_t wall_us, struct str submit,
		    uint64_t *ret_run, struct err *err);

/* What a run of a coordinator was submitted as. */
struct store_submission {
	struct str submit;	  /* for people */
	uint64_t token;		  /* the client's; 0: none */
	const struct str *frames; /* its pieces, as somebody else will read them */
	size_t n_frames;
};

/*
 * As store_run_begin, for a run that another coordinator could go on with: what it was submitted as
 * is durable with it.
 */
int store_run_accept(struct store *store, struct str name, uint64_t wall_us,
		     const struct store_submission *submission, uint64_t *ret_run, struct err *err);

/* It was refused after all: forget that it was accepted. */
int store_run_refuse(struct store *store, uint64_t run, struct err *err);

/* A decision of the coordinator about a run, in order with its events; as store_run_event. */
int store_run_decision(struct store *store, uint64_t run, struct str frame);

/* The runs that were accepted and are not finished, oldest first, and when they began (wall). */
int store_open_runs(struct store *store,
		    int (*each)(void *data, uint64_t run, struct str name, uint64_t started_us),
		    void *data, struct err *err);

/* The pieces of its submission. A negative return of `each` stops and is returned. */
int store_run_submission(struct store *store, uint64_t run,
			 int (*each)(void *data, struct str frame), void *data, struct err *err);

/* Its events and decisions, in the order they were remembered; as store_run_submission. */
int store_run_recall(struct store *store, uint64_t run,
		     int (*event)(void *data, const struct msg_run_event *event),
		     int (*decision)(void *data, struct str frame), void *data, struct err *err);

/* How many events of it are stored. */
int store_run_length(struct store *store, uint64_t run, uint64_t *ret_events, struct err *err);

/* The run of a client's token: 1 with its number, its name and whether it is over; 0: none. */
int store_run_by_token(struct store *store, uint64_t token, uint64_t *ret_run,
		       char ret_name[STORE_NAME_BYTES], bool *ret_over, struct err *err);

/* Remember an event of a run, in order; copied. 0, -ENOMEM, -ENOBUFS when too much waits for
 * store_commit. */
int store_run_event(struct store *store, uint64_t run, const struct msg_run_event *event);

/* A start-up cost was measured for a process of this program; the mean decays. As store_run_event.
 */
int store_startup(struct store *store, struct str suite, struct str program, uint64_t startup_us);

/* Let so much wait for store_commit in place of STORE_PENDING_BYTES: what is decided together must
 * be written together. */
void store_hold(struct store *store, size_t bytes);

/* Bytes waiting for store_commit; 0: nothing to do. */
size_t store_pending_bytes(const struct store *store);

/* Make everything remembered so far durable. 0; on failure nothing is lost: it still waits and the
 * call may be repeated. */
int store_commit(struct store *store, struct err *err);

/*
 * The run is over: commit, then turn its verdicts into samples of the history. Only cases that ran
 * to an end of their own (pass, fail, leak) give samples, so a partial, interrupted or rerun run
 * adds what it knows and spoils nothing.
 */
int store_run_finish(struct store *store, uint64_t run, uint64_t wall_us, int exit_code,
		     struct err *err);

/*
 * Fill *table (zeroed or partly filled) with the histories of the suites named; n 0: of all.
 * Startups too. One scan of the suites' keys: 100,000 take about a tenth of a second.
 */
int store_load_estimates(struct store *store, const struct str *suites, size_t n,
			 struct estimate_table *table, struct err *err);

/* One run, as the list of runs shows it. Views are valid during the call that hands it out. */
struct store_run {
	uint64_t run;
	struct str name, submit;
	uint64_t started_us;  /* wall */
	uint64_t finished_us; /* wall; 0: it runs, or was cut off */
	int exit_code;
	uint64_t cases, red, flaky; /* verdicts; counted when it finished */
	uint64_t makespan_us, bound_us, busy_us, slots;
	struct str bounded_by;
};

/* Runs, newest first, at most `limit`. */
int store_runs(struct store *store, size_t limit,
	       void (*each)(void *data, const struct store_run *run), void *data, struct err *err);

/* The number of the run called `name`; "latest" and a unique prefix serve too. -ENOENT with err
 * naming near ones. */
int store_run_find(struct store *store, struct str name, uint64_t *ret_run, struct err *err);

/* Hand out the run's events in the order they were stored. A negative return of `each` stops and is
 * returned. */
int store_run_replay(struct store *store, uint64_t run,
		     int (*each)(void *data, const struct msg_run_event *event), void *data,
		     struct err *err);

/* As store_run_replay, from number `from` on; the first is 0. */
int store_run_replay_from(struct store *store, uint64_t run, uint64_t from,
			  int (*each)(void *data, const struct msg_run_event *event), void *data,
			  struct err *err);

/* The cases of a run to run again: red or never run, not quarantined. The views are valid during
 * the call. */
int store_run_failed(struct store *store, uint64_t run,
		     void (*each)(void *data, struct str suite, struct str program,
				  struct str name),
		     void *data, struct err *err);

/* A case whose outcome differs between two runs. */
struct store_change {
	struct str suite, program, name;
	unsigned before, after; /* enum outcome */
};

/* Cases with a verdict in both runs and different ones. */
int store_changes(struct store *store, uint64_t before, uint64_t after,
		  void (*each)(void *data, const struct store_change *change), void *data,
		  struct err *err);

/* A sample from elsewhere (an import): what another runner measured. */
struct store_sample {
	struct str suite, program, name;
	uint64_t duration_us;
	bool failed;
};

/* Add samples to the history, oldest first. All or none. */
int store_add_samples(struct store *store, const struct store_sample *list, size_t n,
		      uint64_t wall_us, struct err *err);

/* Delete runs past their retention (finished or abandoned) and histories of cases not seen for half
 * a year. */
int store_prune(struct store *store, uint64_t wall_us, uint64_t keep_days, uint64_t keep_runs,
		struct err *err);

#endif
