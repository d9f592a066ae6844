// SPDX-License-Identifier: Apache-2.0
/*
 * identity.c - key files: lines of "name value", made once, never readable by others. A file is
 * complete or not there: written beside, synced, then linked into place, so that of two programs
 * that start at once the second takes the key of the first.
 *
 * Not for: who may do what (the coordinator's keyring).
 */
#include "protocol/wire/identity.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"
#include "protocol/base/state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MARK "paddock-token-1"
#define KEY_MARK   "paddock-key 1\n"

enum { FILE_BYTES_MAX = 4096 };

/* ---- tokens ---- */

const char *identity_token_text(const struct identity_token *token, char out[IDENTITY_TOKEN_BYTES])
{
	char secret[CIPHER_HEX_BYTES], coordinator[CIPHER_HEX_BYTES];
	snprintf(out, IDENTITY_TOKEN_BYTES, TOKEN_MARK ".%s.%s.%s", token->id,
		 cipher_hex(token->secret, CIPHER_KEY_BYTES, secret),
		 cipher_hex(token->coordinator, CIPHER_KEY_BYTES, coordinator));
	cipher_wipe(secret, sizeof(secret));
	return out;
}

int identity_token_parse(struct str text, struct identity_token *ret_token, struct err *err)
{
	struct str rest = str_trim(text), mark, id, secret, coordinator;
	struct identity_token token = { 0 };
	uint8_t number[(IDENTITY_TOKEN_ID_BYTES - 1) / 2];
	if (!str_split(&rest, '.', &mark) || !str_eq(mark, STR_LIT(TOKEN_MARK)))
		return err_set(err, -EINVAL,
			       "it is no token: one begins with \"" TOKEN_MARK
			       ".\", as paddock token create prints it");
	if (!str_split(&rest, '.', &id) || !str_split(&rest, '.', &secret) ||
	    !str_split(&rest, '.', &coordinator) || rest.len ||
	    cipher_unhex(id, number, sizeof(number)) < 0 ||
	    cipher_unhex(secret, token.secret, CIPHER_KEY_BYTES) < 0 ||
	    cipher_unhex(coordinator, token.coordinator, CIPHER_KEY_BYTES) < 0)
		return err_set(err, -EINVAL,
			       "the token is incomplete or was changed: copy the whole line that "
			       "paddock token create printed");
	cipher_hex(number, sizeof(number), token.id);
	*ret_token = token;
	cipher_wipe(&token, sizeof(token));
	return 0;
}

static int read_token(const char *path, struct identity_token *ret_token, struct err *err)
{
	struct buf file = { 0 };
	int r = fd_read_file(path, FILE_BYTES_MAX, &file);
	if (r < 0)
		return err_errno(err, r, "cannot read the token file %s", path);
	r = identity_token_parse(buf_str(&file), ret_token, err);
	if (r < 0)
		err_wrap(err, "%s", path);
	if (file.data)
		cipher_wipe(file.data, file.len);
	buf_done(&file);
	return r;
}

/* ---- files ---- */

static int write_and_sync(int fd, struct str bytes)
{
	int r = fd_write_all(fd, bytes.data, bytes.len);
	return r == 0 && fsync(fd) < 0 ? -errno : r;
}

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%s", path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	FD_CLEANUP int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Write a secret file whole. -EEXIST when there is one and it is not to be replaced. */
static int write_secret(const char *path, struct str bytes, bool replace)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.%ld.tmp", path, (long)getpid());
	if (n < 0 || n >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	unlink(temporary);
	FD_CLEANUP int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int r = write_and_sync(fd, bytes);
	if (r == 0)
		r = (replace ? rename(temporary, path) : link(temporary, path)) < 0 ? -errno : 0;
	unlink(temporary);
	return r < 0 ? r : sync_folder_of(path);
}

/* A secret that others can read is none: read the file, or say how to mend it. */
static int read_secret(const char *path, struct buf *ret_buf, struct err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	if (st.st_mode & 077)
		return err_set(err, -EPERM,
			       "the key file %s can be read by others (mode %o): make it private "
			       "with chmod 600, and if others were there, revoke the key",
			       path, (unsigned)st.st_mode & 0777);
	return fd_read_file(path, FILE_BYTES_MAX, ret_buf);
}

