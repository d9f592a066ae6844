// SPDX-License-Identifier: Apache-2.0
/*
 * depot.c - contents between clients and workers: what a client asks for and puts, what a worker
 * gets. Each request costs a bounded time (LIMIT_UNPACKED_BYTES of digesting, one sync), so that
 * nobody's upload keeps another's verdict waiting.
 *
 * The session holds the store's lease from its first question on, and with it its run, so that what
 * the coordinator said it has is still there when a worker asks.
 */
#include "coordinator/serve/state.h"

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/wire/blob.h"
#include "protocol/wire/tree.h"

#include <errno.h>
#include <string.h>

enum { CONTENTS_BYTES = 700 << 10 }; /* of one answer: leaves room in the frame */

static void refuse(struct server *server, struct session *session, uint64_t seq,
		   enum exit_code code, const char *text)
{
	const struct request request = { SESSION_DATA, &session->parked[SESSION_DATA], session->id,
					 seq };
	session->waits[SESSION_DATA] = false;
	outbox_refuse(server, &request, code, text);
}

/* Is there a store, is it this peer's to use, and are the ids whole? Else the request is refused.
 */
static bool may(struct server *server, struct session *session, uint64_t seq, enum hello_role role,
		struct str ids)
{
	const char *why = NULL;
	if (!server->options.cas)
		why = "this coordinator keeps no contents: its workers use its own files";
	else if (session->role != role)
		why = "clients put contents and workers get them, not the other way round";
	else if (!ids.len || ids.len % DIGEST_BYTES)
		why = "a question about contents without whole digests";
	if (why)
		refuse(server, session, seq, EXIT_CODE_INCOMPLETE, why);
	return !why;
}

static bool lease(struct server *server, struct session *session, uint64_t seq)
{
	if (!session->lease)
		session->lease = cas_lease(server->options.cas, UINT64_MAX);
	if (!session->lease)
		refuse(server, session, seq, EXIT_CODE_INCOMPLETE,
		       "the coordinator has no memory for another lease");
	return session->lease;
}

void depot_have(struct server *server, struct session *session, const struct msg_have *have)
{
	if (!may(server, session, have->seq, HELLO_CLIENT, have->ids) ||
	    !lease(server, session, have->seq))
		return;
	struct msg_missing missing = { .session = session->id, .seq = have->seq };
	char *ids = arena_alloc(&server->arena, have->ids.len);
	for (size_t i = 0; ids && i < tree_ids(have->ids); i++) {
		struct digest id = tree_id(have->ids, i);
		if (cas_has(server->options.cas, &id))
			continue;
		memcpy(ids + missing.ids.len, id.bytes, DIGEST_BYTES);
		missing.ids.len += DIGEST_BYTES;
	}
	missing.ids.data = ids;
	if (!ids)
		refuse(server, session, have->seq, EXIT_CODE_INCOMPLETE, "out of memory");
	else
		outbox_answer(server, session, SESSION_DATA, MSG_MISSING, &missing);
}

void depot_put(struct server *server, struct session *session, const struct msg_put *put)
{
	struct cas *cas = server->options.cas;
	struct err err = { 0 };
	uint64_t raw_bytes = 0;
	int r = 0;
	if (!may(server, session, put->seq, HELLO_CLIENT,
		 put->n_chunks ? put->chunks[0].id : (struct str){ 0 }) ||
	    !lease(server, session, put->seq))
		return;
	for (size_t i = 0; r == 0 && i < put->n_chunks; i++) {
		const struct msg_chunk *chunk = &put->chunks[i];
		raw_bytes += chunk->raw_bytes;
		if (chunk->id.len != DIGEST_BYTES || raw_bytes > LIMIT_UNPACKED_BYTES) {
			r = err_set(&err, -EBADMSG,
				    "contents without whole digests, or more of them than one "
				    "message may hold");
		} else {
			struct digest id = tree_id(chunk->id, 0);
			r = cas_put(cas, &id, chunk->data, chunk->raw_bytes, &err);
		}
	}
	struct err failed = { 0 };
	int synced = cas_sync(cas, &failed);
	if (r == 0 && synced < 0) {
		r = synced;
		err = failed;
	}
	if (r < 0) {
		LOG_WARN("contents_refused", "client=%s %s", session->name, err.text);
		refuse(server, session, put->seq,
		       r == -EBADMSG ? EXIT_CODE_INCOMPLETE : EXIT_CODE_SETUP, err.text);
		return;
	}
	outbox_answer(server, session, SESSION_DATA, MSG_RECEIPT,
		      &(struct msg_receipt){ .session = session->id, .seq = put->seq });
}

