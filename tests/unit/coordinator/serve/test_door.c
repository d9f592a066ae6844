// SPDX-License-Identifier: Apache-2.0
/*
 * test_door.c - a server with keys, and peers made of a connection and a guard: a first message has
 * no effect until its owner has spoken, whoever sends it how often; nobody ends a session but its
 * owner; a frame that does not open is not answered; a revoked key is told.
 */
#include "coordinator/serve/daemon.h"
#include "coordinator/serve/door.h"
#include "coordinator/serve/keyring.h"
#include "coordinator/serve/server.h"
#include "coordinator/serve/state.h"
#include "protocol/base/arena.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/loop.h"
#include "protocol/wire/chan.h"
#include "protocol/wire/guard.h"
#include "protocol/wire/hello.h"
#include "tests/kit/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PEERS = 3, ANSWER_US = 10000000, SILENCE_US = 300000 };

/* A worker, as far as its control lane goes. */
struct peer {
	struct fixture *f;
	struct chan_client *chan;
	struct loop_fd *watch;
	struct identity identity;
	struct guard guard;
	struct buf frame;
	uint64_t session, seq;
	struct buf answer; /* as it came */
	bool answered;
	int type; /* of the message in it */
	void *message;
};

struct fixture {
	char folder[64], url[128];
	struct loop *loop;
	struct loop_timer *patience;
	struct audit *audit;
	struct door *door;
	struct server *server;
	struct keyring *keyring; /* a second reader and writer, as paddock token */
	struct arena arena;
	struct peer peers[PEERS];
};

static void on_patience(void *data)
{
	loop_stop(((struct fixture *)data)->loop);
}

static void on_answer(void *data)
{
	struct peer *peer = data;
	struct str frame;
	if (chan_client_receive(peer->chan, &frame) <= 0)
		return;
	buf_clear(&peer->answer);
	assert_int_equal(buf_put_str(&peer->answer, frame), 0);
	peer->answered = true;
	loop_stop(peer->f->loop);
}

static void make_peer(struct fixture *f, struct peer *peer, int number)
{
	struct identity_token token;
	struct err err = { 0 };
	char path[128], text[IDENTITY_TOKEN_BYTES], key[CIPHER_HEX_BYTES], url[160];
	*peer = (struct peer){ .f = f };
	assert_int_equal(keyring_add_token(f->keyring,
					   &(struct keyring_grant){
						   .role = KEYRING_WORKER, .uses = 1, .ttl_s = 60 },
					   clock_wall_us() / CLOCK_US_PER_S, &token, &err),
			 0);
	assert_int_equal(cipher_unhex(str_of(door_key(f->door, key)), token.coordinator,
				      CIPHER_KEY_BYTES),
			 0);
	snprintf(path, sizeof(path), "%s/token", f->folder);
	identity_token_text(&token, text);
	assert_int_equal(fd_write_file(path, text, strlen(text), NULL), 0);
	snprintf(url, sizeof(url), "%s-%d", f->url, number); /* a key file of its own */
	assert_int_equal(identity_open("worker", url, path, &peer->identity, &err), 0);
	guard_init(&peer->guard, &peer->identity);
	buf_init(&peer->frame, LIMIT_FRAME_BYTES);
	buf_init(&peer->answer, LIMIT_RECEIVE_BYTES);
	assert_int_equal(chan_client_new(f->url, &peer->chan, &err), 0);
	assert_int_equal(loop_fd_new(f->loop, chan_client_fd(peer->chan), on_answer, peer,
				     &peer->watch),
			 0);
}

