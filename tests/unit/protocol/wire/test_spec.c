// SPDX-License-Identifier: Apache-2.0
/*
 * test_spec.c - the tables of protocol/README.md and those of msg.def say the same: every record
 * and message, every field in its order with its type and limit, none too many, and each explained.
 */
#include "protocol/base/fd.h"
#include "protocol/wire/msg.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { README_BYTES_MAX = 1 << 20, LINE_BYTES = 512 };

static struct buf readme;

static int read_readme(void **state)
{
	(void)state;
	const char *source = getenv("PADDOCK_SOURCE");
	char path[4096];
	snprintf(path, sizeof(path), "%s/protocol/README.md", source ? source : ".");
	int r = fd_read_file(path, README_BYTES_MAX, &readme);
	if (r < 0)
		print_error("cannot read %s: %s\n", path, strerror(-r));
	return r;
}

static int drop_readme(void **state)
{
	(void)state;
	buf_done(&readme);
	return 0;
}

/* The beginning of the row that a field must have. */
static void expected_row(const struct msg_field *field, char row[LINE_BYTES])
{
	switch (field->type) {
	case MSG_FIELD_U64:
		if (field->max == UINT64_MAX)
			snprintf(row, LINE_BYTES, "| %s | number | any | ", field->name);
		else
			snprintf(row, LINE_BYTES, "| %s | number | %" PRIu64 " | ", field->name,
				 field->max);
		break;
	case MSG_FIELD_STR:
	case MSG_FIELD_BIN:
		snprintf(row, LINE_BYTES, "| %s | %s | %" PRIu64 " bytes | ", field->name,
			 field->type == MSG_FIELD_STR ? "text" : "bytes", field->max);
		break;
	case MSG_FIELD_STRS:
		snprintf(row, LINE_BYTES, "| %s | texts | %zu of %" PRIu64 " bytes | ", field->name,
			 field->max_items, field->max);
		break;
	case MSG_FIELD_LIST:
		snprintf(row, LINE_BYTES, "| %s | list of %s | %zu | ", field->name,
			 field->record->name, field->max_items);
		break;
	}
}

/* The next line that is a heading of a table ("### name") or a row of one; false at the end. */
static bool next_of_tables(struct str *rest, struct str *ret_line)
{
	while (str_line(rest, ret_line)) {
		if (str_starts(*ret_line, STR_LIT("## Decisions")))
			return false;
		if (str_starts(*ret_line, STR_LIT("### ")) || str_starts(*ret_line, STR_LIT("| ")))
			if (!str_starts(*ret_line, STR_LIT("| field | type |")))
				return true;
	}
	return false;
}

static void check_heading(struct str *rest, const struct msg_record *record)
{
	char heading[LINE_BYTES];
	struct str line;
	snprintf(heading, sizeof(heading), record->number ? "### %s (%u)" : "### %s", record->name,
		 record->number);
	if (!next_of_tables(rest, &line) || !str_eq(line, str_of(heading)))
		fail_msg("the specification lacks '%s' in its place: '%.*s'", heading,
			 STR_ARG(line));
}

static void check_row(struct str *rest, const struct msg_record *record,
		      const struct msg_field *field)
{
	char row[LINE_BYTES];
	struct str line;
	expected_row(field, row);
	if (!next_of_tables(rest, &line) || !str_starts(line, str_of(row)))
		fail_msg("the specification of %s lacks '%s' in its place: '%.*s'", record->name,
			 row, STR_ARG(line));
	size_t meaning = line.len - strlen(row);
	if (meaning < 3)
		fail_msg("%s.%s is not explained", record->name, field->name);
}

static void every_field_is_specified_and_nothing_else(void **state)
{
	(void)state;
	const struct msg_record *record;
	struct str rest = buf_str(&readme), line;
	ptrdiff_t at = str_find(rest, STR_LIT("\n## Records\n"));
	assert_true(at >= 0);
	rest = (struct str){ rest.data + at, rest.len - (size_t)at };
	for (size_t i = 0; (record = msg_describe_nth(i)); i++) {
		check_heading(&rest, record);
		for (size_t k = 0; k < record->n_fields; k++)
			check_row(&rest, record, &record->fields[k]);
	}
	if (next_of_tables(&rest, &line))
		fail_msg("the specification has something more: '%.*s'", STR_ARG(line));
}

static void the_frame_limit_is_named(void **state)
{
	(void)state;
	char text[LINE_BYTES];
	snprintf(text, sizeof(text), "At most %d bytes in all", LIMIT_FRAME_BYTES);
	assert_true(str_find(buf_str(&readme), str_of(text)) >= 0);
	snprintf(text, sizeof(text), "`[%d, number, field, field, ...]`", MSG_MAGIC);
	assert_true(str_find(buf_str(&readme), str_of(text)) >= 0);
	snprintf(text, sizeof(text), "# The protocol, version %d\n", MSG_PROTOCOL_VERSION);
	assert_true(str_find(buf_str(&readme), str_of(text)) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_specified_and_nothing_else),
		cmocka_unit_test(the_frame_limit_is_named),
	};
	return cmocka_run_group_tests(tests, read_readme, drop_readme);
}
