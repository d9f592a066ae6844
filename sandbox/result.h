// SPDX-License-Identifier: Apache-2.0
/* result.h - a record for people and for programs. */
#ifndef PADDOCK_SANDBOX_RESULT_H
#define PADDOCK_SANDBOX_RESULT_H

#include <stdio.h>

#include "sandbox/box.h"

/* Exit codes of the one-shot program that are not the payload's own. */
enum {
	RESULT_EXIT_USAGE = 2,
	RESULT_EXIT_SETUP = 105,
	RESULT_EXIT_REFUSED = 113,
	RESULT_EXIT_TIMEOUT = 124,
};

/* The record as one line of JSON. */
void result_json(const struct box_result *result, FILE *out);

/* What a person must know that the exit code does not say, on one line; nothing for a plain exit.
 */
void result_explain(const struct box_result *result, FILE *out);

/* The exit code of the one-shot program: the payload's, 128+n for a signal, or one of the above. */
int result_exit_code(const struct box_result *result);

/* `before` as it is, then `text` as a JSON string, with the quotes. Bytes that are not printable
 * ASCII are escaped.
 */
void result_json_string(const char *before, const char *text, FILE *out);

#endif
