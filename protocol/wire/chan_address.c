// SPDX-License-Identifier: Apache-2.0
/*
 * chan_address.c - reading the addresses that channels are given. Pure. Other transports of nanomsg
 * are refused on purpose: ws listeners can be aborted by any peer, inproc needs threads.
 */
#include "protocol/wire/chan.h"

#include "protocol/base/assert.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define DATA_SUFFIX ".data"

struct address {
	struct str path; /* of ipc; empty for tcp */
	struct str host; /* of tcp, as written */
	uint64_t port;
};

static const char prefix_ipc[] = "ipc://", prefix_tcp[] = "tcp://";

static struct str without(struct str text, size_t n)
{
	ASSERT(n <= text.len);
	return (struct str){ text.data + n, text.len - n };
}

static int parse_ipc(struct str path, struct address *ret, struct err *err)
{
	if (!path.len || path.data[0] != '/')
		return err_set(err, -EINVAL, "the path must be absolute, as in ipc:///run/paddock");
	if (path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(err, -EINVAL,
			       "the path has %zu bytes, a socket's may have 107; "
			       "choose a shorter one",
			       path.len);
	ret->path = path;
	return 0;
}

/* A name or an IPv4 address, an IPv6 address in brackets, or * for every interface. */
static bool is_host(struct str host)
{
	struct in6_addr address;
	char copy[INET6_ADDRSTRLEN];
	if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
		if (host.len - 2 >= sizeof(copy))
			return false;
		snprintf(copy, sizeof(copy), "%.*s", (int)host.len - 2, host.data + 1);
		return inet_pton(AF_INET6, copy, &address) == 1;
	}
	if (str_eq(host, STR_LIT("*")))
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.data[i]) && !strchr(".-_", host.data[i]))
			return false;
	return host.len > 0;
}

static int parse_tcp(struct str rest, struct address *ret, struct err *err)
{
	const char *colon = rest.len ? memrchr(rest.data, ':', rest.len) : NULL;
	struct str host = { rest.data, colon ? (size_t)(colon - rest.data) : rest.len };
	uint64_t port;
	if (!colon || str_parse_u64(without(rest, host.len + 1), 1, 65535, &port) < 0)
		return err_set(
			err, -EINVAL,
			"a port from 1 to 65535 must follow the host, as in tcp://HOST:7077");
	if (!is_host(host))
		return err_set(err, -EINVAL,
			       "'%.*s' is no host; write a name, an address, or an "
			       "IPv6 address in brackets",
			       STR_ARG(host));
	ret->host = host;
	ret->port = port;
	return 0;
}

static int parse(const char *url, struct address *ret, struct err *err)
{
	struct str text = str_of(url);
	struct address address = { .port = 0 };
	int r;
	if (text.len >= CHAN_URL_BYTES)
		r = err_set(err, -EINVAL, "it has %zu bytes, the limit is %d", text.len,
			    CHAN_URL_BYTES - 1);
	else if (str_starts(text, str_of(prefix_ipc)))
		r = parse_ipc(without(text, strlen(prefix_ipc)), &address, err);
	else if (str_starts(text, str_of(prefix_tcp)))
		r = parse_tcp(without(text, strlen(prefix_tcp)), &address, err);
	else
		r = err_set(err, -EINVAL, "an address is ipc:///PATH or tcp://HOST:PORT");
	if (r < 0) {
		err_wrap(err, "cannot use the address '%s'", url);
		return r;
	}
	*ret = address;
	return 0;
}

int chan_address_check(const char *url, struct err *err)
{
	struct address address;
	return parse(url, &address, err);
}

bool chan_address_is_local(const char *url)
{
	struct address address;
	struct in_addr v4;
	char host[64];
	if (parse(url, &address, NULL) < 0)
		return false;
	if (address.path.len)
		return true;
	if (address.host.len >= sizeof(host))
		return false;
	snprintf(host, sizeof(host), "%.*s", STR_ARG(address.host));
	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

int chan_address_data(const char *url, char ret_url[CHAN_URL_BYTES], struct err *err)
{
	struct address address;
	char data[CHAN_URL_BYTES + sizeof(DATA_SUFFIX)];
	int r = parse(url, &address, err);
	if (r < 0)
		return r;
	if (address.path.len)
		snprintf(data, sizeof(data), "%s" DATA_SUFFIX, url);
	else
		snprintf(data, sizeof(data), "%s%.*s:%u", prefix_tcp, STR_ARG(address.host),
			 (unsigned)address.port + 1);
	r = chan_address_check(data, err);
	if (r < 0) {
		err_wrap(err, "'%s' leaves no room for the data channel beside it", url);
		return r;
	}
	memcpy(ret_url, data, strlen(data) + 1);
	return 0;
}
