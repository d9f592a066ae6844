// SPDX-License-Identifier: Apache-2.0
/* db_dialect.c - tables and a few scans of text; see db_dialect.h. */
#include "coordinator/history/db_dialect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int db_dialect_values(struct buf *out, const char *sql)
{
	unsigned last = 0;
	int r = 0;
	for (; r == 0 && *sql; sql++) {
		if (*sql != '?') {
			r = buf_append(out, sql, 1);
			continue;
		}
		unsigned place = last + 1;
		if (sql[1] >= '1' && sql[1] <= '9')
			place = (unsigned)(*++sql - '0');
		last = place > last ? place : last;
		r = buf_printf(out, "$%u", place);
	}
	return r;
}

int db_dialect_rows(struct buf *out, const char *sql)
{
	static const char values[] = " VALUES (?";
	const char *at = strncmp(sql, "INSERT", 6) == 0 ? strstr(sql, values) : NULL;
	if (!at || at[strcspn(at, ")")] != ')' || at[strcspn(at, ")") + 1])
		return 0;
	int r = buf_printf(out, "%.*s SELECT * FROM unnest($1", (int)(at - sql), sql);
	unsigned place = 1;
	for (at += sizeof(values) - 1; r == 0 && *at; at++)
		if (*at == '?')
			r = buf_printf(out, ", $%u", ++place);
	return r == 0 ? buf_puts(out, ")") : r;
}

int db_dialect_code(const char *state)
{
	static const struct {
		const char *prefix;
		int code;
	} rows[] = {
		{ "53100", -ENOSPC }, /* disk full */
		{ "53300", -EBUSY },  /* too many connections */
		{ "55P03", -EBUSY },  /* lock timeout */
		{ "57014", -EBUSY },  /* statement timeout, or cancelled by an operator */
		{ "40", -EBUSY },     /* serialization failure, deadlock */
		{ "23", -EEXIST },    /* a constraint */
		{ "28", -EACCES },    /* not let in */
		{ "42501", -EACCES }, /* privileges */
		{ "25006", -EACCES }, /* read only: a standby */
		{ "42", -EBADMSG },   /* tables are other than ours */
		{ "XX001", -EBADMSG }, { "XX002", -EBADMSG }, { "54", -EMSGSIZE },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(state, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return rows[i].code;
	return -EIO;
}

const char *db_dialect_advice(int code)
{
	switch (code) {
	case -EBADMSG:
		return "its tables are damaged or another program's: give paddock a database or a"
		       " schema of its own";
	case -ENOSPC: return "free space on the server's disk";
	case -EBUSY: return "it is busy, or somebody else has been writing for too long; try again";
	case -EACCES:
		return "let the user of the URL create tables and write there, on a server that"
		       " is no standby";
	default: return "check that the server runs and can be reached; then try again";
	}
}

const char *db_dialect_line(const char *text, char *out, size_t size)
{
	size_t n = 0;
	for (; text && *text && n + 1 < size; text++)
		out[n++] = *text == '\n' || *text == '\t' ? ' ' : *text;
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n ? out : "no reason was given";
}

bool db_dialect_is_ambiguous(const char *url)
{
	const char *at = strstr(url, "://") + 3;
	unsigned ats = 0;
	for (; *at && *at != '/'; at++)
		ats += *at == '@';
	return ats > 1 || memchr(at, '@', strcspn(at, "?"));
}
