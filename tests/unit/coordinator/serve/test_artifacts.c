// SPDX-License-Identifier: Apache-2.0
/* Files of tests on the client's disk: whole or not there, wherever hostile names try to lead them.
 */
#include "coordinator/serve/artifacts.h"

#include "protocol/base/fd.h"
#include "tests/kit/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char top[64], folder[128];
	struct artifacts *artifacts;
};

static bool give(struct fixture *f, const struct msg_run_event *event,
		 struct msg_run_event *ret_event)
{
	return artifacts_event(f->artifacts, event, ret_event);
}

static void start(struct fixture *f, const char *folder, bool stored)
{
	struct msg_run_event told;
	f->artifacts = artifacts_new(
		&(struct artifacts_options){ .folder = folder, .stored = stored });
	assert_non_null(f->artifacts);
	assert_true(give(f,
			 &(struct msg_run_event){ .kind = MSG_RUN_STARTED,
						  .name = STR_LIT("20261128-101112-7f3a") },
			 &told));
	assert_int_equal(told.kind, MSG_RUN_STARTED);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	temp_folder(f->top, sizeof(f->top));
	snprintf(f->folder, sizeof(f->folder), "%s/out", f->top);
	setenv("XDG_STATE_HOME", f->top, 1);
	start(f, f->folder, false);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(artifacts_close(f->artifacts, NULL), 0);
	temp_remove(f->top);
	free(f);
	return 0;
}

static struct msg_run_event piece(const char *name, const char *path, uint64_t offset,
				  const char *text, bool more)
{
	return (struct msg_run_event){
		.kind = MSG_RUN_ARTIFACT,
		.suite = STR_LIT("suite"),
		.program = STR_LIT("program"),
		.name = str_of(name),
		.attempt = 1,
		.count = 1,
		.path = str_of(path),
		.offset = offset,
		.out = str_of(text),
		.more = more,
	};
}

/* The event says that the file is at FOLDER/where, and there it is with this content. */
static void expect_file(const struct fixture *f, const struct msg_run_event *told,
			const char *where, const char *content)
{
	char path[PATH_MAX];
	struct buf buf;
	snprintf(path, sizeof(path), "%s/%s", f->folder, where);
	if (!str_eq(told->file, str_of(path)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(told->file), path);
	buf_init(&buf, 1 << 20);
	assert_int_equal(fd_read_file(path, 1 << 20, &buf), 0);
	assert_string_equal(buf_text(&buf), content);
	buf_done(&buf);
	assert_int_equal(told->offset, strlen(content));
	assert_int_equal(told->out.len, 0);
}

static void expect_whole(struct fixture *f, const struct msg_run_event *event, const char *where)
{
	struct msg_run_event told;
	assert_true(give(f, event, &told));
	assert_int_equal(told.message.len, 0);
	expect_file(f, &told, where, event->out.data);
}

static void test_pieces_of_several_files_mixed(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told;
	struct msg_run_event a1 = piece("a", "x", 0, "one ", true),
			     a2 = piece("a", "x", 4, "two", false),
			     b1 = piece("b", "x", 0, "other ", true),
			     b2 = piece("b", "x", 6, "file", false);
	b1.index = b2.index = 1;
	assert_false(give(f, &a1, &told));
	assert_false(give(f, &b1, &told));
	assert_false(give(f, &b1, &told)); /* again: begins anew */
	assert_true(give(f, &b2, &told));
	expect_file(f, &told, "suite/program/b/x", "other file");
	assert_int_equal(access("/out/suite/program/a/x", F_OK), -1);
	assert_true(give(f, &a2, &told));
	expect_file(f, &told, "suite/program/a/x", "one two");
}

static void test_holes_are_holes(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told, begin = piece("a", "x", 0, "one", true),
				   middle = piece("a", "x", 1 << 30, "two", true),
				   end = piece("a", "x", 2000000000, "", false),
				   first = piece("a", "y", 1 << 20, "z", false);
	char path[PATH_MAX], bytes[3];
	struct stat st;
	middle.dropped_bytes = (1 << 30) - 3;
	end.dropped_bytes = 2000000000 - (1 << 30) - 3;
	first.dropped_bytes = 1 << 20;
	assert_false(give(f, &begin, &told));
	assert_false(give(f, &middle, &told));
	assert_false(give(f, &middle, &told)); /* again: known */
	assert_true(give(f, &end, &told));
	assert_int_equal(told.message.len, 0);
	assert_int_equal(told.offset, 2000000000);
	snprintf(path, sizeof(path), "%.*s", STR_ARG(told.file));
	FD_CLEANUP int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2000000000);
	assert_true(st.st_blocks < 10000);
	assert_int_equal(pread(fd, bytes, 3, 1 << 30), 3);
	assert_memory_equal(bytes, "two", 3);
	assert_true(give(f, &first, &told));
	assert_int_equal(told.offset, (1 << 20) + 1);
	/* A lost piece before a hole is missed all the same; a hole without end is none. */
	assert_false(give(f, &begin, &told));
	middle.dropped_bytes--;
	assert_true(give(f, &middle, &told));
	assert_non_null(strstr(told.message.data, "lost"));
	assert_false(give(f, &begin, &told));
	end.offset = end.dropped_bytes = INT64_MAX;
	end.offset += 3;
	assert_true(give(f, &end, &told));
	assert_int_equal(told.file.len, 0);
	assert_true(artifacts_close(f->artifacts, NULL) < 0);
	start(f, f->folder, false);
}

