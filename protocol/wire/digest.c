// SPDX-License-Identifier: Apache-2.0
/*
 * digest.c - BLAKE2b-256 by libsodium: faster than SHA-256 without special instructions, and no
 * known collisions, so a digest may stand for its content in caches and on the wire.
 * Not for: keyed hashes or passwords.
 */
#include "protocol/wire/digest.h"

#include "protocol/base/assert.h"
#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10 };

_Static_assert(DIGEST_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

/* Let the library choose the fastest code for this processor; only the first call does anything. */
static void prepare(void)
{
	int r = sodium_init();
	ASSERT(r >= 0);
}

void digest_bytes(struct str bytes, struct digest *ret_digest)
{
	prepare();
	int r = crypto_generichash(ret_digest->bytes, DIGEST_BYTES,
				   (const unsigned char *)bytes.data, bytes.len, NULL, 0);
	ASSERT(r == 0);
}

/* Digest what is left to read of fd. 0 or -errno. */
static int digest_rest(int fd, struct digest *ret_digest)
{
	crypto_generichash_state state;
	unsigned char piece[PIECE_BYTES];
	ssize_t n;
	prepare();
	crypto_generichash_init(&state, NULL, 0, DIGEST_BYTES);
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		crypto_generichash_update(&state, piece, (size_t)n);
	}
	crypto_generichash_final(&state, ret_digest->bytes, DIGEST_BYTES);
	return 0;
}

int digest_file(const char *path, struct digest *ret_digest, struct err *err)
{
	struct digest digest;
	struct stat st;
	/* Non-blocking, so that a named pipe is refused instead of waited for. */
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL,
			       "cannot take the digest of %s: it is not a regular file", path);
	int r = digest_rest(fd, &digest);
	if (r < 0)
		return err_errno(err, r, "cannot read %s", path);
	*ret_digest = digest;
	return 0;
}

const char *digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES])
{
	return sodium_bin2hex(out, DIGEST_HEX_BYTES, digest->bytes, DIGEST_BYTES);
}
