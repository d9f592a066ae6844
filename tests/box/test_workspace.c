// SPDX-License-Identifier: Apache-2.0
/* The workspace in its three modes, binds, and what hides around them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/boxkit.h"
#include "tests/kit/temp.h"

static struct boxkit kit;
static char folder[256], keep[256]; /* the workspace; its changes */

static void put(const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The text of a file of the folder; "" when there is none. */
static const char *get(const char *name)
{
	static char text[256];
	char path[300];
	FILE *file;

	text[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file)
		return "";
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* A private folder of the user, 0700, in a place that is hidden inside. */
static int open_kit(void **state)
{
	char sub[300];

	(void)state;
	boxkit_open(&kit, 1);
	temp_folder(folder, sizeof(folder));
	put("file", "old\n");
	snprintf(sub, sizeof(sub), "%s/sub", folder);
	assert_int_equal(mkdir(sub, 0755), 0);
	put("sub/inner", "inner\n");
	return 0;
}

static int close_kit(void **state)
{
	(void)state;
	boxkit_close(&kit);
	temp_remove(folder);
	if (*keep)
		temp_remove(keep);
	return 0;
}

static void run(enum box_workspace mode, const char *keep_in, const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	spec.workspace = mode;
	spec.workspace_path = folder;
	spec.keep = keep_in;
	boxkit_run(&kit, &spec);
}

static void run_in(enum box_workspace mode, const char *script)
{
	run(mode, NULL, script);
}

static void overlay_leaves_the_source_alone(void **state)
{
	(void)state;
	run_in(BOX_WORKSPACE_OVERLAY,
	       "cat file && echo new >file && echo x >made && mv sub moved && "
	       "rm moved/inner && cat file && ls | tr '\\n' ' '");
	boxkit_expect(&kit, "old\nnew\nfile made moved ");
	assert_string_equal(get("file"), "old\n");
	assert_string_equal(get("made"), "");
	assert_string_equal(get("sub/inner"), "inner\n");
	/* And the next one starts afresh. */
	run_in(BOX_WORKSPACE_OVERLAY, "cat file; ls | tr '\\n' ' '");
	boxkit_expect(&kit, "old\nfile sub ");
}

static const char *kept(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", keep, name);
	return path;
}

static void run_keeping(const char *script)
{
	run(BOX_WORKSPACE_OVERLAY, keep, script);
}

static void overlay_can_be_kept(void **state)
{
	char script[600];
	struct stat st;

	(void)state;
	temp_folder(keep, sizeof(keep));
	snprintf(script, sizeof(script),
		 "echo new >file && echo x >made && mv sub moved && rm moved/inner && "
		 "cp /bin/true ./suid && chmod u+s ./suid; [ -e %s ] || echo hidden",
		 keep);
	run_keeping(script);
	boxkit_expect(&kit, "hidden\n");
	assert_int_equal(access(kept("upper/made"), F_OK), 0);
	assert_int_equal(access(kept("upper/moved"), F_OK), 0);
	assert_int_equal(lstat(kept("upper/sub"), &st), 0); /* whiteout */
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	assert_string_equal(get("file"), "old\n");
	assert_string_equal(get("sub/inner"), "inner\n");
	/* What a test leaves must not run as anybody who matters. */
	assert_int_equal(stat(kept("upper/suid"), &st), 0);
	assert_int_not_equal(st.st_uid, 0);
	/* The next one of the same folder goes on; one without it starts afresh. */
	run_keeping("cat file; ls | tr '\\n' ' '");
	boxkit_expect(&kit, "new\nfile made moved suid ");
	run_in(BOX_WORKSPACE_OVERLAY, "cat file; ls | tr '\\n' ' '");
	boxkit_expect(&kit, "old\nfile sub ");
}

static void keeping_is_refused_where_it_cannot_be(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.keep = "/tmp";
	assert_int_equal(box_spawn(kit.box, 1, &spec, NULL, 0), -22); /* no workspace */
	spec.workspace_path = folder;
	spec.workspace = BOX_WORKSPACE_SHARED;
	assert_int_equal(box_spawn(kit.box, 1, &spec, NULL, 0), -22);
	spec.workspace = BOX_WORKSPACE_OVERLAY;
	spec.keep = "/no/such/folder";
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
	assert_string_equal(kit.result.setup_object, "/no/such/folder");
	/* A file system that holds no overlay. Where even its folders cannot be made, set-up fails.
	 */
	spec.keep = "/proc/sys/kernel";
	boxkit_run(&kit, &spec);
	assert_int_not_equal(kit.result.cause, BOX_CAUSE_EXIT);
	assert_string_equal(kit.result.setup_object, "/proc/sys/kernel");
	/* A link that an earlier payload could have put there. */
	assert_int_equal(symlink("/tmp", kept("link")), 0);
	spec.keep = kept("link");
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
	assert_int_equal(kit.result.setup_errno, 40);
}

static void overlay_belongs_to_the_payload(void **state)
{
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "%u %u %u 700\n", getuid(), getuid(), getuid());
	run_in(BOX_WORKSPACE_OVERLAY, "touch made; echo $(stat -c %u . file made) $(stat -c %a .)");
	boxkit_expect(&kit, expected);
}

/* A folder that is elsewhere on the host, at a path the host does not have. */
static void a_workspace_can_have_another_source(void **state)
{
	static const enum box_workspace modes[] = { BOX_WORKSPACE_OVERLAY, BOX_WORKSPACE_READONLY };
	static const char script[] =
		"pwd; cat sub/inner; (echo x >made) 2>/dev/null && cat made; true";
	static const char *const expected[] = { "/tmp/far/away\ninner\nx\n",
						"/tmp/far/away\ninner\n" };
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.workspace_path = "/tmp/far/away";
	spec.workspace_source = folder;
	for (size_t i = 0; i < 2; i++) {
		if (modes[i] == BOX_WORKSPACE_READONLY)
			boxkit_needs("idmap");
		spec.workspace = modes[i];
		boxkit_run(&kit, &spec);
		boxkit_expect(&kit, expected[i]);
		assert_string_equal(get("made"), "");
	}
}

static void shared_writes_as_the_user(void **state)
{
	char path[300];
	struct stat st;

	(void)state;
	boxkit_needs("idmap"); /* the folder is closed to others, and root's */
	run_in(BOX_WORKSPACE_SHARED, "umask 077; echo kept >shared; cat shared");
	boxkit_expect(&kit, "kept\n");
	assert_string_equal(get("shared"), "kept\n");
	snprintf(path, sizeof(path), "%s/shared", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, getuid());
	assert_int_equal(unlink(path), 0);
}

static void readonly_refuses(void **state)
{
	(void)state;
	boxkit_needs("idmap"); /* the folder is closed to others, and root's */
	run_in(BOX_WORKSPACE_READONLY, "cat file; echo x >file; echo x >made; ls | tr '\\n' ' '");
	assert_non_null(strstr(kit.out, "Read-only file system"));
	assert_string_equal(get("file"), "old\n");
	assert_string_equal(get("made"), "");
}

static void neighbours_stay_hidden(void **state)
{
	char neighbour[256], expected[257];

	(void)state;
	temp_folder(neighbour, sizeof(neighbour));
	run_in(BOX_WORKSPACE_OVERLAY, "echo ${PWD%-*}-*");
	temp_remove(neighbour);
	snprintf(expected, sizeof(expected), "%s\n", folder);
	boxkit_expect(&kit, expected);
}

static void binds_show_files_and_folders(void **state)
{
	char sub[300];
	char file[300];
	struct box_bind binds[] = { { .path = sub, .writable = true }, { .path = file } };
	const char *argv[] = { "/bin/sh", "-c", "cat $0 && echo more >$1/more && echo x >$0",
			       file,	  sub,	NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	boxkit_needs("idmap"); /* the folder is closed to others, and root's */
	snprintf(sub, sizeof(sub), "%s/sub", folder);
	snprintf(file, sizeof(file), "%s/file", folder);
	spec.binds = binds;
	spec.n_binds = 2;
	boxkit_run(&kit, &spec);
	assert_memory_equal(kit.out, "old\n", 4);
	assert_non_null(strstr(kit.out, "Read-only file system"));
	assert_string_equal(get("sub/more"), "more\n");
	snprintf(file, sizeof(file), "%s/sub/more", folder);
	assert_int_equal(unlink(file), 0);
}

/* Not even by a link that an earlier payload may have left. */
static void nothing_covers_proc(void **state)
{
	struct box_bind bind = { .path = NULL };
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);
	char link[270], path[280];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink("/proc", link), 0);
	snprintf(path, sizeof(path), "%s/1", link);
	spec.workspace_path = folder;
	spec.binds = &bind;
	spec.n_binds = 1;
	for (int i = 0; i < 2; i++) {
		bind.path = i ? path : "/proc/1";
		boxkit_run(&kit, &spec);
		assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
		assert_string_equal(kit.result.setup_object, bind.path);
		assert_int_equal(kit.result.setup_errno, EOPNOTSUPP);
	}
	assert_int_equal(unlink(link), 0);
}

