// SPDX-License-Identifier: Apache-2.0
/*
 * filter.h - which cases: a compatible subset of cargo-nextest's filterset language.
 *
 *	expr  := term { ("or" | "|" | "+") term }
 *	term := factor { ("and" | "&" | "-") factor }	(a "-" b: a and not b)
 *	factor := ("not" | "!") factor | "(" expr ")" | set
 *	set   := all() | none() | test(M) | suite(M) | program(M) | tag(M) | kind(M)
 *	M     := /regex/ | =exact | ~contains | #glob | text
 *			(text: contains for test, glob for the others)
 */
#ifndef PADDOCK_PLAN_FILTER_H
#define PADDOCK_PLAN_FILTER_H

#include "protocol/base/err.h"
#include "protocol/base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct filter;

/* What a filter looks at. Views are borrowed. */
struct filter_subject {
	struct str suite, program, name, kind;
	const struct str *tags; /* of the program */
	size_t n_tags;
	const struct str *case_tags; /* of the case */
	size_t n_case_tags;
};

/*
 * Compile. 0 with a filter the caller frees, or -EINVAL with err showing the place under the
 * text, -ENOMEM.
 */
int filter_parse(struct str text, struct filter **ret_filter, struct err *err);

/* Free it. Accepts NULL. */
void filter_free(struct filter *filter);

/* Does it select the subject? */
bool filter_match(const struct filter *filter, const struct filter_subject *subject);

#endif
