// SPDX-License-Identifier: Apache-2.0
/* Core files: what a kernel would do, where one would be, what counts as one, what is said. */
#include "worker/cores.h"

#include "protocol/base/fd.h"
#include "tests/kit/temp.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_what_the_kernel_does(void **state)
{
	static const struct {
		const char *pattern;
		bool uses_pid;
		const char *name, *other; /* matches, does not; NULL: refused */
	} cases[] = {
		{ "core", false, "core", "core.12" },
		{ "core", true, "core.12", "core" },
		{ "core.%p", true, "core.12", "core" },
		{ "core.%e.%p.%t", false, "core.a*b.12.1789", "core" },
		{ "100%%", false, "100%", "100" },
		{ "a[b]*?\\", false, "a[b]*?\\", "ab" },
		{ "core%", false, "core", "core%" },
		{ "", true, ".12", "12" },
		{ "", false, NULL, NULL },
		{ "|/usr/share/apport/apport %p", false, NULL, NULL },
		{ "@/run/socket", false, NULL, NULL },
		{ "@@/run/socket", false, NULL, NULL },
		{ "/var/cores/%e.%p", false, NULL, NULL },
		{ "cores/core.%p", false, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cores cores = { 0 };
		int r = cores_parse(&cores, str_of(cases[i].pattern), cases[i].uses_pid);
		assert_int_equal(r, cases[i].name ? 0 : -ENOTSUP);
		if (r < 0) {
			assert_non_null(strstr(cores.refusal, cases[i].pattern));
			assert_non_null(strstr(cores.refusal, "sysctl"));
			continue;
		}
		assert_string_equal(cores.refusal, "");
		if (!cores_is_name(&cores, cases[i].name) || cores_is_name(&cores, cases[i].other))
			fail_msg("\"%s\" is \"%s\"", cases[i].pattern, cores.names);
	}
	struct cores cores = { 0 };
	char longest[128];
	memset(longest, '*', sizeof(longest));
	assert_int_equal(cores_parse(&cores, (struct str){ longest, 127 }, true), 0);
}

/* Is the core file of a process that ended so, and was started in `cwd`, looked for in `place`,
 * below `top`? NULL: nowhere. */
static void expect_place(const struct outfit *outfit, const char *cwd, const char *top,
			 const char *place)
{
	struct cores cores = { .max_bytes = 1, .names = "core" };
	struct box_result result = { .cause = BOX_CAUSE_SIGNAL, .term_signal = SIGSEGV };
	struct stat want, got;
	char path[PATH_MAX];
	FD_CLEANUP int fd = cores_open(&cores, outfit, cwd, &result, 7);
	assert_true(place ? fd >= 0 : fd == -ENOENT);
	assert_int_equal(cores.index, 7);
	assert_non_null(strstr(cores.found, "no core file was left"));
	if (!place)
		return;
	snprintf(path, sizeof(path), "%s/%s", top, place);
	assert_int_equal(stat(path, &want), 0);
	assert_int_equal(fstat(fd, &got), 0);
	assert_int_equal(got.st_ino, want.st_ino);
}

static void test_where_it_would_be(void **state)
{
	static const char *const folders[] = { "ws/sub",    "keep/upper/sub", "slot/tmp",
					       "elsewhere", "keep/work",      "ws2" };
	char top[64], path[PATH_MAX], ws[PATH_MAX], sub[PATH_MAX], keep[PATH_MAX], slot[PATH_MAX];
	struct msg_program program = { .level = BOX_LEVEL_DEFAULT };
	struct outfit outfit = { .program = &program, .scratch = slot, .keep = keep };
	(void)state;
	temp_folder(top, sizeof(top));
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", top, folders[i]);
		assert_int_equal(fd_make_dirs(path), 0);
	}
	snprintf(ws, sizeof(ws), "%s/ws", top);
	snprintf(sub, sizeof(sub), "%s/ws//sub", top);
	snprintf(keep, sizeof(keep), "%s/keep", top);
	snprintf(slot, sizeof(slot), "%s/slot", top);
	program.workspace = str_of(ws);
	expect_place(&outfit, ws, top, "keep/upper");
	expect_place(&outfit, sub, top, "keep/upper/sub");
	snprintf(path, sizeof(path), "%s/ws/none", top);
	expect_place(&outfit, path, top, NULL);
	snprintf(path, sizeof(path), "%s/ws2", top);
	expect_place(&outfit, path, top, NULL); /* no folder of the workspace */
	snprintf(path, sizeof(path), "%s/slot/tmp", top);
	expect_place(&outfit, path, top, "slot/tmp");
	expect_place(&outfit, NULL, top, NULL);
	/* What leads out of the layer is not followed. */
	snprintf(path, sizeof(path), "%s/keep/upper/link", top);
	assert_int_equal(symlink("../../elsewhere", path), 0);
	snprintf(path, sizeof(path), "%s/ws/link", top);
	expect_place(&outfit, path, top, NULL);
	snprintf(path, sizeof(path), "%s/ws/../elsewhere", top);
	expect_place(&outfit, path, top, NULL);
	outfit.keep = NULL;
	expect_place(&outfit, ws, top, NULL);
	program.workspace_mode = BOX_WORKSPACE_SHARED;
	expect_place(&outfit, sub, top, "ws/sub");
	program.workspace_mode = BOX_WORKSPACE_READONLY;
	expect_place(&outfit, sub, top, NULL);
	program.level = BOX_LEVEL_OFF;
	expect_place(&outfit, sub, top, "ws/sub");
	snprintf(path, sizeof(path), "%s/elsewhere", top);
	expect_place(&outfit, path, top, "elsewhere");
	temp_remove(top);
}

