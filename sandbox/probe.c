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
#include "sandbox/fence.h"
#include "sandbox/host.h"
#include "sandbox/ns.h"
#include "sandbox/result.h"
#include "sandbox/serve.h"
#include "sandbox/util.h"

struct probe {
	bool json;
	bool all; /* everything vital is there */
	int n;
};

struct answer {
	const char *name;
	bool ok;
	const char *how; /* it is enforced; or what stood in the way */
	const char *fix; /* when it is not */
	bool vital;	 /* for level default with limits */
};

static void say(struct probe *probe, const struct answer *a)
{
	probe->n++;
	probe->all = probe->all && (a->ok || !a->vital);
	if (!probe->json) {
		printf("%-3s %-8s %s\n", a->ok ? "yes" : "NO", a->name, a->how);
		if (!a->ok)
			printf("             to mend: %s\n", a->fix);
		return;
	}
	printf("%s\"%s\":{\"ok\":%s", probe->n > 1 ? "," : "{", a->name, a->ok ? "true" : "false");
	result_json_string(",\"how\":", a->how, stdout);
	result_json_string(",\"fix\":", a->ok ? "" : a->fix, stdout);
	fputs("}", stdout);
}

/* Builds a sandbox up to exec; returns whether it came that far. */
static bool probe_built(struct probe *probe, const char *workspace, struct answer answer)
{
	static const char *const argv[] = { "/", NULL };
	static const char *const envp[] = { NULL };
	struct box_spec spec = { .level = BOX_LEVEL_DEFAULT,
				 .workspace_path = workspace,
				 .cwd = "/",
				 .argv = argv,
				 .envp = envp,
				 .wall_us = 10000000 };
	struct box_result result = { 0 };
	int r = serve_once(&spec, 0, &result);
	char failure[400];

	if (r < 0)
		result.setup_errno = -r;
	answer.ok = result.cause == BOX_CAUSE_SETUP && strcmp(result.setup_step, "exec") == 0;
	util_print(failure, sizeof(failure), "%s %s: %s", result.setup_step, result.setup_object,
		   strerror(result.setup_errno));
	if (!answer.ok)
		answer.how = failure;
	say(probe, &answer);
	return answer.ok;
}

static void probe_cgroups(struct probe *probe)
{
	static const char *const names[CG_CONTROLLERS] = { "memory", "pids", "cpu", "cpu-time",
							   "cpus" };
	static const char *const versions[] = { "no cgroup", "cgroup v1", "cgroup v2" };
	struct cg *cg;

	if (cg_open(true, &cg) < 0)
		return;
	for (enum cg_controller i = 0; i < CG_CONTROLLERS; i++) {
		const struct cg_hierarchy *in = cg_in(cg, i);
		struct answer answer = { names[i], in->version, versions[in->version], in->why,
					 i <= CG_CPU };

		if (!answer.ok && i == CG_PIDS && geteuid() != 0)
			answer = (struct answer){ names[i], true,
						  "RLIMIT_NPROC in the user namespace", "", false };
		say(probe, &answer);
	}
	cg_close(cg);
}

static void probe_ids(struct probe *probe)
{
	static struct host host; /* its filters last as long as the program */
	struct ids_map slot = { .n = 0 };
	struct answer answer = {
		"ids", false, "one id only",
		"give this container more ids, or this user a line in /etc/subuid and "
		"/etc/subgid and install uidmap; else chown and setuid answer EINVAL inside",
		false
	};
	uint32_t start, count = 0;

	if (host_init(&host) < 0)
		return;
	if (host.root)
		ids_for_root(0, 0, &host.own_uids, &slot);
	else
		count = ns_find_subids("/etc/subuid", host.name, &start);
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
		"keep the workspace on ext4, xfs, btrfs or tmpfs, kernel 5.19 or later", false
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

/* What level strict adds. */
static void probe_fence(struct probe *probe)
{
	static const char *const how[] = { "no Landlock", "Landlock; no core is kept to one run",
					   "Landlock, and cores of one's own" };
	int version = fence_version();

	say(probe, &(struct answer){ "fence", version > 0, how[version ? 1 + fence_cores() : 0],
				     "Linux 5.19 or later, with landlock in lsm=", false });
}

int probe_run(bool json)
{
	struct probe probe = { .json = json, .all = true };

	if (probe_built(&probe, NULL,
			(struct answer){
				"sandbox", false, "all seven namespaces, seccomp, no rights",
				"allow user namespaces; in a container add CAP_SYS_ADMIN", true }))
		probe_built(&probe, "/etc",
			    (struct answer){ "overlay", false, "overlayfs, changes on a tmpfs",
					     "load the overlay module, or use --workspace readonly",
					     true });
	probe_cgroups(&probe);
	probe_ids(&probe);
	probe_idmap(&probe);
	probe_fence(&probe);
	if (json)
		fputs("}\n", stdout);
	return probe.all ? 0 : RESULT_EXIT_REFUSED;
}
