// SPDX-License-Identifier: Apache-2.0
/*
 * fence.c - Landlock and core scheduling, for level strict alone.
 *
 * The mounts already decide what can be written. The fence is a second wall of another make: it
 * holds should a mount be writable by mistake, and it is the only one before a descriptor that was
 * opened outside, which an ordinary user's payload could open again for writing through /proc.
 * Rules follow the file, whatever mount leads to it.
 *
 * Not for reading or executing: the tree shows nothing that may not be read, and whoever may write
 * a file anywhere, or make a memfd, which Landlock leaves alone, can run it. Landlock forbids every
 * mount, so who is granted namespaces gets the scopes only.
 */
#include "sandbox/fence.h"

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "sandbox/util.h"

#define QUEUES "/dev/mqueue"

/* As linux/landlock.h has them, since headers are older than kernels: write, make, remove, rename;
 * by version with truncate (3) and ioctls of devices (5). Before 2 renaming between folders was
 * forbidden to all under rules. */
static const uint64_t files[] = { 0, 0, 0x3ff2, 0x7ff2, 0x7ff2, 0xfff2 };

enum { OF_FOLDERS = 0x3ff0, VERSION_SCOPES = 6, ABSTRACT_AND_SIGNALS = 3, RULE_PATH = 1 };

struct rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

int fence_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	return version < 2 ? 0 : (int)version;
}

bool fence_cores(void)
{
	uint64_t cookie;

	return prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0, &cookie) == 0;
}

/* Allows changes below `path`; one that is not there needs no rule. */
static int allow(int rules, uint64_t access, const char *path)
{
	struct rule rule = { access, open(path, O_PATH | O_CLOEXEC) };
	int r;

	if (rule.parent < 0)
		return errno == ENOENT ? 0 : -errno;
	r = (int)syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0);
	/* A bind may be a file, of which there is less to allow. */
	rule.allowed &= ~(uint64_t)OF_FOLDERS;
	if (r < 0 && errno == EINVAL)
		r = (int)syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0);
	return r < 0 ? -errno : 0;
}

/* All that is writable by the layout, and files of /proc, whose owner the kernel asks for. */
static int allow_all(int rules, uint64_t access, const struct layout *layout)
{
	static const char *const places[] = { "/tmp", "/var", "/home", "/root",
					      "/run", "/dev", "/proc", QUEUES };
	int r = *layout->home ? allow(rules, access, layout->home) : 0;

	/* Message queues have a tree of their own, that is only found where it is mounted. */
	if (mount("mqueue", QUEUES, "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != ENODEV)
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(places) && r == 0; i++)
		r = allow(rules, access, places[i]);
	for (int i = 0; i < layout->n && r == 0; i++)
		if (layout->ops[i].writable)
			r = allow(rules, access, layout->ops[i].path);
	return r;
}

int fence_make(const struct box_spec *spec, const struct layout *layout)
{
	int version = spec->level == BOX_LEVEL_STRICT ? fence_version() : 0, fd, r = 0;
	uint64_t access = files[version < 5 ? version : 5];
	/* Files, network, scopes. */
	uint64_t rules[] = { spec->grants & BOX_GRANT_USERNS ? 0 : access, 0,
			     version >= VERSION_SCOPES ? ABSTRACT_AND_SIGNALS : 0 };

	if (!(rules[0] | rules[2]))
		return -EBADF;
	fd = (int)syscall(SYS_landlock_create_ruleset, rules, sizeof(rules), 0);
	if (fd < 0)
		return -errno;
	if (rules[0])
		r = allow_all(fd, access, layout);
	return r < 0 ? r : fd;
}

int fence_enter(enum box_level level, int rules)
{
	if (rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return -errno;
	/* For the whole process, and whatever it starts. */
	if (level == BOX_LEVEL_STRICT &&
	    prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, 1, NULL) < 0 && errno != EINVAL &&
	    errno != ENODEV)
		return -errno;
	return 0;
}
