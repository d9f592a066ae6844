// SPDX-License-Identifier: Apache-2.0
/*
 * What hostile payloads try on the supervisor: not to end, to lie about their end, to take their
 * neighbours' share, to leave traps. Each test is one SCENARIO of hostile/catalogue.def, at every
 * level, and asserts on the record.
 *
 * It takes for a moment what others of the same user may need, too.
 *
 * ctest: timeout=120
 * ctest: serial
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mqueue.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/kit/hostile.h"

static struct hostile hostile;
static bool has_memory;

/* Once per level; on an emulated machine only at the one that most use. */
#define EACH_LEVEL(level)                                                                \
	for (int level = getenv("BOX_SLOW") ? 1 : 0, last_ = getenv("BOX_SLOW") ? 1 : 2; \
	     level <= last_; level++)

static uint64_t patience(uint64_t us)
{
	return getenv("BOX_SLOW") ? us * 4 : us;
}

static int open_all(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct box_spec spec = boxkit_spec(argv);

	(void)state;
	hostile_open(&hostile);
	spec.memory_bytes = 64 << 20;
	boxkit_run(&hostile.kit, &spec);
	has_memory = hostile.kit.result.cause == BOX_CAUSE_EXIT;
	return 0;
}

static int close_all(void **state)
{
	(void)state;
	hostile_close(&hostile);
	return 0;
}

static void expect(const char *name, int level, const char *found, const char *expected)
{
	assert_int_not_equal(hostile_judge(&hostile, name, level, found, expected), HOSTILE_WRONG);
}

static struct box_result *run(const struct box_spec *spec, char *found)
{
	hostile_run(&hostile, spec, found);
	return &hostile.kit.result;
}

/* Start on `slot` with its output in a pipe, and wait for its first line; the end is asked for by
 * finish(). */
static void start(struct box_spec *spec, unsigned slot, char *found)
{
	int ends[2], fds[3];
	ssize_t n;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[0] = fds[1] = fds[2] = ends[1];
	spec->slot = slot;
	assert_int_equal(box_spawn(hostile.kit.box, slot, spec, fds, 3), 0);
	close(ends[1]);
	n = read(ends[0], found, HOSTILE_FOUND_MAX - 1);
	found[n > 0 ? n : 0] = '\0';
	close(ends[0]);
}

static void finish(unsigned slot)
{
	struct pollfd ready = { .fd = box_fd(hostile.kit.box), .events = POLLIN };

	assert_int_equal(box_kill(hostile.kit.box, slot, 0), 0);
	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(box_receive(hostile.kit.box, &hostile.kit.result), 1);
	assert_int_equal(hostile.kit.result.id, slot);
}

static char *make_folder(char *path)
{
	snprintf(path, 64, "/var/tmp/hostile-XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind, (void)where;
	return remove(path);
}

static void remove_folder(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void links_are_only_links(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		char folder[64], fact[96], path[96], found[HOSTILE_FOUND_MAX];
		struct box_spec spec;
		struct stat status;

		snprintf(fact, sizeof(fact), "output=%s", make_folder(folder));
		spec = hostile_spec(&hostile, "booby-trap", level, fact);
		hostile.binds[1] = (struct box_bind){ .path = folder, .writable = true };
		spec.n_binds = 2;
		run(&spec, found);
		/* A setuid file in a writable bind is one of the host's: not from strangers. */
		expect("links_are_only_links", level, found,
		       level == 0
			       ? "left symlink,folder,fifo"
			       : "left symlink,folder,fifo|left symlink,folder,fifo,setuid,chmod");
		snprintf(path, sizeof(path), "%s/device", folder);
		assert_int_equal(lstat(path, &status), -1);
		snprintf(path, sizeof(path), "%s/hardlink", folder);
		assert_int_equal(lstat(path, &status), -1);
		/* Nobody but the caller decides where a writable folder leads. */
		snprintf(path, sizeof(path), "%s/folder", folder);
		spec = hostile_spec(&hostile, "write-host", level, NULL);
		hostile.binds[1] = (struct box_bind){ .path = path, .writable = true };
		spec.n_binds = 2;
		run(&spec, found);
		expect("a_link_as_a_bind", level, found, "refused|ended by setup");
		remove_folder(folder);
	}
}

static void traps_do_not_hold_the_keeper(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		char folder[64], found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "deep-tree", level, NULL);

		spec.workspace = BOX_WORKSPACE_OVERLAY;
		spec.workspace_path = make_folder(folder);
		run(&spec, found);
		expect("traps_do_not_hold_the_keeper", level, found, "left deep");
		assert_int_equal(hostile.kit.result.cause, BOX_CAUSE_EXIT);
		assert_int_equal(rmdir(folder), 0);
	}
}