static int set_up(void **state)
{
	static struct fixture f;
	struct err err = { 0 };
	char path[128];
	f = (struct fixture){ 0 };
	temp_folder(f.folder, sizeof(f.folder));
	if (setenv("XDG_STATE_HOME", f.folder, 1) < 0)
		return -1;
	snprintf(f.url, sizeof(f.url), "ipc://%s/s", f.folder);
	snprintf(path, sizeof(path), "%s/" DAEMON_AUDIT_FILE, f.folder);
	int r = audit_open(path, &f.audit, &err);
	r = r ? r : door_new(f.folder, f.audit, &f.door, &err);
	snprintf(path, sizeof(path), "%s/" DAEMON_RING_FILE, f.folder);
	r = r ? r : keyring_open(path, &f.keyring, &err);
	r = r ? r : loop_new(&f.loop);
	r = r ? r : loop_timer_new(f.loop, on_patience, &f, &f.patience);
	r = r ? r
	      : server_new(f.loop, &(struct server_options){ .door = f.door, .audit = f.audit },
			   &f.server, &err);
	r = r ? r : server_listen(f.server, f.url, &err);
	if (r < 0)
		return r;
	for (int i = 0; i < PEERS; i++)
		make_peer(&f, &f.peers[i], i);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < PEERS; i++) {
		loop_fd_free(f->peers[i].watch);
		chan_client_free(f->peers[i].chan);
		guard_done(&f->peers[i].guard);
		buf_done(&f->peers[i].frame);
		buf_done(&f->peers[i].answer);
	}
	server_free(f->server);
	loop_timer_free(f->patience);
	loop_free(f->loop);
	keyring_free(f->keyring);
	door_free(f->door);
	audit_free(f->audit);
	arena_done(&f->arena);
	temp_remove(f->folder);
	return 0;
}

/* Serve until the peer is answered, or for a while. Was it? */
static bool serve(struct peer *peer, uint64_t patience_us)
{
	struct fixture *f = peer->f;
	loop_timer_set(f->patience, patience_us);
	loop_run(f->loop, server_step, f->server);
	loop_timer_stop(f->patience);
	return peer->answered;
}

static bool send_bytes(struct peer *peer, struct str bytes, uint64_t patience_us)
{
	peer->answered = false;
	assert_int_equal(chan_client_send(peer->chan, bytes), 0);
	return serve(peer, patience_us);
}

/* Open the answer. */
static enum guard_trust open_answer(struct peer *peer)
{
	struct str message;
	struct err err = { 0 };
	enum guard_trust trust = guard_open(&peer->guard, 0, buf_str(&peer->answer), 0, &message);
	if (trust == GUARD_FORGED)
		return trust;
	message.data = arena_copy(&peer->f->arena, message);
	peer->type = msg_decode(message, &peer->f->arena, &peer->message, &err);
	return trust;
}

/* Say hello; the frame stays in peer->frame. Returns the type of the answer, which is trusted. */
static int say_hello(struct peer *peer, uint64_t resume)
{
	struct msg_hello hello;
	struct err err = { 0 };
	hello_fill(&hello, HELLO_WORKER, "w");
	hello.slots = 1;
	hello.resume = resume;
	assert_int_equal(guard_hello(&peer->guard, &hello, &peer->frame, &err), 0);
	assert_true(send_bytes(peer, buf_str(&peer->frame), ANSWER_US));
	assert_int_equal(open_answer(peer), GUARD_TRUSTED);
	if (peer->type == MSG_WELCOME)
		peer->session = ((const struct msg_welcome *)peer->message)->session;
	return peer->type;
}

/* A poll of peer->session: its frame. One that runs what nobody knows is answered soon. */
static void make_poll(struct peer *peer, size_t n_running)
{
	struct msg_running stray = { .attempt = 77, .epoch = 1 };
	struct msg_poll poll = { .session = peer->session,
				 .seq = ++peer->seq,
				 .free_slots = 1,
				 .running = &stray,
				 .n_running = n_running };
	const struct guard_number number = { 0, poll.session, poll.seq, 0 };
	struct err err = { 0 };
	assert_int_equal(guard_request(&peer->guard, &number, MSG_POLL, &poll, &peer->frame, &err),
			 0);
}

static enum guard_trust poll(struct peer *peer)
{
	make_poll(peer, 1);
	assert_true(send_bytes(peer, buf_str(&peer->frame), ANSWER_US));
	return open_answer(peer);
}

static void expect_orders(struct peer *peer)
{
	assert_int_equal(poll(peer), GUARD_TRUSTED);
	assert_int_equal(peer->type, MSG_ORDERS);
}

static uint64_t used(struct fixture *f, const struct peer *peer)
{
	struct err err = { 0 };
	assert_true(keyring_refresh(f->keyring, &err) >= 0);
	return keyring_find_token(f->keyring, str_of(peer->identity.token))->used;
}

