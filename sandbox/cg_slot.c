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
#include <stdlib.h>

#include "sandbox/util.h"

enum file {
	MEMORY_LIMIT,
	MEMORY_SWAP,
	MEMORY_USAGE,
	MEMORY_PEAK,
	MEMORY_EVENTS,
	PIDS_LIMIT,
	PIDS_EVENTS,
	CPU_LIMIT,
	CPU_USAGE,
	FILES,
};

static const struct {
	enum cg_controller controller;
	const char *name[3]; /* by version */
} files[FILES] = {
	[MEMORY_LIMIT] = { CG_MEMORY, { NULL, "memory.limit_in_bytes", "memory.max" } },
	[MEMORY_SWAP] = { CG_MEMORY, { NULL, "memory.memsw.limit_in_bytes", "memory.swap.max" } },
	[MEMORY_USAGE] = { CG_MEMORY, { NULL, "memory.usage_in_bytes", "memory.current" } },
	[MEMORY_PEAK] = { CG_MEMORY, { NULL, "memory.max_usage_in_bytes", "memory.peak" } },
	[MEMORY_EVENTS] = { CG_MEMORY, { NULL, "memory.oom_control", "memory.events" } },
	[PIDS_LIMIT] = { CG_PIDS, { NULL, "pids.max", "pids.max" } },
	[PIDS_EVENTS] = { CG_PIDS, { NULL, "pids.events", "pids.events" } },
	[CPU_LIMIT] = { CG_CPU, { NULL, "cpu.cfs_quota_us", "cpu.max" } },
	[CPU_USAGE] = { CG_CPUACCT, { NULL, "cpuacct.usage", "cpu.stat" } },
};

/* Zygote and init are counted by pids too. */
enum { PIDS_OURS = 2, CPU_PERIOD_US = 100000 };

struct cg_slot {
	struct cg *cg;
	unsigned number;
	int fds[FILES];
	uint64_t memory_bytes, pids, cpu_milli; /* as last written */
	uint64_t base_cpu_us, base_bytes, base_peak, base_oom, base_pids;
};

static int version_of(const struct cg_slot *slot, enum file file)
{
	return cg_version(slot->cg, files[file].controller);
}

static void slot_tail(unsigned number, const char *file, char *buf, size_t size)
{
	util_print(buf, size, "/slot%u%s%s", number, *file ? "/" : "", file);
}

static int open_file(struct cg_slot *slot, enum file file)
{
	char tail[80], path[PATH_MAX];
	int version = version_of(slot, file);

	if (!version)
		return -1;
	slot_tail(slot->number, files[file].name[version], tail, sizeof(tail));
	if (cg_path(slot->cg, files[file].controller, tail, path, sizeof(path)) < 0)
		return -1;
	/* memory.peak is read-only before Linux 6.12, counters always are. */
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC);
}

static int write_fd(int fd, const char *text)
{
	return pwrite(fd, text, strlen(text), 0) < 0 ? -errno : 0;
}

static int write_number(int fd, uint64_t value, const char *none)
{
	char text[32];

	if (!value)
		return write_fd(fd, none);
	util_print(text, sizeof(text), "%llu", (unsigned long long)value);
	return write_fd(fd, text);
}

