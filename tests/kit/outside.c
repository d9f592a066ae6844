// SPDX-License-Identifier: Apache-2.0
/*
 * outside.c - markers on the host that a payload must not reach, and whether it did.
 *
 * Invariant: everything is taken down by outside_free, also what a payload has managed to leave.
 */
#include "tests/kit/outside.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 65536, NAMESPACES_MAX = 4096, SURVIVORS_MAX = 64 };

static const char *const watched_files[] = {
	"/proc/sys/kernel/core_pattern",
	"/proc/sys/kernel/modprobe",
	"/proc/sys/vm/panic_on_oom",
	"/proc/self/mountinfo",
	"/etc/hostname",
};

struct outside {
	char word[48];
	char folder[64]; /* where everybody could read, but for rights */
	char facts[OUTSIDE_FACTS_MAX][192];
	const char *pointers[OUTSIDE_FACTS_MAX + 1];
	size_t n_facts;
	char program[4096];
	struct stat program_was;
	char *texts[sizeof(watched_files) / sizeof(watched_files[0])];
	struct utsname names;
	int listeners[4];
	size_t n_listeners;
	int locked;
	int segment;
	long host_key;
	key_t key;
	pid_t bystander;
	char homefile[4096];
	char changed[512];
};

static const char *format(char *buffer, size_t size, const char *text, ...)
	__attribute__((format(printf, 3, 4)));

static const char *format(char *buffer, size_t size, const char *text, ...)
{
	va_list args;

	va_start(args, text);
	vsnprintf(buffer, size, text, args);
	va_end(args);
	return buffer;
}

static void add_fact(struct outside *o, const char *key, const char *value)
{
	if (o->n_facts == OUTSIDE_FACTS_MAX)
		abort();
	format(o->facts[o->n_facts], sizeof(o->facts[0]), "%s=%s", key, value);
	o->pointers[o->n_facts] = o->facts[o->n_facts];
	o->n_facts++;
}

/* A whole small file; NULL when it cannot be read. The caller frees it. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(TEXT_MAX) : NULL;

	if (text)
		text[fread(text, 1, TEXT_MAX - 1, file)] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* A file with a content that is worth stealing. */
static bool make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	(void)!write(fd, "secret\n", 7);
	close(fd);
	return true;
}

static bool copy_program(const char *from, const char *to)
{
	static char block[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	bool done = in >= 0 && out >= 0;
	ssize_t n;

	while (done && (n = read(in, block, sizeof(block))) > 0)
		done = write(out, block, (size_t)n) == n;
	close(in);
	close(out);
	return done && chmod(to, 04755) == 0;
}

/* Listens at a path, or at an abstract name that starts with '@'. */
static bool listen_unix(struct outside *o, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (length >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	length += offsetof(struct sockaddr_un, sun_path);
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)length) < 0 || listen(fd, 4) < 0) {
		close(fd);
		return false;
	}
	o->listeners[o->n_listeners++] = fd;
	return true;
}

static void put_sockets(struct outside *o)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char path[108], text[16];

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 4) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0) {
		o->listeners[o->n_listeners++] = fd;
		add_fact(o, "port", format(text, sizeof(text), "%u", ntohs(address.sin_port)));
		add_fact(o, "hexport", format(text, sizeof(text), "%04X", ntohs(address.sin_port)));
	} else {
		close(fd);
	}
	if (listen_unix(o, format(path, sizeof(path), "@%s", o->word)))
		add_fact(o, "abstract", path);
	if (listen_unix(o, format(path, sizeof(path), "/run/%s-socket", o->word)))
		add_fact(o, "runsocket", path);
	if (o->folder[0] && listen_unix(o, format(path, sizeof(path), "%s/socket", o->folder)) &&
	    chmod(path, 0600) == 0)
		add_fact(o, "socket", path);
}

