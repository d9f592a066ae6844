// SPDX-License-Identifier: Apache-2.0
/*
 * str.h - views into text somebody else owns, and strict parsing of what humans write: numbers,
 * sizes, durations. A view is not NUL-terminated. "Strict" means that the whole text must be
 * consumed and that overflow is an error.
 */
#ifndef PADDOCK_BASE_STR_H
#define PADDOCK_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *data;
	size_t len;
};

/* For printf("%.*s", STR_ARG(view)). */
#define STR_ARG(view) (int)(view).len, (view).data
/* View of a string literal. */
#define STR_LIT(literal) ((struct str){ .data = (literal), .len = sizeof(literal) - 1 })

/* View of a NUL-terminated string; NULL gives the empty view. */
struct str str_of(const char *text);

bool str_eq(struct str a, struct str b);	     /* same bytes */
bool str_starts(struct str text, struct str prefix); /* text begins with prefix */
bool str_ends(struct str text, struct str suffix);   /* text ends with suffix */

/* Order by bytes, a prefix first: below, equal to or above 0, as memcmp. */
int str_compare(struct str a, struct str b);

/* Where `needle` first occurs in `text`, or -1. */
ptrdiff_t str_find(struct str text, struct str needle);

/* Without ASCII white space at both ends. */
struct str str_trim(struct str text);

/*
 * Cut the next piece of *rest at `sep`: returns true with the piece in *ret_piece and *rest moved
 * past the separator; false when *rest was exhausted (data == NULL marks the end, so "a," gives "a"
 * and "").
 */
bool str_split(struct str *rest, char sep, struct str *ret_piece);

/*
 * Next line of *rest without its "\n" or "\r\n"; false at the end. A last line without newline
 * counts.
 */
bool str_line(struct str *rest, struct str *ret_line);

/* Decimal number within [min, max]. 0, -EINVAL when not a number, -ERANGE. */
int str_parse_u64(struct str text, uint64_t min, uint64_t max, uint64_t *ret_value);
/* As str_parse_u64, for numbers that may be negative. */
int str_parse_i64(struct str text, int64_t min, int64_t max, int64_t *ret_value);

/* Decimal fraction such as "0.25" or "1e3", finite. 0, -EINVAL, -ERANGE. */
int str_parse_double(struct str text, double *ret_value);

/* "512", "64K", "1.5MiB", "2G" in bytes (powers of 1024). 0, -EINVAL, -ERANGE. */
int str_parse_size(struct str text, uint64_t *ret_bytes);

/*
 * "90", "1.5s", "200ms", "10us", "2m", "1h30m" in microseconds; a bare number is seconds. 0,
 * -EINVAL, -ERANGE.
 */
int str_parse_duration(struct str text, uint64_t *ret_us);

/* "1.2 s", "340 ms", "2 m 05 s" into out (at least 24 bytes). Returns out. */
const char *str_format_duration(char *out, size_t size, uint64_t us);

/* "1.5 MiB" into out (at least 24 bytes). Returns out. */
const char *str_format_size(char *out, size_t size, uint64_t bytes);

/* Heap copy, NUL-terminated; the caller frees. NULL on no memory. */
char *str_dup(struct str text);

/*
 * Edit distance of two short words (Damerau, adjacent swaps count one), for "did you mean". Words
 * are cut at 64 bytes.
 */
unsigned str_distance(struct str a, struct str b);

/* FNV-1a, 64 bits: a stable hash for maps and partitions, not for content ids. */
uint64_t str_hash(struct str text);

#endif
