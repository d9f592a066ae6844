// SPDX-License-Identifier: Apache-2.0
/* network.c - deeds against the network and sockets of the host, and what tests need of a network.
 */
#include "tests/box/hostile/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Connect to a socket file, or (with a '@') to a name. */
static long connect_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (length >= sizeof(address.sun_path))
		length = sizeof(address.sun_path) - 1;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	return connect(fd, (struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

static void host_socket_files(void)
{
	static const char *const paths[] = { "/run/docker.sock",
					     "/var/run/docker.sock",
					     "/run/dbus/system_bus_socket",
					     "/run/systemd/private",
					     "/run/containerd/containerd.sock",
					     "/run/systemd/journal/stdout" };
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		probe_count(&tally, paths[i], connect_unix(paths[i]));
	if (*probe_fact("runsocket"))
		probe_count(&tally, "run", connect_unix(probe_fact("runsocket")));
	probe_conclude(&tally);
}

/* A socket of the caller's, mode 0600, in a folder that both see. */
static void private_socket_file(void)
{
	if (*probe_fact("socket"))
		probe_tell(connect_unix(probe_fact("socket")));
	else
		probe_say("absent not asked");
}

static void abstract_socket(void)
{
	probe_tell(connect_unix(probe_fact("abstract")));
}

static void host_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(
					       (uint16_t)strtol(probe_fact("port"), NULL, 10)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	probe_tell(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void raw_sockets(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "packet", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(3)));
	probe_count(&tally, "icmp", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
	probe_count(&tally, "icmp6", socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
	probe_conclude(&tally);
}

static void vsock(void)
{
	probe_tell(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* Everything but the families that programs use. */
static void exotic_families(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET };
	struct probe_tally tally = { .open = "" };
	char name[16];

	for (int family = 1; family < AF_MAX; family++) {
		bool open = false;

		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
		    family == AF_NETLINK || family == AF_PACKET || family == AF_VSOCK)
			continue;
		for (size_t i = 0; !open && i < sizeof(types) / sizeof(types[0]); i++) {
			int fd = socket(family, types[i] | SOCK_CLOEXEC, 0);

			/* A wrong type of a family that is there. */
			open = fd >= 0 || (errno != EAFNOSUPPORT && errno != EPERM);
			probe_count(&tally, probe_path(name, sizeof(name), "%d", family),
				    open ? 0 : -1);
		}
	}
	probe_conclude(&tally);
}

/* The doors to the kernel's packet filter, its keys, its users' watching. */
static void exotic_netlink(void)
{
	static const struct {
		const char *name;
		int number;
	} all[] = { { "xfrm", NETLINK_XFRM },		{ "selinux", NETLINK_SELINUX },
		    { "iscsi", NETLINK_ISCSI },		{ "audit", NETLINK_AUDIT },
		    { "connector", NETLINK_CONNECTOR }, { "netfilter", NETLINK_NETFILTER },
		    { "scsi", NETLINK_SCSITRANSPORT },	{ "rdma", NETLINK_RDMA },
		    { "crypto", NETLINK_CRYPTO },	{ "smc", NETLINK_SMC } };
	struct probe_tally tally = { .open = "" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		long fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, all[i].number);

		if (fd < 0 && errno == EPROTONOSUPPORT)
			errno = ENOENT;
		probe_count(&tally, all[i].name, fd);
	}
	probe_conclude(&tally);
}

static void bind_low(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(80),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	probe_tell_as(bind(fd, (struct sockaddr *)&address, sizeof(address)), "works");
}

/* One of ours to ourselves, over the sixth version. */
static void bind_six(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int other = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long result = bind(fd, (struct sockaddr *)&address, sizeof(address));

	if (result == 0)
		result = listen(fd, 1);
	if (result == 0)
		result = getsockname(fd, (struct sockaddr *)&address, &length);
	if (result == 0)
		result = connect(other, (struct sockaddr *)&address, length);
	probe_tell_as(result, "works");
}

static void ping(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const unsigned char request[8] = { 8 };
	unsigned char answer[8] = "";
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	long result = fd;

	if (fd >= 0)
		result = sendto(fd, request, sizeof(request), 0, (struct sockaddr *)&address,
				sizeof(address));
	if (result < 0)
		probe_tell_as(-1, "");
	else if (poll(&ready, 1, 2000) != 1 || recv(fd, answer, sizeof(answer), 0) < 8)
		probe_say("broken no answer");
	else
		probe_say("works");
}

static void multicast(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct ip_mreqn member = { .imr_ifindex = (int)if_nametoindex("lo") };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	long result = bind(fd, (struct sockaddr *)&address, sizeof(address));

	inet_pton(AF_INET, "239.7.7.7", &member.imr_multiaddr);
	if (result == 0)
		result = getsockname(fd, (struct sockaddr *)&address, &length);
	address.sin_addr = member.imr_multiaddr;
	if (result == 0)
		result = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &member, sizeof(member));
	if (result == 0)
		result = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &member, sizeof(member));
	if (result == 0)
		result = sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address));
	if (result < 0)
		probe_say("broken %s", strerrorname_np(errno));
	else
		probe_say(poll(&ready, 1, 2000) == 1 ? "works" : "broken nothing came");
}

const struct probe network_probes[] = {
	{ "host-socket-files", host_socket_files },
	{ "private-socket-file", private_socket_file },
	{ "abstract-socket", abstract_socket },
	{ "host-loopback", host_loopback },
	{ "raw-sockets", raw_sockets },
	{ "vsock", vsock },
	{ "exotic-families", exotic_families },
	{ "exotic-netlink", exotic_netlink },
	{ "bind-low", bind_low },
	{ "bind-six", bind_six },
	{ "ping", ping },
	{ "multicast", multicast },
	{ NULL, NULL },
};
