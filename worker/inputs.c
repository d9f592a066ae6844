// SPDX-License-Identifier: Apache-2.0
/*
 * inputs.c - a table of trees and a timer that makes the first one not ready.
 *
 *	(taken) WAITING --its turn--> MAKING --> READY --idle--> (forgotten)
 *	                                 '--> FAILED: its uses are told, then it is forgotten
 *
 * Between two steps of the timer the loop serves everything else, so a large tree delays nobody's
 * poll. A tree that nobody used for IDLE_US is let go; when it is wanted again it is compared with
 * its manifest anew, which is how damage is found.
 */
#include "worker/inputs.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/wire/tree.h"
#include "worker/outfit.h"
#include "worker/replica.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_US (2 * CLOCK_US_PER_S)
enum { SPOILT_MAX = 16 }; /* contents of a tree that came damaged */

enum state { WAITING, MAKING, READY, FAILED };

struct tree {
	struct tree *next;
	struct digest id;
	enum state state;
	struct replica *replica;
	struct inputs_use *uses;
	uint64_t began_us, idle_us;    /* since when nobody uses it */
	uint64_t chunks, packed_bytes; /* that were fetched for it */
	unsigned spoilt;
};

struct inputs_use {
	struct inputs_use *next;
	struct tree *tree;
	struct inputs *inputs;
	const char *workspace; /* the program's, borrowed */
	inputs_fn *fn;	       /* NULL once it was called */
	void *data;
};

struct inputs {
	struct inputs_options options;
	struct replica_home *home; /* NULL before the first tree */
	struct loop_timer *timer;
	struct tree *trees;
	struct buf asked; /* ids that the tree being made waits for */
};

static void on_timer(void *data);

struct inputs *inputs_new(const struct inputs_options *options)
{
	struct inputs *inputs = calloc(1, sizeof(*inputs));
	if (!inputs)
		return NULL;
	inputs->options = *options;
	buf_init(&inputs->asked, LIMIT_CHUNKS * DIGEST_BYTES);
	if (loop_timer_new(options->loop, on_timer, inputs, &inputs->timer) < 0) {
		free(inputs);
		return NULL;
	}
	return inputs;
}

static void forget(struct inputs *inputs, struct tree *tree)
{
	struct tree **at = &inputs->trees;
	ASSERT(!tree->uses);
	while (*at != tree)
		at = &(*at)->next;
	*at = tree->next;
	if (tree->state == MAKING)
		buf_clear(&inputs->asked);
	replica_free(tree->replica);
	if (inputs->home) /* it may be evicted now */
		replica_home_soil(inputs->home);
	free(tree);
}

void inputs_free(struct inputs *inputs)
{
	if (!inputs)
		return;
	while (inputs->trees)
		forget(inputs, inputs->trees);
	loop_timer_free(inputs->timer);
	replica_home_free(inputs->home);
	buf_done(&inputs->asked);
	free(inputs);
}

/* ---- for attempts ---- */

static struct tree *find(struct inputs *inputs, const struct digest *id)
{
	struct tree *tree = inputs->trees;
	while (tree && (memcmp(&tree->id, id, sizeof(*id)) != 0 || tree->state == FAILED))
		tree = tree->next;
	if (tree && tree->state == READY && !tree->uses &&
	    clock_mono_us() - tree->idle_us > IDLE_US) {
		forget(inputs, tree);
		return NULL;
	}
	return tree;
}

/* A tree at the end of the table, so that the one asked for first is made first. */
static struct tree *add(struct inputs *inputs, const struct digest *id)
{
	struct tree *tree = calloc(1, sizeof(*tree)), **at = &inputs->trees;
	if (!tree)
		return NULL;
	tree->id = *id;
	while (*at)
		at = &(*at)->next;
	*at = tree;
	return tree;
}

static int check_program(const struct msg_program *program, struct err *err)
{
	if (program->tree.len == LIMIT_ID_BYTES && program->workspace.len > 1 &&
	    program->level != BOX_LEVEL_OFF && program->workspace_mode != BOX_WORKSPACE_SHARED)
		return 0;
	return err_set(err, -EINVAL,
		       "a workspace that is sent along needs a sandbox that shows it, overlay or "
		       "readonly");
}

