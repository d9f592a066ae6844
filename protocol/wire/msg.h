// SPDX-License-Identifier: Apache-2.0
/*
 * msg.h - the records and messages of msg.def as structs, and the descriptors the codec walks.
 *
 * Each RECORD or MESSAGE `x` becomes `struct msg_x`; U64 fields are uint64_t, STR and BIN are
 * struct str views, STRS is `const struct str *x; size_t n_x;`, LIST is `struct msg_y *x; size_t
 * n_x;`. A struct borrows all it points to: when decoded, from the frame and the arena given to
 * msg_decode; when encoding, from whoever filled it. An all-zero struct is valid: empty texts,
 * empty lists.
 */
#ifndef PADDOCK_WIRE_MSG_H
#define PADDOCK_WIRE_MSG_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/str.h"
#include "protocol/wire/limits.h"

#include <stddef.h>
#include <stdint.h>

#define MSG_PROTOCOL_VERSION 1

/* Every frame is an array of this number, the message's number, and the message's fields. */
enum {
	MSG_MAGIC = 'p',
	MSG_HEAD_FIELDS = 2,
};

// clang-format off
#define RECORD(name) struct msg_##name {
#define MESSAGE(name, number) struct msg_##name {
#define U64(field, max) uint64_t field;
#define STR(field, max) struct str field;
#define BIN(field, max) struct str field;
#define STRS(field, items, max) const struct str *field; size_t n_##field;
#define LIST(field, record, items) struct msg_##record *field; size_t n_##field;
#define END };
// clang-format on
#include "protocol/wire/msg.def"

/* Message numbers: MSG_HELLO = 1, ... */
enum msg_type {
	MSG_HELLO = 1,
	MSG_WELCOME,
	MSG_REFUSED,
	MSG_POLL,
	MSG_ORDERS,
	MSG_REPORT,
	MSG_RECEIPT,
	MSG_SUBMIT,
	MSG_ACCEPTED,
	MSG_WATCH,
	MSG_NEWS,
	MSG_STOP,
	MSG_ASK,
	MSG_TOLD,
	MSG_DECISION, /* stored, never sent */
	MSG_HAVE = 20,
	MSG_MISSING,
	MSG_PUT,
	MSG_GET,
	MSG_CONTENTS,
	MSG_TYPE_MAX,
};

/* What an operator asks for. The last three have an effect. */
enum msg_ask_what {
	MSG_ASK_WORKERS, /* those that match */
	MSG_ASK_RUNS,	 /* all in progress */
	MSG_ASK_EXPLAIN, /* a run: its state and the reasons */
	MSG_ASK_DRAIN,	 /* those that match take no more work, and leave once they are empty */
	MSG_ASK_UNDRAIN, /* those that match and have not left work again */
	MSG_ASK_CANCEL,	 /* a run, or all */
	MSG_ASK_MAX,
};

/* State of a run, as told. */
enum msg_run_phase {
	MSG_RUN_PHASE_RUNNING,
	MSG_RUN_PHASE_WAITING, /* nothing of it runs */
	MSG_RUN_PHASE_STOPPED, /* what still runs of it was told to end */
	MSG_RUN_PHASE_OVER,    /* its last events are on their way */
	MSG_RUN_PHASE_MAX,
};

enum msg_event_kind {
	MSG_EVENT_LISTED,
	MSG_EVENT_STARTED,
	MSG_EVENT_OUTPUT,
	MSG_EVENT_ENDED,
	MSG_EVENT_CLOSED,
	MSG_EVENT_ARTIFACT,
	MSG_EVENT_MAX,
};

/* Why an attempt closed badly: which exit code it stands for. */
enum msg_close_cause {
	MSG_CLOSE_FINE,
	MSG_CLOSE_LISTING, /* 104 */
	MSG_CLOSE_SETUP,   /* 105 */
	MSG_CLOSE_SANDBOX, /* 113 */
	MSG_CLOSE_CANCELLED,
	MSG_CLOSE_WORKER, /* the worker could not go on: disk full, keeper died */
	MSG_CLOSE_MAX,
};

enum msg_run_kind {
	MSG_RUN_STARTED,     /* name: the run's; count: programs; slots */
	MSG_RUN_LISTED,	     /* a program was listed: count cases */
	MSG_RUN_LIST_FAILED, /* ... or could not be: message */
	MSG_RUN_CASE_STARTED,
	MSG_RUN_CASE_RETRIED,  /* an attempt ended red, another follows: outcome, message */
	MSG_RUN_CASE_FINISHED, /* the verdict: one for each listed case, one for each found case */
	MSG_RUN_WORKER_JOINED, /* worker, slots */
	MSG_RUN_WORKER_LEFT,   /* worker, message */
	MSG_RUN_WARNING,       /* message */
	MSG_RUN_FINISHED,      /* count, exit_code, makespan_us, bound_us, what bounded it */
	MSG_RUN_CASE_LISTED,   /* list_only: one case with its estimate */
	MSG_RUN_STARTUP,       /* duration_us of a process before its first case; for the history */
	MSG_RUN_ARTIFACT, /* a piece of a file that a case left, or why there is none: message */
	MSG_RUN_CASE_DUPLICATE, /* a verdict that came after another had counted: outcome, worker */
	MSG_RUN_CASE_SLOW,	/* it still runs, for duration_us; told `count` times by now */
	MSG_RUN_KIND_MAX,
};

