// SPDX-License-Identifier: Apache-2.0
/* test_fd.c - descriptors that close themselves, files written whole or not at all. */
#include "protocol/base/fd.h"
#include "tests/kit/temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make_folder(void)
{
	temp_folder(folder, sizeof(folder));
}

static size_t files_in_folder(void)
{
	size_t n = 0;
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void closing_twice_and_taking_are_safe(void **state)
{
	(void)state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int taken = fd_take(&fd);
	assert_int_equal(fd, -1);
	errno = 77;
	fd_close(&fd);
	assert_true(fcntl(taken, F_GETFD) >= 0);
	fd_close(&taken);
	assert_int_equal(taken, -1);
	fd_close(&taken);
	assert_int_equal(errno, 77);
}

static void a_pipe_is_private_and_its_reader_never_blocks(void **state)
{
	(void)state;
	int in, out;
	char byte;
	assert_int_equal(fd_pipe(&in, &out), 0);
	assert_true(fcntl(in, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(out, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(in, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd_write_all(out, "x", 1), 0);
	assert_int_equal(read(in, &byte, 1), 1);
	close(in);
	close(out);
}

static void files_are_read_whole_up_to_the_cap(void **state)
{
	(void)state;
	struct buf buf;
	char *bytes = calloc(1, 100000);
	make_folder();
	assert_int_equal(fd_write_file(path_of("f"), bytes, 100000, NULL), 0);
	assert_int_equal(fd_read_file(path_of("f"), 99999, &buf), -EFBIG);
	assert_int_equal(fd_read_file(path_of("f"), 100000, &buf), 0);
	assert_int_equal(buf.len, 100000);
	buf_done(&buf);
	assert_int_equal(fd_read_file(path_of("none"), 10, &buf), -ENOENT);
	assert_int_equal(fd_read_file(folder, 10, &buf), -EISDIR);
	assert_int_equal(unlink(path_of("f")), 0);
	assert_int_equal(rmdir(folder), 0);
	free(bytes);
}

static void a_file_is_replaced_and_nothing_stays_beside(void **state)
{
	(void)state;
	struct buf buf;
	struct err err = { 0 };
	make_folder();
	assert_int_equal(fd_write_file(path_of("f"), "old", 3, &err), 0);
	assert_int_equal(fd_write_file(path_of("f"), "newer", 5, &err), 0);
	assert_int_equal(fd_read_file(path_of("f"), 100, &buf), 0);
	assert_string_equal(buf_text(&buf), "newer");
	assert_int_equal(files_in_folder(), 1);
	buf_done(&buf);
	assert_int_equal(unlink(path_of("f")), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void a_failed_write_says_where_and_why(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(fd_write_file("/nonexistent/f", "x", 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/f"));
	assert_int_equal(fd_write_file("/dev/full", "x", 1, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "/dev/full"));
	assert_int_equal(fd_write_file("/dev/null", "x", 1, &err), 0);
	struct stat st;
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void folders_are_made_with_their_parents(void **state)
{
	(void)state;
	struct stat st;
	make_folder();
	assert_int_equal(fd_make_dirs(path_of("a/b//c/")), 0);
	assert_int_equal(stat(path_of("a/b/c"), &st), 0);
	assert_int_equal(fd_make_dirs(path_of("a/b/c")), 0);
	assert_int_equal(fd_write_file(path_of("a/file"), "", 0, NULL), 0);
	assert_int_equal(fd_make_dirs(path_of("a/file")), -ENOTDIR);
	assert_int_equal(fd_make_dirs(path_of("a/file/x")), -ENOTDIR);
	assert_int_equal(fd_make_dirs(""), -EINVAL);
	assert_int_equal(fd_make_dirs("/"), 0);
	assert_int_equal(unlink(path_of("a/file")), 0);
	assert_int_equal(rmdir(path_of("a/b/c")), 0);
	assert_int_equal(rmdir(path_of("a/b")), 0);
	assert_int_equal(rmdir(path_of("a")), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* In a child, since our own standard descriptors are the test's output. */
static void closed_standard_descriptors_are_opened(void **state)
{
	(void)state;
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(STDIN_FILENO);
		close(STDERR_FILENO);
		bool good = fd_open_standard() == 0 && fd_open_standard() == 0;
		for (int fd = 0; good && fd <= STDERR_FILENO; fd++)
			good = fcntl(fd, F_GETFD) == 0;
		int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_exit(good && next > STDERR_FILENO ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closing_twice_and_taking_are_safe),
		cmocka_unit_test(a_pipe_is_private_and_its_reader_never_blocks),
		cmocka_unit_test(files_are_read_whole_up_to_the_cap),
		cmocka_unit_test(a_file_is_replaced_and_nothing_stays_beside),
		cmocka_unit_test(a_failed_write_says_where_and_why),
		cmocka_unit_test(folders_are_made_with_their_parents),
		cmocka_unit_test(closed_standard_descriptors_are_opened),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
