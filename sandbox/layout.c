// SPDX-License-Identifier: Apache-2.0
/*
 * layout.c - decides what the payload sees, as an ordered list of operations for apply.c.
 *
 * Beneath is the slot's template: the host's tree, read-only, with a small /dev. The base puts one
 * tmpfs on it whose folders become /tmp, /var, /dev/shm, /home, /root and /run (so that one size
 * bounds them together), /sys and /dev/pts. A run adds its workspace, its binds and /proc.
 *
 * Invariants: every OPEN and OVERLAY is attached exactly once; nothing is attached before the
 * folders that hide the host are in place, so that a workspace below /home or /run reappears alone;
 * /run is shown last of the scratch's folders because it covers the scratch itself.
 */
#include "sandbox/layout.h"

#include "sandbox/util.h"

static int add(struct layout *layout, struct layout_op op)
{
	BOX_ASSERT(layout->n < LAYOUT_OPS_MAX);
	layout->ops[layout->n] = op;
	return layout->n++;
}

static void add_dir(struct layout *layout, const char *path, mode_t mode, bool own)
{
	add(layout,
	    (struct layout_op){ .kind = LAYOUT_DIR, .path = path, .mode = mode, .own = own });
}

static void add_show(struct layout *layout, const char *source, const char *path)
{
	add(layout, (struct layout_op){ .kind = LAYOUT_SHOW, .source = source, .path = path });
}

static uint64_t scratch_bytes(const struct box_spec *spec)
{
	if (spec->tmp_bytes)
		return spec->tmp_bytes;
	return spec->memory_bytes ? spec->memory_bytes / 2 : LAYOUT_SCRATCH_BYTES;
}

/* The host's folders that a private one hides; the scratch's own mount point comes last. */
static const struct place {
	const char *path;
	const char *scratch;
	mode_t mode;
	bool root_owns; /* as outside: the payload owns it only when it is root */
} places[] = {
	{ "/tmp", "tmp", 01777, false },     { "/var", "var", 0755, true },
	{ "/dev/shm", "shm", 01777, false }, { "/home", "home", 0755, true },
	{ "/root", "root", 0700, true },     { LAYOUT_SCRATCH_AT, "run", 0755, true },
};

static const char *const var_dirs[] = { "var/cache", "var/lib", "var/log", "var/spool" };

static bool exists(const struct layout_host *host, const struct place *place)
{
	if (strcmp(place->path, "/home") == 0)
		return host->has_home_dir;
	if (strcmp(place->path, "/root") == 0)
		return host->has_root_dir;
	return strcmp(place->path, "/var") != 0 || host->has_var_dir;
}

/*
 * Where a private HOME lives: at the user's own path when that is in a private folder (then it is a
 * folder of the scratch) or is there to be covered, else below /run.
 */
static void plan_home(const struct layout_host *host, struct layout *layout)
{
	char *buf = layout->home_in_scratch;

	layout->home = host->home;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (exists(host, &places[i]) && util_path_below(host->home, places[i].path)) {
			const char *rest = host->home + strlen(places[i].path);

			if (util_print(buf, PATH_MAX, "%s%s", places[i].scratch, rest) == 0)
				return;
		}
	util_copy(buf, PATH_MAX, "ownhome");
	if (host->home_is_dir && host->home[1])
		return;
	layout->home = "/run/home";
	util_copy(buf, PATH_MAX, "run/home");
}

static void begin(const struct layout_host *host, struct layout *layout)
{
	layout->n = 0;
	plan_home(host, layout);
	util_print(layout->runtime_dir, sizeof(layout->runtime_dir), "/run/user/%u", host->uid);
}

