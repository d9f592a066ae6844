// SPDX-License-Identifier: Apache-2.0
/* test_loop.c - facts by callback, thinking by step, and everything freed. */
#include "protocol/base/loop.h"

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
	struct loop *loop;
	struct loop_timer *timer;
	int in;
	unsigned reads, fires, signals, steps;
};

static void on_readable(void *data)
{
	struct seen *seen = data;
	char byte;
	/* One byte a call: the rest must bring us back, level-triggered. */
	assert_int_equal(read(seen->in, &byte, 1), 1);
	seen->reads++;
}

static void step_until_three_reads(void *data)
{
	struct seen *seen = data;
	seen->steps++;
	if (seen->reads == 3)
		loop_stop(seen->loop);
}

static void a_readable_fd_calls_until_it_is_drained(void **state)
{
	(void)state;
	struct seen seen = { 0 };
	struct loop_fd *watch;
	int out;
	assert_int_equal(fd_pipe(&seen.in, &out), 0);
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_fd_new(seen.loop, seen.in, on_readable, &seen, &watch), 0);
	assert_int_equal(write(out, "abc", 3), 3);
	assert_int_equal(loop_run(seen.loop, step_until_three_reads, &seen), 0);
	assert_int_equal(seen.reads, 3);
	assert_true(seen.steps >= 3);
	loop_fd_free(watch);
	loop_fd_free(NULL);
	loop_free(seen.loop);
	loop_free(NULL);
	close(seen.in);
	close(out);
}

static void on_timer(void *data)
{
	struct seen *seen = data;
	if (++seen->fires < 3)
		loop_timer_set(seen->timer, 1000);
	else
		loop_stop(seen->loop);
}

static void a_timer_fires_once_each_time_it_is_set(void **state)
{
	(void)state;
	struct seen seen = { 0 };
	struct loop_timer *never;
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_timer_new(seen.loop, on_timer, &seen, &seen.timer), 0);
	assert_int_equal(loop_timer_new(seen.loop, on_timer, &seen, &never), 0);
	loop_timer_set(never, 0);
	loop_timer_stop(never);
	loop_timer_set(seen.timer, UINT64_C(3600000000));
	loop_timer_set(seen.timer, 5000);
	uint64_t before = clock_mono_us();
	assert_int_equal(loop_run(seen.loop, NULL, NULL), 0);
	assert_int_equal(seen.fires, 3);
	assert_true(clock_mono_us() - before >= 6000);
	loop_timer_free(never);
	loop_timer_free(NULL);
	loop_free(seen.loop);
}

static void on_signal(void *data, int signum)
{
	struct seen *seen = data;
	assert_int_equal(signum, SIGUSR1);
	seen->signals++;
	loop_stop(seen->loop);
}

static void a_signal_is_a_callback(void **state)
{
	(void)state;
	struct seen seen = { 0 };
	struct loop_signal *watch;
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_signal_new(seen.loop, SIGUSR1, on_signal, &seen, &watch), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_run(seen.loop, NULL, NULL), 0);
	assert_int_equal(seen.signals, 1);
	loop_signal_free(watch);
	loop_signal_free(NULL);
	loop_free(seen.loop);
}

static void stop_at_once(void *data)
{
	struct seen *seen = data;
	seen->steps++;
	loop_stop(seen->loop);
}

static void a_loop_with_nothing_to_do_still_steps(void **state)
{
	(void)state;
	struct seen seen = { 0 };
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(loop_run(seen.loop, stop_at_once, &seen), 0);
	assert_true(seen.steps >= 1);
	loop_free(seen.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_readable_fd_calls_until_it_is_drained),
		cmocka_unit_test(a_timer_fires_once_each_time_it_is_set),
		cmocka_unit_test(a_signal_is_a_callback),
		cmocka_unit_test(a_loop_with_nothing_to_do_still_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
