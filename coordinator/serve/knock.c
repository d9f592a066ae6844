// SPDX-License-Identifier: Apache-2.0
/*
 * knock.c - a handshake's first message, and its answer: a welcome, or a refusal that only this
 * coordinator can have written. Nothing in the first message may have an effect, since anybody who
 * recorded it can send it again: it makes a session that is pending, and that is all. The session
 * it resumes, the token's use, the key's enrolment wait for the first sealed request (door.c).
 *
 * Bounds: so many handshakes a second, the rest are dropped unread (their senders repeat them); so
 * many pending sessions in all and of one key, where a new one takes the place of the oldest; a
 * first message that is pending already gets its answer again and costs no handshake.
 */
#include "coordinator/serve/door.h"
#include "coordinator/serve/door_state.h"
#include "coordinator/serve/state.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/guard.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	PENDING_MAX = 4096,
	PENDING_OF_KEY_MAX = 8,
};

/* One handshake under way. */
struct knock {
	struct server *server;
	struct chan_peer *peer;
	struct auth auth;
	const struct msg_hello *hello;
	const struct keyring_token *token; /* that vouches, or did */
	bool known;			   /* the key is enrolled */
	char id[KEYRING_SHORT_BYTES];
};

static void send_clear(struct knock *knock, const char *text)
{
	door_notice(knock->server->options.door, clock_mono_us(), knock->id, text);
	outbox_refuse(knock->server, &(struct request){ SESSION_CONTROL, knock->peer, 0, 0 },
		      EXIT_CODE_INCOMPLETE, text);
}

/* Send server->frame, a message, as the handshake's second. 0 or -errno. */
static int send_second(struct knock *knock)
{
	struct server *server = knock->server;
	struct door *door = server->options.door;
	int r = seal_begin(SEAL_SECOND, &door->sealed);
	if (r == 0)
		r = auth_write_second(&knock->auth, buf_str(&server->frame), &door->sealed);
	if (r < 0)
		return r;
	buf_clear(&server->frame);
	r = buf_put_str(&server->frame, buf_str(&door->sealed));
	if (r == 0)
		outbox_frame(server, SESSION_CONTROL, knock->peer);
	return r;
}

/* Refuse under the coordinator's key, so that the peer may believe it. */
static void refuse(struct knock *knock, const char *text)
{
	struct msg_refused refused;
	door_notice(knock->server->options.door, clock_mono_us(), knock->id, text);
	hello_refuse(&refused, EXIT_CODE_INCOMPLETE, 0, 0, text);
	if (msg_encode(MSG_REFUSED, &refused, &knock->server->frame, NULL) < 0 ||
	    send_second(knock) < 0)
		chan_server_drop(knock->server->chans[SESSION_CONTROL], knock->peer);
}

/* ---- whom to let in ---- */

/* The token of a key that is not known yet. 0, or -EACCES with err; without a token: unsealed. */
static int find_token(struct knock *knock, struct err *err)
{
	struct door *door = knock->server->options.door;
	knock->token = keyring_find_token(door->keyring, knock->hello->token);
	if (!knock->token)
		return err_set(err, -EACCES,
			       "the token is not known to this coordinator: was it made with "
			       "another --state folder? (paddock token list)");
	auth_share(&knock->auth, knock->token->token.secret);
	return 0;
}

static int check_key(struct knock *knock, struct err *err)
{
	struct door *door = knock->server->options.door;
	const struct keyring_key *key = keyring_find(door->keyring, knock->auth.remote);
	char when[32];
	if (key && key->revoked)
		return err_set(err, -EACCES,
			       "the key of this program was revoked at %s: ask the operator of the "
			       "coordinator for a new token, and give it with --token FILE",
			       clock_format_utc(when, sizeof(when),
						key->revoked_s * CLOCK_US_PER_S));
	knock->known = key != NULL;
	if (key) {
		knock->token = keyring_token_of(door->keyring, key);
		return 0;
	}
	if (!knock->token)
		return err_set(err, -EACCES,
			       "the key of this program (%s...) is not enrolled here: ask for a "
			       "token (paddock token create), and give it with --token FILE",
			       knock->id);
	if (knock->hello->signer.len != CIPHER_KEY_BYTES)
		return err_set(err, -EACCES, "the hello brings no key for signing");
	return keyring_may_vouch(knock->token, clock_wall_us() / CLOCK_US_PER_S, err);
}

