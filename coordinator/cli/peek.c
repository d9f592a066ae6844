// SPDX-License-Identifier: Apache-2.0
/* peek.c - reads what is short and maps what is long. */
#include "coordinator/cli/peek.h"

#include "protocol/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void peek_done(struct peek *peek)
{
	if (peek->mapped)
		munmap(peek->mapped, peek->mapped_bytes);
	buf_done(&peek->head);
}

static ssize_t read_head(int fd, struct buf *head)
{
	buf_init(head, PEEK_HEAD_BYTES);
	int r = buf_reserve(head, PEEK_HEAD_BYTES);
	if (r < 0)
		return r;
	ssize_t n = pread(fd, head->data, PEEK_HEAD_BYTES, 0);
	if (n < 0)
		return -errno;
	head->len = (size_t)n;
	return n;
}

/* Programs are mapped, since reading hundreds of megabytes would cost every run. The price: one
 * that a build cuts short at this very moment ends us with SIGBUS. */
int peek_open(const char *path, struct peek *peek)
{
	struct stat st;
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	ssize_t n = S_ISREG(st.st_mode) ? read_head(fd, &peek->head) : -EINVAL;
	if (n < 0)
		return (int)n;
	peek->bytes = (struct str){ peek->head.data, (size_t)n };
	if (!str_starts(peek->bytes, STR_LIT("\177ELF")) || st.st_size <= n)
		return 0;
	void *mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	peek->mapped = mapped;
	peek->mapped_bytes = (size_t)st.st_size;
	peek->bytes = (struct str){ mapped, peek->mapped_bytes };
	return 0;
}
