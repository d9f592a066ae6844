// SPDX-License-Identifier: Apache-2.0
/*
 * door.c - the one place where received frames are opened and answers sealed, and what has to be
 * looked after meanwhile: revoked keys, and handshakes whose owner never spoke.
 *
 * With a door, nothing in the clear has any effect. A peer without a known key costs one handshake
 * (knock.c) and leaves nothing behind. A frame that does not open is dropped: it changes neither
 * its session nor what is parked there.
 */
#include "coordinator/serve/door.h"

#include "coordinator/serve/daemon.h"
#include "coordinator/serve/door_state.h"
#include "coordinator/serve/state.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HANDSHAKES_BURST = 4000, /* 5,000 workers come back within seconds of a restart */
	HANDSHAKES_PER_S = 1000, /* about a quarter of a processor */
	NOTICES_BURST = 20,	 /* each is an fsync */
	NOTICES_PER_S = 1,
	PENDING_US = 10000000, /* how long a hello waits for its owner's first message */
};

bool door_take(struct door_limit *limit, uint64_t now_us)
{
	const uint64_t cost_us = CLOCK_US_PER_S / limit->per_s;
	uint64_t most_us = cost_us * limit->burst;
	if (now_us > most_us && limit->since_us < now_us - most_us)
		limit->since_us = now_us - most_us;
	if (limit->since_us + cost_us > now_us) {
		limit->refused++;
		return false;
	}
	limit->since_us += cost_us;
	return true;
}

void door_notice(struct door *door, uint64_t now_us, const char *who, const char *why)
{
	struct err err = { 0 };
	char word[256], name[128];
	uint64_t before = door->notices.refused;
	if (!door_take(&door->notices, now_us))
		return;
	door->notices.refused = 0;
	audit_word(str_of(who), name, sizeof(name));
	LOG_WARN("not_let_in", "peer=%s unlogged=%" PRIu64 " %s", name, before, why);
	if (audit_add(door->audit, &err, "refused", "peer=%s unlogged=%" PRIu64 " why=%s", name,
		      before, audit_word(str_of(why), word, sizeof(word))) < 0)
		LOG_ERROR("not_audited", "%s", err.text);
}

/* ---- revoked keys ---- */

static const char *revoked_text(const struct keyring_key *key, char out[160])
{
	char when[32];
	snprintf(out, 160,
		 "the key of this program was revoked at %s: ask the operator of the coordinator "
		 "for a new token",
		 clock_format_utc(when, sizeof(when), key->revoked_s * CLOCK_US_PER_S));
	return out;
}

/* Tell whoever is parked, and end the session; its next hello is told again. */
static void expel(struct server *server, struct session *session, const char *text)
{
	LOG_INFO("expelled", "name=%s key=%s", session->name, session->passport->id);
	for (int lane = 0; lane < SESSION_LANES; lane++)
		if (session->waits[lane])
			outbox_refuse(server,
				      &(struct request){ lane, &session->parked[lane], session->id,
							 session->lanes[lane].seq },
				      EXIT_CODE_INCOMPLETE, text);
	const struct served_run *run = runs_find(server, session->run);
	if (session->owns && run && run->number)
		core_run_stop(server->core, clock_mono_us(), run->number,
			      "the key of its client was revoked", EXIT_CODE_INCOMPLETE, true);
	server_end_session(server, session, "its key was revoked");
}

static void look_at_keyring(struct server *server)
{
	struct door *door = server->options.door;
	struct err err = { 0 };
	char text[160];
	int r = keyring_refresh(door->keyring, &err);
	if (r < 0 && !door->ring_broken)
		LOG_ERROR("keyring_unusable", "%s; nobody new is let in until then", err.text);
	door->ring_broken = r < 0;
	for (size_t i = 0; r > 0 && i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		const struct keyring_key *key = session && session->passport
							? keyring_find(door->keyring,
								       session->passport->key)
							: NULL;
		if (key && key->revoked)
			expel(server, session, revoked_text(key, text));
	}
}

/* ---- frames ---- */

/*
 * Refuse in the clear whoever cannot be told otherwise. The numbers in the head are anybody's, so
 * no session is touched: outbox_refuse would answer for it.
 */
static void turn_away(struct server *server, int lane, struct chan_peer *peer,
		      const struct seal_head *head, const char *text)
{
	struct msg_refused refused;
	hello_refuse(&refused, EXIT_CODE_INCOMPLETE, head->session, head->seq, text);
	if (msg_encode(MSG_REFUSED, &refused, &server->frame, NULL) == 0)
		outbox_frame(server, lane, peer);
}

/* The first message that only the owner of the key can have sealed: now the hello counts. */
static bool admit(struct server *server, struct session *session)
{
	struct door *door = server->options.door;
	struct passport *passport = session->passport;
	struct err err = { 0 };
	if (!passport->pending)
		return true;
	passport->pending = false;
	door->pending--;
	buf_done(&passport->second);
	if (passport->token[0] && knock_enrol(server, session, &err) < 0) {
		door_notice(door, clock_mono_us(), session->name, err.text);
		server_end_session(server, session, err.text);
		return false;
	}
	struct session *before = session_find(&server->sessions, passport->resume);
	if (before && before != session && before->passport && !before->passport->pending &&
	    cipher_equal(before->passport->key, passport->key, CIPHER_KEY_BYTES))
		server_take_over(server, before, session);
	server_watch_silence(server, session);
	return true;
}