static int check_role(struct knock *knock, struct err *err)
{
	const struct msg_hello *hello = knock->hello;
	bool worker = hello->role == HELLO_WORKER;
	if (worker != (knock->token->role == KEYRING_WORKER))
		return err_set(err, -EACCES,
			       "this key has the role %s, which a %s cannot use: enrol it with a "
			       "token of another --role",
			       keyring_role_name(knock->token->role), worker ? "worker" : "client");
	return worker ? keyring_check_worker(knock->token, hello->slots, hello->tags, hello->n_tags,
					     err)
		      : 0;
}

/* ---- the pending session ---- */

/* The same first message, still pending: the same answer. */
static bool answer_again(struct server *server, struct str message, struct chan_peer *peer)
{
	for (size_t i = 0; message.len >= CIPHER_KEY_BYTES && i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (!session || !session_is_pending(session) ||
		    memcmp(session->passport->ephemeral, message.data, CIPHER_KEY_BYTES) != 0)
			continue;
		buf_clear(&server->frame);
		if (buf_put_str(&server->frame, buf_str(&session->passport->second)) == 0)
			outbox_frame(server, SESSION_CONTROL, peer);
		return true;
	}
	return false;
}

/* Room for one more: the oldest pending session makes way, of this key or of all. */
static void make_room(struct server *server, const uint8_t key[CIPHER_KEY_BYTES])
{
	struct session *oldest = NULL, *own = NULL;
	size_t n_own = 0;
	for (size_t i = 0; i < server->sessions.table.len; i++) {
		struct session *session = server->sessions.table.items[i];
		if (!session || !session_is_pending(session))
			continue;
		if (!oldest || session->passport->made_us < oldest->passport->made_us)
			oldest = session;
		if (memcmp(session->passport->key, key, CIPHER_KEY_BYTES) != 0)
			continue;
		n_own++;
		if (!own || session->passport->made_us < own->passport->made_us)
			own = session;
	}
	if (n_own >= PENDING_OF_KEY_MAX)
		server_end_session(server, own, "too many hellos of one key");
	else if (server->options.door->pending >= PENDING_MAX)
		server_end_session(server, oldest, "too many hellos");
}

/* The tags its token gives a worker; what it said itself is among them. */
static size_t split_tags(const char *text, struct str tags[LIMIT_TAGS])
{
	struct str rest = str_of(text), tag;
	size_t n = 0;
	while (rest.len && n < LIMIT_TAGS && str_split(&rest, ',', &tag))
		tags[n++] = tag;
	return n;
}

static struct session *make_session(struct knock *knock)
{
	struct server *server = knock->server;
	struct str tags[LIMIT_TAGS];
	struct msg_hello hello = *knock->hello;
	uint64_t now = clock_mono_us();
	if (knock->token->role == KEYRING_WORKER) {
		hello.tags = tags;
		hello.n_tags = split_tags(knock->token->tags, tags);
	}
	make_room(server, knock->auth.remote);
	struct passport *passport = passport_new();
	struct session *session = passport ? session_new(&server->sessions, &hello, server_random(),
							 now)
					   : NULL;
	if (!session) {
		passport_free(passport);
		return NULL;
	}
	session->passport = passport;
	session->access = knock->token->role;
	passport->resume = hello.resume;
	passport->made_us = now;
	memcpy(passport->key, knock->auth.remote, CIPHER_KEY_BYTES);
	memcpy(passport->ephemeral, knock->auth.remote_ephemeral, CIPHER_KEY_BYTES);
	memcpy(passport->id, knock->id, sizeof(passport->id));
	if (hello.signer.len == CIPHER_KEY_BYTES)
		memcpy(passport->signer, hello.signer.data, CIPHER_KEY_BYTES);
	if (!knock->known)
		memcpy(passport->token, knock->token->token.id, sizeof(passport->token));
	server->options.door->pending++;
	return session;
}