/* What belongs to root and lies where everybody can look. */
static void put_files(struct outside *o, const char *program)
{
	const char *home = getenv("HOME");
	char path[128];

	format(o->folder, sizeof(o->folder), "/var/%s-folder", o->word);
	if (getuid() != 0 || mkdir(o->folder, 0755) < 0)
		o->folder[0] = '\0';
	if (o->folder[0] && make_file(format(path, sizeof(path), "%s/secret", o->folder)))
		add_fact(o, "secret", path);
	if (o->folder[0] &&
	    copy_program(program, format(path, sizeof(path), "%s/setuid", o->folder)))
		add_fact(o, "setuid", path);
	format(o->homefile, sizeof(o->homefile), "%s/%s-file", home ? home : "", o->word);
	if (home && make_file(o->homefile))
		add_fact(o, "homefile", o->homefile);
	/* A file both sides have, and nobody else. */
	o->locked = open(program, O_RDONLY | O_CLOEXEC);
	if (o->locked >= 0 && flock(o->locked, LOCK_EX | LOCK_NB) == 0)
		add_fact(o, "locked", program);
}

static void put_ipc(struct outside *o)
{
	char text[64];

	o->key = 0x70000000 | getpid();
	o->segment = shmget(o->key ^ 0x1000000, 4096, IPC_CREAT | IPC_EXCL | 0666);
	add_fact(o, "key", format(text, sizeof(text), "%d", (int)o->key));
	if (o->segment >= 0)
		add_fact(o, "hostkey", format(text, sizeof(text), "%d", (int)(o->key ^ 0x1000000)));
	format(text, sizeof(text), "%s-host", o->word);
	o->host_key = syscall(SYS_add_key, "user", text, "x", 1, KEY_SPEC_SESSION_KEYRING);
}

static void put_namespaces(struct outside *o)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], link[64] = "";

		if (readlink(format(path, sizeof(path), "/proc/self/ns/%s", kinds[i]), link,
			     sizeof(link) - 1) > 0)
			add_fact(o, kinds[i], link);
	}
}

/* Somebody of the same user whom "everybody" must not include. */
static pid_t start_bystander(void)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/*
 * Mounts of our own for the keeper to start from, which propagate among themselves as the host's
 * do: what a sandbox changes shows, what neighbours of this machine mount does not come in. Who may
 * not have them keeps the host's.
 */
static void own_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		(void)mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
}

struct outside *outside_new(const char *program)
{
	static int number;
	struct outside *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	own_mounts();
	o->bystander = start_bystander();
	format(o->word, sizeof(o->word), "hostile-%d-%d", (int)getpid(), number++);
	add_fact(o, "word", o->word);
	format(o->program, sizeof(o->program), "%s", program);
	(void)stat(program, &o->program_was);
	put_namespaces(o);
	put_files(o, program);
	put_sockets(o);
	put_ipc(o);
	uname(&o->names);
	for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++)
		o->texts[i] = read_text(watched_files[i]);
	return o;
}

/* Where a payload may have left its word; each is looked for, and removed. */
static const char *const folders[] = { "/tmp",	    "/var/tmp", "/dev/shm", "/dev/mqueue", "/etc",
				       "/usr",	    "/usr/bin", "/var",	    "/opt",	   "/boot",
				       "/",	    "/srv",	"/lib",	    "/mnt",	   "/run",
				       "/run/lock", "/root",	"/dev",	    "/home" };

static void note(struct outside *o, const char *what, const char *which)
{
	size_t used = strlen(o->changed);

	format(o->changed + used, sizeof(o->changed) - used, "%s%s%s", used ? ", " : "", what,
	       which);
}

/* A control group of that name, wherever in the tree the payload found itself. Folders only: their
 * files are many. */
static void look_for_groups(struct outside *o, const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		format(path, sizeof(path), "%s/%s", folder, entry->d_name);
		look_for_groups(o, path);
		if (strcmp(entry->d_name, o->word) == 0) {
			note(o, "left ", path);
			rmdir(path);
		}
	}
	if (dir)
		closedir(dir);
}