static void daemons_die(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "daemon", level, NULL);
		const struct box_result *r = run(&spec, found);

		expect("daemons_die", level, found, "left");
		assert_int_equal(r->cause, BOX_CAUSE_EXIT);
		assert_int_equal(r->exit_code, 0);
		assert_int_equal(r->leftovers, 1);
	}
}

/* Each of these would go on for ever; only the supervisor's clock ends it. */
static void outlast(const char *scenario, const char *const *probes)
{
	EACH_LEVEL(level)
	{
		for (const char *const *probe = probes; *probe; probe++) {
			char found[HOSTILE_FOUND_MAX];
			struct box_spec spec = hostile_spec(&hostile, *probe, level, NULL);
			const struct box_result *r;

			spec.wall_us = patience(300000);
			spec.grace_us = 100000;
			r = run(&spec, found);
			expect(scenario, level, found, "here|ended by timeout");
			assert_int_equal(r->cause, BOX_CAUSE_TIMEOUT);
			assert_true(r->wall_us >= spec.wall_us);
			assert_true(r->wall_us < spec.wall_us + patience(2000000));
		}
	}
}

static void stubborn_payloads_die(void **state)
{
	static const char *const probes[] = { "stubborn", "stop-self", NULL };

	(void)state;
	outlast("stubborn_payloads_die", probes);
}

static void churners_die(void **state)
{
	static const char *const probes[] = { "churn", NULL };

	(void)state;
	outlast("churners_die", probes);
}

static void deadlines_hold(void **state)
{
	static const char *const probes[] = { "stay", "spin", "hold-children", NULL };

	(void)state;
	outlast("deadlines_hold", probes);
}

static void fork_bombs_are_told(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "fork-bomb", level, NULL);
		const struct box_result *r;

		spec.pids = 50;
		r = run(&spec, found);
		expect("fork_bombs_are_told", level, found, "refused EAGAIN");
		assert_int_equal(r->cause, BOX_CAUSE_EXIT);
		assert_int_equal(r->leftovers, 0);
		if (has_memory)
			assert_true(r->pids_limit);
	}
}

static void memory_bombs_are_told(void **state)
{
	(void)state;
	if (!has_memory)
		skip();
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "memory-bomb", level,
						    "megabytes=256");
		const struct box_result *r;

		spec.memory_bytes = 64 << 20;
		spec.slot = 1; /* what churners of slot 0 held may not be given back yet */
		r = run(&spec, found);
		/* The group may die as one, or the child alone. */
		expect("memory_bombs_are_told", level, found, "refused SIGKILL|ended by oom");
		assert_true(r->oom);
	}
}

