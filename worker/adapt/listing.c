// SPDX-License-Identifier: Apache-2.0
/* listing.c - see listing.h. What a program prints decides names and numbers here, so every growth
 * has its cap. */
#include "worker/adapt/listing.h"

#include "protocol/base/assert.h"
#include "protocol/base/vec.h"
#include "protocol/wire/limits.h"
#include "worker/adapt/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void listing_init(struct listing *listing, struct arena *arena, struct adapt_cases *cases,
		  struct err *err)
{
	*listing = (struct listing){ .arena = arena, .cases = cases, .err = err };
}

void listing_done(struct listing *listing)
{
	if (listing)
		map_done(&listing->names);
}

/* Put "#2" behind a name that came before. */
static int make_unique(struct listing *listing, struct buf *name)
{
	uint64_t count = 0;
	size_t base = name->len;
	if (map_get(&listing->names, buf_str(name), &count)) {
		do {
			name->len = base;
			if (buf_printf(name, "#%llu", (unsigned long long)++count) < 0)
				return -ENOMEM;
		} while (map_get(&listing->names, buf_str(name), NULL));
		if (map_put(&listing->names, (struct str){ name->data, base }, count) < 0)
			return -ENOMEM;
	}
	return map_put(&listing->names, buf_str(name), 1) < 0 ? -ENOMEM : 0;
}

static int copy_name(struct listing *listing, struct str raw, struct str *ret_name)
{
	struct buf name;
	buf_init(&name, LIMIT_NAME_BYTES);
	int r = text_name(&name, raw);
	if (r == 0 && !name.len)
		r = buf_printf(&name, "%zu", listing->cases->len + 1);
	if (r == 0)
		r = make_unique(listing, &name);
	const char *copy = r == 0 ? arena_copy(listing->arena, buf_str(&name)) : NULL;
	if (copy)
		*ret_name = (struct str){ copy, name.len };
	buf_done(&name);
	return copy ? 0 : -ENOMEM;
}

int listing_add(struct listing *listing, const struct adapt_case *one, struct adapt_case **ret_case)
{
	struct adapt_case copy = *one;
	if (listing->cases->len >= LIMIT_CASES)
		return err_set(listing->err, -E2BIG, "lists more than %d cases; split the program",
			       LIMIT_CASES);
	if (one->detail.len > LIMIT_DETAIL_BYTES)
		return err_set(listing->err, -E2BIG,
			       "case %.*s: what its run needs takes %zu bytes, %d are allowed",
			       (int)(one->name.len < 200 ? one->name.len : 200), one->name.data,
			       one->detail.len, LIMIT_DETAIL_BYTES);
	const char *detail = arena_copy(listing->arena, one->detail);
	if (!detail || copy_name(listing, one->name, &copy.name) < 0 ||
	    VEC_PUSH(listing->cases, copy) < 0)
		return err_set(listing->err, -ENOMEM, "no memory for a list of %zu cases",
			       listing->cases->len);
	struct adapt_case *added = &listing->cases->items[listing->cases->len - 1];
	added->detail = (struct str){ detail, one->detail.len };
	if (ret_case)
		*ret_case = added;
	return 0;
}

int listing_main(struct arena *arena, struct adapt_cases *cases, struct str detail, struct err *err)
{
	struct listing listing;
	listing_init(&listing, arena, cases, err);
	int r = listing_add(&listing,
			    &(struct adapt_case){ .name = STR_LIT("main"), .detail = detail },
			    NULL);
	listing_done(&listing);
	return r;
}

/* The end of `bytes`, cleaned, for a sentence. */
static void put_tail(struct buf *buf, struct str bytes)
{
	enum { TAIL_BYTES = 400 };
	bytes = str_trim(bytes);
	if (bytes.len > TAIL_BYTES) {
		buf_puts(buf, "...");
		bytes = (struct str){ bytes.data + bytes.len - TAIL_BYTES, TAIL_BYTES };
	}
	text_message(buf, bytes);
}

int listing_check(const struct adapt_program *program, const struct adapt_exit *how, struct str out,
		  struct err *err)
{
	ASSERT(how);
	if (!how->signalled && !how->killed && how->code == 0)
		return 0;
	struct buf said;
	buf_init(&said, 1024);
	put_tail(&said, str_trim(how->errors).len ? how->errors : out);
	const char *sep = said.len ? "; it said: " : "";
	if (how->killed)
		err_set(err, -EPROTO, "cannot list %.*s: it did not end in time and was killed%s%s",
			STR_ARG(program->path), sep, buf_text(&said));
	else if (how->signalled)
		err_set(err, -EPROTO, "cannot list %.*s: it was ended by signal %d%s%s",
			STR_ARG(program->path), how->signal, sep, buf_text(&said));
	else
		err_set(err, -EPROTO, "cannot list %.*s: it ended with exit code %d%s%s",
			STR_ARG(program->path), how->code, sep, buf_text(&said));
	buf_done(&said);
	return -EPROTO;
}

int listing_refuse(const struct adapt_program *program, const char *what, struct str out,
		   struct err *err)
{
	struct buf said;
	buf_init(&said, 1024);
	put_tail(&said, out);
	err_set(err, -EPROTO,
		"cannot list %.*s: it printed no list of %s (does its main() pass the "
		"arguments on? is its kind right?); "
		"it said: %s",
		STR_ARG(program->path), what, said.len ? buf_text(&said) : "nothing");
	buf_done(&said);
	return -EPROTO;
}
