// SPDX-License-Identifier: Apache-2.0
/*
 * box_bench.c - what a sandbox costs beside bwrap, start by start in the same minutes: every round
 * starts one of each row in turn. Prints a table, the bars of the sandbox, and JSON.
 *
 * Usage: box_bench BOX ROUNDS JSON-FILE          BOX: an absolute path to paddock-box
 *        box_bench --crowd N                     be N processes that will not go (the payload of a
 * row)
 *
 * The payload is busybox's `true`, static, so that loading libraries hides nothing. Times are from
 * request to result (a keeper's) or from posix_spawn to wait (a command's), in microseconds.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/box.h"

enum { ROUNDS_MAX = 10000, AT_ONCE = 2, SETTLE_MS = 3, PACE_MS = 100, CROWD = 400 };
#define BALLAST_BYTES (256u << 20)
#define DEADLINE_US   3000000u

static const char *const payload[] = { "/bin/busybox", "true", NULL };
static const char *const bwrap[] = {
	"bwrap", "--unshare-all", "--unshare-user", "--ro-bind", "/",
	"/",	 "--tmpfs",	  "/tmp",	    "--proc",	 "/proc",
	"--dev", "/dev",	  "/bin/busybox",   "true",	 NULL,
};
static const char *oneshot[] = { NULL, "--", "/bin/busybox", "true", NULL };

enum row_kind { FRESH, REUSE, BWRAP, ONESHOT, BARE, ROWS };

static const struct row {
	const char *name;
	enum box_network network; /* of a keeper's row */
	const char *const *argv;  /* of a command's */
} rows[ROWS] = {
	[FRESH] = { "keeper, fresh network", BOX_NETWORK_LOOPBACK, NULL },
	[REUSE] = { "keeper, reuse", BOX_NETWORK_REUSE, NULL },
	[BWRAP] = { "bwrap", BOX_NETWORK_MAX, bwrap },
	[ONESHOT] = { "paddock-box, one-shot", BOX_NETWORK_MAX, oneshot },
	[BARE] = { "no sandbox", BOX_NETWORK_MAX, payload },
};

struct series {
	double us[ROUNDS_MAX];
	size_t n;
};

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "box_bench: %s: %s\n", what, why);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The value below which `part` of the series lies; sorts it. */
static double quantile(struct series *s, double part)
{
	qsort(s->us, s->n, sizeof(s->us[0]), by_value);
	return s->us[(size_t)((double)(s->n - 1) * part)];
}

static void ask(struct box *box, enum box_network network, unsigned slot,
		const struct box_spec *more)
{
	static const int stdio[] = { 0, 1, 2 };
	struct box_spec spec = more ? *more : (struct box_spec){ .argv = payload };
	int r;

	spec.level = BOX_LEVEL_DEFAULT;
	spec.network = network;
	spec.slot = slot;
	spec.envp = (const char *const *)environ;
	if (!spec.memory_bytes)
		spec.memory_bytes = 256 << 20;
	if (!spec.wall_us)
		spec.wall_us = 60000000;
	r = box_spawn(box, slot + 1, &spec, stdio, 3);
	if (r < 0)
		die("box_spawn", strerror(-r));
}

/* Waits for one result; it must be of a payload that went well, unless `any`. */
static struct box_result receive(struct box *box, bool any)
{
	struct pollfd pfd = { .fd = box_fd(box), .events = POLLIN };
	struct box_result result;
	int r;

	while ((r = box_receive(box, &result)) == 0)
		poll(&pfd, 1, -1);
	if (r < 0)
		die("box_receive", "the keeper died");
	if (!any && (result.cause != BOX_CAUSE_EXIT || result.exit_code != 0))
		die(result.setup_step,
		    result.setup_errno ? strerror(result.setup_errno) : "the payload failed");
	return result;
}

static void spawn(const char *const *argv)
{
	pid_t pid;
	int r = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);

	if (r != 0)
		die(argv[0], strerror(r));
}

static void await(const char *const *argv)
{
	int status;

	if (waitpid(-1, &status, 0) < 0 || status != 0)
		die(argv[0], "failed");
}

static void one(struct box *box, enum row_kind kind, struct series *series)
{
	const struct row *row = &rows[kind];
	double begin = now_us();

	if (row->argv) {
		spawn(row->argv);
		await(row->argv);
	} else {
		ask(box, row->network, kind == FRESH ? 0 : 1, NULL);
		receive(box, false);
	}
	series->us[series->n++] = now_us() - begin;
}

