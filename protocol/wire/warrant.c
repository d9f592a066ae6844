// SPDX-License-Identifier: Apache-2.0
/*
 * warrant.c - what a signature of a program covers: a fixed text that says what it is for, and the
 * record's own encoding with signer, signature and memory limit left empty. Equal records have
 * equal encodings (codec.h), so both ends sign and check the same bytes.
 */
#include "protocol/wire/warrant.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TRUST_BYTES_MAX = 1 << 20 };

/* The signed bytes, into a buffer initialised here. */
static int covered(const struct msg_program *program, struct buf *ret_bytes)
{
	struct msg_program bare = *program;
	bare.signer = bare.signature = (struct str){ "", 0 };
	bare.memory_bytes = 0;
	buf_init(ret_bytes, LIMIT_FRAME_BYTES);
	int r = buf_puts(ret_bytes, "paddock program 1\n");
	return r < 0 ? r : msg_put_record(&msg_record_program, &bare, ret_bytes, NULL);
}

int warrant_sign(struct msg_program *program, const uint8_t seed[CIPHER_KEY_BYTES],
		 const uint8_t signer[CIPHER_KEY_BYTES],
		 uint8_t ret_signature[CIPHER_SIGNATURE_BYTES])
{
	struct buf bytes;
	int r = covered(program, &bytes);
	if (r == 0) {
		cipher_sign(seed, buf_str(&bytes), ret_signature);
		program->signer = (struct str){ (const char *)signer, CIPHER_KEY_BYTES };
		program->signature = (struct str){ (const char *)ret_signature,
						   CIPHER_SIGNATURE_BYTES };
	}
	buf_done(&bytes);
	return r;
}

int warrant_check(const struct msg_program *program, struct err *err)
{
	struct buf bytes;
	if (program->signer.len != CIPHER_KEY_BYTES ||
	    program->signature.len != CIPHER_SIGNATURE_BYTES)
		return err_set(err, -EACCES, "the program %.*s is not signed",
			       (int)(program->name.len < 200 ? program->name.len : 200),
			       program->name.data);
	int r = covered(program, &bytes);
	if (r == 0 && !cipher_verify((const uint8_t *)program->signer.data, buf_str(&bytes),
				     (const uint8_t *)program->signature.data))
		r = err_set(err, -EACCES,
			    "the signature of the program %.*s does not fit: it was changed after "
			    "it was signed",
			    (int)(program->name.len < 200 ? program->name.len : 200),
			    program->name.data);
	buf_done(&bytes);
	return r;
}

static int take_key(struct warrant_trust *trust, struct str line)
{
	struct str rest = str_trim(line), digits;
	if (!rest.len || rest.data[0] == '#')
		return 0;
	if (trust->n == WARRANT_TRUSTED_MAX)
		return -ENOBUFS;
	(void)str_split(&rest, ' ', &digits);
	int r = cipher_unhex(digits, trust->keys[trust->n], CIPHER_KEY_BYTES);
	trust->n += r == 0;
	return r;
}

int warrant_load(const char *path, struct warrant_trust *ret_trust, struct err *err)
{
	struct warrant_trust trust = { 0 };
	struct buf file = { 0 };
	size_t number = 0;
	int r = fd_read_file(path, TRUST_BYTES_MAX, &file);
	if (r < 0)
		return err_errno(err, r, "cannot read the trusted keys in %s", path);
	trust.keys = calloc(WARRANT_TRUSTED_MAX, sizeof(*trust.keys));
	if (!trust.keys)
		r = err_set(err, -ENOMEM, "no memory for the trusted keys in %s", path);
	struct str rest = buf_str(&file), line;
	while (r == 0 && str_line(&rest, &line)) {
		number++;
		r = take_key(&trust, line);
		if (r < 0)
			err_set(err, r,
				"%s:%zu: %s; a line is the signer of a client as paddock token "
				"list shows it",
				path, number,
				r == -ENOBUFS ? "too many keys" : "not a key of 64 digits");
	}
	if (r == 0 && !trust.n)
		r = err_set(err, -EINVAL, "%s names no key: nothing could be run", path);
	buf_done(&file);
	if (r < 0)
		warrant_done(&trust);
	else
		*ret_trust = trust;
	return r;
}

void warrant_done(struct warrant_trust *trust)
{
	free(trust->keys);
	*trust = (struct warrant_trust){ 0 };
}

int warrant_trusts(const struct warrant_trust *trust, const struct msg_program *program,
		   struct err *err)
{
	char hex[CIPHER_HEX_BYTES];
	int r = warrant_check(program, err);
	for (size_t i = 0; r == 0 && i < trust->n; i++)
		if (memcmp(trust->keys[i], program->signer.data, CIPHER_KEY_BYTES) == 0)
			return 0;
	if (r < 0)
		return r;
	return err_set(err, -EACCES,
		       "the program is signed by %.16s..., whom this worker does not trust: "
		       "add the signer to its --trust file, or run elsewhere",
		       cipher_hex(program->signer.data, CIPHER_KEY_BYTES, hex));
}