static uint64_t read_number(int fd)
{
	char text[32];
	uint64_t value = 0;

	if (fd < 0 || util_read_fd(fd, text, sizeof(text)) <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return util_parse_u64(text, UINT64_MAX, &value) == 0 ? value : 0;
}

static uint64_t read_counter(int fd, const char *key)
{
	char text[2048];

	return fd < 0 || util_read_fd(fd, text, sizeof(text)) <= 0 ? 0
								   : util_find_counter(text, key);
}

static uint64_t read_cpu_us(const struct cg_slot *slot)
{
	if (version_of(slot, CPU_USAGE) == 2)
		return read_counter(slot->fds[CPU_USAGE], "usage_usec");
	return read_number(slot->fds[CPU_USAGE]) / 1000;
}

int cg_slot_new(struct cg *cg, unsigned number, struct cg_slot **ret_slot)
{
	struct cg_slot *slot = calloc(1, sizeof(*slot));
	char tail[32];

	if (!slot)
		return -ENOMEM;
	slot->cg = cg;
	slot->number = number;
	slot_tail(number, "", tail, sizeof(tail));
	for (enum cg_controller i = 0; i < CG_CONTROLLERS; i++) {
		int r = cg_can(cg, i) ? cg_make(cg, i, tail) : 0;

		if (r < 0) {
			free(slot);
			return r;
		}
	}
	for (int i = 0; i < FILES; i++)
		slot->fds[i] = open_file(slot, (enum file)i);
	*ret_slot = slot;
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
	char tail[64], path[PATH_MAX], word[16];

	util_print(word, sizeof(word), "%d", (int)pid);
	slot_tail(slot->number, "cgroup.procs", tail, sizeof(tail));
	for (enum cg_controller i = 0; i < CG_CONTROLLERS; i++) {
		if (!cg_can(slot->cg, i))
			continue;
		int r = cg_path(slot->cg, i, tail, path, sizeof(path));

		if (r == 0)
			r = util_write_file(AT_FDCWD, path, word);
		if (r < 0)
			return r;
	}
	return 0;
}

/* v1 keeps "with swap" at or above "without": up and out of the way first, then both down. */
static int set_memory(struct cg_slot *slot, uint64_t bytes)
{
	bool v2 = version_of(slot, MEMORY_LIMIT) == 2;
	int r;

	if (bytes == slot->memory_bytes)
		return 0;
	if (!v2 && slot->fds[MEMORY_SWAP] >= 0)
		(void)write_fd(slot->fds[MEMORY_SWAP], "-1");
	r = write_number(slot->fds[MEMORY_LIMIT], bytes, v2 ? "max" : "-1");
	/* Without swap accounting there is no such file, and nothing to limit. */
	if (r == 0 && slot->fds[MEMORY_SWAP] >= 0)
		r = v2 ? write_fd(slot->fds[MEMORY_SWAP], bytes ? "0" : "max")
		       : write_number(slot->fds[MEMORY_SWAP], bytes, "-1");
	slot->memory_bytes = r == 0 ? bytes : UINT64_MAX;
	return r;
}

static int set_pids(struct cg_slot *slot, uint64_t pids)
{
	int r;

	if (pids == slot->pids)
		return 0;
	r = write_number(slot->fds[PIDS_LIMIT], pids ? pids + PIDS_OURS : 0, "max");
	slot->pids = r == 0 ? pids : UINT64_MAX;
	return r;
}

static int set_cpu(struct cg_slot *slot, uint64_t milli)
{
	char text[48];
	uint64_t quota_us = milli * CPU_PERIOD_US / 1000;
	int r;

	if (milli == slot->cpu_milli)
		return 0;
	if (quota_us < 1000)
		quota_us = 1000; /* the kernel's own minimum */
	if (version_of(slot, CPU_LIMIT) == 1) {
		r = write_number(slot->fds[CPU_LIMIT], milli ? quota_us : 0, "-1");
	} else {
		util_print(text, sizeof(text), "%llu %d", (unsigned long long)quota_us,
			   CPU_PERIOD_US);
		r = write_fd(slot->fds[CPU_LIMIT], milli ? text : "max");
	}
	slot->cpu_milli = r == 0 ? milli : UINT64_MAX;
	return r;
}

static void remember(struct cg_slot *slot)
{
	slot->base_bytes = read_number(slot->fds[MEMORY_USAGE]);
	slot->base_peak = slot->fds[MEMORY_PEAK] >= 0 && write_fd(slot->fds[MEMORY_PEAK], "0") == 0
				  ? 0
				  : read_number(slot->fds[MEMORY_PEAK]);
	slot->base_oom = read_counter(slot->fds[MEMORY_EVENTS], "oom_kill");
	slot->base_pids = read_counter(slot->fds[PIDS_EVENTS], "max");
	slot->base_cpu_us = read_cpu_us(slot);
}

int cg_slot_arm(struct cg_slot *slot, uint64_t memory_bytes, uint64_t pids, uint64_t cpu_milli,
		const char **ret_what)
{
	int r = 0;

	*ret_what = "memory";
	if (slot->fds[MEMORY_LIMIT] >= 0)
		r = set_memory(slot, memory_bytes);
	if (r == 0 && slot->fds[PIDS_LIMIT] >= 0) {
		*ret_what = "pids";
		r = set_pids(slot, pids);
	}
	if (r == 0 && slot->fds[CPU_LIMIT] >= 0) {
		*ret_what = "cpu";
		r = set_cpu(slot, cpu_milli);
	}
	if (r == 0)
		remember(slot);
	return r;
}

void cg_slot_read(struct cg_slot *slot, struct cg_slot_usage *ret_usage)
{
	uint64_t peak = read_number(slot->fds[MEMORY_PEAK]);

	*ret_usage = (struct cg_slot_usage){
		.cpu_us = read_cpu_us(slot) - slot->base_cpu_us,
		/* Where a peak cannot be reset, only one higher than all before is this run's. */
		.peak_bytes = peak > slot->base_peak && peak > slot->base_bytes
				      ? peak - slot->base_bytes
				      : 0,
		.oom = read_counter(slot->fds[MEMORY_EVENTS], "oom_kill") > slot->base_oom,
		.pids_limit = read_counter(slot->fds[PIDS_EVENTS], "max") > slot->base_pids,
	};
}