/* Starts per second with AT_ONCE of them at a time. */
static double rate(struct box *box, enum row_kind kind, int count)
{
	const struct row *row = &rows[kind];
	double begin = now_us();

	for (int started = 0, ended = 0; ended < count;) {
		unsigned slot = (unsigned)started;

		if (started - ended == AT_ONCE || started == count) {
			if (row->argv)
				await(row->argv);
			else
				slot = (unsigned)receive(box, false).id - 1;
			if (++ended > count - AT_ONCE || started == count)
				continue;
		}
		if (row->argv)
			spawn(row->argv);
		else
			ask(box, row->network, slot, NULL);
		started++;
	}
	return count / (now_us() - begin) * 1e6;
}

/* ---- the rows ---- */

struct bar {
	const char *what;
	double figure, limit;
	bool at_least;
};

static struct bar bars[16];
static size_t n_bars;

static void bar(const char *what, double figure, double limit, bool at_least)
{
	bars[n_bars++] = (struct bar){ what, figure, limit, at_least };
}

static void singles(struct box *box, int rounds)
{
	static struct series s[ROWS];
	double median[ROWS];

	for (int i = 0; i < rounds; i++)
		for (int kind = 0; kind < ROWS; kind++) {
			/* What one row does after its end is not the next one's. */
			poll(NULL, 0, SETTLE_MS);
			one(box, (enum row_kind)kind, &s[kind]);
		}
	for (int kind = 0; kind < ROWS; kind++)
		median[kind] = quantile(&s[kind], 0.5);
	printf("%-24s %9s %9s %9s %7s\n", "one at a time", "median", "p90", "p99", "ratio");
	for (int kind = 0; kind < ROWS; kind++)
		printf("%-24s %9.0f %9.0f %9.0f %7.2f\n", rows[kind].name, median[kind],
		       quantile(&s[kind], 0.9), quantile(&s[kind], 0.99),
		       median[kind] / median[BWRAP]);
	bar("fresh / bwrap", median[FRESH] / median[BWRAP], 0.40, false);
	bar("reuse / bwrap", median[REUSE] / median[BWRAP], 0.25, false);
	bar("one-shot / bwrap", median[ONESHOT] / median[BWRAP], 0.8, false);
	bar("p99 / median, fresh", quantile(&s[FRESH], 0.99) / median[FRESH], 3, false);
	bar("p99 / median, reuse", quantile(&s[REUSE], 0.99) / median[REUSE], 3, false);
}

static void paced(struct box *box, int rounds)
{
	static struct series fresh, peer;

	for (int i = 0; i < rounds; i++) {
		poll(NULL, 0, PACE_MS);
		one(box, FRESH, &fresh);
		poll(NULL, 0, PACE_MS);
		one(box, BWRAP, &peer);
	}
	printf("\n%d ms apart              %9.0f           bwrap %9.0f\n", PACE_MS,
	       quantile(&fresh, 0.5), quantile(&peer, 0.5));
	bar("paced / bwrap", quantile(&fresh, 0.5) / quantile(&peer, 0.5), 0.5, false);
}

static void sustained(struct box *box, int count)
{
	static struct series s[ROWS];
	enum { BLOCKS = 5 };

	for (int kind = 0; kind < ROWS; kind++)
		s[kind].n = 0;
	for (int block = 0; block < BLOCKS; block++)
		for (int kind = FRESH; kind <= BWRAP; kind++)
			s[kind].us[s[kind].n++] = rate(box, (enum row_kind)kind, count);
	printf("\nper second, %d at once    fresh %.0f   reuse %.0f   bwrap %.0f\n", AT_ONCE,
	       quantile(&s[FRESH], 0.5), quantile(&s[REUSE], 0.5), quantile(&s[BWRAP], 0.5));
	bar("sustained fresh / bwrap", quantile(&s[FRESH], 0.5) / quantile(&s[BWRAP], 0.5), 2.5,
	    true);
	bar("sustained reuse / bwrap", quantile(&s[REUSE], 0.5) / quantile(&s[BWRAP], 0.5), 5,
	    true);
}

