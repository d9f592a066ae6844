// SPDX-License-Identifier: Apache-2.0
/*
 * msg.c - msg.def as tables. Everything that walks messages (msg_encode.c, msg_decode.c, the test
 * of the specification) reads these, so that a field is written down once.
 *
 * Invariants: messages are found by number, records and messages by position; no number twice (the
 * compiler sees to it); offsets are proven against the structs. Not for: the walks themselves.
 */
#include "protocol/wire/msg.h"

#include <stddef.h>

enum {
	UNIT = 8, /* bytes; every member of a msg struct is a multiple of it */
};

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

/* One line per shape reads better than what it would make of them. */
/* clang-format off */


/*
 * Where each field lies, in units: an enumerator per line of msg.def counts up within its record.
 */
#define RECORD(name) enum { CAT(units_before_, name) = -1,
#define U64(field, max) CAT(at_, __LINE__),
#define STR(field, max) CAT(at_, __LINE__), CAT(second_, __LINE__),
#define STRS(field, items, max) STR(field, max)
#define LIST(field, record, items) STR(field, items)
#define END CAT(units_, __LINE__) };
#include "protocol/wire/msg.def"

/* The proof that the compiler lays the structs out like that. */
#define RECORD(name)                                                                               \
	static inline __attribute__((unused)) void check_##name(void)                              \
	{                                                                                          \
		typedef struct msg_##name self;
#define U64(field, max) _Static_assert(offsetof(self, field) == UNIT * CAT(at_, __LINE__), "");
#define STR(field, max) U64(field, max)
#define STRS(field, items, max)                                                                    \
	U64(field, max)                                                                            \
	_Static_assert(offsetof(self, n_##field) == UNIT * CAT(second_, __LINE__), "");
#define LIST(field, record, items) STRS(field, items, 0)
#define END                                                                                        \
	_Static_assert(sizeof(self) == UNIT * CAT(units_, __LINE__), "");                          \
	}
#include "protocol/wire/msg.def"

#define RECORD(name) extern const struct msg_record msg_record_##name;
#include "protocol/wire/msg.def"

/* The fields of each record. */
#define FIELD(field, t, ...)                                                                       \
	{ .name = #field, .type = t, .offset = UNIT * CAT(at_, __LINE__), __VA_ARGS__ },
#define COUNTED(field, t, ...)                                                                     \
	FIELD(field, t, .count_offset = UNIT * CAT(second_, __LINE__), __VA_ARGS__)
#define RECORD(name) static const struct msg_field fields_##name[] = {
#define U64(field, limit) FIELD(field, MSG_FIELD_U64, .max = limit)
#define STR(field, limit) FIELD(field, MSG_FIELD_STR, .max = limit)
#define BIN(field, limit) FIELD(field, MSG_FIELD_BIN, .max = limit)
#define STRS(field, items, limit)                                                                  \
	COUNTED(field, MSG_FIELD_STRS, .max = limit, .max_items = items)
#define LIST(field, of, items)                                                                     \
	COUNTED(field, MSG_FIELD_LIST, .max_items = items, .record = &msg_record_##of)
#define END };
#include "protocol/wire/msg.def"

/* The records and messages themselves, then two ways to find them. */
#define RECORD(name) MESSAGE(name, 0)
#define MESSAGE(n, no)                                                                             \
	const struct msg_record msg_record_##n = {                                                 \
		.name = #n,                                                                        \
		.bytes = sizeof(struct msg_##n),                                                   \
		.number = no,                                                                      \
		.fields = fields_##n,                                                              \
		.n_fields = sizeof(fields_##n) / sizeof(fields_##n[0]),                            \
	};
#include "protocol/wire/msg.def"

static const struct msg_record *const all[] = {
#define RECORD(name) &msg_record_##name,
#include "protocol/wire/msg.def"
};

static const struct msg_record *const messages[MSG_TYPE_MAX] = {
#define MESSAGE(name, number) [number] = &msg_record_##name,
#include "protocol/wire/msg.def"
};

/* clang-format on */

const struct msg_record *msg_describe(unsigned type)
{
	return type < MSG_TYPE_MAX ? messages[type] : NULL;
}

const struct msg_record *msg_describe_nth(size_t i)
{
	return i < sizeof(all) / sizeof(all[0]) ? all[i] : NULL;
}
