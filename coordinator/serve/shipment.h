// SPDX-License-Identifier: Apache-2.0
/*
 * shipment.h - a parcel on its way to a coordinator: asks which chunks it lacks, then puts those.
 * Makes messages and takes answers; who sends them is not its business. One at a time:
 *
 *	while ((type = shipment_next(...)) > 0) { send; shipment_take(...) of the answer; }
 */
#ifndef PADDOCK_SERVE_SHIPMENT_H
#define PADDOCK_SERVE_SHIPMENT_H

#include "coordinator/serve/parcel.h"
#include "protocol/wire/msg.h"

struct shipment;

struct shipment_counts {
	uint64_t chunks, raw_bytes, packed_bytes; /* put so far */
};

/* A shipment of a parcel, which is borrowed. The caller frees it. NULL on no memory. */
struct shipment *shipment_new(struct parcel *parcel);

/* Free it. Accepts NULL. */
void shipment_free(struct shipment *shipment);

/*
 * Begin, also anew: another coordinator is there, or the same one started again, and what it has is
 * to be asked, since with the question it begins to keep it.
 */
void shipment_begin(struct shipment *shipment);

/*
 * The next message, valid until the next call: MSG_HAVE or MSG_PUT, 0 when all is there, or -errno
 * with err. The last one's answer must have been taken.
 */
int shipment_next(struct shipment *shipment, uint64_t session, uint64_t seq,
		  const void **ret_message, struct err *err);

/* Take the answer: MSG_MISSING or MSG_RECEIPT. 0, or -EPROTO with err when it answers something
 * else. */
int shipment_take(struct shipment *shipment, int type, const void *message, struct err *err);

/* What was put. */
struct shipment_counts shipment_counts(const struct shipment *shipment);

#endif
