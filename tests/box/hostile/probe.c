// SPDX-License-Identifier: Apache-2.0
/* probe.c - what the rooms of hostile deeds share: facts from outside, words for results, children.
 */
#include "tests/box/hostile/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const *facts;

const char *probe_fact(const char *key)
{
	size_t length = strlen(key);

	for (char *const *fact = facts; fact && *fact; fact++)
		if (strncmp(*fact, key, length) == 0 && (*fact)[length] == '=')
			return *fact + length + 1;
	return "";
}

void probe_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

const char *probe_class(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
	case EROFS:
	case ETXTBSY:
	case ENOSYS:
	case EAFNOSUPPORT:
	case ECONNREFUSED:
	case EAGAIN:
	case ENOSPC:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EFBIG:
	case EDQUOT:
	case EXDEV: return "refused";
	case ENOENT:
	case ENXIO:
	case ENODEV:
	case ENOTDIR: return "absent";
	default: return "reached";
	}
}

void probe_tell_as(long result, const char *success)
{
	if (result == PROBE_SAID)
		return;
	if (result >= 0)
		probe_say("%s", success);
	else
		probe_say("%s %s", probe_class(errno), strerrorname_np(errno));
}

void probe_tell(long result)
{
	probe_tell_as(result, "open");
}

void probe_count(struct probe_tally *tally, const char *what, long result)
{
	const char *class = result >= 0 ? "open" : probe_class(errno);
	size_t used = strlen(tally->open);

	if (strcmp(class, "refused") == 0 && !tally->refusal)
		tally->refusal = errno;
	else if (strcmp(class, "absent") == 0 && !tally->absence)
		tally->absence = errno;
	else if (strcmp(class, "open") == 0 || strcmp(class, "reached") == 0)
		snprintf(tally->open + used, sizeof(tally->open) - used, "%s%s", used ? "," : "",
			 what);
}

void probe_conclude(const struct probe_tally *tally)
{
	if (tally->open[0])
		probe_say("open %s", tally->open);
	else if (tally->refusal)
		probe_say("refused %s", strerrorname_np(tally->refusal));
	else
		probe_say("absent %s", tally->absence ? strerrorname_np(tally->absence) : "all");
}

long probe_in_child(long (*deed)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(deed() < 0 ? errno : 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		probe_say("refused SIG%s", sigabbrev_np(WTERMSIG(status)));
		return PROBE_SAID;
	}
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

bool probe_own(const char *kind)
{
	char path[64], link[64] = "";
	const char *theirs = probe_fact(kind);

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (readlink(path, link, sizeof(link) - 1) < 0 || !*theirs)
		return false;
	return strcmp(link, theirs) != 0;
}

const char *probe_path(char *buffer, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, size, format, args);
	va_end(args);
	return buffer;
}

long probe_write_marker(const char *folder)
{
	char path[512];
	int fd = open(probe_path(path, sizeof(path), "%s/%s", folder, probe_fact("word")),
		      O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static const struct probe *const rooms[] = {
	ends_probes,	files_probes,	kernel_probes,	  limits_probes,
	machine_probes, network_probes, processes_probes, shape_probes,
};

int main(int argc, char **argv)
{
	facts = argc > 2 ? argv + 2 : NULL;
	for (size_t room = 0; argc > 1 && room < sizeof(rooms) / sizeof(rooms[0]); room++)
		for (const struct probe *probe = rooms[room]; probe->name; probe++)
			if (strcmp(probe->name, argv[1]) == 0) {
				probe->run();
				return 0;
			}
	fputs("hostile: unknown probe\n", stderr);
	return 2;
}