static void drop_secret(struct buf *buf)
{
	if (buf->data)
		cipher_wipe(buf->data, buf->len);
	buf_done(buf);
}

/* The value of a line "name value", or the empty view. */
static struct str value_of(struct str text, const char *name)
{
	struct str line, word;
	while (str_line(&text, &line))
		if (str_split(&line, ' ', &word) && str_eq(word, str_of(name)))
			return line;
	return (struct str){ "", 0 };
}

static int put_key(struct buf *buf, const char *name, const uint8_t key[CIPHER_KEY_BYTES])
{
	char hex[CIPHER_HEX_BYTES];
	int r = buf_printf(buf, "%s %s\n", name, cipher_hex(key, CIPHER_KEY_BYTES, hex));
	cipher_wipe(hex, sizeof(hex));
	return r;
}

static int get_key(struct str text, const char *name, uint8_t ret_key[CIPHER_KEY_BYTES])
{
	return cipher_unhex(value_of(text, name), ret_key, CIPHER_KEY_BYTES);
}

static int damaged(const char *path, struct err *err)
{
	return err_set(err, -EBADMSG,
		       "%s is no key file of this version: move it away, and introduce a new key "
		       "with --token FILE",
		       path);
}

/* ---- a worker's or client's ---- */

static int save(const struct identity *identity, bool replace)
{
	struct buf text;
	buf_init(&text, FILE_BYTES_MAX);
	int r = buf_puts(&text, KEY_MARK);
	r = r ? r : put_key(&text, "secret", identity->own.secret);
	r = r ? r : put_key(&text, "seed", identity->seed);
	r = r ? r : put_key(&text, "coordinator", identity->coordinator);
	r = r ? r : buf_printf(&text, "token %s\n", identity->token);
	if (!identity->enrolled)
		r = r ? r : put_key(&text, "token-secret", identity->secret);
	r = r ? r : write_secret(identity->path, buf_str(&text), replace);
	drop_secret(&text);
	return r;
}

/* 0, -ENOENT without err when there is none, -errno with err. */
static int load(struct identity *identity, struct err *err)
{
	struct buf file = { 0 };
	int r = read_secret(identity->path, &file, err);
	if (r == -ENOENT || r == -EPERM)
		return r;
	if (r < 0)
		return err_errno(err, r, "cannot read the key file %s", identity->path);
	struct str text = buf_str(&file), token = value_of(text, "token");
	if (!str_starts(text, STR_LIT(KEY_MARK)) ||
	    get_key(text, "secret", identity->own.secret) < 0 ||
	    get_key(text, "seed", identity->seed) < 0 ||
	    get_key(text, "coordinator", identity->coordinator) < 0 ||
	    token.len != IDENTITY_TOKEN_ID_BYTES - 1)
		r = damaged(identity->path, err);
	if (r == 0) {
		memcpy(identity->token, token.data, token.len);
		identity->token[token.len] = '\0';
		identity->enrolled = get_key(text, "token-secret", identity->secret) < 0;
		cipher_public(identity->own.secret, identity->own.public);
		cipher_signer(identity->seed, identity->signer);
	}
	drop_secret(&file);
	return r;
}

/* A new key that the token vouches for. */
static int make(struct identity *identity, const struct identity_token *token, bool replace,
		struct err *err)
{
	cipher_random(identity->own.secret, CIPHER_KEY_BYTES);
	cipher_random(identity->seed, CIPHER_KEY_BYTES);
	cipher_public(identity->own.secret, identity->own.public);
	cipher_signer(identity->seed, identity->signer);
	memcpy(identity->coordinator, token->coordinator, CIPHER_KEY_BYTES);
	memcpy(identity->secret, token->secret, CIPHER_KEY_BYTES);
	memcpy(identity->token, token->id, sizeof(identity->token));
	identity->enrolled = false;
	int r = save(identity, replace);
	if (r == -EEXIST) /* another process was first: its key is as good */
		return load(identity, err);
	return r < 0 ? err_errno(err, r, "cannot write the key file %s", identity->path) : 0;
}