static void welcome(struct knock *knock)
{
	struct server *server = knock->server;
	struct msg_welcome message;
	struct session *session = make_session(knock);
	if (!session) {
		refuse(knock, "the coordinator has no room for another peer: end some, or start "
			      "another coordinator");
		return;
	}
	hello_welcome(&message, session->id, server->poll_us, server->lease_us);
	int r = msg_encode(MSG_WELCOME, &message, &server->frame, NULL);
	if (r == 0)
		r = send_second(knock);
	if (r == 0)
		r = buf_put_str(&session->passport->second, buf_str(&server->frame));
	if (r < 0) {
		server_end_session(server, session, "its welcome could not be made");
		return;
	}
	for (unsigned lane = 0; lane < SEAL_LANES; lane++)
		seal_init(&session->passport->seals[lane], &knock->auth, lane, clock_mono_us());
}

/* ---- the handshake ---- */

/* A first message that opened. */
static void judge(struct knock *knock)
{
	struct err err = { 0 };
	bool by_token = knock->auth.pattern == AUTH_IKPSK2;
	keyring_short(knock->auth.remote, knock->id);
	/* Without its secret no answer can be sealed. */
	if (by_token && find_token(knock, &err) < 0) {
		send_clear(knock, err.text);
		return;
	}
	int r = knock->server->options.door->ring_broken
			? err_set(&err, -EIO,
				  "the coordinator cannot read its keyring: see its log")
			: hello_check(knock->hello, &err);
	if (r == 0)
		r = check_key(knock, &err);
	if (r == 0)
		r = check_role(knock, &err);
	if (r < 0)
		refuse(knock, err.text);
	else
		welcome(knock);
}

void knock(struct server *server, bool by_token, struct str message, struct chan_peer *peer)
{
	struct door *door = server->options.door;
	struct knock knock = { .server = server, .peer = peer, .id = "unknown" };
	uint8_t ephemeral[CIPHER_KEY_BYTES];
	void *hello;
	if (answer_again(server, message, peer))
		return;
	if (!door_take(&door->handshakes, clock_mono_us())) {
		chan_server_drop(server->chans[SESSION_CONTROL], peer);
		return;
	}
	cipher_random(ephemeral, sizeof(ephemeral));
	auth_begin(&knock.auth, by_token ? AUTH_IKPSK2 : AUTH_IK, STR_LIT(GUARD_PROLOGUE),
		   &door->own, ephemeral, NULL);
	cipher_wipe(ephemeral, sizeof(ephemeral));
	buf_clear(&door->opened);
	if (auth_read_first(&knock.auth, message, &door->opened) < 0)
		send_clear(&knock, "the handshake is not for this coordinator's key: the token or "
				   "the key file is another coordinator's, or this one lost its "
				   "key; ask for a new token and give it with --token FILE");
	else if (msg_decode(buf_str(&door->opened), &server->arena, &hello, NULL) != MSG_HELLO)
		chan_server_drop(server->chans[SESSION_CONTROL], peer);
	else {
		knock.hello = hello;
		judge(&knock);
	}
	auth_done(&knock.auth);
}

int knock_enrol(struct server *server, struct session *session, struct err *err)
{
	struct door *door = server->options.door;
	struct passport *passport = session->passport;
	const struct keyring_key *known = keyring_find(door->keyring, passport->key);
	char name[KEYRING_NAME_BYTES];
	if (known && !known->revoked)
		return 0; /* its other hello was faster */
	int r = audit_add(door->audit, err, "enrol", "key=%s token=%s role=%s name=%s",
			  passport->id, passport->token, keyring_role_name(session->access),
			  audit_word(str_of(session->name), name, sizeof(name)));
	if (r == 0)
		r = keyring_enrol(door->keyring,
				  &(struct keyring_newcomer){ .token = str_of(passport->token),
							      .key = passport->key,
							      .signer = passport->signer,
							      .name = str_of(session->name) },
				  clock_wall_us() / CLOCK_US_PER_S, err);
	if (r == 0)
		LOG_INFO("enrolled", "name=%s key=%s token=%s role=%s", name, passport->id,
			 passport->token, keyring_role_name(session->access));
	return r;
}
