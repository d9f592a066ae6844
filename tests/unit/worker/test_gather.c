// SPDX-License-Identifier: Apache-2.0
/* What hostile tests leave for the collector: nothing outside is read, nothing is waited for, and
 * what is left out is told. */
#include "worker/gather.h"

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/fd.h"
#include "worker/scratch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MIB = 1 << 20 };

struct fixture {
	char parent[64], folder[PATH_MAX];
	struct scratch *scratch;
	struct spool *spool;
	struct news news;
	struct gather gather;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };
	/* In memory: some tests make many files. */
	snprintf(f->parent, sizeof(f->parent), "%s/gather-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->parent));
	if (scratch_new(f->parent, 1, &f->scratch, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(f->folder, sizeof(f->folder), "%s/artifacts", scratch_path(f->scratch, 0));
	f->spool = spool_new(256 * MIB);
	f->news = (struct news){ .spool = f->spool, .attempt = 5, .epoch = 6 };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	gather_end(&f->gather);
	spool_free(f->spool);
	assert_int_equal(scratch_drop_artifacts(f->scratch, 0), 0);
	assert_int_equal(scratch_artifacts(f->scratch, 0), -ENOENT);
	scratch_free(f->scratch);
	assert_int_equal(rmdir(f->parent), 0); /* nothing is left */
	free(f);
	return 0;
}

static const char *below(const struct fixture *f, const char *name)
{
	static char path[2 * PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return path;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	FD_CLEANUP int fd = open(below(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* As put, with so many bytes that are no hole. */
static void put_size(const struct fixture *f, const char *name, size_t n)
{
	char *bytes = malloc(n + 1);
	assert_non_null(bytes);
	memset(bytes, 'x', n);
	bytes[n] = '\0';
	put(f, name, bytes);
	free(bytes);
}

/* Gather to the end. Returns the number of steps. */
static unsigned gather_all(struct fixture *f)
{
	unsigned steps = 1;
	gather_begin(&f->gather, &f->news, scratch_artifacts(f->scratch, 0), 3, 1);
	while (!gather_step(&f->gather))
		assert_true(++steps < 10000);
	gather_end(&f->gather);
	return steps;
}

/* What was told of `path`: how many events; its content in *ret_buf and the last message in *why,
 * when they are not NULL. Every event of the spool stays there. */
static size_t told(struct fixture *f, const char *path, struct buf *ret_buf, char why[128])
{
	struct msg_event *events;
	size_t n = 0, found = 0;
	struct spool *rest = spool_new(256 * MIB);
	if (ret_buf)
		buf_init(ret_buf, LIMIT_ARTIFACTS_BYTES);
	while ((n = spool_front(f->spool, &events))) {
		for (size_t i = 0; i < n; i++) {
			const struct msg_event *event = &events[i];
			assert_int_equal(event->kind, MSG_EVENT_ARTIFACT);
			assert_int_equal(event->index, 3);
			assert_int_equal(event->cases, 1);
			assert_int_equal(spool_put(rest, event), 0);
			if (!str_eq(event->name, str_of(path)))
				continue;
			found++;
			if (ret_buf)
				assert_int_equal(event->offset, ret_buf->len);
			if (ret_buf)
				assert_int_equal(buf_put_str(ret_buf, event->data), 0);
			if (why)
				snprintf(why, 128, "%.*s", STR_ARG(event->message));
		}
		spool_drop(f->spool);
	}
	spool_free(f->spool);
	f->spool = f->news.spool = rest;
	return found;
}

static void expect_left_out(struct fixture *f, const char *path, const char *reason)
{
	struct buf content;
	char why[128];
	assert_int_equal(told(f, path, &content, why), 1);
	assert_int_equal(content.len, 0);
	if (!strstr(why, reason))
		fail_msg("%s: \"%s\" is not \"%s\"", path, why, reason);
	buf_done(&content);
}

static void test_files_come_whole(void **state)
{
	struct fixture *f = *state;
	struct buf content;
	char why[128];
	FD_CLEANUP int fd = -1;
	assert_int_equal(scratch_artifacts(f->scratch, 0), -ENOENT);
	put(f, "report.txt", "hello");
	put(f, "empty", "");
	assert_int_equal(mkdir(below(f, "a"), 0755), 0);
	assert_int_equal(mkdir(below(f, "a/b"), 0755), 0);
	fd = open(below(f, "a/b/new\nline"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	int *numbers = malloc(3 * MIB);
	for (int i = 0; i < 3 * MIB / 4; i++)
		numbers[i] = i;
	assert_int_equal(fd_write_all(fd, numbers, 3 * MIB), 0);
	gather_all(f);
	assert_int_equal(told(f, "report.txt", &content, why), 1);
	assert_string_equal(buf_text(&content), "hello");
	assert_string_equal(why, "");
	buf_done(&content);
	assert_int_equal(told(f, "empty", NULL, why), 1);
	assert_string_equal(why, "");
	assert_int_equal(told(f, "a/b/new\nline", &content, why), 12); /* of 256 KiB each */
	assert_int_equal(content.len, 3 * MIB);
	assert_memory_equal(content.data, numbers, 3 * MIB);
	free(numbers);
	buf_done(&content);
}

static void test_what_leads_elsewhere_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	FD_CLEANUP int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FD_CLEANUP int there = open(f->folder, O_PATH | O_CLOEXEC);
	assert_int_equal(symlink("/etc/passwd", below(f, "link")), 0);
	assert_int_equal(symlink("/etc", below(f, "folder-link")), 0);
	assert_int_equal(symlink("loop", below(f, "loop")), 0);
	assert_int_equal(mkfifo(below(f, "pipe"), 0666), 0);
	put(f, "one", "text");
	assert_int_equal(linkat(there, "one", there, "two", 0), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/socket", there);
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	put(f, "huge", "");
	assert_int_equal(truncate(below(f, "huge"), INT64_C(1) << 40), 0);
	if (geteuid() == 0) {
		/* Opening this one would have an effect: it is a terminal. */
		assert_int_equal(mknod(below(f, "device"), S_IFCHR | 0666, (dev_t)5 << 8), 0);
	}
	gather_all(f);
	expect_left_out(f, "link", "symbolic link");
	expect_left_out(f, "folder-link", "symbolic link");
	expect_left_out(f, "loop", "symbolic link");
	expect_left_out(f, "pipe", "not a regular file");
	expect_left_out(f, "socket", "not a regular file");
	expect_left_out(f, "one", "hard links");
	expect_left_out(f, "two", "hard links");
	expect_left_out(f, "huge", "too large");
	if (geteuid() == 0)
		expect_left_out(f, "device", "not a regular file");
	assert_int_equal(told(f, "folder-link/passwd", NULL, NULL), 0);
}

static void test_another_mount_is_not_entered(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(mkdir(below(f, "mount"), 0755), 0);
	if (geteuid() != 0 || mount("/etc", below(f, "mount"), NULL, MS_BIND, NULL) < 0) {
		rmdir(below(f, "mount"));
		skip();
	}
	gather_all(f);
	assert_int_equal(umount(below(f, "mount")), 0);
	expect_left_out(f, "mount", "leads elsewhere");
}

static void test_the_folder_itself_was_replaced(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(rmdir(f->folder), 0);
	assert_int_equal(symlink("/etc", f->folder), 0);
	gather_all(f);
	expect_left_out(f, "", "no folder any more");
	assert_int_equal(scratch_drop_artifacts(f->scratch, 0), 0);
	put(f, "again", "x"); /* and it is a folder again */
	gather_all(f);
	assert_int_equal(told(f, "again", NULL, NULL), 1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

/* Adds a core file of two pieces, the second after a hole, which says it is `whole` bytes long. */
static void put_core(const struct fixture *f, const char *name, uint64_t at, size_t n,
		     uint64_t whole)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr part;
	} core = {
		.head = { .e_ident = ELFMAG,
			  .e_type = ET_CORE,
			  .e_phoff = sizeof(core.head),
			  .e_phentsize = sizeof(core.part),
			  .e_phnum = 1 },
		.part = { .p_filesz = whole },
	};
	core.head.e_ident[EI_CLASS] = ELFCLASS64;
	put_size(f, name, n);
	FD_CLEANUP int fd = open(below(f, name), O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, &core, sizeof(core), 0), sizeof(core));
	assert_int_equal(pwrite(fd, "end", 3, (off_t)at - 3), 3);
}

/* The events of `path`: what they hold together with their holes, sent, and the last reason. */
static uint64_t told_sparse(struct fixture *f, const char *path, uint64_t *ret_sent, char why[128])
{
	struct msg_event *events;
	uint64_t at = 0;
	size_t n;
	*ret_sent = 0;
	why[0] = '\0';
	for (; (n = spool_front(f->spool, &events)); spool_drop(f->spool))
		for (size_t i = 0; i < n; i++) {
			if (!str_eq(events[i].name, str_of(path)))
				continue;
			assert_int_equal(events[i].offset, at + events[i].dropped_bytes);
			assert_int_equal(events[i].index, 9);
			assert_int_equal(events[i].cases, 1);
			at = events[i].offset + events[i].data.len;
			*ret_sent += events[i].data.len;
			snprintf(why, 128, "%.*s", STR_ARG(events[i].message));
		}
	return at;
}

static void gather_cores(struct fixture *f, struct cores *cores)
{
	int fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	gather_begin(&f->gather, &f->news, -ENOENT, 3, 5);
	gather_add_cores(&f->gather, fd, cores);
	while (!gather_step(&f->gather))
		;
	gather_end(&f->gather);
}

static void test_core_files_among_others(void **state)
{
	struct fixture *f = *state;
	struct cores cores = { .max_bytes = MIB, .names = "core*", .index = 9, .removes = true };
	uint64_t sent;
	char why[128];
	put_core(f, "core", UINT64_C(1) << 30, 4096, UINT64_C(1) << 30);
	put(f, "core.text", "no core file, but long enough for the header of one: xxxxxxxxxxxxxxx");
	put_core(f, "other", 8192, 4096, 8192);
	assert_int_equal(mkdir(below(f, "core.d"), 0755), 0);
	assert_int_equal(symlink("other", below(f, "core.link")), 0);
	assert_int_equal(mkfifo(below(f, "core.pipe"), 0666), 0);
	gather_cores(f, &cores);
	assert_int_equal(told_sparse(f, "core", &sent, why), UINT64_C(1) << 30);
	assert_true(sent <= 4 * MIB); /* file systems differ in how small a hole can be */
	assert_string_equal(why, "");
	assert_string_equal(cores.found, "core file: core");
	/* It alone was told, and is gone. */
	gather_cores(f, &cores);
	assert_int_equal(spool_bytes(f->spool), 0);
	assert_int_equal(access(below(f, "core"), F_OK), -1);
	assert_int_equal(access(below(f, "core.text"), F_OK), 0);
	assert_int_equal(access(below(f, "other"), F_OK), 0);
}

static void test_core_files_that_are_cut(void **state)
{
	struct fixture *f = *state;
	struct cores cores = { .max_bytes = MIB, .names = "core", .index = 9 };
	uint64_t sent;
	char why[128];
	put_core(f, "core", MIB, MIB, 2 * MIB);
	gather_cores(f, &cores);
	assert_int_equal(told_sparse(f, "core", &sent, why), MIB);
	assert_string_equal(why, "not whole: cut at its limit (--cores)");
	assert_int_equal(access(below(f, "core"), F_OK), 0); /* somebody else removes it */
	put_core(f, "core", 100 * MIB, 66 * MIB, 100 * MIB);
	gather_cores(f, &cores);
	assert_int_equal(told_sparse(f, "core", &sent, why), 64 * MIB);
	assert_int_equal(sent, 64 * MIB);
	assert_string_equal(why, "not whole: more than 64 MiB");
	/* Those of processes before this one. */
	cores.since.tv_sec = INT32_MAX;
	gather_cores(f, &cores);
	assert_int_equal(spool_bytes(f->spool), 0);
}

static void test_too_many_too_deep_too_much(void **state)
{
	struct fixture *f = *state;
	char name[64], deep[512] = "d", why[128];
	size_t whole = 0, left_out = 0, n;
	struct msg_event *events;
	for (int i = 0; i < LIMIT_ARTIFACTS + 100; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		put(f, name, "");
	}
	for (int i = 0; i < 100; i++) {
		assert_int_equal(mkdir(below(f, deep), 0755), 0);
		strcat(deep, "/d");
	}
	gather_all(f);
	assert_int_equal(told(f, "", NULL, why), 1);
	assert_string_equal(why, "81 more are left out"); /* 100 files and a folder */
	for (; (n = spool_front(f->spool, &events)); spool_drop(f->spool))
		for (size_t i = 0; i < n; i++) {
			whole += !events[i].message.len;
			left_out += events[i].message.len && events[i].name.len;
		}
	assert_int_equal(whole, LIMIT_ARTIFACTS);
	assert_int_equal(left_out, 20);
}

static void test_ever_so_many_names(void **state)
{
	struct fixture *f = *state;
	char name[64], why[128];
	for (int i = 0; i < LIMIT_ARTIFACTS_SEEN + 1000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mknod(below(f, name), S_IFIFO | 0600, 0), 0);
	}
	gather_all(f);
	assert_int_equal(told(f, "", NULL, why), 1);
	assert_non_null(strstr(why, "16384 names"));
}

static void test_a_full_spool_is_waited_for(void **state)
{
	struct fixture *f = *state;
	put_size(f, "big", 8 * MIB);
	spool_free(f->spool);
	f->spool = f->news.spool = spool_new(1 * MIB);
	gather_begin(&f->gather, &f->news, scratch_artifacts(f->scratch, 0), 3, 1);
	for (int i = 0; i < 10; i++)
		assert_false(gather_step(&f->gather));
	assert_true(spool_bytes(f->spool) < 2 * MIB);
	unsigned rounds = 0;
	struct msg_event *events;
	while (!gather_step(&f->gather)) {
		if (spool_front(f->spool, &events))
			spool_drop(f->spool);
		assert_true(++rounds < 100);
	}
	gather_end(&f->gather);
}

/* Somebody else changes all of it meanwhile, as a test without a sandbox might: files, links,
 * folders change places. Nothing of the outside is ever told. */
static void test_changed_while_it_is_gathered(void **state)
{
	struct fixture *f = *state;
	static const char secret[] = "the outside";
	char outside[PATH_MAX];
	struct buf content;
	snprintf(outside, sizeof(outside), "%s/outside", f->parent);
	assert_int_equal(mkdir(outside, 0700), 0);
	strcat(outside, "/x");
	FD_CLEANUP int fd = open(outside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, secret, strlen(secret)), 0);
	pid_t changer = fork();
	if (changer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		char dir[PATH_MAX + 8], inner[PATH_MAX + 8], up[PATH_MAX];
		snprintf(dir, sizeof(dir), "%s/d", f->folder);
		snprintf(inner, sizeof(inner), "%s/d/x", f->folder);
		snprintf(up, sizeof(up), "%s/outside", f->parent);
		for (;;) {
			mkdir(dir, 0755);
			close(open(inner, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
			unlink(inner);
			if (symlink(outside, inner) == 0)
				unlink(inner);
			if (link(outside, inner) == 0)
				unlink(inner);
			rmdir(dir);
			if (symlink(up, dir) == 0)
				unlink(dir);
		}
	}
	unsigned met = 0;
	for (int i = 0; met < 100 && i < 1000000; i++) {
		gather_all(f);
		met += told(f, "d/x", &content, NULL) + told(f, "d", NULL, NULL);
		assert_null(memmem(content.data ? content.data : "", content.len, secret,
				   strlen(secret)));
		buf_done(&content);
		spool_free(f->spool);
		f->spool = f->news.spool = spool_new(256 * MIB);
	}
	assert_int_equal(met >= 100, true);
	kill(changer, SIGKILL);
	assert_int_equal(waitpid(changer, NULL, 0), changer);
	assert_int_equal(unlink(outside), 0);
	*strrchr(outside, '/') = '\0';
	assert_int_equal(rmdir(outside), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_come_whole),
		TEST(what_leads_elsewhere_is_left_out),
		TEST(another_mount_is_not_entered),
		TEST(the_folder_itself_was_replaced),
		TEST(core_files_among_others),
		TEST(core_files_that_are_cut),
		TEST(too_many_too_deep_too_much),
		TEST(ever_so_many_names),
		TEST(a_full_spool_is_waited_for),
		TEST(changed_while_it_is_gathered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