static void herds_do_not_kill_the_init(void **state)
{
	(void)state;
	if (!has_memory)
		skip();
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "memory-herd", level, "megabytes=8");
		const struct box_result *r;

		spec.memory_bytes = 64 << 20;
		spec.slot = 1; /* what churners of slot 0 held may not be given back yet */
		spec.wall_us = patience(3000000);
		spec.grace_us = 1000;
		r = run(&spec, found);
		assert_true(r->oom);
		assert_true(r->cause == BOX_CAUSE_EXIT || r->cause == BOX_CAUSE_OOM ||
			    r->cause == BOX_CAUSE_TIMEOUT);
		/* Only a living init says how much time it took. */
		assert_true(r->wall_us > 0 && r->user_us + r->system_us > 0);
		expect("herds_do_not_kill_the_init", level, found, "open|ended");
		spec = hostile_spec(&hostile, "see-processes", level, NULL);
		run(&spec, found);
		expect("herds_do_not_kill_the_init", level, found, "private");
	}
}

/* A file of the memory group that `pid` is in; -1 when there is none. */
static long read_group(const char *pid, const char *name_v1, const char *name_v2)
{
	char path[1024], line[512], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	path[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		char *at = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (at && strncmp(at, ":memory:", 8) == 0)
			snprintf(path, sizeof(path), "/sys/fs/cgroup/memory%s/%s", at + 8, name_v1);
		else if (!path[0] && strncmp(line, "0::", 3) == 0)
			snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", line + 3, name_v2);
	}
	fclose(file);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strtol(text, NULL, 10);
}

/* The first process of the host with our word among its arguments. */
static bool find_payload(char *ret_pid)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool found = false;

	while (!found && (entry = readdir(proc))) {
		char path[300], text[512];
		FILE *file;
		size_t n;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		file = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re")
									  : NULL;
		n = file ? fread(text, 1, sizeof(text), file) : 0;
		found = memmem(text, n, outside_word(hostile.outside),
			       strlen(outside_word(hostile.outside))) != NULL;
		if (file)
			fclose(file);
		if (found)
			snprintf(ret_pid, 16, "%.15s", entry->d_name);
	}
	closedir(proc);
	return found;
}

static void swap_is_no_way_out(void **state)
{
	struct box_spec spec = hostile_spec(&hostile, "stay", 1, NULL);
	char found[HOSTILE_FOUND_MAX], pid[16];
	long swap;

	(void)state;
	if (!has_memory)
		skip();
	spec.memory_bytes = 64 << 20;
	start(&spec, 0, found);
	assert_true(find_payload(pid));
	/* The first counts memory and swap together, the second swap alone; neither may be there
	 * without swap. */
	swap = read_group(pid, "memory.memsw.limit_in_bytes", "memory.swap.max");
	assert_true(swap == -1 || swap == 0 || swap == 64 << 20);
	finish(0);
}

/* Whether what one user may have at most is still to be had, outside and by a neighbour. */
static void share(const char *scenario, const char *need, const char *(*outside_has)(void))
{
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "take-quotas", level, NULL);
		const char *lacks;

		start(&spec, 1, found);
		assert_memory_equal(found, "taken", 5);
		lacks = outside_has();
		spec = hostile_spec(&hostile, need, level, NULL);
		hostile_run(&hostile, &spec, found);
		finish(1);
		if (lacks)
			snprintf(found, sizeof(found), "broken outside %s", lacks);
		expect(scenario, level, found, "works");
	}
}

static const char *outside_has_queues(void)
{
	char name[80];
	mqd_t queue;

	snprintf(name, sizeof(name), "/%s-outside", outside_word(hostile.outside));
	queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	if (queue == (mqd_t)-1)
		return errno == ENOSYS ? NULL : "queues";
	mq_close(queue);
	mq_unlink(name);
	return NULL;
}

static const char *outside_has_watchers(void)
{
	int fd = inotify_init1(IN_CLOEXEC);

	if (fd < 0)
		return "watchers";
	close(fd);
	return NULL;
}

static void buffers_are_not_shared(void **state)
{
	(void)state;
	share("buffers_are_not_shared", "need-buffers", outside_has_queues);
}

static void quotas_are_not_shared(void **state)
{
	(void)state;
	share("quotas_are_not_shared", "need-quotas", outside_has_watchers);
}

