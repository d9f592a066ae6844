// SPDX-License-Identifier: Apache-2.0
/*
 * probe.c - tries, rather than guesses, what can be enforced here: a sandbox is really built, a
 * group really made. What the payload would be is a folder: a failure of exec, the very last step,
 * proves all steps before it.
 */
#include "sandbox/probe.h"

#include <stdio.h>
#include <sys/mount.h>

#include "sandbox/cg.h"
#include "sandbox/ns.h"
#include "sandbox/oneshot.h"
#include "sandbox/result.h"
#include "sandbox/util.h"
#include "sandbox/zygote.h"

struct probe {
	bool json;
	bool all; /* everything level default with limits needs is there */
	int n;
};

struct answer {
	const char *name;
	bool ok;
	const char *how; /* it is enforced; or what stood in the way */
	const char *fix; /* when it is not */
};

static void say(struct probe *probe, const struct answer *a)
{
	probe->n++;
	if (!probe->json) {
		printf("%-3s %-8s %s\n", a->ok ? "yes" : "NO", a->name, a->how);
		if (!a->ok)
			printf("             to mend: %s\n", a->fix);
		return;
	}
	printf("%s\"%s\":{\"ok\":%s,\"how\":", probe->n > 1 ? "," : "{", a->name,
	       a->ok ? "true" : "false");
	result_json_string(a->how, stdout);
	fputs(",\"fix\":", stdout);
	result_json_string(a->ok ? "" : a->fix, stdout);
	fputs("}", stdout);
}

static void say_vital(struct probe *probe, const struct answer *answer)
{
	probe->all = probe->all && answer->ok;
	say(probe, answer);
}

/* Builds a sandbox up to exec. *ret_result tells how far it came. */
static bool reaches_exec(const char *workspace, struct box_result *ret_result)
{
	static const char *const argv[] = { "/", NULL };
	static const char *const envp[] = { NULL };
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT,
				 .workspace_path = workspace,
				 .cwd = "/",
				 .argv = argv,
				 .envp = envp,
				 .wall_us = 10000000 };
	struct box_error err;

	*ret_result = (struct box_result){ 0 };
	if (oneshot_run(&spec, ret_result, &err) < 0) {
		util_copy(ret_result->setup_object, sizeof(ret_result->setup_object), err.text);
		return false;
	}
	return ret_result->cause == BOX_CAUSE_SETUP && strcmp(ret_result->setup_step, "exec") == 0;
}

static bool probe_built(struct probe *probe, const char *workspace, struct answer answer)
{
	struct box_result result;
	char failure[400];

	answer.ok = reaches_exec(workspace, &result);
	util_print(failure, sizeof(failure), "%s %s: %s", result.setup_step, result.setup_object,
		   strerror(result.setup_errno));
	if (!answer.ok)
		answer.how = failure;
	say_vital(probe, &answer);
	return answer.ok;
}

static void probe_cgroups(struct probe *probe)
{
	static const enum cg_controller which[] = { CG_MEMORY, CG_PIDS, CG_CPU };
	static const char *const names[] = { "memory", "pids", "cpu" };
	static const char *const versions[] = { "no cgroup", "cgroup v1", "cgroup v2" };
	struct cg *cg;

	if (cg_open(&cg) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		struct answer answer = { names[i], cg_can(cg, which[i]),
					 versions[cg_version(cg, which[i])], cg_why(cg, which[i]) };

		if (!answer.ok && which[i] == CG_PIDS && geteuid() != 0)
			answer = (struct answer){ "pids", true,
						  "RLIMIT_NPROC in the user namespace", "" };
		say_vital(probe, &answer);
	}
	cg_close(cg);
}

static void probe_ids(struct probe *probe)
{
	static struct zygote_host host; /* its filters last as long as the program */
	struct ids_map slot = { .n = 0 };
	struct answer answer = {
		"ids", false, "one id only",
		"give this container more ids, or this user a line in /etc/subuid and "
		"/etc/subgid and install uidmap; else chown and setuid answer EINVAL inside"
	};
	char text[16384];
	uint32_t start, count = 0;

	if (zygote_host_init(&host, -1) < 0)
		return;
	if (host.root)
		ids_for_root(0, 0, &host.own_uids, &slot);
	else if (util_read_file(AT_FDCWD, "/etc/subuid", text, sizeof(text)) > 0)
		(void)ids_find_sub(text, host.name, host.uid, &start, &count);
	answer.ok = host.root ? ids_outside(&slot, 1) != IDS_NONE
			      : count && access("/usr/bin/newuidmap", X_OK) == 0;
	if (answer.ok)
		answer.how = host.root ? "unprivileged host ids per slot" : "subordinate ids";
	say(probe, &answer);
}

static void probe_idmap(struct probe *probe)
{
	struct ids_map map = { .n = 1, .extents = { { 0, 60001, 1 } } };
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	struct answer answer = {
		"idmap", true, "not needed: the payload keeps the user's own host id",
		"keep the workspace on ext4, xfs, btrfs or tmpfs, kernel 5.19 or later"
	};
	AUTO_CLOSE int userns = -1, tree = -1;

	if (geteuid() == 0) {
		tree = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		userns = ns_make_user(&map, &map, false);
		attr.userns_fd = (uint64_t)userns;
		answer.ok = userns >= 0 && tree >= 0 &&
			    mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0;
		answer.how = answer.ok ? "id-mapped mounts on the current folder's file system"
				       : strerror(errno);
	}
	say(probe, &answer);
}

int probe_run(bool json)
{
	struct probe probe = { .json = json, .all = true };

	if (probe_built(&probe, NULL,
			(struct answer){
				"sandbox", false, "all seven namespaces, seccomp, no rights",
				"allow user namespaces; in a container add CAP_SYS_ADMIN" }))
		probe_built(&probe, "/etc",
			    (struct answer){
				    "overlay", false, "overlayfs, changes on a tmpfs",
				    "load the overlay module, or use --workspace readonly" });
	probe_cgroups(&probe);
	probe_ids(&probe);
	probe_idmap(&probe);
	if (json)
		fputs("}\n", stdout);
	return probe.all ? 0 : RESULT_EXIT_REFUSED;
}
