// SPDX-License-Identifier: Apache-2.0
/*
 * kept.c - folders of kept workspaces. paddock-box makes "upper" (the changes) and "work"
 * (overlayfs' own) in them; the second goes at the end. What is in the first is hostile and is only
 * ever removed here.
 */
#include "worker/kept.h"

#include "protocol/base/assert.h"
#include "protocol/base/err.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/state.h"
#include "protocol/base/tree.h"
#include "sandbox/box.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAME_NAME_MAX = 10000 }; /* processes of a case and attempt: --repeat, lost ones */

/* Make the folder `path`, or one with a number behind that name when there is one already. */
static int make_folder(struct buf *path)
{
	size_t len = path->len;
	for (unsigned i = 2; mkdir(buf_text(path), 0700) < 0; i++) {
		if (errno != EEXIST || i > SAME_NAME_MAX)
			return -errno;
		path->len = len;
		int r = buf_printf(path, "~%u", i);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_parents(struct buf *path)
{
	char *last = strrchr(path->data, '/');
	ASSERT(last);
	*last = '\0';
	int r = fd_make_dirs(path->data);
	*last = '/';
	return r;
}

static int make(struct kept *kept, const struct msg_assign *assign, const struct state_owner *owner,
		struct err *err)
{
	struct buf path;
	int r = state_make_run(assign->run, "workspaces", &path, err);
	if (r < 0)
		return r;
	kept->run_len = path.len - strlen("/workspaces");
	r = buf_puts(&path, "/");
	r = r ? r : state_owner_path(&path, owner);
	/* Another slot may just have removed an empty parent: once more. */
	for (int tries = 0; r == 0 && tries < 3; tries++) {
		r = make_parents(&path);
		r = r ? r : make_folder(&path);
		if (r != -ENOENT)
			break;
	}
	if (r < 0)
		err_errno(err, r, "making a folder for the workspace at %s", buf_text(&path));
	else
		snprintf(kept->path, sizeof(kept->path), "%s", buf_text(&path));
	buf_done(&path);
	return r;
}

int kept_begin(struct kept *kept, const struct msg_assign *assign,
	       const struct kept_options *options, struct arena *arena, const char **ret_reason)
{
	const struct msg_program *program = assign->program;
	const struct state_owner owner = {
		.suite = program->suite,
		.program = program->name,
		.name = options->name,
		.attempt = assign->retry,
		.cases = options->cases,
	};
	struct err err = { 0 };
	ASSERT(!kept->path[0]);
	kept->stays = program->keep_workspace;
	kept->wanted = false;
	if ((!kept->stays && !options->cores) || program->level == BOX_LEVEL_OFF ||
	    !program->workspace.len || program->workspace_mode != BOX_WORKSPACE_OVERLAY)
		return 0;
	int r = make(kept, assign, &owner, &err);
	const char *reason = r < 0 ? arena_copy(arena, str_of(err.text)) : NULL;
	if (reason)
		*ret_reason = reason;
	return r;
}

struct str kept_tell(struct kept *kept, const char *worker, struct str message, struct arena *arena)
{
	if (!kept->path[0] || !kept->stays)
		return message;
	kept->wanted = true;
	const char *text = arena_printf(arena, "%.*s%sworkspace kept by worker %s: %s/upper",
					STR_ARG(message), message.len ? "\n" : "", worker,
					kept->path);
	return text ? str_of(text) : message;
}

/* Folders of the run that are empty now. */
static void remove_empty(struct kept *kept)
{
	for (char *slash;
	     (slash = strrchr(kept->path, '/')) && (size_t)(slash - kept->path) >= kept->run_len;) {
		*slash = '\0';
		if (rmdir(kept->path) < 0)
			return;
	}
}

void kept_end(struct kept *kept)
{
	if (!kept->path[0])
		return;
	size_t len = strlen(kept->path);
	if (kept->wanted)
		snprintf(kept->path + len, sizeof(kept->path) - len, "/work");
	int r = tree_remove(kept->path);
	if (r < 0 && r != -ENOENT)
		LOG_WARN("workspace_not_removed", "folder=%s reason=%s", kept->path, strerror(-r));
	if (r == 0 && !kept->wanted)
		remove_empty(kept);
	kept->path[0] = '\0';
}
