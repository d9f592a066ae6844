// SPDX-License-Identifier: Apache-2.0
/*
 * session.c - a table of peers. The low 16 bits of an id are its place, so that finding one costs
 * nothing.
 */
#include "coordinator/serve/session.h"

#include "protocol/base/assert.h"
#include "protocol/wire/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void done(struct session *session)
{
	for (int i = 0; i < SESSION_LANES; i++)
		lane_server_done(&session->lanes[i]);
	arena_done(&session->arena);
	arena_done(&session->orders_arena);
	free(session->name);
	free(session->assigns.items);
	free(session->cancels.items);
	free(session->programs.items);
	passport_free(session->passport);
	free(session->pieces.items);
	feed_done(&session->feed);
	free(session);
}

void session_table_done(struct sessions *sessions)
{
	for (size_t i = 0; i < sessions->table.len; i++)
		if (sessions->table.items[i])
			done(sessions->table.items[i]);
	free(sessions->table.items);
	*sessions = (struct sessions){ 0 };
}

struct session *session_new(struct sessions *sessions, const struct msg_hello *hello,
			    uint64_t random, uint64_t now_us)
{
	size_t place = 0;
	while (place < sessions->table.len && sessions->table.items[place])
		place++;
	if (place > 0xffff ||
	    (place == sessions->table.len && VEC_PUSH(&sessions->table, NULL) < 0))
		return NULL;
	struct session *session = calloc(1, sizeof(*session));
	if (!session)
		return NULL;
	session->id = ((random | 1) << 16 & UINT64_C(0x7fffffffffff0000)) | place;
	session->role = (enum hello_role)hello->role;
	session->access = session->role == HELLO_WORKER ? KEYRING_WORKER : KEYRING_OPERATE;
	session->slots = hello->slots;
	session->resume = hello->resume;
	session->heard_us = now_us;
	session->name = str_dup(hello->name);
	struct msg_hello copy = { 0 };
	if (!session->name ||
	    record_copy(msg_describe(MSG_HELLO), hello, &copy, &session->arena) < 0) {
		done(session);
		return NULL;
	}
	session->host = copy.host;
	session->evict_us = UINT64_MAX;
	session->tags = (struct str *)copy.tags;
	session->n_tags = copy.n_tags;
	sessions->table.items[place] = session;
	ASSERT(session->id);
	return session;
}

struct session *session_find(const struct sessions *sessions, uint64_t id)
{
	size_t place = id & 0xffff;
	if (!id || place >= sessions->table.len || !sessions->table.items[place] ||
	    sessions->table.items[place]->id != id)
		return NULL;
	return sessions->table.items[place];
}

uint64_t session_presence(const struct session *session, uint64_t id)
{
	uint8_t hash[CIPHER_HASH_BYTES];
	uint64_t presence;
	if (!session->passport)
		return id;
	cipher_hash((struct str){ (const char *)session->passport->key, CIPHER_KEY_BYTES },
		    (struct str){ (const char *)&id, sizeof(id) }, hash);
	memcpy(&presence, hash, sizeof(presence));
	return presence >> 1 | 1;
}

bool session_is_pending(const struct session *session)
{
	return session->passport && session->passport->pending;
}

void session_free(struct sessions *sessions, struct session *session)
{
	size_t place = session->id & 0xffff;
	ASSERT(sessions->table.items[place] == session);
	sessions->table.items[place] = NULL;
	done(session);
}

int session_keep_order(struct session *session, const struct msg_assign *assign,
		       const struct msg_cancel *cancel)
{
	struct arena *arena = &session->orders_arena;
	ASSERT(!assign != !cancel);
	if (assign) {
		struct msg_assign copy;
		return record_copy(&msg_record_assign, assign, &copy, arena) < 0
			       ? -ENOMEM
			       : VEC_PUSH(&session->assigns, copy);
	}
	struct msg_cancel copy = *cancel;
	char *reason = arena_copy(arena, copy.reason);
	copy.reason.data = reason;
	return reason ? VEC_PUSH(&session->cancels, copy) : -ENOMEM;
}

size_t session_orders_that_fit(const struct session *session, size_t n_cancels)
{
	size_t n = 0, bytes = 4096;
	for (size_t i = 0; i < n_cancels; i++)
		bytes += 32 + session->cancels.items[i].reason.len;
	while (n < session->assigns.len && n < LIMIT_ORDERS) {
		bytes += msg_size(&msg_record_assign, &session->assigns.items[n]);
		if ((n || n_cancels) && bytes > LIMIT_FRAME_BYTES - 4096)
			break;
		n++;
	}
	return n;
}

void session_drop_orders(struct session *session, size_t n_assigns, size_t n_cancels)
{
	ASSERT(n_assigns <= session->assigns.len && n_cancels <= session->cancels.len);
	session->assigns.len -= n_assigns;
	session->cancels.len -= n_cancels;
	if (session->assigns.len)
		memmove(session->assigns.items, session->assigns.items + n_assigns,
			session->assigns.len * sizeof(*session->assigns.items));
	if (session->cancels.len)
		memmove(session->cancels.items, session->cancels.items + n_cancels,
			session->cancels.len * sizeof(*session->cancels.items));
	if (!session->assigns.len && !session->cancels.len)
		arena_done(&session->orders_arena); /* most workers wait most of the time */
}