static void test_hostile_names_stay_inside(void **state)
{
	static const struct {
		const char *name, *path, *where;
	} cases[] = {
		{ "..", "../../../evil", "suite/program/%2E./%2E./%2E./%2E./evil" },
		{ "/etc", "/etc/passwd", "suite/program/%2Fetc/%/etc/passwd" },
		{ "a/b", "c//d", "suite/program/a%2Fb/c/%/d" },
		{ "new\nline", "\x1b[2J", "suite/program/new%0Aline/%1B[2J" },
		{ "100%", "~part-1-1", "suite/program/100%25/%7Epart-1-1" },
		{ "\xff\xfe", "\xc3\xa9", "suite/program/%FF%FE/\xc3\xa9" },
		{ "", ".hidden", "suite/program/%/%2Ehidden" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct msg_run_event event = piece(cases[i].name, cases[i].path, 0, "x", false);
		expect_whole(f, &event, cases[i].where);
	}
}

static void test_long_names_are_cut_and_stay_apart(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told;
	char name[4097], first[PATH_MAX];
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct msg_run_event event = piece(name, "x", 0, "1", false);
	assert_true(give(f, &event, &told));
	assert_true(told.file.len > 0 && told.file.len < 400);
	snprintf(first, sizeof(first), "%.*s", STR_ARG(told.file));
	name[4000] = 'm';
	assert_true(give(f, &event, &told));
	assert_true(told.file.len > 0);
	assert_false(str_eq(told.file, str_of(first)));
}

static void test_attempts_and_shared_ones_stay_apart(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event event = piece("a", "x", 0, "1", false);
	expect_whole(f, &event, "suite/program/a/x");
	event.attempt = 2;
	event.out = STR_LIT("2");
	expect_whole(f, &event, "suite/program/a~attempt-2/x");
	event.attempt = 1;
	event.count = 3;
	expect_whole(f, &event, "suite/program/a~and-2-more/x");
}

static void test_a_link_in_the_way_is_not_followed(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told, event = piece("a", "sub/x", 0, "1", false);
	struct err err = { 0 };
	char path[PATH_MAX], outside[PATH_MAX];
	snprintf(path, sizeof(path), "%s/suite/program/a", f->folder);
	assert_int_equal(fd_make_dirs(path), 0);
	snprintf(outside, sizeof(outside), "%s/outside", f->top);
	assert_int_equal(mkdir(outside, 0755), 0);
	strcat(path, "/sub");
	assert_int_equal(symlink(outside, path), 0);
	assert_true(give(f, &event, &told));
	assert_int_equal(told.file.len, 0);
	assert_non_null(strstr(told.message.data, "cannot be written"));
	strcat(outside, "/x");
	assert_int_equal(access(outside, F_OK), -1);
	/* A file that is a link is replaced. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/x");
	assert_int_equal(symlink(outside, path), 0);
	expect_whole(f, &event, "suite/program/a/sub/x");
	assert_int_equal(access(outside, F_OK), -1);
	/* What could not be written is told at the end. */
	assert_true(artifacts_close(f->artifacts, &err) < 0);
	assert_non_null(strstr(err.text, "suite/program/a/sub"));
	start(f, f->folder, false);
}

static void test_what_is_not_whole_says_so(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told;
	struct msg_run_event begin = piece("a", "x", 0, "one", true),
			     gap = piece("a", "x", 9, "two", false),
			     lost = piece("b", "y", 0, "three", true),
			     none = piece("c", "z", 0, "", false);
	lost.index = 1;
	assert_false(give(f, &begin, &told));
	assert_true(give(f, &gap, &told));
	assert_non_null(strstr(told.message.data, "lost"));
	expect_file(f, &told, "suite/program/a/x", "one");
	assert_false(give(f, &gap, &told)); /* without its beginning */
	none.message = STR_LIT("a symbolic link");
	assert_true(give(f, &none, &told));
	assert_int_equal(told.file.len, 0);
	assert_false(give(f, &lost, &told));
	assert_true(artifacts_give_up(f->artifacts, &told));
	assert_true(str_eq(told.path, STR_LIT("y")));
	assert_non_null(strstr(told.message.data, "end never came"));
	assert_false(artifacts_give_up(f->artifacts, &told));
}

static void test_nowhere(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told, event = piece("a", "x", 0, "12345", false);
	assert_int_equal(artifacts_close(f->artifacts, NULL), 0);
	start(f, "none", false);
	assert_true(give(f, &event, &told));
	assert_int_equal(told.file.len, 0);
	assert_int_equal(told.offset, 5);
	assert_int_equal(access(f->folder, F_OK), -1);
}

static void test_found_again(void **state)
{
	struct fixture *f = *state;
	struct msg_run_event told, event = piece("a", "x/y", 0, "12345", false);
	char path[PATH_MAX];
	assert_int_equal(artifacts_close(f->artifacts, NULL), 0);
	start(f, NULL, false);
	assert_true(give(f, &event, &told));
	snprintf(path, sizeof(path),
		 "%s/paddock/runs/20261128-101112-7f3a/artifacts/suite/program/a/x/y", f->top);
	assert_true(str_eq(told.file, str_of(path)));
	assert_int_equal(artifacts_close(f->artifacts, NULL), 0);
	start(f, NULL, true);
	event.offset = 5;
	event.out = (struct str){ 0 };
	assert_true(give(f, &event, &told));
	assert_true(str_eq(told.file, str_of(path)));
	assert_int_equal(unlink(path), 0);
	assert_true(give(f, &event, &told));
	assert_int_equal(told.file.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_of_several_files_mixed),
		TEST(holes_are_holes),
		TEST(hostile_names_stay_inside),
		TEST(long_names_are_cut_and_stay_apart),
		TEST(attempts_and_shared_ones_stay_apart),
		TEST(a_link_in_the_way_is_not_followed),
		TEST(what_is_not_whole_says_so),
		TEST(nowhere),
		TEST(found_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
