// SPDX-License-Identifier: Apache-2.0
/*
 * keyring.c - the file of tokens and keys, one fact a line, oldest first:
 *
 *	token ID SECRET ROLE USES EXPIRES MAX_SLOTS MADE TAGS
 *	key KEY SIGNER TOKEN MADE NAME
 *	revoke ID-OR-KEY WHEN
 *
 * Times are seconds since 1970, 0 is never, TAGS is "-" or K=V with commas. A fact counts once its
 * line ends; what was torn off by a crash was never acknowledged and is cut by the next writer.
 *
 * Invariants: writers hold a lock on the file while they read the rest of it, decide and append;
 * places of tokens and keys never change. Not for: telling who was let in when (audit.c).
 */
#include "coordinator/serve/keyring.h"

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_BYTES_MAX = 64 << 20,
	LINE_BYTES_MAX = 32 << 10,
	WORDS_MAX = 10,
	FULL_ID_DIGITS = IDENTITY_TOKEN_ID_BYTES - 1,
};

struct keyring {
	char *path;
	int fd;	     /* -1: there is no file yet */
	size_t read; /* bytes of whole lines taken in */
	size_t lines;
	struct {
		struct keyring_token *items;
		size_t len, cap;
	} tokens;
	struct {
		struct keyring_key *items;
		size_t len, cap;
	} keys;
};

static const char *const role_names[KEYRING_ROLE_MAX] = {
	[KEYRING_WORKER] = "worker",
	[KEYRING_OPERATE] = "operate",
	[KEYRING_SUBMIT] = "submit",
	[KEYRING_READ] = "read",
};

const char *keyring_role_name(enum keyring_role role)
{
	ASSERT(role < KEYRING_ROLE_MAX);
	return role_names[role];
}

int keyring_role_parse(struct str name)
{
	for (int role = 0; role < KEYRING_ROLE_MAX; role++)
		if (str_eq(name, str_of(role_names[role])))
			return role;
	return -EINVAL;
}

const char *keyring_short(const uint8_t key[CIPHER_KEY_BYTES], char out[KEYRING_SHORT_BYTES])
{
	return cipher_hex(key, (KEYRING_SHORT_BYTES - 1) / 2, out);
}

/* ---- reading ---- */

static struct keyring_token *token_called(const struct keyring *keyring, struct str id)
{
	for (size_t i = 0; i < keyring->tokens.len; i++)
		if (str_eq(id, str_of(keyring->tokens.items[i].token.id)))
			return &keyring->tokens.items[i];
	return NULL;
}

static int take_token(struct keyring *keyring, const struct str *words, size_t n)
{
	struct keyring_token token = { 0 };
	int role = n == 9 ? keyring_role_parse(words[3]) : -EINVAL;
	if (role < 0 || words[1].len != FULL_ID_DIGITS ||
	    cipher_unhex(words[2], token.token.secret, CIPHER_KEY_BYTES) < 0 ||
	    str_parse_u64(words[4], 1, UINT64_MAX, &token.uses) < 0 ||
	    str_parse_u64(words[5], 0, UINT64_MAX, &token.expires_s) < 0 ||
	    str_parse_u64(words[6], 0, LIMIT_SLOTS, &token.max_slots) < 0 ||
	    str_parse_u64(words[7], 0, UINT64_MAX, &token.made_s) < 0)
		return -EBADMSG;
	memcpy(token.token.id, words[1].data, words[1].len);
	token.role = (enum keyring_role)role;
	token.tags = str_dup(str_eq(words[8], STR_LIT("-")) ? (struct str){ "", 0 } : words[8]);
	if (!token.tags)
		return -ENOMEM;
	int r = VEC_PUSH(&keyring->tokens, token);
	if (r < 0)
		free(token.tags);
	return r;
}