/*
 * Load the content `id` as a chunk whose texts are in the arena. 0 with the bytes it takes in the
 * answer and unpacked; -ENOMEM.
 */
static int load(struct server *server, struct str id, struct msg_chunk *chunk)
{
	static struct buf packed, raw; /* kept, as the store's own */
	struct digest digest = tree_id(id, 0);
	packed.cap_bytes = BLOB_PACKED_BYTES;
	raw.cap_bytes = BLOB_MOST_BYTES;
	*chunk = (struct msg_chunk){ .id = id };
	int r = cas_get(server->options.cas, &digest, &packed, &raw);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		LOG_ERROR("content_unreadable", "errno=%d (%s)", -r, strerror(-r));
	const char *copy = r == 0 ? arena_copy(&server->arena, buf_str(&packed)) : NULL;
	chunk->raw_bytes = copy ? raw.len : 0;
	chunk->data = (struct str){ copy, copy ? packed.len : 0 };
	return r == -ENOMEM || (r == 0 && !copy) ? -ENOMEM : 0;
}

void depot_get(struct server *server, struct session *session, const struct msg_get *get)
{
	struct msg_contents contents = { .session = session->id, .seq = get->seq };
	size_t bytes = 0, raw_bytes = 0;
	if (!may(server, session, get->seq, HELLO_WORKER, get->ids))
		return;
	/* A refusal would mean that the session is unknown: what cannot be had is just not there.
	 */
	size_t n = tree_ids(get->ids);
	contents.chunks = arena_alloc(&server->arena, n * sizeof(*contents.chunks));
	int r = contents.chunks ? 0 : -ENOMEM;
	while (r == 0 && contents.n_chunks < n) {
		struct msg_chunk *chunk = &contents.chunks[contents.n_chunks];
		struct str id = { get->ids.data + contents.n_chunks * DIGEST_BYTES, DIGEST_BYTES };
		r = load(server, id, chunk);
		bytes += msg_size(&msg_record_chunk, chunk);
		raw_bytes += chunk->raw_bytes;
		if (contents.n_chunks &&
		    (bytes > CONTENTS_BYTES || raw_bytes > LIMIT_UNPACKED_BYTES))
			break;
		contents.n_chunks++;
	}
	if (contents.chunks && !contents.n_chunks)
		contents.chunks[contents.n_chunks++] = (struct msg_chunk){ .id = { get->ids.data,
										   DIGEST_BYTES } };
	outbox_answer(server, session, SESSION_DATA, MSG_CONTENTS, &contents);
}

int depot_check(struct server *server, const struct msg_program *programs, size_t n,
		struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		struct str tree = programs[i].tree;
		if (!tree.len || (i && str_eq(tree, programs[i - 1].tree)))
			continue;
		struct digest id = { { 0 } };
		if (tree.len == DIGEST_BYTES)
			id = tree_id(tree, 0);
		if (tree.len != DIGEST_BYTES || !server->options.cas ||
		    !cas_has(server->options.cas, &id))
			return err_set(err, -ENOENT,
				       "the tree of program %.*s was not sent to this coordinator",
				       (int)(programs[i].name.len < 200 ? programs[i].name.len
									: 200),
				       programs[i].name.data);
	}
	return 0;
}

void depot_release(struct server *server, uint64_t *lease_number)
{
	if (*lease_number)
		cas_release(server->options.cas, *lease_number);
	*lease_number = 0;
}