static void a_first_message_alone_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *owner = &f->peers[0], *thief = &f->peers[1];
	struct buf first;
	buf_init(&first, LIMIT_FRAME_BYTES);
	assert_int_equal(say_hello(owner, 0), MSG_WELCOME);
	assert_int_equal(buf_put_str(&first, buf_str(&owner->frame)), 0);
	assert_int_equal(used(f, owner), 0);
	assert_int_equal(server_workers(f->server), 0);
	/* Said again by whomever: the same answer, byte by byte. */
	for (int i = 0; i < 20; i++) {
		assert_true(send_bytes(thief, buf_str(&owner->frame), ANSWER_US));
		assert_true(str_eq(buf_str(&thief->answer), buf_str(&owner->answer)));
	}
	assert_int_equal(open_answer(thief), GUARD_FORGED);
	assert_int_equal(used(f, owner), 0);
	expect_orders(owner);
	assert_int_equal(used(f, owner), 1);
	assert_int_equal(server_workers(f->server), 1);
	/* Later it begins another session, which nobody can speak in. */
	assert_true(send_bytes(thief, buf_str(&first), ANSWER_US));
	assert_int_equal(open_answer(thief), GUARD_FORGED);
	expect_orders(owner);
	assert_int_equal(used(f, owner), 1);
	assert_int_equal(server_workers(f->server), 1);
	buf_done(&first);
}

/* What sessions without keys have: the coordinator's own times, an end after silence, and what an
 * operator decided about a worker goes on when it says hello again. */
static void a_session_with_keys_is_one_like_any(void **state)
{
	struct fixture *f = *state;
	struct peer *owner = &f->peers[0];
	server_configure(f->server, &(struct server_limits){ .lease_us = 6000000 });
	assert_int_equal(say_hello(owner, 0), MSG_WELCOME);
	const struct msg_welcome *welcome = owner->message;
	assert_int_equal(welcome->lease_us, 6000000);
	assert_int_equal(welcome->poll_us, f->server->poll_us);
	expect_orders(owner);
	struct session *session = session_find(&f->server->sessions, owner->session);
	assert_in_range(session->missed_us, session->heard_us + 1, UINT64_MAX - 1);
	session->leaves = true;
	session->evict_us = 77;
	assert_int_equal(say_hello(owner, owner->session), MSG_WELCOME);
	expect_orders(owner);
	const struct session *after = session_find(&f->server->sessions, owner->session);
	assert_true(after != NULL && after->leaves);
	assert_int_equal(after->evict_us, 77);
	assert_int_equal(server_workers(f->server), 1);
}

static void only_its_owner_ends_a_session(void **state)
{
	struct fixture *f = *state;
	struct peer *owner = &f->peers[0], *other = &f->peers[1], *thief = &f->peers[2];
	struct buf recorded;
	buf_init(&recorded, LIMIT_FRAME_BYTES);
	assert_int_equal(say_hello(owner, 0), MSG_WELCOME);
	expect_orders(owner);
	uint64_t before = owner->session;
	/* Another key names it. */
	assert_int_equal(say_hello(other, before), MSG_WELCOME);
	expect_orders(other);
	expect_orders(owner);
	assert_int_equal(server_workers(f->server), 2);
	/* The owner says hello again, naming it: nothing ends until it speaks. */
	struct guard kept = owner->guard;
	owner->guard = (struct guard){ 0 };
	guard_init(&owner->guard, &owner->identity);
	assert_int_equal(say_hello(owner, before), MSG_WELCOME);
	assert_int_equal(buf_put_str(&recorded, buf_str(&owner->frame)), 0);
	struct guard newer = owner->guard;
	uint64_t after = owner->session;
	owner->guard = kept;
	owner->session = before;
	expect_orders(owner);
	kept = owner->guard;
	owner->guard = newer;
	owner->session = after;
	expect_orders(owner);
	newer = owner->guard;
	owner->guard = kept;
	owner->session = before;
	assert_int_equal(poll(owner), GUARD_HINT); /* gone: nobody can seal that */
	assert_int_equal(owner->type, MSG_REFUSED);
	guard_done(&owner->guard);
	owner->guard = newer;
	owner->session = after;
	/* The recorded hello again, now that the session it names is over. */
	assert_true(send_bytes(thief, buf_str(&recorded), ANSWER_US));
	expect_orders(owner);
	assert_int_equal(server_workers(f->server), 2);
	buf_done(&recorded);
}