static void plan_dirs(const struct layout_host *host, struct layout *layout)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		add_dir(layout, places[i].scratch, places[i].mode,
			places[i].root_owns && host->uid == 0);
	for (size_t i = 0; i < ARRAY_LEN(var_dirs); i++)
		add_dir(layout, var_dirs[i], 0755, host->uid == 0);
	add_dir(layout, "var/tmp", 01777, false);
	add(layout, (struct layout_op){ .kind = LAYOUT_LINK, .source = "/run", .path = "var/run" });
	add(layout,
	    (struct layout_op){ .kind = LAYOUT_LINK, .source = "/run/lock", .path = "var/lock" });
	add_dir(layout, "run/lock", 01777, false);
	add_dir(layout, "run/user", 0755, false);
	add_dir(layout, layout->runtime_dir + 1, 0700, true);
	if (strchr(layout->home_in_scratch, '/') || strcmp(layout->home_in_scratch, "ownhome") == 0)
		add_dir(layout, layout->home_in_scratch, 0755, true);
}

static void plan_shows(const struct layout_host *host, struct layout *layout)
{
	if (strcmp(layout->home_in_scratch, "ownhome") == 0)
		add_show(layout, "ownhome", layout->home);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (exists(host, &places[i]))
			add_show(layout, places[i].scratch, places[i].path);
}

/* Opens the workspace in its mode; returns the operation to attach, or -1. */
static int plan_workspace(const struct box_spec *spec, struct layout *layout)
{
	struct layout_op op = { .kind = LAYOUT_OPEN, .source = spec->workspace_path };

	if (!spec->workspace_path)
		return -1;
	op.writable = spec->workspace != BOX_WORKSPACE_READONLY;
	if (spec->workspace != BOX_WORKSPACE_OVERLAY)
		return add(layout, op);
	op.kind = LAYOUT_OVERLAY;
	op.from = spec->keep ? add(layout, (struct layout_op){ .kind = LAYOUT_KEEP,
							       .source = spec->keep,
							       .writable = true })
			     : -1;
	return add(layout, op);
}

static void add_attach(struct layout *layout, int from)
{
	add(layout, (struct layout_op){ .kind = LAYOUT_ATTACH,
					.from = from,
					.path = layout->ops[from].source });
}

void layout_plan_base(const struct layout_host *host, bool own_network, struct layout *ret_layout)
{
	begin(host, ret_layout);
	add(ret_layout, (struct layout_op){ .kind = LAYOUT_SCRATCH,
					    .path = LAYOUT_SCRATCH_AT,
					    .bytes = LAYOUT_SCRATCH_BYTES });
	plan_dirs(host, ret_layout);
	plan_shows(host, ret_layout);
	if (own_network)
		add(ret_layout, (struct layout_op){ .kind = LAYOUT_SYS, .path = "/sys" });
	add(ret_layout, (struct layout_op){ .kind = LAYOUT_PTS, .path = "/dev/pts" });
}

void layout_plan_run(const struct box_spec *spec, const struct layout_host *host,
		     struct layout *ret_layout)
{
	int workspace;
	int binds[BOX_BINDS_MAX];

	BOX_ASSERT(spec->level != BOX_LEVEL_OFF);
	begin(host, ret_layout);
	if (spec->home)
		ret_layout->home = "";
	ret_layout->cwd = spec->cwd ?: spec->workspace_path ?: "/tmp";
	if (spec->tmp_inodes || scratch_bytes(spec) != LAYOUT_SCRATCH_BYTES)
		add(ret_layout, (struct layout_op){ .kind = LAYOUT_RESIZE,
						    .path = LAYOUT_SCRATCH_AT,
						    .bytes = scratch_bytes(spec),
						    .inodes = spec->tmp_inodes });
	workspace = plan_workspace(spec, ret_layout);
	for (size_t i = 0; i < spec->n_binds; i++)
		binds[i] = add(ret_layout,
			       (struct layout_op){ .kind = LAYOUT_OPEN,
						   .source = spec->binds[i].path,
						   .writable = spec->binds[i].writable });
	if (workspace >= 0)
		add_attach(ret_layout, workspace);
	for (size_t i = 0; i < spec->n_binds; i++)
		add_attach(ret_layout, binds[i]);
	add(ret_layout, (struct layout_op){ .kind = LAYOUT_PROC, .path = "/proc" });
}
