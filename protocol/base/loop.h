// SPDX-License-Identifier: Apache-2.0
/*
 * loop.h - the event loop: readable fds, timers and signals over libuv. Callbacks record facts; the
 * *step* function given to loop_run is called after every round of callbacks and does the thinking.
 * Single-threaded.
 */
#ifndef PADDOCK_BASE_LOOP_H
#define PADDOCK_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;

typedef void loop_fn(void *data);
typedef void loop_signal_fn(void *data, int signum);

/* A loop the caller frees with loop_free. 0 or -errno. */
int loop_new(struct loop **ret_loop);

/* Free the loop and whatever is still attached to it. Accepts NULL. Not from inside a callback. */
void loop_free(struct loop *loop);

/*
 * Run until loop_stop: wait, call what is ready, then call `step` (may be NULL) once. 0 or -errno.
 */
int loop_run(struct loop *loop, loop_fn *step, void *data);

/* Make loop_run return after the current round. */
void loop_stop(struct loop *loop);

/*
 * Call fn whenever fd is readable (level-triggered), until loop_fd_free. The fd stays the caller's.
 * 0 or -errno.
 */
int loop_fd_new(struct loop *loop, int fd, loop_fn *fn, void *data, struct loop_fd **ret_watch);
/* Stop watching; accepts NULL. Close the fd after it, not before. */
void loop_fd_free(struct loop_fd *watch);

/* A stopped timer. 0 or -errno. */
int loop_timer_new(struct loop *loop, loop_fn *fn, void *data, struct loop_timer **ret_timer);
/* Fire once, delay_us from now (rounded up to milliseconds); replaces an earlier setting. */
void loop_timer_set(struct loop_timer *timer, uint64_t delay_us);
void loop_timer_stop(struct loop_timer *timer); /* not fire; may be set again */
void loop_timer_free(struct loop_timer *timer); /* accepts NULL */

/* Call fn when the process gets signum. 0 or -errno. */
int loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *data,
		    struct loop_signal **ret_signal);
void loop_signal_free(struct loop_signal *signal); /* restore the default; accepts NULL */

#endif
