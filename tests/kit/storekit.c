// SPDX-License-Identifier: Apache-2.0
/* storekit.c - files in a folder of their own; schemas of the database of postgres.sh. */
#include "tests/kit/storekit.h"

#include "protocol/base/assert.h"
#include "tests/kit/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char server[64]; /* the folder of postgres.sh; empty: files */

/* postgres.sh with these words; its first line into out. Its exit code. */
static int script(const char *words, char *out, size_t size)
{
	char command[4096];
	const char *source = getenv("PADDOCK_SOURCE");
	snprintf(command, sizeof(command), "exec bash '%s/tests/kit/postgres.sh' %s",
		 source ? source : ".", words);
	FILE *pipe = popen(command, "r");
	ASSERT(pipe);
	if (!fgets(out, (int)size, pipe))
		*out = '\0';
	out[strcspn(out, "\n")] = '\0';
	int status = pclose(pipe);
	return status < 0 ? 1 : (status >> 8) & 0xff;
}

static void must(const char *words)
{
	char out[256];
	int code = script(words, out, sizeof(out));
	if (code)
		fprintf(stderr, "postgres.sh %s: exit code %d\n", words, code);
	ASSERT(code == 0);
}

int storekit_begin(int argc, char *argv[])
{
	char words[64];
	if (argc < 2 || strcmp(argv[1], "postgres") != 0)
		return 0;
	snprintf(words, sizeof(words), "start %d", (int)getpid());
	int code = script(words, server, sizeof(server));
	if (code)
		puts(server[0] ? server : "the PostgreSQL server did not start");
	return code;
}

int storekit_end(int failed)
{
	char words[128];
	snprintf(words, sizeof(words), "end %s", server);
	if (server[0])
		must(words);
	return failed;
}

bool storekit_is_server(void)
{
	return server[0] != '\0';
}

void storekit_fresh(char place[STOREKIT_BYTES])
{
	static unsigned n;
	char sql[64];
	if (!server[0]) {
		char folder[STOREKIT_BYTES / 2];
		temp_folder(folder, sizeof(folder));
		snprintf(place, STOREKIT_BYTES, "%s/state/new/history.db", folder);
		return;
	}
	n++;
	snprintf(place, STOREKIT_BYTES,
		 "postgresql://paddock:Secret@/postgres?host=%s&options=-csearch_path%%3Dt%u",
		 server, n);
	snprintf(sql, sizeof(sql), "CREATE SCHEMA t%u", n);
	storekit_sql(NULL, sql);
}

void storekit_remove(const char *place)
{
	char folder[STOREKIT_BYTES];
	if (server[0])
		return; /* it goes with the server */
	snprintf(folder, sizeof(folder), "%s", place);
	*strstr(folder, "/state/new/") = '\0';
	temp_remove(folder);
}

int storekit_set_up(void **state)
{
	struct storekit *kit = calloc(1, sizeof(*kit));
	assert_non_null(kit);
	storekit_fresh(kit->path);
	if (store_open(kit->path, &kit->store, &kit->err) < 0)
		fail_msg("%s", kit->err.text);
	*state = kit;
	return 0;
}

int storekit_tear_down(void **state)
{
	struct storekit *kit = *state;
	store_close(kit->store);
	storekit_remove(kit->path);
	free(kit);
	return 0;
}

void storekit_sql(const char *place, const char *sql)
{
	char words[1024];
	const char *schema = place ? strstr(place, "%3D") + 3 : NULL;
	if (schema)
		snprintf(words, sizeof(words), "sql %s \"SET search_path = %s; %s\"", server,
			 schema, sql);
	else
		snprintf(words, sizeof(words), "sql %s \"%s\"", server, sql);
	must(words);
}

void storekit_ctl(const char *words)
{
	char all[256];
	snprintf(all, sizeof(all), "ctl %s %s", server, words);
	must(all);
}

void storekit_sql_later(unsigned tenths, const char *sql)
{
	char command[1024];
	snprintf(command, sizeof(command),
		 "(sleep %u.%u; exec bash '%s/tests/kit/postgres.sh' sql %s \"%s\")"
		 " >/dev/null 2>&1 &",
		 tenths / 10, tenths % 10, getenv("PADDOCK_SOURCE"), server, sql);
	int code = system(command);
	ASSERT(code == 0);
}
