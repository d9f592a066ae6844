// SPDX-License-Identifier: Apache-2.0
/* host.c - who we are and what this host is like, learnt once. Not for what it can enforce: see
 * probe.c. */
#include "sandbox/host.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "sandbox/priv.h"
#include "sandbox/util.h"

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int read_map(const char *path, struct ids_map *ret_map)
{
	char text[1024];
	ssize_t n = util_read_file(text, sizeof(text), "%s", path);

	return n < 0 ? (int)n : ids_parse(text, ret_map);
}

/* The user's name and home by the password file (a static program has no name service), else by the
 * environment. */
static void find_user(struct host *host)
{
	FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	const char *home = getenv("HOME");

	while (file && (entry = fgetpwent(file)))
		if (entry->pw_uid == host->uid) {
			util_copy(host->name, sizeof(host->name), entry->pw_name);
			home = entry->pw_dir;
			break;
		}
	util_copy(host->home, sizeof(host->home), util_path_ok(home) ? home : "/nonexistent");
	if (file)
		fclose(file);
}

/*
 * Keepers of one machine must not share ids, or the limits the kernel counts by them. The abstract
 * name of a socket is free again when its holder is gone, however that ended; the descriptor stays
 * open as long as we live. Beyond so many keepers the first's are shared.
 */
static unsigned claim_slots(void)
{
	for (unsigned i = 0; i < IDS_KEEPERS_MAX; i++) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		util_print(name.sun_path + 1, sizeof(name.sun_path) - 1, "paddock-ids-%u", i);
		if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
			return i * IDS_SLOTS_MAX;
		close(fd);
	}
	return 0;
}

int host_init(struct host *host)
{
	int n, r;

	*host = (struct host){ .uid = getuid(), .gid = getgid() };
	host->root = geteuid() == 0 && priv_is_admin();
	n = getgroups(HOST_GROUPS_MAX, host->groups);
	host->n_groups = host->root && n > 0 ? (size_t)n : 0;
	r = read_map("/proc/self/uid_map", &host->own_uids);
	if (r == 0)
		r = read_map("/proc/self/gid_map", &host->own_gids);
	if (r < 0)
		return r;
	find_user(host);
	host->first_slot = host->root ? claim_slots() : 0;
	host->layout = (struct layout_host){
		.uid = host->uid,
		.home = host->home,
		.home_is_dir = is_dir(host->home),
	};
	/* Those in /dev are made with it. */
	for (size_t i = 0; i < LAYOUT_PLACES; i++)
		host->layout.has[i] = util_path_below(layout_places[i].path, "/dev") ||
				      is_dir(layout_places[i].path);
	return 0;
}