/* The owner small, then large, in turn. */
static void heavy(struct box *box, int rounds)
{
	static struct series light, loaded;

	for (int block = 0; block < 4; block++) {
		void *ballast = MAP_FAILED;

		if (block % 2) {
			ballast = mmap(NULL, BALLAST_BYTES, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
			if (ballast == MAP_FAILED)
				die("mmap", strerror(errno));
		}
		for (int i = 0; i < rounds; i++)
			one(box, FRESH, block % 2 ? &loaded : &light);
		if (block % 2)
			munmap(ballast, BALLAST_BYTES);
	}
	printf("\nowner small %.0f, with 256 MB more %.0f\n", quantile(&light, 0.5),
	       quantile(&loaded, 0.5));
	bar("+256 MB in the owner", quantile(&loaded, 0.5) / quantile(&light, 0.5), 1.1, false);
}

/* A payload of processes that ignore TERM and fork, past its deadline. */
static void crowd(struct box *box)
{
	static const char *self_argv[] = { "/proc/self/exe", "--crowd", "400", NULL };
	char path[4096];
	struct box_bind bind = { .path = path };
	struct box_spec spec = { .binds = &bind,
				 .n_binds = 1,
				 .memory_bytes = 1 << 30, /* the deadline shall end it */
				 .wall_us = DEADLINE_US,
				 .grace_us = 1000,
				 .leak_grace_us = 1000 };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct box_result result;
	double begin = now_us();

	if (n < 0)
		die("readlink", strerror(errno));
	path[n] = '\0';
	self_argv[0] = path;
	spec.argv = self_argv;
	ask(box, BOX_NETWORK_LOOPBACK, 0, &spec);
	result = receive(box, true);
	double late_us = now_us() - begin - DEADLINE_US - result.setup_us;

	if (result.cause != BOX_CAUSE_TIMEOUT)
		die("crowd", "it ended before its deadline");
	printf("\n%d processes that will not go: over %.0f ms after the deadline\n", CROWD,
	       late_us / 1000);
	bar("crowd, ms past the deadline", late_us / 1000, 150, false);
}

static int be_crowd(int n)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < n - 1; i++) {
		pid_t pid = fork();

		if (pid != 0)
			continue;
		/* Half of them have children without end. */
		while (i % 2)
			if (fork() == 0)
				_exit(0);
		for (;;)
			pause();
	}
	for (;;)
		pause();
}

static bool judge(const char *json, int rounds)
{
	FILE *out = fopen(json, "w");
	bool all = true;

	if (!out)
		die(json, strerror(errno));
	fprintf(out, "{\"rounds\":%d,\"bars\":[", rounds);
	puts("");
	for (size_t i = 0; i < n_bars; i++) {
		const struct bar *b = &bars[i];
		bool met = b->at_least ? b->figure >= b->limit : b->figure <= b->limit;

		printf("bar: %-28s %7.3f, at %s %.2f: %s\n", b->what, b->figure,
		       b->at_least ? "least" : "most", b->limit, met ? "met" : "NOT MET");
		fprintf(out, "%s{\"bar\":\"%s\",\"figure\":%.4f,\"limit\":%.2f,\"met\":%s}",
			i ? "," : "", b->what, b->figure, b->limit, met ? "true" : "false");
		all = all && met;
	}
	fputs("]}\n", out);
	fclose(out);
	return all;
}

int main(int argc, char **argv)
{
	struct box_error err;
	struct box *box;
	int rounds;

	if (argc == 3 && strcmp(argv[1], "--crowd") == 0)
		return be_crowd((int)strtol(argv[2], NULL, 10));
	rounds = argc == 4 ? (int)strtol(argv[2], NULL, 10) : 0;
	if (rounds < 10 || rounds > ROUNDS_MAX / 4) {
		fputs("usage: box_bench BOX ROUNDS JSON-FILE   (10 rounds at least)\n", stderr);
		return 2;
	}
	oneshot[0] = argv[1];
	if (box_open(argv[1], AT_ONCE, &box, &err) < 0)
		die("box_open", err.text);
	sustained(box, 2 * AT_ONCE);
	n_bars = 0;
	puts("");
	singles(box, rounds);
	sustained(box, rounds);
	heavy(box, rounds / 2);
	paced(box, rounds / 5);
	crowd(box);
	box_close(box);
	return judge(argv[3], rounds) ? 0 : 1;
}
