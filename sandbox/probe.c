// SPDX-License-Identifier: Apache-2.0
/*
 * probe.c - tries, rather than guesses, what can be enforced here: a sandbox is really built, a group really made. What
 * the payload would be is a folder: a failure of exec, the very last step, proves all steps before it.
 */
#include "sandbox/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "sandbox/cg.h"
#include "sandbox/ids.h"
#include "sandbox/ns.h"
#include "sandbox/oneshot.h"
#include "sandbox/result.h"
#include "sandbox/util.h"

struct answer {
	const char *name;
	bool ok;
	bool vital;	/* without it level default with limits is refused */
	char how[160];
	char fix[200];
};

enum {
	ASK_SANDBOX,
	ASK_OVERLAY,
	ASK_MEMORY,
	ASK_PIDS,
	ASK_CPU,
	ASK_IDS,
	ASK_IDMAP,
	ANSWERS,
};

static void say(struct answer *answer, bool ok, const char *how, const char *fix)
{
	answer->ok = ok;
	util_copy(answer->how, sizeof(answer->how), how);
	util_copy(answer->fix, sizeof(answer->fix), ok ? "" : fix);
}

/* Builds a sandbox up to exec. *ret_result tells how far it came. */
static bool reaches_exec(const char *workspace, struct box_result *ret_result)
{
	static const char *const argv[] = { "/", NULL };
	static const char *const envp[] = { NULL };
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT, .workspace_path = workspace, .cwd = "/", .argv = argv,
		.envp = envp, .wall_us = 10000000 };
	struct box_error err;

	*ret_result = (struct box_result){ 0 };
	if (oneshot_run(&spec, false, ret_result, &err) < 0) {
		util_copy(ret_result->setup_object, sizeof(ret_result->setup_object), err.text);
		return false;
	}
	return ret_result->cause == BOX_CAUSE_SETUP && strcmp(ret_result->setup_step, "exec") == 0;
}

static void probe_sandbox(struct answer *sandbox, struct answer *overlay)
{
	struct box_result result;
	char how[160];
	bool ok = reaches_exec(NULL, &result);

	util_print(how, sizeof(how), "%s %.80s: %s", result.setup_step, result.setup_object, strerror(result.setup_errno));
	say(sandbox, ok, ok ? "user, pid, mount, net, ipc, uts and cgroup namespaces; seccomp; no rights" : how,
		"allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor), in a "
		"container add CAP_SYS_ADMIN and an unconfined seccomp profile");
	ok = ok && reaches_exec("/etc", &result);
	util_print(how, sizeof(how), "%s %.80s: %s", result.setup_step, result.setup_object, strerror(result.setup_errno));
	say(overlay, ok, ok ? "overlayfs, changes on a tmpfs" : how, "load the overlay module, or use --workspace readonly");
}

static void probe_cgroups(struct answer *answers)
{
	static const enum cg_controller which[] = { CG_MEMORY, CG_PIDS, CG_CPU };
	struct cg *cg;

	for (int i = 0; i < 3; i++)
		say(&answers[ASK_MEMORY + i], false, "out of memory", "free some memory");
	if (cg_open(&cg) < 0)
		return;
	for (int i = 0; i < 3; i++) {
		bool ok = cg_can(cg, which[i]);

		say(&answers[ASK_MEMORY + i], ok, cg_version(cg, which[i]) == 2 ? "cgroup v2" : ok ? "cgroup v1" : "no cgroup",
			cg_why(cg, which[i]));
	}
	cg_close(cg);
	if (!answers[ASK_PIDS].ok && geteuid() != 0)
		say(&answers[ASK_PIDS], true, "RLIMIT_NPROC in the user namespace", "");
}

static void probe_ids(struct answer *answer)
{
	char text[16384];
	char word[16];
	uint32_t start, count = 0;
	struct ids_map own;
	struct ids_map slot = { .n = 0 };

	util_print(word, sizeof(word), "%u", geteuid());
	if (geteuid() == 0) {
		if (util_read_file(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) > 0 && ids_parse(text, &own) == 0)
			ids_for_root(0, 0, &own, &slot);
		say(answer, ids_outside(&slot, 1) != IDS_NONE, slot.n ? "unprivileged host ids per slot" : "unknown",
			"give this container a larger range of ids, or chown and setuid answer EINVAL inside");
		return;
	}
	if (util_read_file(AT_FDCWD, "/etc/subuid", text, sizeof(text)) > 0)
		(void)ids_find_sub(text, "", geteuid(), &start, &count);
	say(answer, count && access("/usr/bin/newuidmap", X_OK) == 0, count ? "subordinate ids" : "the user's own id only",
		"install uidmap and give this user a line in /etc/subuid and /etc/subgid");
}

static void probe_idmap(struct answer *answer)
{
	struct ids_map map = { .n = 1, .extents = { { 0, 60001, 1 } } };
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	AUTO_CLOSE int userns = -1;
	AUTO_CLOSE int tree = -1;
	bool ok;

	if (geteuid() != 0) {
		say(answer, true, "not needed: the payload keeps the user's own host id", "");
		return;
	}
	userns = ns_make_user(&map, &map, false);
	tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	attr.userns_fd = (uint64_t)userns;
	ok = userns >= 0 && tree >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0;
	say(answer, ok, ok ? "id-mapped mounts on the current folder's file system" : strerror(errno),
		"keep the workspace on ext4, xfs, btrfs or tmpfs, kernel 5.19 or later; else files must be readable by others");
}

static void print_json(const struct answer *answers)
{
	for (int i = 0; i < ANSWERS; i++) {
		printf("%s\"%s\":{\"ok\":%s,\"how\":", i ? "," : "{", answers[i].name, answers[i].ok ? "true" : "false");
		result_json_string(answers[i].how, stdout);
		fputs(",\"fix\":", stdout);
		result_json_string(answers[i].fix, stdout);
		fputs("}", stdout);
	}
	fputs("}\n", stdout);
}

static void print_text(const struct answer *answers)
{
	for (int i = 0; i < ANSWERS; i++) {
		printf("%-3s %-8s %s\n", answers[i].ok ? "yes" : "NO", answers[i].name, answers[i].how);
		if (!answers[i].ok)
			printf("             to mend: %s\n", answers[i].fix);
	}
}

int probe_run(bool json)
{
	struct answer answers[ANSWERS] = {
		[ASK_SANDBOX] = { .name = "sandbox", .vital = true },
		[ASK_OVERLAY] = { .name = "overlay", .vital = true },
		[ASK_MEMORY] = { .name = "memory", .vital = true },
		[ASK_PIDS] = { .name = "pids", .vital = true },
		[ASK_CPU] = { .name = "cpu", .vital = true },
		[ASK_IDS] = { .name = "ids" },
		[ASK_IDMAP] = { .name = "idmap" },
	};
	bool all = true;

	probe_sandbox(&answers[ASK_SANDBOX], &answers[ASK_OVERLAY]);
	probe_cgroups(answers);
	probe_ids(&answers[ASK_IDS]);
	probe_idmap(&answers[ASK_IDMAP]);
	if (json)
		print_json(answers);
	else
		print_text(answers);
	for (int i = 0; i < ANSWERS; i++)
		all = all && (answers[i].ok || !answers[i].vital);
	return all ? 0 : RESULT_EXIT_REFUSED;
}