static void what_is_missing_is_named(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.workspace_path = "/no/such/workspace";
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
	assert_string_equal(kit.result.setup_step, "workspace");
	assert_string_equal(kit.result.setup_object, "/no/such/workspace");
	assert_int_equal(kit.result.setup_errno, 2);
	spec.workspace_path = NULL;
	spec.cwd = "/no/such/cwd";
	boxkit_run(&kit, &spec);
	assert_int_equal(kit.result.cause, BOX_CAUSE_SETUP);
	assert_string_equal(kit.result.setup_step, "chdir");
	spec.workspace_path = "/";
	assert_int_equal(box_spawn(kit.box, 1, &spec, NULL, 0), -22);
}

static void a_system_folder_can_be_the_workspace(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "echo x >marker && pwd && ls | grep -c passwd",
			       NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	spec.workspace_path = "/usr/share";
	boxkit_run(&kit, &spec);
	if (getuid() == 0)
		assert_non_null(strstr(kit.out, "/usr/share\n"));
	assert_int_equal(access("/usr/share/marker", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlay_leaves_the_source_alone),
		cmocka_unit_test(overlay_can_be_kept),
		cmocka_unit_test(keeping_is_refused_where_it_cannot_be),
		cmocka_unit_test(overlay_belongs_to_the_payload),
		cmocka_unit_test(a_workspace_can_have_another_source),
		cmocka_unit_test(shared_writes_as_the_user),
		cmocka_unit_test(readonly_refuses),
		cmocka_unit_test(neighbours_stay_hidden),
		cmocka_unit_test(binds_show_files_and_folders),
		cmocka_unit_test(nothing_covers_proc),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_system_folder_can_be_the_workspace),
	};

	return cmocka_run_group_tests(tests, open_kit, close_kit);
}