static int take_key(struct keyring *keyring, const struct str *words, size_t n)
{
	struct keyring_key key = { 0 };
	struct keyring_token *token = n == 6 ? token_called(keyring, words[3]) : NULL;
	if (!token || cipher_unhex(words[1], key.key, CIPHER_KEY_BYTES) < 0 ||
	    cipher_unhex(words[2], key.signer, CIPHER_KEY_BYTES) < 0 ||
	    str_parse_u64(words[4], 0, UINT64_MAX, &key.made_s) < 0 ||
	    words[5].len >= KEYRING_NAME_BYTES)
		return -EBADMSG;
	memcpy(key.name, words[5].data, words[5].len);
	key.token = (size_t)(token - keyring->tokens.items);
	token->used++;
	return VEC_PUSH(&keyring->keys, key);
}

static int take_revoke(struct keyring *keyring, const struct str *words, size_t n)
{
	uint8_t key[CIPHER_KEY_BYTES];
	uint64_t when_s;
	if (n != 3 || str_parse_u64(words[2], 0, UINT64_MAX, &when_s) < 0)
		return -EBADMSG;
	struct keyring_token *token = token_called(keyring, words[1]);
	if (token) {
		token->revoked = true;
		return 0;
	}
	if (cipher_unhex(words[1], key, sizeof(key)) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < keyring->keys.len; i++)
		if (memcmp(keyring->keys.items[i].key, key, sizeof(key)) == 0) {
			keyring->keys.items[i].revoked = true;
			keyring->keys.items[i].revoked_s = when_s;
		}
	return 0;
}

static int take_line(struct keyring *keyring, struct str line)
{
	struct str words[WORDS_MAX], word;
	size_t n = 0;
	while (n < WORDS_MAX && str_split(&line, ' ', &word))
		words[n++] = word;
	if (n && str_eq(words[0], STR_LIT("token")))
		return take_token(keyring, words, n);
	if (n && str_eq(words[0], STR_LIT("key")))
		return take_key(keyring, words, n);
	if (n && str_eq(words[0], STR_LIT("revoke")))
		return take_revoke(keyring, words, n);
	return -EBADMSG;
}

/* Open the file if it is there by now; `make` it if it is not. */
static int open_file(struct keyring *keyring, bool make, struct err *err)
{
	struct stat st;
	if (keyring->fd >= 0)
		return 0;
	int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	keyring->fd = open(keyring->path, make ? flags | O_CREAT : flags, 0600);
	if (keyring->fd < 0)
		return errno == ENOENT && !make
			       ? 0
			       : err_errno(err, -errno, "cannot open the keyring %s",
					   keyring->path);
	if (fstat(keyring->fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 077))
		return 0;
	fd_close(&keyring->fd);
	return err_set(err, -EPERM,
		       "the keyring %s holds secrets and must be a file that only its owner reads: "
		       "chmod 600 it, and if others were there, revoke its tokens",
		       keyring->path);
}

/* Take in the whole lines of `text`. */
static int take_text(struct keyring *keyring, struct str text, struct err *err)
{
	struct str line;
	const char *end = text.len ? memrchr(text.data, '\n', text.len) : NULL;
	text.len = end ? (size_t)(end - text.data) : 0;
	if (!end)
		return 0;
	while (str_split(&text, '\n', &line)) {
		keyring->lines++;
		int r = take_line(keyring, line);
		if (r == -ENOMEM)
			return err_set(err, r, "no memory for the keyring %s", keyring->path);
		if (r < 0)
			return err_set(err, r,
				       "the keyring %s is damaged at line %zu: restore it from a "
				       "backup, or remove that line if you know what it was",
				       keyring->path, keyring->lines);
		keyring->read += line.len + 1;
	}
	return 1;
}

int keyring_refresh(struct keyring *keyring, struct err *err)
{
	struct stat st;
	int r = open_file(keyring, false, err);
	if (r < 0 || keyring->fd < 0)
		return r;
	if (fstat(keyring->fd, &st) < 0)
		return err_errno(err, -errno, "cannot look at the keyring %s", keyring->path);
	if ((size_t)st.st_size < keyring->read || st.st_size > FILE_BYTES_MAX)
		return err_set(err, -EBADMSG,
			       "the keyring %s lost bytes, or grew past %d MiB: it is only ever to "
			       "be appended to; restore it and start the coordinator again",
			       keyring->path, FILE_BYTES_MAX >> 20);
	size_t more = (size_t)st.st_size - keyring->read;
	if (!more)
		return 0;
	char *text = malloc(more);
	if (!text)
		return err_set(err, -ENOMEM, "no memory for the keyring %s", keyring->path);
	ssize_t n = pread(keyring->fd, text, more, (off_t)keyring->read);
	r = n < 0 ? err_errno(err, -errno, "cannot read the keyring %s", keyring->path)
		  : take_text(keyring, (struct str){ text, (size_t)n }, err);
	cipher_wipe(text, more);
	free(text);
	return r;
}

