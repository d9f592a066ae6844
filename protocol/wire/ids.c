// SPDX-License-Identifier: Apache-2.0
/* ids.c - composing names. Pure. */
#include "protocol/wire/ids.h"

#include "protocol/base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

/* "suite::program::"; by hand, since every case of every listing comes through here. */
static int put_path(struct buf *buf, struct str suite, struct str program)
{
	int r = buf_put_str(buf, suite);
	r = r < 0 ? r : buf_append(buf, "::", 2);
	r = r < 0 ? r : buf_put_str(buf, program);
	return r < 0 ? r : buf_append(buf, "::", 2);
}

int ids_case(struct buf *buf, struct str suite, struct str program, struct str name)
{
	int r = put_path(buf, suite, program);
	return r < 0 ? r : buf_put_str(buf, name);
}

/* Length of the digits at the start of text when they fill a whole component, else 0. */
static size_t positional(struct str text)
{
	size_t n = 0;
	while (n < text.len && isdigit((unsigned char)text.data[n]))
		n++;
	return n && (n == text.len || text.data[n] == '/' || text.data[n] == '.') ? n : 0;
}

/* Without the "@k" that names the k-th repetition of a case. */
static struct str without_repetition(struct str name)
{
	size_t n = name.len;
	while (n && isdigit((unsigned char)name.data[n - 1]))
		n--;
	return n > 1 && n < name.len && name.data[n - 1] == '@' ? (struct str){ name.data, n - 1 }
								: name;
}

int ids_history_key(struct buf *buf, struct str suite, struct str program, struct str name)
{
	int r = put_path(buf, suite, program);
	name = without_repetition(name);
	size_t from = 0;
	for (size_t i = 0; r == 0 && i < name.len; i++) {
		size_t digits = name.data[i] == '/' ? positional((struct str){ name.data + i + 1,
									       name.len - i - 1 })
						    : 0;
		if (!digits)
			continue;
		r = buf_append(buf, name.data + from, i + 1 - from);
		if (r == 0)
			r = buf_puts(buf, "N");
		i += digits;
		from = i + 1;
	}
	return r < 0 ? r : buf_append(buf, name.data + from, name.len - from);
}

const char *ids_run(char out[IDS_RUN_BYTES], uint64_t wall_us, uint64_t random)
{
	time_t seconds = (time_t)(wall_us / CLOCK_US_PER_S);
	struct tm tm = { 0 };
	char when[16];
	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	snprintf(out, IDS_RUN_BYTES, "%s-%04x", when, (unsigned)(random & 0xffff));
	return out;
}