/* What a coordinator journals beside a run's events, so that it can be built again. */
enum msg_decision_kind {
	MSG_DECISION_ASSIGNED,	  /* attempt, epoch, session, worker, program, list, cases */
	MSG_DECISION_SEEN,	  /* attempt: its news below seq are in the journal */
	MSG_DECISION_KEPT,	  /* attempt, program: an event that no verdict holds yet */
	MSG_DECISION_CLOSED,	  /* attempt, busy_us */
	MSG_DECISION_LOST,	  /* cases that lost their attempt */
	MSG_DECISION_RELIST,	  /* program: its listing was lost */
	MSG_DECISION_LISTED,	  /* program: the listing is whole */
	MSG_DECISION_FILED,	  /* program, wanted: its cases are in the ledger */
	MSG_DECISION_LIST_FAILED, /* program, exit_code */
	MSG_DECISION_ABANDONED,	  /* program: it will not be listed any more */
	MSG_DECISION_STOPPED,	  /* message, exit_code, immediate */
	MSG_DECISION_REMEMBERED,  /* program, name: a found case that was red before */
	MSG_DECISION_RAISED,	  /* exit_code is at least this */
	MSG_DECISION_MAX,
};

enum msg_override_has {
	MSG_OVERRIDE_TIMEOUT = 1 << 0,
	MSG_OVERRIDE_RETRIES = 1 << 1,
	MSG_OVERRIDE_MEMORY = 1 << 2,
	MSG_OVERRIDE_THREADS = 1 << 3,
	MSG_OVERRIDE_ISOLATE = 1 << 4,
	MSG_OVERRIDE_QUARANTINE = 1 << 5,
	MSG_OVERRIDE_LOCKS = 1 << 6,
};

enum msg_field_type { MSG_FIELD_U64, MSG_FIELD_STR, MSG_FIELD_BIN, MSG_FIELD_STRS, MSG_FIELD_LIST };

struct msg_record;

/* One field of a record, as the codec sees it. */
struct msg_field {
	const char *name;
	enum msg_field_type type;
	size_t offset;			 /* of the value, or of the list pointer */
	size_t count_offset;		 /* of n_<field>, for lists */
	uint64_t max;			 /* value, or bytes of a text */
	size_t max_items;		 /* of a list */
	const struct msg_record *record; /* of LIST's items */
};

struct msg_record {
	const char *name;
	size_t bytes;	 /* sizeof the struct */
	unsigned number; /* of a message; 0 for a record */
	const struct msg_field *fields;
	size_t n_fields;
};

/* Descriptor of a message number, or NULL for an unknown one. */
const struct msg_record *msg_describe(unsigned type);

/*
 * Descriptor number i of all records and messages in msg.def's order, or NULL past the end: for the
 * test of the specification.
 */
const struct msg_record *msg_describe_nth(size_t i);

/*
 * Encode `message` (a struct msg_<type>) as one frame into buf (cleared first). -EMSGSIZE when it
 * would pass LIMIT_MESSAGE_BYTES or a field passes its limit, with `err` naming the field; -ENOMEM.
 */
int msg_encode(enum msg_type type, const void *message, struct buf *buf, struct err *err);

/*
 * Append a record (not a message) as it stands in a frame, for signing it. Errors as msg_encode;
 * the buffer may hold a part then.
 */
int msg_put_record(const struct msg_record *describe, const void *record, struct buf *buf,
		   struct err *err);

/*
 * Decode one frame. Returns the message type with *ret_message (in the arena; texts point into the
 * frame) or -EPROTO with `err` saying which field of which message is wrong. Consumes the frame to
 * its last byte; checks every limit before allocating; never aborts whatever the bytes are.
 */
int msg_decode(struct str frame, struct arena *arena, void **ret_message, struct err *err);

/*
 * Bytes `record` would take on the wire when encoded as `describe` says (an upper bound), for
 * filling frames without encoding twice.
 */
size_t msg_size(const struct msg_record *describe, const void *record);

/* Descriptors of records that others pack by size. */
extern const struct msg_record msg_record_event, msg_record_run_event, msg_record_assign,
	msg_record_program, msg_record_listed, msg_record_worker_state, msg_record_run_state,
	msg_record_reason, msg_record_chunk;

#endif