int inputs_take(struct inputs *inputs, const struct msg_program *program, inputs_fn *fn, void *data,
		struct inputs_use **ret_use, struct err *err)
{
	int r = check_program(program, err);
	struct inputs_use *use = r == 0 ? calloc(1, sizeof(*use)) : NULL;
	if (use) {
		struct digest id = tree_id(program->tree, 0);
		use->tree = find(inputs, &id);
		if (!use->tree)
			use->tree = add(inputs, &id);
	}
	if (!use || !use->tree) {
		free(use);
		return r ? r : err_set(err, -ENOMEM, "no memory for the run's files");
	}
	use->inputs = inputs;
	use->workspace = program->workspace.data;
	use->fn = fn;
	use->data = data;
	use->next = use->tree->uses;
	use->tree->uses = use;
	loop_timer_set(inputs->timer, 0);
	*ret_use = use;
	return 0;
}

void inputs_drop(struct inputs_use *use)
{
	if (!use)
		return;
	struct inputs_use **at = &use->tree->uses;
	while (*at != use)
		at = &(*at)->next;
	*at = use->next;
	use->tree->idle_us = clock_mono_us();
	loop_timer_set(use->inputs->timer, 0);
	free(use);
}

const char *inputs_path(const struct inputs_use *use)
{
	return replica_path(use->tree->replica);
}

const char *inputs_find(const struct inputs_use *use, const struct msg_program *program, int *fd,
			char buf[32])
{
	struct str path = program->path, workspace = program->workspace;
	if (!use || !str_starts(path, workspace) || path.data[workspace.len] != '/')
		return path.data;
	*fd = replica_open(use->tree->replica, path.data + workspace.len + 1);
	snprintf(buf, 32, "/proc/self/fd/%d", *fd);
	return buf;
}

/* ---- making ---- */

/*
 * The place where the sandbox shows the workspace: it makes one in the folders it hides; elsewhere
 * an empty folder of the machine has to be there. NULL, or why there is none, in buf.
 */
static const char *make_place(const char *workspace, char *buf, size_t size)
{
	if (outfit_hides(workspace) || access(workspace, F_OK) == 0)
		return NULL;
	int r = fd_make_dirs(workspace);
	snprintf(buf, size,
		 "this worker has no folder %s to show the run's files at and cannot make it "
		 "(%s): an empty one is enough",
		 workspace, strerror(-r));
	return r < 0 ? buf : NULL;
}

/* Tell all that wait for the tree; `why` as in inputs_fn. Each may drop its use. */
static void tell(struct tree *tree, const char *why)
{
	struct inputs_use *use = tree->uses;
	while (use) {
		inputs_fn *fn = use->fn;
		void *data = use->data;
		use->fn = NULL;
		char text[LIMIT_PATH_BYTES + 256];
		if (fn)
			fn(data, why ? why : make_place(use->workspace, text, sizeof(text)));
		/* What was told is skipped, whoever else dropped meanwhile. */
		use = tree->uses;
		while (use && !use->fn)
			use = use->next;
	}
}

static void fail(struct inputs *inputs, struct tree *tree, const char *why)
{
	LOG_WARN("tree_failed", "%s", why);
	tree->state = FAILED;
	buf_clear(&inputs->asked);
	tell(tree, why);
}

static int open_home(struct inputs *inputs, struct err *err)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char folder[PATH_MAX];
	int n = -1;
	if (inputs->home)
		return 0;
	if (inputs->options.folder)
		n = snprintf(folder, sizeof(folder), "%s", inputs->options.folder);
	else if (cache && cache[0] == '/')
		n = snprintf(folder, sizeof(folder), "%s/paddock/cas", cache);
	else if (home && home[0] == '/')
		n = snprintf(folder, sizeof(folder), "%s/.cache/paddock/cas", home);
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, -ENOENT,
			       "this worker has no folder for the run's files: set XDG_CACHE_HOME");
	return replica_home_new(folder, inputs->options.quota_bytes, &inputs->home, err);
}

static void become_ready(struct tree *tree)
{
	char hex[DIGEST_HEX_BYTES];
	tree->state = READY;
	LOG_INFO("tree_ready", "tree=%.16s fetched=%" PRIu64 " bytes=%" PRIu64 " ms=%" PRIu64,
		 digest_hex(&tree->id, hex), tree->chunks, tree->packed_bytes,
		 (clock_mono_us() - tree->began_us) / 1000);
	tell(tree, NULL);
}