int keyring_open(const char *path, struct keyring **ret_keyring, struct err *err)
{
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	if (keyring) {
		keyring->fd = -1;
		keyring->path = str_dup(str_of(path));
	}
	if (!keyring || !keyring->path) {
		free(keyring);
		return err_set(err, -ENOMEM, "no memory for the keyring %s", path);
	}
	int r = keyring_refresh(keyring, err);
	if (r < 0) {
		keyring_free(keyring);
		return r;
	}
	*ret_keyring = keyring;
	return 0;
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	for (size_t i = 0; i < keyring->tokens.len; i++) {
		cipher_wipe(&keyring->tokens.items[i].token, sizeof(struct identity_token));
		free(keyring->tokens.items[i].tags);
	}
	VEC_DONE(&keyring->tokens);
	VEC_DONE(&keyring->keys);
	fd_close(&keyring->fd);
	free(keyring->path);
	free(keyring);
}

/* ---- asking ---- */

const struct keyring_key *keyring_find(const struct keyring *keyring,
				       const uint8_t key[CIPHER_KEY_BYTES])
{
	for (size_t i = keyring->keys.len; i > 0; i--)
		if (memcmp(keyring->keys.items[i - 1].key, key, CIPHER_KEY_BYTES) == 0)
			return &keyring->keys.items[i - 1];
	return NULL;
}

const struct keyring_token *keyring_find_token(const struct keyring *keyring, struct str id)
{
	return token_called(keyring, id);
}

const struct keyring_token *keyring_token_of(const struct keyring *keyring,
					     const struct keyring_key *key)
{
	ASSERT(key->token < keyring->tokens.len);
	return &keyring->tokens.items[key->token];
}

const struct keyring_token *keyring_nth_token(const struct keyring *keyring, size_t i)
{
	return i < keyring->tokens.len ? &keyring->tokens.items[i] : NULL;
}

const struct keyring_key *keyring_nth_key(const struct keyring *keyring, size_t i)
{
	return i < keyring->keys.len ? &keyring->keys.items[i] : NULL;
}

int keyring_may_vouch(const struct keyring_token *token, uint64_t now_s, struct err *err)
{
	char when[32];
	if (token->revoked)
		return err_set(err, -EACCES, "token %s was revoked: ask for a new one",
			       token->token.id);
	if (token->expires_s && now_s >= token->expires_s)
		return err_set(err, -EACCES,
			       "token %s expired at %s by the coordinator's clock: ask for a new "
			       "one (paddock token create)",
			       token->token.id,
			       clock_format_utc(when, sizeof(when),
						token->expires_s * CLOCK_US_PER_S));
	if (token->used >= token->uses)
		return err_set(err, -EACCES,
			       "token %s is used up (%" PRIu64 " of %" PRIu64
			       "): ask for a new one (paddock token create --uses N)",
			       token->token.id, token->used, token->uses);
	return 0;
}

static bool has_tag(const char *tags, struct str tag)
{
	struct str rest = str_of(tags), piece;
	while (rest.len && str_split(&rest, ',', &piece))
		if (str_eq(piece, tag))
			return true;
	return false;
}

