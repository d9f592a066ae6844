// SPDX-License-Identifier: Apache-2.0
/*
 * box_bench.c - starts N payloads through a keeper, as fast as its slots allow or paced, and prints
 * what it cost.
 *
 * Usage: box_bench [-n COUNT] [-s SLOTS] [-l LEVEL] [-p PACE_MS] [-w WORKSPACE] [-m MEMORY_MB] --
 * CMD [ARG...] Output: one JSON object: wall and processor time per start, median and p99 of
 * request to result, in microseconds. Processor time is the keeper's, its zygotes', the payloads'
 * and ours: everything this process waited for.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/box.h"

enum { COUNT_MAX = 100000, SLOTS_MAX = 64 };

struct options {
	long count;
	long slots;
	long pace_ms;
	long memory_mb;
	int level;
	const char *workspace;
	char **argv;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static long number(const char *text, long max)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || value < 0 || value > max) {
		fprintf(stderr, "box_bench: not a number up to %ld: %s\n", max, text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct options *options)
{
	int c;

	*options = (struct options){ .count = 300, .slots = 1, .level = BOX_LEVEL_DEFAULT };
	while ((c = getopt(argc, argv, "n:s:l:p:w:m:")) != -1) {
		if (c == 'n')
			options->count = number(optarg, COUNT_MAX);
		else if (c == 's')
			options->slots = number(optarg, SLOTS_MAX);
		else if (c == 'p')
			options->pace_ms = number(optarg, 10000);
		else if (c == 'm')
			options->memory_mb = number(optarg, 1 << 20);
		else if (c == 'w')
			options->workspace = optarg;
		else if (c == 'l')
			options->level = box_level_parse(optarg);
		else
			exit(2);
	}
	options->argv = argv + optind;
	if (options->level < 0 || options->slots < 1 || !*options->argv) {
		fputs("box_bench: a level, slots and a command are needed\n", stderr);
		exit(2);
	}
}

static void start(struct box *box, const struct options *options, unsigned slot, uint64_t id)
{
	static const int stdio[] = { 0, 1, 2 };
	struct box_spec spec = {
		.level = (enum box_level)options->level,
		.slot = slot,
		.workspace_path = options->workspace,
		.argv = (const char *const *)options->argv,
		.envp = (const char *const *)environ,
		.memory_bytes = (uint64_t)options->memory_mb << 20,
		.wall_us = 60000000,
	};
	int r = box_spawn(box, id, &spec, stdio, 3);

	if (r < 0) {
		fprintf(stderr, "box_bench: box_spawn: %s\n", strerror(-r));
		exit(1);
	}
}

static void receive(struct box *box, struct box_result *result)
{
	struct pollfd pfd = { .fd = box_fd(box), .events = POLLIN };
	int r;

	while ((r = box_receive(box, result)) == 0)
		poll(&pfd, 1, -1);
	if (r < 0 || result->cause != BOX_CAUSE_EXIT || result->exit_code != 0) {
		fprintf(stderr, "box_bench: payload ended with %s, step %s %s: %s\n",
			r < 0 ? "a dead keeper" : box_cause_name(result->cause),
			r < 0 ? "" : result->setup_step, r < 0 ? "" : result->setup_object,
			r < 0 ? "" : strerror(result->setup_errno));
		exit(1);
	}
}

/* Keeps every slot busy until `count` payloads ended; times[i] is from request to result. */
static void drive(struct box *box, const struct options *options, long count, uint64_t *times)
{
	uint64_t asked[SLOTS_MAX];
	uint64_t owner[SLOTS_MAX];
	long started = 0;
	long ended = 0;

	for (; started < options->slots && started < count; started++) {
		asked[started] = now_us();
		owner[started] = (uint64_t)started + 1;
		start(box, options, (unsigned)started, owner[started]);
	}
	while (ended < count) {
		struct box_result result;
		unsigned slot = 0;

		receive(box, &result);
		while (owner[slot] != result.id)
			slot++;
		times[ended++] = now_us() - asked[slot];
		if (started == count) {
			owner[slot] = 0;
			continue;
		}
		if (options->pace_ms)
			poll(NULL, 0, (int)options->pace_ms);
		asked[slot] = now_us();
		owner[slot] = (uint64_t)++started;
		start(box, options, slot, owner[slot]);
	}
}

static double cpu_us(void)
{
	double sum = 0;

	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
		struct rusage usage;

		getrusage((__rusage_who_t)who, &usage);
		sum += (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6;
		sum += (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	}
	return sum;
}

int main(int argc, char **argv)
{
	static uint64_t times[COUNT_MAX];
	struct box_error err;
	struct options options;
	struct box *box;
	uint64_t warm[SLOTS_MAX];
	uint64_t begin, wall;
	char program[4096];
	const char *bin = getenv("PADDOCK_BIN");

	parse(argc, argv, &options);
	snprintf(program, sizeof(program), "%s/paddock-box", bin ? bin : ".");
	if (box_open(program, (unsigned)options.slots, &box, &err) < 0) {
		fprintf(stderr, "box_bench: %s\n", err.text);
		return 1;
	}
	drive(box, &options, options.slots, warm);
	begin = now_us();
	drive(box, &options, options.count, times);
	wall = now_us() - begin;
	box_close(box);
	qsort(times, (size_t)options.count, sizeof(*times), by_value);
	printf("{\"count\":%ld,\"slots\":%ld,\"wall_us\":%" PRIu64 ",\"median_us\":%" PRIu64
	       ",\"p90_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ",\"cpu_us\":%.0f}\n",
	       options.count, options.slots, wall / (uint64_t)options.count,
	       times[options.count / 2], times[options.count * 9 / 10],
	       times[options.count * 99 / 100], cpu_us() / (double)options.count);
	return 0;
}