/* A step of making the tree. Whether another is to follow at once. */
static bool step(struct inputs *inputs, struct tree *tree)
{
	struct err err = { 0 };
	int r = 0;
	if (tree->state == WAITING) {
		tree->began_us = clock_mono_us();
		tree->state = MAKING;
		r = open_home(inputs, &err);
		if (r == 0 && !(tree->replica = replica_new(inputs->home, &tree->id)))
			r = err_set(&err, -ENOMEM, "no memory for the run's files");
	}
	if (r == 0 && inputs->asked.len)
		return false;
	r = r < 0 ? r : replica_step(tree->replica, &err);
	if (r == REPLICA_READY) {
		become_ready(tree);
	} else if (r == REPLICA_WAITS) {
		if (buf_put_str(&inputs->asked, replica_missing(tree->replica)) < 0)
			fail(inputs, tree, "no memory for the run's files");
		return false; /* the session sends it */
	} else if (r < 0) {
		fail(inputs, tree, err.text);
	}
	return true;
}

static void on_timer(void *data)
{
	struct inputs *inputs = data;
	struct tree *next;
	bool more = false;
	for (struct tree *tree = inputs->trees; tree; tree = next) {
		next = tree->next;
		if (!tree->uses && tree->state != READY)
			forget(inputs, tree); /* nobody wants it any more */
		else if (!tree->uses && clock_mono_us() - tree->idle_us > IDLE_US)
			forget(inputs, tree);
		else if (tree->state == READY && tree->uses)
			tell(tree, NULL); /* one that came when it was there already */
	}
	struct tree *tree = inputs->trees;
	while (tree && tree->state != WAITING && tree->state != MAKING)
		tree = tree->next;
	if (tree)
		more = step(inputs, tree);
	else if (inputs->home)
		more = replica_home_sweep(inputs->home);
	if (more)
		loop_timer_set(inputs->timer, 0);
	else if (inputs->trees && !tree)
		loop_timer_set(inputs->timer, IDLE_US);
}

/* ---- for the session ---- */

static struct tree *making(struct inputs *inputs)
{
	struct tree *tree = inputs->trees;
	while (tree && tree->state != MAKING)
		tree = tree->next;
	return tree;
}

struct str inputs_ask(struct inputs *inputs)
{
	return buf_str(&inputs->asked);
}

/* Take a content in, if it is the one asked for at place i. 0 or -errno with err. */
static int take(struct inputs *inputs, struct tree *tree, size_t i, const struct msg_chunk *chunk,
		struct err *err)
{
	struct digest id = tree_id(buf_str(&inputs->asked), i);
	if (!str_eq(chunk->id, (struct str){ (const char *)id.bytes, DIGEST_BYTES }))
		return err_set(err, -EPROTO,
			       "the coordinator sent contents that were not asked for");
	if (!chunk->data.len)
		return err_set(err, -ENOENT,
			       "the coordinator does not have all of the run's files any more: run "
			       "it again");
	int r = cas_put(replica_home_cas(inputs->home), &id, chunk->data, chunk->raw_bytes, err);
	if (r == -EBADMSG && ++tree->spoilt < SPOILT_MAX)
		return 0; /* damaged on its way: it is asked for again */
	if (r < 0)
		return r;
	tree->chunks++;
	tree->packed_bytes += chunk->data.len;
	return 0;
}

void inputs_answer(struct inputs *inputs, const struct msg_contents *contents)
{
	struct tree *tree = making(inputs);
	struct err err = { 0 };
	size_t asked = tree_ids(buf_str(&inputs->asked)), n = contents->n_chunks;
	int r = 0;
	struct digest first = { { 0 } };
	if (asked)
		first = tree_id(buf_str(&inputs->asked), 0);
	/* What was asked for a tree that nobody wants any more is of no use to another. */
	if (!tree || !asked ||
	    (n && !str_eq(contents->chunks[0].id,
			  (struct str){ (const char *)first.bytes, DIGEST_BYTES })))
		return;
	if (!n || n > asked)
		r = err_set(&err, -EPROTO, "the coordinator sent contents that were not asked for");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = take(inputs, tree, i, &contents->chunks[i], &err);
	r = r ? r : cas_sync(replica_home_cas(inputs->home), &err);
	if (r < 0)
		fail(inputs, tree, err.text);
	else
		buf_consume(&inputs->asked, n * DIGEST_BYTES);
	loop_timer_set(inputs->timer, 0);
}