int keyring_check_worker(const struct keyring_token *token, uint64_t slots, const struct str *tags,
			 size_t n_tags, struct err *err)
{
	if (token->max_slots && slots > token->max_slots)
		return err_set(err, -EACCES,
			       "this worker offers %" PRIu64 " slots and its key is enrolled for "
			       "at most %" PRIu64 ": start it with --slots %" PRIu64
			       ", or enrol it with a token of more (--max-slots)",
			       slots, token->max_slots, token->max_slots);
	for (size_t i = 0; i < n_tags; i++)
		if (!has_tag(token->tags, tags[i]))
			return err_set(err, -EACCES,
				       "this worker says it has the tag %.*s, and its key is "
				       "enrolled with %s%s: leave the tag out, or enrol it with a "
				       "token of that pool (--pool)",
				       (int)(tags[i].len < 100 ? tags[i].len : 100), tags[i].data,
				       token->tags[0] ? "only " : "none",
				       token->tags[0] ? token->tags : "");
	return 0;
}

/* ---- writing ---- */

/* Cut what a crash tore off, so that our line is a line. */
static int mend(struct keyring *keyring, struct err *err)
{
	struct stat st;
	if (fstat(keyring->fd, &st) < 0)
		return err_errno(err, -errno, "cannot look at the keyring %s", keyring->path);
	if ((size_t)st.st_size > keyring->read && ftruncate(keyring->fd, (off_t)keyring->read) < 0)
		return err_errno(err, -errno, "cannot mend the keyring %s", keyring->path);
	return 0;
}