static void hogs_are_held(void **state)
{
	(void)state;
	if (!has_memory)
		skip();
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX];
		struct box_spec spec = hostile_spec(&hostile, "spin", level, NULL);
		const struct box_result *r;

		spec.cpu_milli = 200;
		spec.wall_us = patience(500000);
		spec.grace_us = 1000;
		r = run(&spec, found);
		assert_int_equal(r->cause, BOX_CAUSE_TIMEOUT);
		assert_true(r->user_us + r->system_us < r->wall_us / 2 + 50000);
	}
}

static void floods_and_silence_end(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		struct box_spec spec = hostile_spec(&hostile, "flood-output", level, NULL);
		struct pollfd ready = { .fd = box_fd(hostile.kit.box), .events = POLLIN };
		char found[HOSTILE_FOUND_MAX];
		int ends[2], fds[3];

		/* Nobody reads, so it blocks in the middle of a write. */
		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		fds[0] = fds[1] = fds[2] = ends[1];
		spec.wall_us = patience(300000);
		spec.grace_us = 100000;
		assert_int_equal(box_spawn(hostile.kit.box, 5, &spec, fds, 3), 0);
		close(ends[1]);
		assert_int_equal(poll(&ready, 1, 20000), 1);
		assert_int_equal(box_receive(hostile.kit.box, &hostile.kit.result), 1);
		assert_int_equal(hostile.kit.result.cause, BOX_CAUSE_TIMEOUT);
		close(ends[0]);
		spec = hostile_spec(&hostile, "close-output", level, NULL);
		run(&spec, found);
		expect("floods_and_silence_end", level, found, "ended by exit 0");
		assert_int_equal(hostile.kit.result.exit_code, 3);
	}
}

/* The record by hand, on descriptor 3; the payload's output goes elsewhere. */
static void record_of(const char *probe, int level, char *record, size_t size)
{
	char path[4096];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(path, sizeof(path), "%s/paddock-box", getenv("PADDOCK_BIN"));
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		dup2(ends[1], 3);
		execl(path, path, "--level", box_level_name(hostile_levels[level]), "--json=3",
		      "--bind", hostile.program, "--", hostile.program, probe,
		      outside_facts(hostile.outside)[0], (char *)NULL);
		_exit(98);
	}
	close(ends[1]);
	n = read(ends[0], record, size - 1);
	assert_true(n > 0);
	record[n] = '\0';
	assert_int_equal(read(ends[0], record + n, 1), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void output_is_only_output(void **state)
{
	(void)state;
	EACH_LEVEL(level)
	{
		char record[4096], found[HOSTILE_FOUND_MAX];

		record_of("forge-record", level, record, sizeof(record));
		/* One line, ours. */
		assert_int_equal(strcspn(record, "\n"), strlen(record) - 1);
		snprintf(found, sizeof(found), "%.29s",
			 strstr(record, "\"exit_code\":9") ? "works" : record);
		expect("output_is_only_output", level, found, "works");
		record_of("write-to-supervisor", level, record, sizeof(record));
		assert_int_equal(strcspn(record, "\n"), strlen(record) - 1);
	}
}

static void causes_are_facts(void **state)
{
	static const int codes[] = { 0, 99, 105, 113, 124, 137, 139, 143, 255 };

	(void)state;
	EACH_LEVEL(level)
	{
		char found[HOSTILE_FOUND_MAX], fact[16];
		struct box_spec spec = hostile_spec(&hostile, "kill-self", level, NULL);
		const struct box_result *r;

		spec.memory_bytes = has_memory ? 64 << 20 : 0;
		r = run(&spec, found);
		expect("causes_are_facts", level, found, "ended by signal 9");
		assert_false(r->oom);
		for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			snprintf(fact, sizeof(fact), "code=%d", codes[i]);
			spec = hostile_spec(&hostile, "exit-like", level, fact);
			r = run(&spec, found);
			assert_int_equal(r->cause, BOX_CAUSE_EXIT);
			assert_int_equal(r->exit_code, codes[i]);
		}
	}
}

