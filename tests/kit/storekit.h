// SPDX-License-Identifier: Apache-2.0
/*
 * storekit.h - places for stores, so that one test speaks of files and of PostgreSQL: the test
 * program is given the word "postgres" for the latter, and then starts a server of its own.
 */
#ifndef PADDOCK_TESTS_KIT_STOREKIT_H
#define PADDOCK_TESTS_KIT_STOREKIT_H

#include "coordinator/history/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { STOREKIT_BYTES = 192 };

/* A store in a place of its own, for a test that has it from storekit_set_up. */
struct storekit {
	char path[STOREKIT_BYTES];
	struct store *store;
	struct err err;
	uint64_t run; /* the test's */
};

/* Fixtures of cmocka: open a store where none is yet; close it, and remove what was made. */
int storekit_set_up(void **state);
int storekit_tear_down(void **state);

/* Before the tests: start what they need. 0, or the exit code to end with at once. */
int storekit_begin(int argc, char *argv[]);

/* After them. Returns `failed`, what the tests made. */
int storekit_end(int failed);

/* Whether stores are in PostgreSQL. */
bool storekit_is_server(void);

/* A place where no store is yet: what store_open takes. */
void storekit_fresh(char place[STOREKIT_BYTES]);

/* Remove what was made there, whose store is closed. */
void storekit_remove(const char *place);

/* Run statements with psql, in the tables of that place unless NULL; aborts when they fail. */
void storekit_sql(const char *place, const char *sql);

/* pg_ctl with these words, such as "stop -m fast"; aborts when it fails. */
void storekit_ctl(const char *words);

/* Run statements beside this process, after so many tenths of a second. */
void storekit_sql_later(unsigned tenths, const char *sql);

#endif
