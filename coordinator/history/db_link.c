// SPDX-License-Identifier: Apache-2.0
/*
 * db_link.c - a connection that is made again when it was lost. The transaction of that moment
 * fails; whoever repeats it is connected again first, but after an attempt that took long not at
 * once, because a coordinator that waits for its store serves nobody. Every wait ends: with an
 * answer, a loss, or after SILENCE_MS.
 *
 * The password of the URL appears in no message: where the text of libpq could quote it, it is not
 * used.
 */
#include "coordinator/history/db_link.h"

#include "coordinator/history/db_dialect.h"
#include "coordinator/history/libpq.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	NAME_BYTES = 1024,  /* of what to call it */
	SILENCE_MS = 60000, /* no word of the server for so long: it is lost */
	CLAIM_MS = 2000,    /* for the connection of a killed coordinator to end */
};

void db_link_drop(struct db_link *link)
{
	libpq.finish(link->conn);
	link->conn = NULL;
	if (link->dropped)
		link->dropped(link->data);
}

int db_link_lost(struct db_link *link, const char *what, const char *why, struct err *err)
{
	char words[400];
	db_dialect_line(why ? why : libpq.errorMessage(link->conn), words, sizeof(words));
	db_link_drop(link);
	return err_set(err, -EIO, "%s the history %s: %s; %s", what, link->name, words,
		       db_dialect_advice(-EIO));
}

static int refused(struct db_link *link, const char *what, const struct pg_result *result,
		   struct err *err)
{
	char words[400];
	const char *state = libpq.resultErrorField(result, PG_DIAG_SQLSTATE),
		   *text = libpq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	int code = state ? db_dialect_code(state) : -EIO;
	db_dialect_line(text ? text : libpq.resultErrorMessage(result), words, sizeof(words));
	return err_set(err, code, "%s the history %s: %s; %s", what, link->name, words,
		       db_dialect_advice(code));
}

/* ---- waiting ---- */

/* Until a result can be taken without waiting. */
static int wait_for_result(struct db_link *link, const char *what, struct err *err)
{
	uint64_t until_us = clock_mono_us() + SILENCE_MS * CLOCK_US_PER_MS;
	for (;;) {
		int unsent = libpq.flush(link->conn);
		if (unsent < 0)
			return db_link_lost(link, what, NULL, err);
		if (!libpq.isBusy(link->conn))
			return 0;
		uint64_t now = clock_mono_us();
		struct pollfd fd = { .fd = libpq.socket(link->conn),
				     .events = (short)(POLLIN | (unsent ? POLLOUT : 0)) };
		int left_ms = now < until_us ? (int)((until_us - now) / CLOCK_US_PER_MS) : 0;
		int n = poll(&fd, 1, left_ms);
		if (n == 0)
			return db_link_lost(link, what, "the server has not answered for a minute",
					    err);
		if (n < 0 && errno != EINTR)
			return db_link_lost(link, what, strerror(errno), err);
		if (n > 0 && (fd.revents & ~POLLOUT)) {
			if (!libpq.consumeInput(link->conn))
				return db_link_lost(link, what, NULL, err);
			until_us = clock_mono_us() + SILENCE_MS * CLOCK_US_PER_MS;
		}
	}
}

/* The next result, NULL at the end of a query; the caller's to clear. */
int db_link_result(struct db_link *link, const char *what, struct pg_result **ret_result,
		   struct err *err)
{
	int r = wait_for_result(link, what, err);
	if (r < 0)
		return r;
	struct pg_result *result = libpq.getResult(link->conn);
	if (libpq.status(link->conn) == CONNECTION_BAD) {
		libpq.clear(result);
		return db_link_lost(link, what, NULL, err);
	}
	*ret_result = result;
	return 0;
}

int db_link_check(struct db_link *link, const char *what, const struct pg_result *result,
		  struct err *err)
{
	switch (libpq.resultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_PIPELINE_SYNC: return 0;
	default: return refused(link, what, result, err);
	}
}

/* Take all results of the query; the first failure counts. */
int db_link_finish(struct db_link *link, const char *what, struct err *err)
{
	int r = 0;
	for (;;) {
		struct pg_result *result = NULL;
		int taken = db_link_result(link, what, &result, r < 0 ? NULL : err);
		if (taken < 0)
			return r < 0 ? r : taken;
		if (!result)
			return r;
		if (r == 0)
			r = db_link_check(link, what, result, err);
		libpq.clear(result);
	}
}

/* Statements without values, on a connection that has nothing else to do. */
int db_link_script(struct db_link *link, const char *what, const char *sql, struct err *err)
{
	if (!libpq.sendQuery(link->conn, sql))
		return db_link_lost(link, what, NULL, err);
	return db_link_finish(link, what, err);
}

/* ---- connecting ---- */

static void quiet(void *data, const char *notice)
{
	(void)data;
	(void)notice;
}

static int take_claim(struct db_link *link, struct err *err)
{
	char script[512];
	struct err local = { 0 };
	snprintf(script, sizeof(script),
		 "SET lock_timeout = %d; SELECT pg_advisory_lock(" DB_LINK_LOCK(
			 "1885627244") "); SET lock_timeout"
				       " = %d",
		 CLAIM_MS, link->busy_ms);
	int r = db_link_script(link, "claiming", script, &local);
	if (r == -EBUSY)
		return err_set(err, -EADDRINUSE,
			       "another coordinator works on the runs of the history %s: stop it, "
			       "or give this one another --store",
			       link->name);
	if (r < 0 && err)
		*err = local;
	return r;
}

/*
 * What the session needs. Plans are made while tables are empty and kept while they grow, so scans
 * of whole tables must be a last resort. An orphan of ours, whose end the server has not noticed,
 * would still hold its locks. Nothing weaker than "on" may stand for a commit.
 */
