// SPDX-License-Identifier: Apache-2.0
/* operator.h - one question to a coordinator elsewhere, and its answer page by page. */
#ifndef PADDOCK_SERVE_OPERATOR_H
#define PADDOCK_SERVE_OPERATOR_H

#include "protocol/base/err.h"
#include "protocol/wire/msg.h"

#include <stdbool.h>
#include <stdint.h>

struct operator_question {
	const char *url;
	const char *token; /* file of a token, for first contact; NULL: none */
	bool insecure;	   /* as of remote_run */
	enum msg_ask_what what;
	const char *pattern;  /* NULL: any */
	uint64_t deadline_us; /* of a drain; 0 none */
};

/*
 * Ask and hand out each page, valid during the call. 0, or an exit code with err: 2 an address that
 * is refused, 111 out of reach for 20 s, or what the coordinator refuses with. Blocks.
 */
int operator_ask(const struct operator_question *question,
		 void (*each)(void *data, const struct msg_told *told), void *data,
		 struct err *err);

#endif