static void look_for_files(struct outside *o)
{
	const char *home = getenv("HOME");
	char path[4096];
	struct stat status;

	for (size_t i = 0; i <= sizeof(folders) / sizeof(folders[0]); i++) {
		const char *folder = i < sizeof(folders) / sizeof(folders[0]) ? folders[i] : home;

		if (!folder ||
		    lstat(format(path, sizeof(path), "%s/%s", folder, o->word), &status) < 0)
			continue;
		note(o, "left ", path);
		(void)remove(path);
	}
	for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++) {
		char *now = read_text(watched_files[i]);

		if (!now || !o->texts[i] || strcmp(now, o->texts[i]) == 0) {
			free(now);
			continue;
		}
		/* Told once. */
		note(o, "changed ", watched_files[i]);
		free(o->texts[i]);
		o->texts[i] = now;
	}
	if (stat(o->program, &status) < 0 || status.st_ino != o->program_was.st_ino ||
	    status.st_size != o->program_was.st_size ||
	    status.st_mtim.tv_sec != o->program_was.st_mtim.tv_sec)
		note(o, "changed ", "the probe program");
}

/* The key that a payload has left, 0 when there is none. Another one of ours has a longer name. */
static unsigned long find_key(const struct outside *o)
{
	char name[80], *keys = read_text("/proc/keys");
	char *at = keys ? strstr(keys, format(name, sizeof(name), "%s:", o->word)) : NULL;
	unsigned long key = 0;

	if (at) {
		while (at > keys && at[-1] != '\n')
			at--;
		key = strtoul(at, NULL, 16);
	}
	free(keys);
	return key;
}

static void look_for_keys(struct outside *o)
{
	unsigned long key = find_key(o);

	if (!key)
		return;
	note(o, "left ", "a key");
	syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_SESSION_KEYRING);
	syscall(SYS_keyctl, KEYCTL_INVALIDATE, key);
	/* The kernel collects it in its own time. */
	for (int i = 0; i < 200 && find_key(o); i++)
		poll(NULL, 0, 10);
}

static void look_for_ipc(struct outside *o)
{
	struct shmid_ds segment;
	char text[80];
	int id = shmget(o->key, 1, 0);

	if (id >= 0) {
		note(o, "left ", "shared memory");
		shmctl(id, IPC_RMID, NULL);
	}
	id = msgget(o->key, 0);
	if (id >= 0) {
		note(o, "left ", "a queue");
		msgctl(id, IPC_RMID, NULL);
	}
	id = semget(o->key, 1, 0);
	if (id >= 0) {
		note(o, "left ", "semaphores");
		semctl(id, 0, IPC_RMID);
	}
	if (mq_unlink(format(text, sizeof(text), "/%s", o->word)) == 0)
		note(o, "left ", "a message queue");
	if (o->segment >= 0 && shmctl(o->segment, IPC_STAT, &segment) < 0)
		note(o, "removed ", "shared memory");
	look_for_keys(o);
}

/* Whether a process has our word among its arguments, as every payload has. */
static bool is_payload(const char *pid, const char *fact)
{
	char path[300], text[8192];
	FILE *file = fopen(format(path, sizeof(path), "/proc/%s/cmdline", pid), "re");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	bool found = false;

	text[n] = '\0';
	if (file)
		fclose(file);
	for (size_t i = 0; i < n && !found; i += strlen(text + i) + 1)
		found = strcmp(text + i, fact) == 0;
	return found;
}

/* Kills what it sees of our payloads, up to a number: somebody who forks all the time never comes
 * to an end. */
static int kill_payloads(struct outside *o, bool tell)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	while (proc && n < SURVIVORS_MAX && (entry = readdir(proc))) {
		char *end;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_payload(entry->d_name, o->facts[0]))
			continue;
		if (tell && n == 0)
			note(o, "left process ", entry->d_name);
		kill((pid_t)strtol(entry->d_name, &end, 10), SIGKILL);
		n++;
	}
	if (proc)
		closedir(proc);
	return n;
}

