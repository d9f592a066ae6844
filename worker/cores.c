// SPDX-License-Identifier: Apache-2.0
/*
 * cores.c - core files of crashes.
 *
 * A kernel whose core_pattern is a plain name writes the core file into the working folder of the
 * process, with the rights and limits of that process. So it is looked for in the folder that the
 * process was started in, as that one looks from outside: the upper layer of a kept overlay, the
 * shared workspace, the slot's own folder. Where the kernel hands it to a program or puts it
 * elsewhere, it is another's.
 *
 * What lies there is hostile, also when it is called core: folders are opened beneath the one we
 * know, and a file counts when it is a core file by its header. Not for reading it: gather.c does.
 */
#include "worker/cores.h"

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATTERN_FILE  "/proc/sys/kernel/core_pattern"
#define USES_PID_FILE "/proc/sys/kernel/core_uses_pid"
#define CURE	      "sysctl -w kernel.core_pattern=core"

enum { HEADERS_BYTES = 64 << 10 }; /* of a core file: what is looked at of its program headers */

/* ---- what the kernel does ---- */

static int refuse(struct cores *cores, const char *what, struct str pattern)
{
	snprintf(cores->refusal, sizeof(cores->refusal),
		 "no core file: this machine's kernel %s (kernel.core_pattern is \"%.*s\"); " CURE
		 " there changes that",
		 what, STR_ARG(pattern));
	return -ENOTSUP;
}

int cores_parse(struct cores *cores, struct str pattern, bool uses_pid)
{
	bool has_pid = false;
	char *out = cores->names, *end = out + sizeof(cores->names) - 5;
	cores->refusal[0] = cores->names[0] = '\0';
	if (str_starts(pattern, STR_LIT("|")) || str_starts(pattern, STR_LIT("@")))
		return refuse(cores, "hands core files to a program", pattern);
	if (memchr(pattern.data, '/', pattern.len))
		return refuse(cores, "puts core files into a folder of its own", pattern);
	if (!pattern.len && !uses_pid)
		return refuse(cores, "writes no core files", pattern);
	for (size_t i = 0; i < pattern.len && out < end; i++) {
		char c = pattern.data[i];
		if (c == '%' && ++i < pattern.len && pattern.data[i] != '%') {
			has_pid = has_pid || pattern.data[i] == 'p';
			*out++ = '*';
			continue;
		}
		if (c == '%' && i >= pattern.len)
			break;
		if (strchr("*?[]\\", c))
			*out++ = '\\';
		*out++ = c;
	}
	snprintf(out, 4, "%s", uses_pid && !has_pid ? ".*" : "");
	return 0;
}

static struct str read_setting(const char *path, struct buf *ret_buf)
{
	return fd_read_file(path, 4096, ret_buf) < 0 ? (struct str){ "", 0 }
						     : str_trim(buf_str(ret_buf));
}

void cores_init(struct cores *cores, uint64_t max_bytes)
{
	static bool told; /* one worker, one machine */
	struct buf text = { 0 }, number = { 0 };
	struct rlimit limit;
	*cores = (struct cores){ .max_bytes = max_bytes };
	if (!max_bytes)
		return;
	struct str pattern = read_setting(PATTERN_FILE, &text);
	struct str uses_pid = read_setting(USES_PID_FILE, &number);
	int r = cores_parse(cores, pattern, uses_pid.len && !str_eq(uses_pid, STR_LIT("0")));
	buf_done(&text);
	buf_done(&number);
	if (r == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0)
		r = snprintf(cores->refusal, sizeof(cores->refusal),
			     "no core file: the worker is allowed none; start it with a higher "
			     "limit (ulimit -Hc, LimitCORE)");
	if (r == 0)
		return;
	cores->max_bytes = 0;
	if (!told)
		LOG_WARN("no_cores", "%s", cores->refusal);
	told = true;
}

/* ---- where it would be ---- */

void cores_started(struct cores *cores)
{
	/* Files get the time of the last tick. */
	clock_gettime(CLOCK_REALTIME_COARSE, &cores->since);
	cores->found[0] = '\0';
}

/* Does the kernel write a core file when a process ends by that signal? */
static bool dumps(int signal)
{
	static const int signals[] = { SIGQUIT, SIGILL,	 SIGTRAP, SIGABRT, SIGBUS,
				       SIGFPE,	SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS };
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i] == signal)
			return true;
	return false;
}