static void what_does_not_open_is_not_answered(void **state)
{
	struct fixture *f = *state;
	struct peer *owner = &f->peers[0], *thief = &f->peers[1];
	assert_int_equal(say_hello(owner, 0), MSG_WELCOME);
	expect_orders(owner);
	make_poll(owner, 1);
	for (size_t at = 24; at < owner->frame.len; at += 5) {
		owner->frame.data[at] ^= 4;
		assert_false(send_bytes(thief, buf_str(&owner->frame), SILENCE_US / 10));
		owner->frame.data[at] ^= 4;
	}
	/* As it was, it is a request whoever brings it; its answer opens for the owner alone. */
	assert_true(send_bytes(owner, buf_str(&owner->frame), ANSWER_US));
	assert_int_equal(open_answer(owner), GUARD_TRUSTED);
	assert_true(send_bytes(thief, buf_str(&owner->frame), ANSWER_US));
	assert_true(str_eq(buf_str(&thief->answer), buf_str(&owner->answer)));
	assert_int_equal(open_answer(thief), GUARD_FORGED);
	expect_orders(owner);
}

/* The numbers in a head are there to read: whoever copies them does not speak for the session. */
static void a_copied_head_answers_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *owner = &f->peers[0], *thief = &f->peers[1];
	assert_int_equal(say_hello(owner, 0), MSG_WELCOME);
	expect_orders(owner);
	make_poll(owner, 0);
	assert_false(send_bytes(owner, buf_str(&owner->frame), SILENCE_US)); /* parked */
	owner->frame.data[1] = SEAL_REPLY;
	assert_true(send_bytes(thief, buf_str(&owner->frame), ANSWER_US));
	assert_int_equal(open_answer(thief), GUARD_HINT);
	assert_int_equal(thief->type, MSG_REFUSED);
	assert_false(owner->answered);
	assert_true(serve(owner, ANSWER_US));
	assert_int_equal(open_answer(owner), GUARD_TRUSTED);
	assert_int_equal(owner->type, MSG_ORDERS);
}

static void nothing_is_said_in_the_clear(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = &f->peers[0];
	struct msg_hello hello;
	struct err err = { 0 };
	hello_fill(&hello, HELLO_WORKER, "w");
	hello.slots = 1;
	assert_int_equal(msg_encode(MSG_HELLO, &hello, &peer->frame, &err), 0);
	assert_true(send_bytes(peer, buf_str(&peer->frame), ANSWER_US));
	assert_int_equal(open_answer(peer), GUARD_HINT);
	assert_int_equal(peer->type, MSG_REFUSED);
	assert_int_equal(say_hello(peer, 0), MSG_WELCOME);
	expect_orders(peer);
	struct msg_poll poll = { .session = peer->session, .seq = 9, .free_slots = 1 };
	assert_int_equal(msg_encode(MSG_POLL, &poll, &peer->frame, &err), 0);
	assert_true(send_bytes(peer, buf_str(&peer->frame), ANSWER_US));
	assert_int_equal(open_answer(peer), GUARD_HINT);
	assert_int_equal(peer->type, MSG_REFUSED);
	expect_orders(peer);
}

static void a_revoked_key_is_told(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = &f->peers[0];
	struct err err = { 0 };
	char id[CIPHER_HEX_BYTES], key[CIPHER_HEX_BYTES];
	assert_int_equal(say_hello(peer, 0), MSG_WELCOME);
	expect_orders(peer);
	make_poll(peer, 0);
	assert_false(send_bytes(peer, buf_str(&peer->frame), SILENCE_US)); /* parked */
	cipher_hex(peer->identity.own.public, CIPHER_KEY_BYTES, key);
	assert_int_equal(keyring_revoke(f->keyring, key, clock_wall_us() / CLOCK_US_PER_S, id,
					&err),
			 0);
	assert_true(serve(peer, ANSWER_US));
	assert_int_equal(open_answer(peer), GUARD_TRUSTED);
	assert_int_equal(peer->type, MSG_REFUSED);
	assert_true(str_find(((const struct msg_refused *)peer->message)->text,
			     STR_LIT("revoked")) > 0);
	assert_int_equal(server_workers(f->server), 0);
	assert_int_equal(say_hello(peer, 0), MSG_REFUSED);
	assert_true(str_find(((const struct msg_refused *)peer->message)->text,
			     STR_LIT("revoked")) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_first_message_alone_does_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_session_with_keys_is_one_like_any, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(only_its_owner_ends_a_session, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_open_is_not_answered, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_copied_head_answers_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_said_in_the_clear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_revoked_key_is_told, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