/* The keeper is the only child of ours that is called so; its parent stands behind the name. */
static pid_t find_keeper(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	pid_t keeper = 0;

	while (!keeper && (entry = readdir(proc))) {
		char path[300], text[512];
		int pid, parent;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? fopen(path, "re")
									  : NULL;
		if (file && fgets(text, sizeof(text), file) &&
		    sscanf(text, "%d (paddock-box) %*c %d", &pid, &parent) == 2 &&
		    parent == getpid())
			keeper = pid;
		if (file)
			fclose(file);
	}
	closedir(proc);
	assert_true(keeper > 0);
	return keeper;
}

/* With a churner at work, which no walk through /proc would ever catch. Returns the keeper's id. */
static pid_t kill_keeper(int level, struct box_spec *spec, char *found)
{
	struct pollfd ready;
	pid_t keeper = find_keeper();

	(void)level;
	start(spec, 0, found);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	ready = (struct pollfd){ .fd = box_fd(hostile.kit.box), .events = POLLIN };
	assert_int_equal(poll(&ready, 1, 20000), 1);
	assert_int_equal(box_receive(hostile.kit.box, &hostile.kit.result), -EPIPE);
	boxkit_close(&hostile.kit);
	boxkit_await_gone(outside_facts(hostile.outside)[0]);
	return keeper;
}

static void a_dead_keeper_takes_all_along(void **state)
{
	static const char *const probes[] = { "stubborn", "churn" };

	(void)state;
	EACH_LEVEL(level)
	{
		for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
			char found[HOSTILE_FOUND_MAX];
			struct box_spec spec = hostile_spec(&hostile, probes[i], level, NULL);

			kill_keeper(level, &spec, found);
			found[strcspn(found, "\n")] = '\0';
			expect("a_dead_keeper_takes_all_along", level, found, "here");
			boxkit_open(&hostile.kit, 2);
		}
	}
}

static char groups_of[32];
static int groups;

static int count_group(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	const char *name = path + where->base;

	(void)status;
	if (kind == FTW_D && strncmp(name, "paddock-", 8) == 0 && strstr(name, groups_of))
		groups++;
	return 0;
}

/* Control groups whose name holds the id of a keeper. */
static int count_groups(pid_t keeper)
{
	snprintf(groups_of, sizeof(groups_of), "-%d-", (int)keeper);
	groups = 0;
	nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS);
	return groups;
}

static void the_next_keeper_sweeps(void **state)
{
	char found[HOSTILE_FOUND_MAX];
	struct box_spec spec = hostile_spec(&hostile, "stubborn", 1, NULL);
	pid_t keeper;

	(void)state;
	if (!has_memory)
		skip();
	spec.memory_bytes = 64 << 20;
	keeper = kill_keeper(1, &spec, found);
	assert_true(count_groups(keeper) > 0);
	boxkit_open(&hostile.kit, 2);
	spec = hostile_spec(&hostile, "see-processes", 1, NULL);
	spec.memory_bytes = 64 << 20;
	run(&spec, found);
	expect("the_next_keeper_sweeps", 1, found, "private");
	assert_int_equal(count_groups(keeper), 0);
}

static void what_is_known_still_happens(void **state)
{
	(void)state;
	if (getenv("BOX_SLOW"))
		skip();
	assert_int_equal(hostile_stale(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define HOSTILE(number, ...)
#define SCENARIO(number, function, title) cmocka_unit_test(function),
#include "tests/box/hostile/catalogue.def"
#undef HOSTILE
#undef SCENARIO
		cmocka_unit_test(what_is_known_still_happens),
	};

	return cmocka_run_group_tests(tests, open_all, close_all);
}
