// SPDX-License-Identifier: Apache-2.0
/* Folders that hostile tests write: emptied whatever is in them, and nothing outside is touched or
 * read. */
#include "tests/kit/temp.h"
#include "worker/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char parent[64];
	struct scratch *scratch;
	const char *slot;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct err err = { 0 };
	temp_folder(f.parent, sizeof(f.parent));
	if (scratch_new(f.parent, 2, &f.scratch, &err) < 0)
		fail_msg("%s", err.text);
	f.slot = scratch_path(f.scratch, 1);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	scratch_free(f->scratch);
	assert_int_equal(rmdir(f->parent), 0); /* nothing is left */
	return 0;
}

static const char *below(const struct fixture *f, const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", f->slot, name);
	return path;
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void test_write_and_take(void **state)
{
	struct fixture *f = *state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(scratch_write(f->scratch, 1, "input", STR_LIT("one")), 0);
	assert_int_equal(scratch_write(f->scratch, 1, "input", STR_LIT("two")), 0);
	assert_int_equal(scratch_take(f->scratch, 1, "input", &buf), 0);
	assert_string_equal(buf_text(&buf), "two");
	assert_int_equal(scratch_take(f->scratch, 1, "input", &buf), -ENOENT);
	assert_int_equal(scratch_write(f->scratch, 1, "../input", STR_LIT("x")), -EINVAL);
	assert_int_equal(scratch_write(f->scratch, 1, "..", STR_LIT("x")), -EINVAL);
	buf_done(&buf);
}

static void test_take_follows_no_link_and_waits_for_no_pipe(void **state)
{
	struct fixture *f = *state;
	struct buf buf;
	buf_init(&buf, 100);
	assert_int_equal(symlink("/etc/passwd", below(f, "link")), 0);
	assert_int_equal(mkfifo(below(f, "pipe"), 0666), 0);
	assert_int_equal(mkdir(below(f, "folder"), 0777), 0);
	make_file(below(f, "big"));
	assert_int_equal(truncate(below(f, "big"), 101), 0);
	assert_int_equal(scratch_take(f->scratch, 1, "link", &buf), -EINVAL);
	assert_int_equal(scratch_take(f->scratch, 1, "pipe", &buf), -EINVAL);
	assert_int_equal(scratch_take(f->scratch, 1, "folder", &buf), -EINVAL);
	assert_int_equal(scratch_take(f->scratch, 1, "big", &buf), -EFBIG);
	assert_int_equal(buf.len, 0);
	buf_done(&buf);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
}

static void test_write_replaces_a_link(void **state)
{
	struct fixture *f = *state;
	char target[PATH_MAX];
	struct stat st;
	snprintf(target, sizeof(target), "%s/target", f->parent);
	make_file(target);
	assert_int_equal(symlink(target, below(f, "input")), 0);
	assert_int_equal(scratch_write(f->scratch, 1, "input", STR_LIT("long text")), 0);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(unlink(target), 0);
}

static void test_clear(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	assert_int_equal(stat(f->slot, &before), 0);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
	assert_int_equal(stat(f->slot, &after), 0);
	assert_int_equal(before.st_ctim.tv_nsec,
			 after.st_ctim.tv_nsec); /* nothing to do, nothing done */
	make_file(below(f, "artifacts/report"));
	make_file(below(f, "tmp/.hidden"));
	assert_int_equal(symlink("/etc", below(f, "tmp/etc")), 0);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
	assert_int_equal(access(below(f, "artifacts"), F_OK), 0);
	assert_int_equal(rmdir(below(f, "artifacts")), 0); /* empty */
	assert_int_equal(rmdir(below(f, "tmp")), 0);
	assert_int_equal(scratch_clear(f->scratch, 1), 0); /* and made anew */
	assert_int_equal(access(below(f, "tmp"), F_OK), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

/* A test hides what it leaves for the next one, or shuts it out. */
static void test_clear_after_tricks(void **state)
{
	static const struct timespec epoch[2];
	struct fixture *f = *state;
	struct stat st;
	/* Later than what was remembered, as any test is. */
	for (stat(f->slot, &st); true; unlink(below(f, "probe"))) {
		struct timespec then = st.st_ctim;
		make_file(below(f, "probe"));
		assert_int_equal(stat(f->slot, &st), 0);
		if (st.st_ctim.tv_sec != then.tv_sec || st.st_ctim.tv_nsec != then.tv_nsec)
			break;
	}
	assert_int_equal(utimensat(AT_FDCWD, f->slot, epoch, 0), 0);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
	assert_int_equal(access(below(f, "probe"), F_OK), -1);
	assert_int_equal(chmod(f->slot, 0), 0);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
	assert_int_equal(stat(f->slot, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0777);
}

/* Deeper than a path may be long; folders without permissions; names in
 * the way. */
static void test_clear_a_deep_tree(void **state)
{
	enum { DEPTH = 600 };
	struct fixture *f = *state;
	int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(below(f, "tmp")), 0);
	for (int i = 0; i < DEPTH; i++) {
		make_file("file");
		assert_int_equal(mkdir(".moved-1", 0777), 0);
		assert_int_equal(mkdir("sibling", 0777), 0);
		make_file("sibling/file");
		assert_int_equal(chmod("sibling", 0), 0);
		assert_int_equal(chdir(".moved-1"), 0);
	}
	assert_int_equal(fchdir(cwd), 0);
	close(cwd);
	assert_int_equal(scratch_clear(f->scratch, 1), 0);
	assert_int_equal(rmdir(below(f, "tmp")), 0);
}

static void test_sweeps_what_a_dead_worker_left(void **state)
{
	struct fixture *f = *state;
	char dead[PATH_MAX], path[PATH_MAX + 16];
	struct scratch *second;
	snprintf(dead, sizeof(dead), "%s/paddock-worker-dead", f->parent);
	assert_int_equal(mkdir(dead, 0700), 0);
	snprintf(path, sizeof(path), "%s/lock", dead);
	make_file(path);
	snprintf(path, sizeof(path), "%s/slot-0", dead);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(scratch_new(f->parent, 1, &second, NULL), 0);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(f->slot, F_OK), 0); /* the first is alive */
	scratch_free(second);
}

/* Workers of one host start and end at once, each sweeping what it takes for a dead one's. */
static void test_many_at_once(void **state)
{
	struct fixture *f = *state;
	enum { WORKERS = 6, TIMES = 150 };
	int status;
	for (int i = 0; i < WORKERS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		for (int j = 0; pid == 0 && j < TIMES; j++) {
			struct scratch *scratch;
			if (scratch_new(f->parent, 1, &scratch, NULL) < 0 ||
			    access(scratch_path(scratch, 0), F_OK) < 0)
				_exit(1);
			scratch_free(scratch);
		}
		if (pid == 0)
			_exit(0);
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(access(f->slot, F_OK), 0);
}

static void test_says_what_it_could_not_make(void **state)
{
	struct scratch *scratch;
	struct err err = { 0 };
	(void)state;
	assert_int_equal(scratch_new("/nonexistent", 1, &scratch, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_and_take, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_take_follows_no_link_and_waits_for_no_pipe,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_write_replaces_a_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear_after_tricks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear_a_deep_tree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweeps_what_a_dead_worker_left, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
		cmocka_unit_test(test_says_what_it_could_not_make),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
