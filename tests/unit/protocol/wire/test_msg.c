// SPDX-License-Identifier: Apache-2.0
/* test_msg.c - the tables of msg.def: numbers, order, and that they describe the structs. */
#include "protocol/wire/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_number_has_its_message(void **state)
{
	(void)state;
	for (unsigned type = MSG_HELLO; type < MSG_TYPE_MAX; type++) {
		const struct msg_record *record = msg_describe(type);
		assert_int_equal(record != NULL, type <= MSG_DECISION || type >= MSG_HAVE);
		assert_true(!record || record->number == type);
	}
	assert_null(msg_describe(0));
	assert_null(msg_describe(MSG_TYPE_MAX));
	assert_null(msg_describe(UINT32_MAX));
	assert_string_equal(msg_describe(MSG_STOP)->name, "stop");
	assert_string_equal(msg_describe(MSG_TOLD)->name, "told");
}

static void records_come_in_order_and_end(void **state)
{
	(void)state;
	size_t n = 0, messages = 0;
	while (msg_describe_nth(n)) {
		messages += msg_describe_nth(n)->number != 0;
		n++;
	}
	assert_string_equal(msg_describe_nth(0)->name, "program");
	assert_string_equal(msg_describe_nth(n - 1)->name, "contents");
	assert_int_equal(messages, MSG_DECISION + MSG_TYPE_MAX - MSG_HAVE);
	assert_null(msg_describe_nth(SIZE_MAX));
}

static const struct msg_field *field_of(const struct msg_record *record, const char *name)
{
	for (size_t i = 0; i < record->n_fields; i++)
		if (strcmp(record->fields[i].name, name) == 0)
			return &record->fields[i];
	fail_msg("%s has no field %s", record->name, name);
	return NULL;
}

static void fields_lie_where_the_struct_has_them(void **state)
{
	(void)state;
	const struct msg_field *field = field_of(&msg_record_assign, "cases");
	assert_int_equal(msg_record_assign.bytes, sizeof(struct msg_assign));
	assert_int_equal(field->type, MSG_FIELD_LIST);
	assert_int_equal(field->offset, offsetof(struct msg_assign, cases));
	assert_int_equal(field->count_offset, offsetof(struct msg_assign, n_cases));
	assert_int_equal(field->max_items, LIMIT_SHARD_CASES);
	assert_string_equal(field->record->name, "shard_case");
	field = field_of(&msg_record_program, "env");
	assert_int_equal(field->type, MSG_FIELD_STRS);
	assert_int_equal(field->max, LIMIT_ARG_BYTES);
	assert_int_equal(field->offset, offsetof(struct msg_program, env));
	field = field_of(&msg_record_event, "data");
	assert_int_equal(field->type, MSG_FIELD_BIN);
	assert_int_equal(field->offset, offsetof(struct msg_event, data));
	assert_int_equal(field_of(&msg_record_event, "outcome")->max, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_its_message),
		cmocka_unit_test(records_come_in_order_and_end),
		cmocka_unit_test(fields_lie_where_the_struct_has_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
