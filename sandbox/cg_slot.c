// SPDX-License-Identifier: Apache-2.0
/*
 * cg_slot.c - the hot path of control groups: descriptors kept open per slot, limits written only
 * when they change, counters read before and after a run.
 *
 * Invariants: a slot's groups hold its zygote and what was cloned from it, nothing else; per
 * controller one version. memory.failcnt is not used: it stays 0 when the limit with swap equals
 * the one without.
 */
#include "sandbox/cg_slot.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sandbox/util.h"

/* Which files of a group, by controller; what version 1 calls them and what version 2 does. */
#define ALL_FILES(F)                                                                \
	F(MEMORY_LIMIT, CG_MEMORY, "memory.limit_in_bytes", "memory.max")           \
	F(MEMORY_SWAP, CG_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max") \
	F(MEMORY_USAGE, CG_MEMORY, "memory.usage_in_bytes", "memory.current")       \
	F(MEMORY_PEAK, CG_MEMORY, "memory.max_usage_in_bytes", "memory.peak")       \
	F(MEMORY_EVENTS, CG_MEMORY, "memory.oom_control", "memory.events")          \
	F(PIDS_LIMIT, CG_PIDS, "pids.max", "pids.max")                              \
	F(PIDS_EVENTS, CG_PIDS, "pids.events", "pids.events")                       \
	F(CPU_LIMIT, CG_CPU, "cpu.cfs_quota_us", "cpu.max")                         \
	F(CPU_USAGE, CG_CPUACCT, "cpuacct.usage", "cpu.stat")                       \
	F(CPU_WEIGHT, CG_CPU, "cpu.shares", "cpu.weight")                           \
	F(CPUSET_WANTED, CG_CPUSET, "cpuset.cpus", "cpuset.cpus")                   \
	F(CPUSET_GIVEN, CG_CPUSET, "cpuset.effective_cpus", "cpuset.cpus.effective")

#define FILE_NUMBER(file, controller, v1, v2) file,
#define FILE_NAMES(file, controller, v1, v2)  { controller, { NULL, v1, v2 } },

enum file { ALL_FILES(FILE_NUMBER) FILES };

static const struct {
	enum cg_controller controller;
	const char *name[3]; /* by version */
} files[FILES] = { ALL_FILES(FILE_NAMES) };

/* Zygote and init are counted by pids too. */
enum { PIDS_OURS = 2, CPU_PERIOD_US = 100000, SHRINK_TRIES = 50, SHRINK_MS = 4 };

struct cg_slot {
	struct cg *cg;
	unsigned number;
	bool only;
	int fds[FILES];
	uint64_t base_cpu_us, base_bytes, base_peak, base_oom, base_pids;
};

static int version_of(const struct cg_slot *slot, enum file file)
{
	return cg_in(slot->cg, files[file].controller)->version;
}

static int open_file(struct cg_slot *slot, enum file file)
{
	/* memory.peak is read-only before Linux 6.12, counters always are. */
	static const int flags[] = { O_RDWR, O_RDONLY };
	enum cg_controller controller = files[file].controller;
	int version = version_of(slot, file), fd = -1;
	char folder[16] = ".";

	/* What the only slot competes with is beside its keeper's group. */
	if (!slot->only || file != CPU_WEIGHT)
		util_print(folder, sizeof(folder), "slot%u", slot->number);
	for (size_t i = 0; i < ARRAY_LEN(flags) && version && fd < 0; i++)
		fd = util_open(flags[i], "%s/%s/%s", cg_in(slot->cg, controller)->dir, folder,
			       files[file].name[version]);
	return fd;
}

/* Without swap accounting that file is not there, and there is nothing to limit. */
static int write_text(struct cg_slot *slot, enum file file, const char *text)
{
	int fd = slot->fds[file];

	if (fd < 0)
		return file == MEMORY_SWAP ? 0 : -ENOENT;
	return pwrite(fd, text, strlen(text), 0) < 0 ? -errno : 0;
}

static int write_number(struct cg_slot *slot, enum file file, uint64_t value, const char *none)
{
	char text[32];

	util_print(text, sizeof(text), "%llu", (unsigned long long)value);
	return write_text(slot, file, value ? text : none);
}

/* The number behind `key` in a file, or the only one of a file that has no keys (NULL). 0: none. */
static uint64_t read_value(const struct cg_slot *slot, enum file file, const char *key)
{
	char text[2048];
	const char *at = text;
	uint64_t value = 0;

	ssize_t n = slot->fds[file] < 0 ? -1 : pread(slot->fds[file], text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0'; /* all of it: such a file is one record */
	if (key)
		return util_find_counter(text, key);
	(void)util_next_number(&at, &value);
	return value;
}

static uint64_t read_cpu_us(const struct cg_slot *slot)
{
	if (version_of(slot, CPU_USAGE) == 2)
		return read_value(slot, CPU_USAGE, "usage_usec");
	return read_value(slot, CPU_USAGE, NULL) / 1000;
}

int cg_slot_new(struct cg *cg, unsigned number, bool only, struct cg_slot **ret_slot)
{
	AUTO_FREE struct cg_slot *slot = calloc(1, sizeof(*slot));
	char path[PATH_MAX];

	if (!slot)
		return -ENOMEM;
	slot->cg = cg;
	slot->number = number;
	slot->only = only;
	for (enum cg_controller i = 0; i < CG_CONTROLLERS; i++) {
		if (!cg_in(cg, i)->version)
			continue;
		util_print(path, sizeof(path), "%s/slot%u", cg_in(cg, i)->dir, number);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	for (int i = 0; i < FILES; i++)
		slot->fds[i] = open_file(slot, (enum file)i);
	*ret_slot = slot;
	slot = NULL;
	return 0;
}

void cg_slot_free(struct cg_slot *slot)
{
	if (!slot)
		return;
	for (int i = 0; i < FILES; i++)
		util_close(&slot->fds[i]);
	free(slot);
}

int cg_slot_attach(struct cg_slot *slot, pid_t pid)
{
	char word[16];
	int r = 0;

	util_print(word, sizeof(word), "%d", (int)pid);
	for (enum cg_controller i = 0; i < CG_CONTROLLERS && r == 0; i++)
		if (cg_in(slot->cg, i)->version)
			r = util_write_file(word, "%s/slot%u/cgroup.procs", cg_in(slot->cg, i)->dir,
					    slot->number);
	return r;
}

/* v1 keeps "with swap" at or above "without": up and out of the way first, then both down. */
int cg_slot_memory(struct cg_slot *slot, const struct box_spec *spec)
{
	uint64_t bytes = spec->memory_bytes;
	bool v2 = version_of(slot, MEMORY_LIMIT) == 2;
	int r;

	if (!v2)
		(void)write_text(slot, MEMORY_SWAP, "-1");
	r = write_number(slot, MEMORY_LIMIT, bytes, v2 ? "max" : "-1");
	/* v1: what the dead still have charged is gone when RCU has come round. */
	for (int i = 0; r == -EBUSY && i < SHRINK_TRIES; i++) {
		poll(NULL, 0, SHRINK_MS);
		r = write_number(slot, MEMORY_LIMIT, bytes, "-1");
	}
	if (r < 0)
		return r;
	return v2 ? write_text(slot, MEMORY_SWAP, bytes ? "0" : "max")
		  : write_number(slot, MEMORY_SWAP, bytes, "-1");
}

int cg_slot_pids(struct cg_slot *slot, const struct box_spec *spec)
{
	uint64_t pids = spec->level == BOX_LEVEL_OFF ? 0 : spec->pids;

	return write_number(slot, PIDS_LIMIT, pids ? pids + PIDS_OURS : 0, "max");
}

int cg_slot_cpu(struct cg_slot *slot, const struct box_spec *spec)
{
	char text[48];
	uint64_t milli = spec->cpu_milli, quota_us = milli * CPU_PERIOD_US / 1000;

	if (quota_us < 1000)
		quota_us = 1000; /* the kernel's own minimum */
	if (version_of(slot, CPU_LIMIT) == 1)
		return write_number(slot, CPU_LIMIT, milli ? quota_us : 0, "-1");
	util_print(text, sizeof(text), "%llu %d", (unsigned long long)quota_us, CPU_PERIOD_US);
	return write_text(slot, CPU_LIMIT, milli ? text : "max");
}

/* v1 counts in 1024ths of what v2 calls 100, as the kernel converts them. */
int cg_slot_cpu_weight(struct cg_slot *slot, const struct box_spec *spec)
{
	uint64_t weight = spec->cpu_weight ? spec->cpu_weight : 100;

	if (version_of(slot, CPU_WEIGHT) == 1)
		weight = (weight * 1024 + 50) / 100;
	return write_number(slot, CPU_WEIGHT, weight, "");
}

/* v2 takes a list of what is not there, too, and ignores that. */
int cg_slot_cpuset(struct cg_slot *slot, const struct box_spec *spec)
{
	char wanted[4096], given[4096];
	int r;

	/* All of the keeper's, by name: in a group with processes v2 takes no empty list. */
	if (!spec->cpuset &&
	    util_read_file(wanted, sizeof(wanted), "%s/%s", cg_in(slot->cg, CG_CPUSET)->dir,
			   files[CPUSET_GIVEN].name[version_of(slot, CPUSET_GIVEN)]) < 0)
		return -EIO;
	r = write_text(slot, CPUSET_WANTED, spec->cpuset ? spec->cpuset : wanted);
	if (r < 0 || !spec->cpuset)
		return r;
	if (util_read_fd(slot->fds[CPUSET_WANTED], wanted, sizeof(wanted)) < 0 ||
	    util_read_fd(slot->fds[CPUSET_GIVEN], given, sizeof(given)) < 0)
		return -EIO;
	return strcmp(wanted, given) == 0 ? 0 : -ENODEV;
}

void cg_slot_arm(struct cg_slot *slot)
{
	slot->base_bytes = read_value(slot, MEMORY_USAGE, NULL);
	slot->base_peak = 0;
	if (write_text(slot, MEMORY_PEAK, "0") < 0)
		slot->base_peak = read_value(slot, MEMORY_PEAK, NULL);
	slot->base_oom = read_value(slot, MEMORY_EVENTS, "oom_kill");
	slot->base_pids = read_value(slot, PIDS_EVENTS, "max");
	slot->base_cpu_us = read_cpu_us(slot);
}

uint64_t cg_slot_cpu_us(const struct cg_slot *slot)
{
	return read_cpu_us(slot) - slot->base_cpu_us;
}

void cg_slot_read(struct cg_slot *slot, struct cg_slot_usage *ret_usage)
{
	uint64_t peak = read_value(slot, MEMORY_PEAK, NULL);

	*ret_usage = (struct cg_slot_usage){
		.cpu_us = cg_slot_cpu_us(slot),
		/* Where a peak cannot be reset, only one higher than all before is this run's. */
		.peak_bytes = peak > slot->base_peak && peak > slot->base_bytes
				      ? peak - slot->base_bytes
				      : 0,
		.oom = read_value(slot, MEMORY_EVENTS, "oom_kill") > slot->base_oom,
		.pids_limit = read_value(slot, PIDS_EVENTS, "max") > slot->base_pids,
	};
}
