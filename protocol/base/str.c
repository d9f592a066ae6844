// SPDX-License-Identifier: Apache-2.0
/* str.c - views and strict parsing. Pure; no locale: only ASCII digits and spaces count. */
#include "protocol/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct str str_of(const char *text)
{
	return (struct str){ .data = text ? text : "", .len = text ? strlen(text) : 0 };
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int str_compare(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len ? memcmp(a.data, b.data, len) : 0;
	return r ? r : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str text, struct str prefix)
{
	return text.len >= prefix.len && str_eq((struct str){ text.data, prefix.len }, prefix);
}

bool str_ends(struct str text, struct str suffix)
{
	if (text.len < suffix.len)
		return false;
	return str_eq((struct str){ text.data + text.len - suffix.len, suffix.len }, suffix);
}

ptrdiff_t str_find(struct str text, struct str needle)
{
	if (!needle.len)
		return 0;
	const char *at = text.len ? memmem(text.data, text.len, needle.data, needle.len) : NULL;
	return at ? at - text.data : -1;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str text)
{
	while (text.len && is_space(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

bool str_split(struct str *rest, char sep, struct str *ret_piece)
{
	if (!rest->data)
		return false;
	const char *at = rest->len ? memchr(rest->data, sep, rest->len) : NULL;
	if (!at) {
		*ret_piece = *rest;
		*rest = (struct str){ 0 };
		return true;
	}
	*ret_piece = (struct str){ rest->data, (size_t)(at - rest->data) };
	rest->len -= ret_piece->len + 1;
	rest->data = at + 1;
	return true;
}

bool str_line(struct str *rest, struct str *ret_line)
{
	if (!rest->len)
		return false;
	str_split(rest, '\n', ret_line);
	if (ret_line->len && ret_line->data[ret_line->len - 1] == '\r')
		ret_line->len--;
	return true;
}

int str_parse_u64(struct str text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	if (!text.len)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value))
			return -ERANGE;
	}
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int str_parse_i64(struct str text, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = text.len && text.data[0] == '-';
	uint64_t magnitude;
	if (negative) {
		text.data++;
		text.len--;
	}
	int r = str_parse_u64(text, 0, (uint64_t)INT64_MAX, &magnitude);
	if (r < 0)
		return r;
	int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int str_parse_double(struct str text, double *ret_value)
{
	char copy[64], *end;
	if (!text.len || text.len >= sizeof(copy) || is_space(text.data[0]))
		return -EINVAL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	if (strspn(copy, "0123456789+-.eE") != text.len)
		return -EINVAL;
	double value = strtod(copy, &end);
	if (*end || end == copy)
		return -EINVAL;
	if (!isfinite(value))
		return -ERANGE;
	*ret_value = value;
	return 0;
}

struct unit {
	const char *name;
	double factor;
};

/* "<number><unit>" with the number allowed to be a fraction; advances *text past both. */
static int parse_with_unit(struct str *text, const struct unit *units, double *ret_value)
{
	size_t n = 0;
	while (n < text->len && (isdigit((unsigned char)text->data[n]) || text->data[n] == '.'))
		n++;
	double number;
	int r = str_parse_double((struct str){ text->data, n }, &number);
	if (r < 0)
		return r;
	size_t m = n;
	while (m < text->len && isalpha((unsigned char)text->data[m]))
		m++;
	struct str name = { text->data + n, m - n };
	for (const struct unit *unit = units; unit->name; unit++)
		if (str_eq(name, str_of(unit->name))) {
			*ret_value = number * unit->factor;
			text->data += m;
			text->len -= m;
			return 0;
		}
	return -EINVAL;
}

int str_parse_size(struct str text, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", 1024. },
		{ "KiB", 1024. },
		{ "M", 1048576. },
		{ "MiB", 1048576. },
		{ "G", 1073741824. },
		{ "GiB", 1073741824. },
		{ "T", 1099511627776. },
		{ "TiB", 1099511627776. },
		{ NULL, 0 },
	};
	double value;
	int r = parse_with_unit(&text, units, &value);
	if (r < 0)
		return r;
	if (text.len)
		return -EINVAL;
	if (value > 9e18)
		return -ERANGE;
	*ret_bytes = (uint64_t)value;
	return 0;
}

int str_parse_duration(struct str text, uint64_t *ret_us)
{
	static const struct unit units[] = {
		{ "", 1e6 },  { "s", 1e6 },   { "sec", 1e6 }, { "ms", 1e3 },	{ "us", 1 },
		{ "m", 6e7 }, { "min", 6e7 }, { "h", 3.6e9 }, { "d", 8.64e10 }, { NULL, 0 },
	};
	double total = 0, value;
	do {
		int r = parse_with_unit(&text, units, &value);
		if (r < 0)
			return r;
		total += value;
	} while (text.len);
	if (total > 9e18)
		return -ERANGE;
	*ret_us = (uint64_t)(total + 0.5);
	return 0;
}

const char *str_format_duration(char *out, size_t size, uint64_t us)
{
	if (us < 1000)
		snprintf(out, size, "%u us", (unsigned)us);
	else if (us < 1000000)
		snprintf(out, size, "%.*f ms", us < 10000 ? 1 : 0, (double)us / 1e3);
	else if (us < 60000000)
		snprintf(out, size, "%.2f s", (double)us / 1e6);
	else if (us < 3600000000u)
		snprintf(out, size, "%u m %02u s", (unsigned)(us / 60000000u),
			 (unsigned)(us / 1000000u % 60));
	else
		snprintf(out, size, "%llu h %02u m", (unsigned long long)(us / 3600000000u),
			 (unsigned)(us / 60000000u % 60));
	return out;
}

const char *str_format_size(char *out, size_t size, uint64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	unsigned i = 0;
	while (value >= 1024 && i + 1 < sizeof(names) / sizeof(names[0])) {
		value /= 1024;
		i++;
	}
	snprintf(out, size, i ? "%.1f %s" : "%.0f %s", value, names[i]);
	return out;
}

char *str_dup(struct str text)
{
	char *copy = malloc(text.len + 1);
	if (!copy)
		return NULL;
	if (text.len)
		memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;
	return ab < c ? ab : c;
}

unsigned str_distance(struct str a, struct str b)
{
	enum { MAX = 64 };
	unsigned rows[3][MAX + 1];
	size_t n = a.len < MAX ? a.len : MAX, m = b.len < MAX ? b.len : MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	unsigned *before = rows[2], *last = rows[0], *now = rows[1];
	for (size_t i = 1; i <= n; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned cost = a.data[i - 1] != b.data[j - 1];
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[m];
}

uint64_t str_hash(struct str text)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < text.len; i++) {
		hash ^= (unsigned char)text.data[i];
		hash *= 0x100000001b3u;
	}
	return hash;
}