static void test_whose_end_leaves_one(void **state)
{
	static const struct {
		enum box_cause cause;
		int code;
		bool looks;
	} cases[] = {
		{ BOX_CAUSE_SIGNAL, SIGSEGV, true },
		{ BOX_CAUSE_SIGNAL, SIGKILL, false },
		{ BOX_CAUSE_OOM, SIGKILL, false },
		{ BOX_CAUSE_TIMEOUT, SIGABRT, true },
		{ BOX_CAUSE_EXIT, 128 + SIGABRT, true },
		{ BOX_CAUSE_EXIT, 1, false },
		{ BOX_CAUSE_EXIT, 0, false },
	};
	struct msg_program program = { .level = BOX_LEVEL_OFF };
	struct outfit outfit = { .program = &program, .scratch = "/nowhere" };
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cores cores = { .max_bytes = 1 };
		bool exited = cases[i].cause == BOX_CAUSE_EXIT;
		struct box_result result = { .cause = cases[i].cause,
					     .exit_code = exited ? cases[i].code : 0,
					     .term_signal = exited ? 0 : cases[i].code };
		FD_CLEANUP int fd = cores_open(&cores, &outfit, "/tmp", &result, 0);
		assert_int_equal(fd >= 0, cases[i].looks);
		assert_int_equal(cores.found[0] != '\0', cases[i].looks);
	}
	/* Nobody asked. */
	struct cores cores = { 0 };
	struct box_result result = { .cause = BOX_CAUSE_SIGNAL, .term_signal = SIGSEGV };
	assert_int_equal(cores_open(&cores, &outfit, "/tmp", &result, 0), -ENOENT);
	assert_string_equal(cores.found, "");
	snprintf(cores.refusal, sizeof(cores.refusal), "none here");
	assert_int_equal(cores_open(&cores, &outfit, "/tmp", &result, 0), -ENOENT);
	assert_string_equal(cores.found, "none here");
}

static void put(int fd, const void *data, size_t n)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_write_all(fd, data, n), 0);
}

static void test_what_is_one(void **state)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr parts[2];
	} core = {
		.head = { .e_ident = ELFMAG, .e_type = ET_CORE },
		.parts = { { .p_offset = 500, .p_filesz = 100 },
			   { .p_offset = INT64_MAX, .p_filesz = UINT64_MAX } },
	};
	uint64_t bytes = 1;
	char name[64];
	FD_CLEANUP int fd = temp_file(name, sizeof(name));
	(void)state;
	assert_int_equal(unlink(name), 0);
	core.head.e_ident[EI_CLASS] = ELFCLASS64;
	core.head.e_phoff = sizeof(core.head);
	core.head.e_phentsize = sizeof(core.parts[0]);
	core.head.e_phnum = 2;
	put(fd, &core, sizeof(core));
	assert_int_equal(cores_measure(fd, &bytes), 0);
	assert_int_equal(bytes, 600); /* a part that cannot be counts for nothing */
	core.head.e_phnum = UINT16_MAX;
	core.head.e_phoff = UINT64_MAX;
	put(fd, &core, sizeof(core));
	assert_int_equal(cores_measure(fd, &bytes), 0);
	assert_int_equal(bytes, 0);
	put(fd, &core, 63);
	assert_int_equal(cores_measure(fd, &bytes), -EINVAL);
	core.head.e_type = ET_EXEC;
	put(fd, &core, sizeof(core));
	assert_int_equal(cores_measure(fd, &bytes), -EINVAL);
	put(fd, "", 0);
	assert_int_equal(cores_measure(fd, &bytes), -EINVAL);
	/* Not of this process: old, or of several names. */
	struct cores cores = { .since = { .tv_sec = 100, .tv_nsec = 5 } };
	struct stat st = { .st_mode = S_IFREG, .st_nlink = 1, .st_mtim = { 100, 5 } };
	assert_true(cores_is_own(&cores, &st));
	st.st_mtim.tv_nsec = 4;
	assert_false(cores_is_own(&cores, &st));
	st.st_mtim.tv_sec = 101;
	assert_true(cores_is_own(&cores, &st));
	st.st_nlink = 2;
	assert_false(cores_is_own(&cores, &st));
	st.st_mode = S_IFIFO;
	assert_false(cores_is_own(&cores, &st));
}

static void test_what_is_said(void **state)
{
	struct arena arena = { 0 };
	struct cores cores = { .index = 3 };
	struct str message = STR_LIT("killed by SIGSEGV");
	(void)state;
	assert_ptr_equal(cores_tell(&cores, 3, message, &arena).data, message.data);
	cores_found(&cores, "core.5", "");
	assert_ptr_equal(cores_tell(&cores, 4, message, &arena).data, message.data);
	assert_string_equal(cores_tell(&cores, 3, message, &arena).data,
			    "killed by SIGSEGV\ncore file: core.5");
	cores_found(&cores, "core", "not whole: why");
	assert_string_equal(cores_tell(&cores, 3, (struct str){ 0 }, &arena).data,
			    "core file: core, not whole: why");
	cores_started(&cores);
	assert_ptr_equal(cores_tell(&cores, 3, message, &arena).data, message.data);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_kernel_does),
		cmocka_unit_test(test_where_it_would_be),
		cmocka_unit_test(test_whose_end_leaves_one),
		cmocka_unit_test(test_what_is_one),
		cmocka_unit_test(test_what_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