static int set_up_session(struct db_link *link, struct err *err)
{
	char script[1024];
	snprintf(script, sizeof(script),
		 "SET lock_timeout = %d; SET idle_in_transaction_session_timeout = %d;"
		 " SET enable_seqscan = off; SET jit = off; SET default_transaction_isolation ="
		 " 'read committed';"
		 " SELECT set_config('synchronous_commit', CASE WHEN %s THEN 'off'"
		 " WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'"
		 " ELSE current_setting('synchronous_commit') END, false);"
		 " SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ="
		 " current_user"
		 " AND application_name = '%s' AND pid <> pg_backend_pid()",
		 link->busy_ms, SILENCE_MS, link->relaxed ? "true" : "false", link->session);
	int r = db_link_script(link, "opening", script, err);
	return r == 0 && link->claimed ? take_claim(link, err) : r;
}

static int try_to_connect(struct db_link *link, struct err *err)
{
	/* Those before the URL are ours unless it says otherwise. */
	static const char *const keys[] = {
		"connect_timeout",  "keepalives_idle",	"keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "dbname",
		"client_encoding",  "application_name", NULL
	};
	const char *const values[] = { "3",	  "10",	  "5",		 "2", "10000",
				       link->url, "UTF8", link->session, NULL };
	char words[400];
	link->conn = libpq.connectdbParams(keys, values, 1);
	if (!link->conn)
		return err_errno(err, -ENOMEM, "opening the history %s", link->name);
	if (libpq.status(link->conn) != CONNECTION_OK) {
		db_dialect_line(libpq.errorMessage(link->conn), words, sizeof(words));
		db_link_drop(link);
		return err_set(err, -EIO,
			       "opening the history %s: %s; check the URL of --store, and that the "
			       "server runs and lets you in",
			       link->name, words);
	}
	libpq.setNoticeProcessor(link->conn, quiet, NULL);
	if (libpq.setnonblocking(link->conn, 1) < 0)
		return db_link_lost(link, "opening", NULL, err);
	link->connections++;
	int r = set_up_session(link, err);
	if (r < 0)
		db_link_drop(link);
	return r;
}

/* A connection is there. An attempt that failed rests for four times as long as it took. */
int db_link_connect(struct db_link *link, struct err *err)
{
	if (link->conn)
		return 0;
	uint64_t begin_us = clock_mono_us(), rest_us = 100 * CLOCK_US_PER_MS;
	if (begin_us >= link->retry_us) {
		link->trouble = (struct err){ 0 };
		if (try_to_connect(link, &link->trouble) == 0)
			return 0;
		uint64_t now = clock_mono_us();
		if (4 * (now - begin_us) > rest_us)
			rest_us = 4 * (now - begin_us);
		link->retry_us = now + rest_us;
	}
	if (err)
		*err = link->trouble;
	return link->trouble.code;
}

/* ---- the URL ---- */

/* What to call it: everything that tells it from others, without its password. */
static int name_it(const PQconninfoOption *options, struct buf *out)
{
	const char *user = "", *host = "", *port = "", *name = "";
	for (; options->keyword; options++) {
		const char *value = options->val ? options->val : "";
		if (strcmp(options->keyword, "user") == 0)
			user = value;
		else if (strcmp(options->keyword, "host") == 0)
			host = value;
		else if (strcmp(options->keyword, "port") == 0)
			port = value;
		else if (strcmp(options->keyword, "dbname") == 0)
			name = value;
	}
	if (strspn(port, "0123456789,") != strlen(port))
		return -EINVAL; /* of a password with a '/' or '?', it is a part */
	bool is_folder = host[0] == '/';
	return buf_printf(out, "postgresql://%s%s%s%s%s/%s%s%s", user, *user ? "@" : "",
			  is_folder ? "" : host, *port ? ":" : "", port, name,
			  is_folder ? "?host=" : "", is_folder ? host : "");
}

static int read_url(struct db_link *link, const char *url, struct err *err)
{
	struct buf name;
	char *why = NULL;
	PQconninfoOption *options = db_dialect_is_ambiguous(url) ? NULL
								 : libpq.conninfoParse(url, &why);
	buf_init(&name, NAME_BYTES);
	int r = options ? name_it(options, &name) : -EINVAL;
	if (r == 0)
		link->name = str_dup(buf_str(&name));
	buf_done(&name);
	libpq.conninfoFree(options);
	libpq.freemem(why);
	if (r < 0)
		return err_set(err, -EINVAL,
			       "the URL of the store is not valid: it is "
			       "postgresql://USER@HOST:PORT/DATABASE, with special characters as "
			       "%%40 (the password is better kept in ~/.pgpass)");
	link->url = str_dup(str_of(url));
	return link->url && link->name ? 0 : err_errno(err, -ENOMEM, "opening the history");
}

int db_link_claim(struct db_link *link, struct err *err)
{
	int r = take_claim(link, err);
	link->claimed = r == 0;
	return r;
}

int db_link_open(struct db_link *link, const char *url, int busy_ms, struct err *err)
{
	uint64_t random = 0;
	link->busy_ms = busy_ms;
	int r = read_url(link, url, err);
	if (r < 0)
		return r;
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(err, -EIO, "opening the history %s: no random number", link->name);
	snprintf(link->session, sizeof(link->session), "paddock-%016" PRIx64, random);
	return db_link_connect(link, err);
}

void db_link_close(struct db_link *link)
{
	libpq.finish(link->conn);
	if (link->url)
		explicit_bzero(link->url, strlen(link->url));
	free(link->url);
	free(link->name);
	*link = (struct db_link){ 0 };
}