static void look_for_processes(struct outside *o)
{
	for (int pass = 0; kill_payloads(o, pass == 0) > 0 && pass < 50; pass++)
		poll(NULL, 0, 10);
	if (waitpid(o->bystander, NULL, WNOHANG) != 0) {
		note(o, "ended ", "a bystander");
		o->bystander = start_bystander();
	}
}

const char *outside_changed(struct outside *o, bool whole)
{
	struct utsname names;

	o->changed[0] = '\0';
	look_for_files(o);
	if (whole)
		look_for_groups(o, "/sys/fs/cgroup");
	look_for_ipc(o);
	look_for_processes(o);
	uname(&names);
	if (strcmp(names.nodename, o->names.nodename) != 0 ||
	    strcmp(names.domainname, o->names.domainname) != 0)
		note(o, "renamed ", "the machine");
	for (size_t i = 0; i < o->n_listeners; i++) {
		struct pollfd ready = { .fd = o->listeners[i], .events = POLLIN };

		if (poll(&ready, 1, 0) == 1) {
			note(o, "called ", "a service");
			close(accept4(o->listeners[i], NULL, NULL, SOCK_CLOEXEC));
		}
	}
	return o->changed;
}

const char *outside_word(const struct outside *o)
{
	return o->word;
}

const char *const *outside_facts(const struct outside *o)
{
	return o->pointers;
}

void outside_free(struct outside *o)
{
	static const char *const names[] = { "secret", "setuid", "socket" };
	char path[128];

	if (!o)
		return;
	(void)outside_changed(o, true);
	kill(o->bystander, SIGKILL);
	waitpid(o->bystander, NULL, 0);
	for (size_t i = 0; i < o->n_listeners; i++)
		close(o->listeners[i]);
	for (size_t i = 0; o->folder[0] && i < sizeof(names) / sizeof(names[0]); i++)
		unlink(format(path, sizeof(path), "%s/%s", o->folder, names[i]));
	if (o->folder[0])
		rmdir(o->folder);
	unlink(format(path, sizeof(path), "/run/%s-socket", o->word));
	unlink(o->homefile);
	if (o->locked >= 0)
		close(o->locked);
	if (o->segment >= 0)
		shmctl(o->segment, IPC_RMID, NULL);
	if (o->host_key >= 0)
		syscall(SYS_keyctl, KEYCTL_UNLINK, o->host_key, KEY_SPEC_SESSION_KEYRING);
	for (size_t i = 0; i < sizeof(watched_files) / sizeof(watched_files[0]); i++)
		free(o->texts[i]);
	free(o);
}

/* The parent of a process, 0 when it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[64], *text, *at;
	pid_t parent = 0;

	text = read_text(format(path, sizeof(path), "/proc/%d/stat", (int)pid));
	at = text ? strrchr(text, ')') : NULL;
	if (at)
		parent = (pid_t)strtol(at + 4, NULL, 10);
	free(text);
	return parent;
}

static bool descends(pid_t pid)
{
	while (pid > 1 && pid != getpid())
		pid = parent_of(pid);
	return pid == getpid();
}

int outside_namespaces(void)
{
	static const char *const kinds[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup" };
	static ino_t seen[NAMESPACES_MAX];
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	while (proc && (entry = readdir(proc))) {
		char *end;
		pid_t pid = (pid_t)strtol(entry->d_name, &end, 10);

		if (*end || !descends(pid))
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			char path[64];
			struct stat status;
			int at = 0;

			if (stat(format(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kinds[i]),
				 &status) < 0)
				continue;
			while (at < n && seen[at] != status.st_ino)
				at++;
			if (at == n && n < NAMESPACES_MAX)
				seen[n++] = status.st_ino;
		}
	}
	if (proc)
		closedir(proc);
	return n;
}
