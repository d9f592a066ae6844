// SPDX-License-Identifier: Apache-2.0
/* place.c - paths by the rules of XDG and of siblings. Makes no folder and opens no file. */
#include "coordinator/cli/place.h"

#include "coordinator/cli/options.h"
#include "protocol/base/state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int place_state(struct buf *ret_buf, struct err *err)
{
	struct buf buf;
	buf_init(&buf, PATH_MAX);
	int r = state_folder(&buf);
	if (r < 0) {
		buf_done(&buf);
		return err_set(err, r,
			       "no folder to keep history in: neither XDG_STATE_HOME nor "
			       "HOME is an absolute path; set one, or give --history FILE");
	}
	*ret_buf = buf;
	return 0;
}

int place_coordinator(const struct conf *conf, struct buf *ret_buf, struct err *err)
{
	const char *given = conf_text(conf, OPTIONS_STATE);
	if (!given)
		return place_state(ret_buf, err);
	buf_init(ret_buf, PATH_MAX);
	int r = buf_puts(ret_buf, given);
	return r < 0 ? err_errno(err, r, "--state %.100s", given) : 0;
}

int place_history(const struct conf *conf, struct buf *ret_buf, struct err *err)
{
	const char *given = conf_text(conf, OPTIONS_STORE);
	struct buf buf;
	int r;
	if (!given)
		given = conf_text(conf, OPTIONS_HISTORY);
	if (!given) {
		r = place_state(&buf, err);
		r = r < 0 ? r : buf_puts(&buf, "/history.db");
	} else {
		buf_init(&buf, PATH_MAX);
		r = strcmp(given, "none") == 0 ? 0 : buf_puts(&buf, given);
		if (r < 0)
			buf_done(&buf);
	}
	if (r < 0)
		return err && err->text[0] ? r : err_errno(err, r, "--history");
	*ret_buf = buf;
	return 0;
}

int place_open_history(const struct conf *conf, struct store **ret_store, struct err *err)
{
	struct buf path = { 0 };
	int r = place_history(conf, &path, err);
	if (r == 0 && !path.len)
		r = err_set(err, -EINVAL, "there is no history to look into with --history none");
	if (r == 0 && !store_is_url(buf_text(&path)) && access(buf_text(&path), F_OK) < 0)
		r = err_errno(err, -errno, "%s: no run was recorded there yet", buf_text(&path));
	if (r == 0)
		r = store_open(buf_text(&path), ret_store, err);
	buf_done(&path);
	return r;
}

int place_program(const char *name, struct buf *ret_buf)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
	char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
	struct buf buf;
	int r = 0;
	buf_init(&buf, 2 * PATH_MAX);
	if (slash) {
		r = buf_append(&buf, self, (size_t)(slash - self) + 1);
		r = r < 0 ? r : buf_puts(&buf, name);
	}
	if (r == 0 && (!slash || access(buf_text(&buf), X_OK) < 0)) {
		buf_clear(&buf);
		r = buf_puts(&buf, name);
	}
	if (r < 0) {
		buf_done(&buf);
		return r;
	}
	*ret_buf = buf;
	return 0;
}