/* Where the key for `url` is, with its folder made. */
static int place(const char *who, const char *url, char path[PATH_MAX], struct err *err)
{
	struct buf folder;
	buf_init(&folder, PATH_MAX - 256);
	int r = state_folder(&folder);
	int n = r < 0 ? r : snprintf(path, PATH_MAX, "%s/keys", buf_text(&folder));
	buf_done(&folder);
	if (n < 0)
		return err_set(err, -EINVAL,
			       "no folder for keys: set HOME or XDG_STATE_HOME to an absolute "
			       "path");
	r = fd_make_dirs(path);
	if (r == 0 && chmod(path, 0700) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "cannot make the folder of keys %s", path);
	n += snprintf(path + n, PATH_MAX - (size_t)n, "/%s@", who);
	for (; *url && n < PATH_MAX - 1; url++)
		path[n++] = (char)(isalnum((unsigned char)*url) || strchr(".-", *url) ? *url : '_');
	path[n] = '\0';
	return 0;
}

int identity_open(const char *who, const char *url, const char *token_file,
		  struct identity *ret_identity, struct err *err)
{
	struct identity identity = { 0 };
	struct identity_token token = { 0 };
	int r = token_file ? read_token(token_file, &token, err) : 0;
	if (r == 0)
		r = place(who, url, identity.path, err);
	if (r < 0)
		return r;
	r = load(&identity, err);
	bool mine = r == 0 && (!token_file || strcmp(identity.token, token.id) == 0);
	if (r == -ENOENT && !token_file)
		err_set(err, r,
			"no key for %s yet: ask its operator for a token (paddock token create), "
			"and give it once with --token FILE; or, on this machine's own addresses, "
			"give --insecure at both ends",
			url);
	else if ((r == 0 && !mine) || r == -ENOENT)
		r = make(&identity, &token, r == 0, err);
	cipher_wipe(&token, sizeof(token));
	if (r == 0)
		*ret_identity = identity;
	identity_done(&identity);
	return r;
}

int identity_settle(struct identity *identity, struct err *err)
{
	if (identity->enrolled)
		return 0;
	identity->enrolled = true;
	cipher_wipe(identity->secret, sizeof(identity->secret));
	int r = save(identity, true);
	return r < 0 ? err_errno(err, r, "cannot write the key file %s", identity->path) : 0;
}

void identity_done(struct identity *identity)
{
	cipher_wipe(identity, sizeof(*identity));
}

/* ---- the coordinator's ---- */

static int make_coordinator(const char *path, struct auth_pair *pair)
{
	struct buf text;
	cipher_random(pair->secret, CIPHER_KEY_BYTES);
	buf_init(&text, FILE_BYTES_MAX);
	int r = buf_puts(&text, KEY_MARK);
	r = r ? r : put_key(&text, "secret", pair->secret);
	r = r ? r : write_secret(path, buf_str(&text), false);
	drop_secret(&text);
	return r;
}

int identity_coordinator(const char *path, struct auth_pair *ret_pair, struct err *err)
{
	struct auth_pair pair;
	struct buf file = { 0 };
	int r = read_secret(path, &file, err);
	if (r == -EPERM)
		return r;
	if (r == 0 && (!str_starts(buf_str(&file), STR_LIT(KEY_MARK)) ||
		       get_key(buf_str(&file), "secret", pair.secret) < 0))
		r = err_set(err, -EBADMSG,
			    "%s is no key file of this version: restore it from a backup, or move "
			    "it away and enrol every worker and client anew",
			    path);
	else if (r == -ENOENT && (r = make_coordinator(path, &pair)) < 0)
		err_errno(err, r, "cannot write the coordinator's key to %s", path);
	else if (r < 0)
		err_errno(err, r, "cannot read the coordinator's key %s", path);
	drop_secret(&file);
	if (r == 0) {
		cipher_public(pair.secret, pair.public);
		*ret_pair = pair;
	}
	cipher_wipe(&pair, sizeof(pair));
	return r;
}