/* Lock the file and take in all of it. Unlock with flock. */
static int begin(struct keyring *keyring, struct err *err)
{
	int r = open_file(keyring, true, err);
	if (r < 0)
		return r;
	while (flock(keyring->fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "cannot lock the keyring %s", keyring->path);
	r = keyring_refresh(keyring, err);
	return r < 0 ? r : mend(keyring, err);
}

static void end(struct keyring *keyring)
{
	if (keyring->fd >= 0)
		(void)flock(keyring->fd, LOCK_UN); /* closing unlocks as well */
}

/* Append a line under the lock, durably, and take it in. */
static int append(struct keyring *keyring, const struct buf *line, struct err *err)
{
	int r = fd_write_all(keyring->fd, line->data, line->len);
	if (r == 0 && fsync(keyring->fd) < 0)
		r = -errno;
	if (r < 0) {
		(void)mend(keyring, NULL); /* if it fails, the next writer's does */
		return err_errno(err, r, "cannot write to the keyring %s", keyring->path);
	}
	r = keyring_refresh(keyring, err);
	return r < 0 ? r : 0;
}

static int put_tags(struct buf *line, const struct keyring_grant *grant, struct err *err)
{
	int r = grant->n_tags ? 0 : buf_puts(line, "-");
	for (size_t i = 0; r == 0 && i < grant->n_tags; i++) {
		struct str tag = str_of(grant->tags[i]);
		bool plain = str_find(tag, STR_LIT("=")) >= 1 && tag.len <= 256;
		for (size_t at = 0; at < tag.len; at++)
			plain &= (unsigned char)tag.data[at] > ' ' && tag.data[at] != ',' &&
				 tag.data[at] != 0x7f;
		if (!plain)
			return err_set(err, -EINVAL,
				       "--pool %.100s is not of the form K=V, without spaces or "
				       "commas",
				       grant->tags[i]);
		r = buf_printf(line, "%s%s", i ? "," : "", grant->tags[i]);
	}
	return r < 0 ? err_errno(err, r, "the tags of the token") : 0;
}

int keyring_add_token(struct keyring *keyring, const struct keyring_grant *grant, uint64_t now_s,
		      struct identity_token *ret_token, struct err *err)
{
	struct identity_token token = { 0 };
	struct buf line;
	char secret[CIPHER_HEX_BYTES];
	uint8_t id[FULL_ID_DIGITS / 2];
	cipher_random(id, sizeof(id));
	cipher_random(token.secret, sizeof(token.secret));
	cipher_hex(id, sizeof(id), token.id);
	buf_init(&line, LINE_BYTES_MAX);
	int r = buf_printf(&line, "token %s %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ",
			   token.id, cipher_hex(token.secret, CIPHER_KEY_BYTES, secret),
			   keyring_role_name(grant->role), grant->uses,
			   grant->ttl_s ? now_s + grant->ttl_s : 0, grant->max_slots, now_s);
	if (r == 0)
		r = put_tags(&line, grant, err);
	if (r == 0)
		r = buf_puts(&line, "\n");
	if (r == 0)
		r = begin(keyring, err);
	if (r == 0)
		r = append(keyring, &line, err);
	end(keyring);
	if (line.data)
		cipher_wipe(line.data, line.len);
	buf_done(&line);
	if (r == 0)
		*ret_token = token;
	cipher_wipe(&token, sizeof(token));
	cipher_wipe(secret, sizeof(secret));
	return r;
}

/* A name for lists: harmless characters only, never empty. */
static void plain_name(struct str name, char out[KEYRING_NAME_BYTES])
{
	size_t n = 0;
	for (; n < name.len && n < KEYRING_NAME_BYTES - 1; n++) {
		unsigned char c = (unsigned char)name.data[n];
		out[n] = (char)(c > ' ' && c < 0x7f ? c : '_');
	}
	if (!n)
		out[n++] = '-';
	out[n] = '\0';
}

int keyring_enrol(struct keyring *keyring, const struct keyring_newcomer *newcomer, uint64_t now_s,
		  struct err *err)
{
	char key_hex[CIPHER_HEX_BYTES], signer_hex[CIPHER_HEX_BYTES], plain[KEYRING_NAME_BYTES];
	struct buf line;
	buf_init(&line, LINE_BYTES_MAX);
	plain_name(newcomer->name, plain);
	int r = begin(keyring, err);
	const struct keyring_token *token = r == 0 ? token_called(keyring, newcomer->token) : NULL;
	if (r == 0 && !token)
		r = err_set(err, -EACCES, "no such token");
	else if (r == 0 && keyring_find(keyring, newcomer->key))
		r = err_set(err, -EACCES, "this key is enrolled already");
	else if (r == 0)
		r = keyring_may_vouch(token, now_s, err);
	if (r == 0)
		r = buf_printf(&line, "key %s %s %s %" PRIu64 " %s\n",
			       cipher_hex(newcomer->key, CIPHER_KEY_BYTES, key_hex),
			       cipher_hex(newcomer->signer, CIPHER_KEY_BYTES, signer_hex),
			       token->token.id, now_s, plain);
	if (r == 0)
		r = append(keyring, &line, err);
	end(keyring);
	buf_done(&line);
	return r;
}

/* The one token or key whose id begins with these digits. */
static int find_one(const struct keyring *keyring, struct str which, char ret_id[CIPHER_HEX_BYTES],
		    struct err *err)
{
	char hex[CIPHER_HEX_BYTES];
	size_t found = 0;
	for (size_t i = 0; i < keyring->tokens.len; i++)
		if (str_starts(str_of(keyring->tokens.items[i].token.id), which) && !found++)
			memcpy(ret_id, keyring->tokens.items[i].token.id, IDENTITY_TOKEN_ID_BYTES);
	for (size_t i = 0; i < keyring->keys.len; i++)
		if (str_starts(str_of(cipher_hex(keyring->keys.items[i].key, CIPHER_KEY_BYTES,
						 hex)),
			       which) &&
		    !found++)
			memcpy(ret_id, hex, sizeof(hex));
	if (found == 1)
		return 0;
	return err_set(err, found ? -EINVAL : -ENOENT,
		       found ? "%.*s is the beginning of %zu ids: give more digits"
			     : "no token and no key is called %.*s: paddock token list shows them",
		       STR_ARG(which), found);
}

int keyring_revoke(struct keyring *keyring, const char *which, uint64_t now_s,
		   char ret_id[CIPHER_HEX_BYTES], struct err *err)
{
	struct buf line;
	buf_init(&line, LINE_BYTES_MAX);
	int r = strlen(which) >= 4 ? begin(keyring, err)
				   : err_set(err, -EINVAL,
					     "\"%s\" is too short for an id: give four digits or "
					     "more of one that paddock token list shows",
					     which);
	if (r == 0)
		r = find_one(keyring, str_of(which), ret_id, err);
	if (r == 0)
		r = buf_printf(&line, "revoke %s %" PRIu64 "\n", ret_id, now_s);
	if (r == 0)
		r = append(keyring, &line, err);
	end(keyring);
	buf_done(&line);
	return r;
}