/* What follows `folder` in `path`, without slashes before it; NULL: it is not below. */
static const char *below(const char *path, const char *folder)
{
	size_t n = folder ? strlen(folder) : 0;
	if (!n || strncmp(path, folder, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path + n + strspn(path + n, "/");
}

/* The host's folder that what was written in `cwd` is in, as a folder that is ours to name and what
 * is beneath it. False: it stays nowhere. */
static bool find_place(const struct outfit *outfit, const char *cwd, char root[PATH_MAX],
		       const char **ret_beneath)
{
	const struct msg_program *program = outfit->program;
	const char *workspace = program->workspace.len ? program->workspace.data : NULL;
	const char *top = outfit->scratch, *beneath = below(cwd, top), *layer = "";
	bool bare = program->level == BOX_LEVEL_OFF;
	if (!beneath && (beneath = below(cwd, workspace))) {
		bool overlay = !bare && program->workspace_mode == BOX_WORKSPACE_OVERLAY;
		top = overlay ? outfit->keep : workspace;
		layer = overlay ? "/upper" : "";
		if (!bare && program->workspace_mode == BOX_WORKSPACE_READONLY)
			return false;
	} else if (!beneath && bare) {
		top = cwd;
		beneath = "";
	}
	*ret_beneath = beneath && *beneath ? beneath : ".";
	return beneath && top && snprintf(root, PATH_MAX, "%s%s", top, layer) < PATH_MAX;
}

static int open_place(const struct outfit *outfit, const char *cwd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	char root[PATH_MAX];
	const char *beneath;
	if (!cwd || !find_place(outfit, cwd, root, &beneath))
		return -ENOENT;
	FD_CLEANUP int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = top < 0 ? -1 : (int)syscall(SYS_openat2, top, beneath, &how, sizeof(how));
	return fd < 0 ? -ENOENT : fd;
}

int cores_open(struct cores *cores, const struct outfit *outfit, const char *cwd,
	       const struct box_result *result, uint32_t index)
{
	/* A shell whose command crashed exits with 128 and the signal. */
	int signal = result->cause == BOX_CAUSE_EXIT ? result->exit_code - 128
						     : result->term_signal;
	cores->index = index;
	if (!dumps(signal) || (!cores->max_bytes && !cores->refusal[0]))
		return -ENOENT;
	if (cores->refusal[0]) {
		snprintf(cores->found, sizeof(cores->found), "%s", cores->refusal);
		return -ENOENT;
	}
	snprintf(
		cores->found, sizeof(cores->found),
		"no core file was left in %.400s, where the process was started; is that writable, "
		"and the limit enough?",
		cwd ? cwd : "the private folder");
	cores->removes = !outfit->keep;
	return open_place(outfit, cwd);
}

/* ---- is it one? ---- */

bool cores_is_name(const struct cores *cores, const char *name)
{
	return fnmatch(cores->names, name, FNM_PERIOD) == 0;
}

bool cores_is_own(const struct cores *cores, const struct stat *st)
{
	const struct timespec *at = &st->st_mtim, *since = &cores->since;
	return S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       (at->tv_sec > since->tv_sec ||
		(at->tv_sec == since->tv_sec && at->tv_nsec >= since->tv_nsec));
}

int cores_measure(int fd, uint64_t *ret_bytes)
{
	static char headers[HEADERS_BYTES]; /* one worker, one thread */
	Elf64_Ehdr head;
	uint64_t bytes = 0;
	ssize_t n = pread(fd, headers, sizeof(headers), 0);
	if (n < (ssize_t)sizeof(head))
		return -EINVAL;
	memcpy(&head, headers, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_type != ET_CORE)
		return -EINVAL;
	*ret_bytes = 0;
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr) ||
	    head.e_phoff > (uint64_t)n)
		return 0;
	for (uint64_t i = 0, at = head.e_phoff; i < head.e_phnum; i++, at += sizeof(Elf64_Phdr)) {
		Elf64_Phdr part;
		if (at + sizeof(part) > (uint64_t)n)
			break;
		memcpy(&part, headers + at, sizeof(part));
		if (part.p_filesz <= INT64_MAX && part.p_offset <= INT64_MAX &&
		    part.p_offset + part.p_filesz > bytes)
			bytes = part.p_offset + part.p_filesz;
	}
	*ret_bytes = bytes;
	return 0;
}

/* ---- what is said ---- */

void cores_found(struct cores *cores, const char *name, const char *why)
{
	snprintf(cores->found, sizeof(cores->found), "core file: %s%s%s", name, *why ? ", " : "",
		 why);
}

struct str cores_tell(const struct cores *cores, uint32_t index, struct str message,
		      struct arena *arena)
{
	if (!cores->found[0] || cores->index != index)
		return message;
	const char *text = arena_printf(arena, "%.*s%s%s", STR_ARG(message),
					message.len ? "\n" : "", cores->found);
	return text ? str_of(text) : message;
}
