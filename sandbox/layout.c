// SPDX-License-Identifier: Apache-2.0
/*
 * layout.c - decides what the payload sees, as an ordered list of operations for apply.c.
 *
 * Beneath is the slot's template: the host's tree, read-only, with a small /dev. The base puts one
 * tmpfs on it whose folders become /tmp, /var, /dev/shm, /home, /root and /run (so that one size
 * bounds them together), and /dev/pts; then come /sys, once there is a network, and /proc, once
 * there is an init. A run adds its workspace and its binds.
 *
 * Invariants: nothing of the host's is attached before the folders that hide the host are in place,
 * so that a workspace below /home or /run reappears alone; /run is shown last of the scratch's
 * folders because it covers the scratch itself.
 */
#include "sandbox/layout.h"

#include "sandbox/util.h"

static void add(struct layout *layout, struct layout_op op)
{
	BOX_ASSERT(layout->n < LAYOUT_OPS_MAX);
	layout->ops[layout->n++] = op;
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

uint64_t layout_scratch_bytes(const struct box_spec *spec)
{
	if (spec->tmp_bytes)
		return spec->tmp_bytes;
	return spec->memory_bytes ? spec->memory_bytes / 2 : LAYOUT_SCRATCH_BYTES;
}

const struct layout_place layout_places[] = {
	{ "/tmp", "tmp" },   { "/var", "var" },	  { "/dev/shm", "shm" },
	{ "/home", "home" }, { "/root", "root" }, { LAYOUT_SCRATCH_AT, "run" },
};

/* What the scratch has in any case. */
static const struct {
	const char *path;
	mode_t mode;
	bool root_owns; /* as outside: the payload owns it only when it is root */
} dirs[] = {
	{ "tmp", 01777, false },     { "var", 0755, true },	  { "shm", 01777, false },
	{ "home", 0755, true },	     { "root", 0700, true },	  { "run", 0755, true },
	{ "var/cache", 0755, true }, { "var/lib", 0755, true },	  { "var/log", 0755, true },
	{ "var/spool", 0755, true }, { "var/tmp", 01777, false }, { "run/lock", 01777, false },
	{ "run/user", 0755, false },
};

/*
 * Where a private HOME lives: at the user's own path when that is in a private folder (then it is a
 * folder of the scratch) or is there to be covered, else below /run.
 */
static void plan_home(const struct layout_host *host, struct layout *layout)
{
	char *buf = layout->home_in_scratch;

	layout->home = host->home;
	for (size_t i = 0; i < LAYOUT_PLACES; i++)
		if (host->has[i] && util_path_below(host->home, layout_places[i].path)) {
			const char *rest = host->home + strlen(layout_places[i].path);

			if (util_print(buf, PATH_MAX, "%s%s", layout_places[i].scratch, rest) == 0)
				return;
		}
	util_copy(buf, PATH_MAX, "ownhome");
	if (host->home_is_dir && host->home[1])
		return;
	layout->home = "/run/home";
	util_copy(buf, PATH_MAX, "run/home");
}

void layout_plan_base(const struct layout_host *host, uint64_t scratch_bytes, struct layout *layout)
{
	layout->n = 0;
	layout->scratch_bytes = scratch_bytes;
	plan_home(host, layout);
	util_print(layout->runtime_dir, sizeof(layout->runtime_dir), "/run/user/%u", host->uid);
	add(layout, (struct layout_op){ .kind = LAYOUT_SCRATCH,
					.path = LAYOUT_SCRATCH_AT,
					.bytes = scratch_bytes });
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		add_dir(layout, dirs[i].path, dirs[i].mode, dirs[i].root_owns && host->uid == 0);
	add(layout, (struct layout_op){ .kind = LAYOUT_LINK, .source = "/run", .path = "var/run" });
	add(layout,
	    (struct layout_op){ .kind = LAYOUT_LINK, .source = "/run/lock", .path = "var/lock" });
	add_dir(layout, layout->runtime_dir + 1, 0700, true);
	if (strchr(layout->home_in_scratch, '/') || strcmp(layout->home_in_scratch, "ownhome") == 0)
		add_dir(layout, layout->home_in_scratch, 0755, true);
	if (strcmp(layout->home_in_scratch, "ownhome") == 0)
		add_show(layout, "ownhome", layout->home);
	for (size_t i = 0; i < LAYOUT_PLACES; i++)
		if (host->has[i])
			add_show(layout, layout_places[i].scratch, layout_places[i].path);
	add(layout, (struct layout_op){ .kind = LAYOUT_PTS, .path = "/dev/pts" });
}

void layout_plan_run(const struct box_spec *spec, struct layout *layout)
{
	uint64_t bytes = layout_scratch_bytes(spec);
	bool overlay = spec->workspace == BOX_WORKSPACE_OVERLAY;

	BOX_ASSERT(spec->level != BOX_LEVEL_OFF);
	layout->n = 0;
	if (spec->home)
		layout->home = "";
	layout->cwd = spec->cwd ?: spec->workspace_path ?: "/tmp";
	if (spec->tmp_inodes || bytes != layout->scratch_bytes)
		add(layout, (struct layout_op){ .kind = LAYOUT_RESIZE,
						.path = "/tmp",
						.bytes = bytes,
						.inodes = spec->tmp_inodes });
	if (spec->keep)
		add(layout, (struct layout_op){
				    .kind = LAYOUT_KEEP, .path = spec->keep, .writable = true });
	if (spec->workspace_path)
		add(layout,
		    (struct layout_op){ .kind = overlay ? LAYOUT_OVERLAY : LAYOUT_BIND,
					.source = spec->workspace_source,
					.path = spec->workspace_path,
					.writable = spec->workspace != BOX_WORKSPACE_READONLY });
	for (size_t i = 0; i < spec->n_binds; i++)
		add(layout, (struct layout_op){ .kind = LAYOUT_BIND,
						.path = spec->binds[i].path,
						.writable = spec->binds[i].writable });
}
