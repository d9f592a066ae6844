// SPDX-License-Identifier: Apache-2.0
/*
 * listing.h - a list of cases in the making: names cleaned and made unique, memory from the arena,
 * growth capped.
 */
#ifndef PADDOCK_WORKER_ADAPT_LISTING_H
#define PADDOCK_WORKER_ADAPT_LISTING_H

#include "protocol/base/map.h"
#include "worker/adapt/adapt.h"

struct listing {
	struct arena *arena;
	struct adapt_cases *cases;
	struct map names; /* name to how often it came */
	struct err *err;
};

/* Cases go to *cases, their memory comes from the arena, failures are told in err (may be NULL). */
void listing_init(struct listing *listing, struct arena *arena, struct adapt_cases *cases,
		  struct err *err);

/* Free. Accepts NULL and zeroed. */
void listing_done(struct listing *listing);

/*
 * Append a copy of *one. Its name is cleaned; an empty one becomes its number, one that came before
 * gets "#2", "#3". The detail is copied, lists are borrowed (they live in the arena). 0 with
 * *ret_case (may be NULL) valid until the next call; -E2BIG beyond the caps on cases or detail,
 * -ENOMEM; err is set.
 */
int listing_add(struct listing *listing, const struct adapt_case *one,
		struct adapt_case **ret_case);

/* The one case of a program that cannot say more: "main", with `detail`. Errors as listing_add. */
int listing_main(struct arena *arena, struct adapt_cases *cases, struct str detail,
		 struct err *err);

/*
 * How a listing process ended, judged: 0 when it ended by itself with code 0, else -EPROTO with err
 * telling the program, what it did and the end of what it printed.
 */
int listing_check(const struct adapt_program *program, const struct adapt_exit *how, struct str out,
		  struct err *err);

/* -EPROTO with err: the program printed `out` where a list of `what` was expected. */
int listing_refuse(const struct adapt_program *program, const char *what, struct str out,
		   struct err *err);

#endif
