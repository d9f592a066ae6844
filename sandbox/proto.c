// SPDX-License-Identifier: Apache-2.0
/* proto.c - where the spec of a request is: in its packet, or in a memfd. Not for what is in it:
 * see spec.c. */
#include "sandbox/proto.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "sandbox/util.h"

int proto_open_spec(const struct proto_head *head, struct fds_packet *packet,
		    struct proto_spec *ret_spec)
{
	struct stat st;
	int fd;

	*ret_spec = (struct proto_spec){ .bytes = packet->iov[1].iov_base };
	if (!(head->flags & PROTO_IN_MEMFD))
		return head->argument == packet->iov[1].iov_len ? 0 : -EPROTO;
	if (packet->n_fds == 0 || head->argument == 0 || head->argument > BOX_SPEC_BYTES_MAX)
		return -EPROTO;
	fd = packet->fds[packet->n_fds - 1];
	/* Sealed, so that neither its size nor its bytes change while it is mapped. */
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != head->argument ||
	    (fcntl(fd, F_GET_SEALS) & (F_SEAL_SHRINK | F_SEAL_WRITE)) !=
		    (F_SEAL_SHRINK | F_SEAL_WRITE))
		return -EPROTO;
	ret_spec->mapped = mmap(NULL, head->argument, PROT_READ, MAP_PRIVATE, fd, 0);
	if (ret_spec->mapped == MAP_FAILED)
		return -errno;
	ret_spec->bytes = ret_spec->mapped;
	ret_spec->size = head->argument;
	return 0;
}

void proto_close_spec(struct proto_spec *spec)
{
	if (spec->size)
		munmap(spec->mapped, spec->size);
}

int proto_receive(int sock, int flags, struct proto_head *ret_head, void *buffer,
		  struct fds_packet *ret_packet)
{
	ssize_t n;

	ret_packet->iov[0] = (struct iovec){ .iov_base = ret_head, .iov_len = sizeof(*ret_head) };
	ret_packet->iov[1] = (struct iovec){ .iov_base = buffer, .iov_len = PROTO_INLINE_MAX };
	ret_packet->n_iov = 2;
	n = fds_receive(sock, ret_packet, flags);
	if (n <= 0)
		return (int)n;
	if (n < (ssize_t)sizeof(*ret_head) || ret_head->magic != PROTO_MAGIC) {
		fds_close(ret_packet->fds, ret_packet->n_fds);
		return -EPROTO;
	}
	ret_packet->iov[1].iov_len = (size_t)n - sizeof(*ret_head);
	ret_packet->n_iov = ret_packet->iov[1].iov_len ? 2 : 1;
	return 1;
}