/* Open a sealed request. False: it was dealt with. */
static bool open_request(struct server *server, int lane, struct str frame,
			 const struct seal_head *head, struct chan_peer *peer,
			 struct str *ret_message)
{
	struct door *door = server->options.door;
	struct session *session = session_find(&server->sessions, head->session);
	if (!session || !session->passport) {
		turn_away(server, lane, peer, head,
			  "this session is not known here (any more): say hello again");
		return false;
	}
	if ((int)head->lane != lane ||
	    seal_open(&session->passport->seals[lane], frame, &door->opened) < 0) {
		chan_server_drop(server->chans[lane], peer);
		return false;
	}
	if (!admit(server, session)) {
		turn_away(server, lane, peer, head, "its token was used up meanwhile");
		return false;
	}
	*ret_message = buf_str(&door->opened);
	return true;
}

bool door_enter(struct server *server, int lane, struct str frame, struct chan_peer *peer,
		struct str *ret_message, struct seal_head *ret_head)
{
	struct door *door = server->options.door;
	int r = seal_parse(frame, ret_head);
	*ret_message = frame;
	if (!door && (r < 0 || ret_head->kind != SEAL_CLEAR)) {
		turn_away(server, lane, peer, ret_head,
			  "this coordinator was started with --insecure and speaks without keys: "
			  "give --insecure here too, or have it started without");
		return false;
	}
	if (!door)
		return true;
	if (r == 0 && ret_head->kind == SEAL_REQUEST)
		return open_request(server, lane, frame, ret_head, peer, ret_message);
	if (r == 0 && lane == SESSION_CONTROL &&
	    (ret_head->kind == SEAL_FIRST || ret_head->kind == SEAL_FIRST_TOKEN)) {
		look_at_keyring(server); /* the token may be a moment old */
		knock(server, ret_head->kind == SEAL_FIRST_TOKEN, seal_message(frame), peer);
		return false;
	}
	const char *why = "this coordinator speaks with keys only: leave --insecure out, and "
			  "enrol with --token FILE (paddock token create, at the coordinator)";
	door_notice(door, clock_mono_us(), "unknown", "spoke in the clear");
	turn_away(server, lane, peer, ret_head, why);
	return false;
}

bool door_fits(const struct seal_head *head, int type, const void *message)
{
	/* All but these begin with the session and the number they belong to. */
	const struct {
		uint64_t session, seq;
	} *number = message;
	if (head->kind == SEAL_CLEAR)
		return true;
	return type != MSG_HELLO && type != MSG_WELCOME && type != MSG_REFUSED &&
	       number->session == head->session && number->seq == head->seq;
}

int door_seal(struct server *server, struct session *session, int lane, uint64_t seq)
{
	struct door *door = server->options.door;
	if (!session->passport)
		return 0;
	ASSERT(door && !session->passport->pending);
	int r = seal_frame(&session->passport->seals[lane], SEAL_REPLY, session->id, seq,
			   buf_str(&server->frame), &door->sealed);
	if (r < 0)
		return r;
	struct buf sealed = door->sealed;
	door->sealed = server->frame;
	server->frame = sealed;
	return 0;
}

void door_forget(struct server *server, const struct session *session)
{
	if (session->passport && session->passport->pending)
		server->options.door->pending--;
}

/* ---- time ---- */

void door_tend(struct server *server, uint64_t now_us)
{
	struct door *door = server->options.door;
	if (!door)
		return;
	look_at_keyring(server);
	for (size_t i = 0; door->pending && i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (session && session->passport && session->passport->pending &&
		    now_us - session->passport->made_us > PENDING_US)
			server_end_session(server, session, "its owner never spoke");
	}
}

/* ---- life ---- */

int door_new(const char *state, struct audit *audit, struct door **ret_door, struct err *err)
{
	char path[PATH_MAX];
	struct door *door = calloc(1, sizeof(*door));
	ASSERT(audit);
	if (!door)
		return err_set(err, -ENOMEM, "no memory for the keys of a coordinator");
	door->audit = audit;
	door->handshakes = (struct door_limit){ HANDSHAKES_BURST, HANDSHAKES_PER_S, 0, 0 };
	door->notices = (struct door_limit){ NOTICES_BURST, NOTICES_PER_S, 0, 0 };
	buf_init(&door->opened, LIMIT_RECEIVE_BYTES);
	buf_init(&door->sealed, LIMIT_RECEIVE_BYTES);
	int n = snprintf(path, sizeof(path), "%s/" DAEMON_KEY_FILE, state);
	int r = n < (int)sizeof(path)
			? identity_coordinator(path, &door->own, err)
			: err_set(err, -ENAMETOOLONG, "%s: the path is too long", state);
	if (r == 0) {
		snprintf(path, sizeof(path), "%s/" DAEMON_RING_FILE, state);
		r = keyring_open(path, &door->keyring, err);
	}
	if (r < 0) {
		door_free(door);
		return r;
	}
	*ret_door = door;
	return 0;
}

void door_free(struct door *door)
{
	if (!door)
		return;
	keyring_free(door->keyring);
	buf_done(&door->opened);
	buf_done(&door->sealed);
	cipher_wipe(door, sizeof(*door));
	free(door);
}

const char *door_key(const struct door *door, char out[CIPHER_HEX_BYTES])
{
	return cipher_hex(door->own.public, CIPHER_KEY_BYTES, out);
}
