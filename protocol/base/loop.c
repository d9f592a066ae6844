// SPDX-License-Identifier: Apache-2.0
/*
 * loop.c - a thin skin over libuv; the only file that knows it. Handles are closed asynchronously
 * by libuv, so each watch is one allocation that its close callback frees. No thread pool work is
 * ever queued.
 */
#include "protocol/base/loop.h"

#include "protocol/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

struct loop {
	uv_loop_t uv;
	bool stopped;
};

struct loop_fd {
	uv_poll_t uv;
	loop_fn *fn;
	void *data;
};

struct loop_timer {
	uv_timer_t uv;
	loop_fn *fn;
	void *data;
};

struct loop_signal {
	uv_signal_t uv;
	loop_signal_fn *fn;
	void *data;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	int r = uv_loop_init(&loop->uv);
	if (r < 0) {
		free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, free_handle);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	uv_walk(&loop->uv, close_handle, NULL);
	loop->uv.stop_flag =
		0; /* a stop nobody ran into would end this run before it closed anything */
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int r = uv_loop_close(&loop->uv);
	ASSERT(r == 0);
	free(loop);
}

int loop_run(struct loop *loop, loop_fn *step, void *data)
{
	loop->stopped = false;
	if (step)
		step(data);
	while (!loop->stopped) {
		uv_run(&loop->uv, UV_RUN_ONCE);
		if (step)
			step(data);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	uv_stop(&loop->uv);
}

static void on_fd(uv_poll_t *handle, int status, int events)
{
	(void)status; /* an error is found again, with its errno, by the read that follows */
	(void)events;
	struct loop_fd *watch = handle->data;
	watch->fn(watch->data);
}

int loop_fd_new(struct loop *loop, int fd, loop_fn *fn, void *data, struct loop_fd **ret_watch)
{
	ASSERT(fd >= 0 && fn);
	struct loop_fd *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return -ENOMEM;
	*watch = (struct loop_fd){ .fn = fn, .data = data };
	int r = uv_poll_init(&loop->uv, &watch->uv, fd);
	if (r < 0) {
		free(watch);
		return r;
	}
	watch->uv.data = watch;
	r = uv_poll_start(&watch->uv, UV_READABLE, on_fd);
	if (r < 0) {
		loop_fd_free(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

void loop_fd_free(struct loop_fd *watch)
{
	if (!watch)
		return;
	uv_poll_stop(&watch->uv);
	close_handle((uv_handle_t *)&watch->uv, NULL);
}

static void on_timer(uv_timer_t *handle)
{
	struct loop_timer *timer = handle->data;
	timer->fn(timer->data);
}

int loop_timer_new(struct loop *loop, loop_fn *fn, void *data, struct loop_timer **ret_timer)
{
	ASSERT(fn);
	struct loop_timer *timer = calloc(1, sizeof(*timer));
	if (!timer)
		return -ENOMEM;
	*timer = (struct loop_timer){ .fn = fn, .data = data };
	int r = uv_timer_init(&loop->uv, &timer->uv);
	if (r < 0) {
		free(timer);
		return r;
	}
	timer->uv.data = timer;
	*ret_timer = timer;
	return 0;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_us)
{
	uv_update_time(timer->uv.loop);
	int r = uv_timer_start(&timer->uv, on_timer, (delay_us + 999) / 1000, 0);
	ASSERT(r == 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
	uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer)
		close_handle((uv_handle_t *)&timer->uv, NULL);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct loop_signal *signal = handle->data;
	signal->fn(signal->data, signum);
}

int loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *data,
		    struct loop_signal **ret_signal)
{
	ASSERT(fn && signum > 0);
	struct loop_signal *signal = calloc(1, sizeof(*signal));
	if (!signal)
		return -ENOMEM;
	*signal = (struct loop_signal){ .fn = fn, .data = data };
	int r = uv_signal_init(&loop->uv, &signal->uv);
	if (r < 0) {
		free(signal);
		return r;
	}
	signal->uv.data = signal;
	r = uv_signal_start(&signal->uv, on_signal, signum);
	if (r < 0) {
		loop_signal_free(signal);
		return r;
	}
	*ret_signal = signal;
	return 0;
}

void loop_signal_free(struct loop_signal *signal)
{
	if (signal)
		close_handle((uv_handle_t *)&signal->uv, NULL);
}
