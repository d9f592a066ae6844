#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The hosts' clocks step while a run is on, days ahead and back, each on its own; the coordinator dies and its host boots again,
# with a clock of the day before and the monotonic one from nought: no lease ends, no key or run is too old or too young, and the
# verdicts are those of a local run. Clocks of the wall are stepped within our programs, by a library in front of libc: the
# kernel has one for the whole machine. Monotonic ones are a time namespace's, which cannot step while somebody lives in it.
# shellcheck source=tests/kit/lab.sh
. "$(dirname "$0")/../kit/lab.sh"
needs cc

unshare --time true 2>/dev/null || skip "this host makes no time namespaces"
cat >"$work/wall.c" <<'EOF2'
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The hours a host's clock is ahead are the size of its file; 100,000 is right. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	struct stat st;
	int r = (int)syscall(SYS_clock_gettime, id, ts);
	if (r == 0 && id == CLOCK_REALTIME && getenv("WALL") && stat(getenv("WALL"), &st) == 0)
		ts->tv_sec += (st.st_size - 100000) * 3600;
	return r;
}

int gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;
	(void)zone;
	int r = clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return r;
}

time_t time(time_t *ret)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ret ? (*ret = ts.tv_sec) : ts.tv_sec;
}
EOF2
cc -shared -fPIC -o "$work/wall.so" "$work/wall.c" || fail "no clock to step"
step() { # HOST HOURS
	truncate -s $((100000 + $2)) "$work/wall-$1"
}
# Programs of a host that are started from now on have its clock.
live_on() { # HOST NAMESPACE-COMMAND...
	with=("${@:2}" env LD_PRELOAD="$work/wall.so" WALL="$work/wall-$1" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0")
}
boot() { # a host that has been up for a while
	unshare --time --monotonic 900000 --boottime 900000 sleep infinity &
	up=/proc/$!/ns/time_for_children
	wait_for 5 eval "[ \$(readlink $up) != $(readlink /proc/self/ns/time) ]"
}
for i in $(seq 300); do
	printf 't%s\techo t%s >>%s/begun; sleep 0.0%s; exit %s\n' "$i" "$i" "$work" $((i % 8)) $((i % 11 == 0))
done >"$work/t.list"
progress() {
	wait_for 20 has_lines begun $(($(wc -l <"$work/begun") + 30))
}
locally --sandbox off "$work/t.list"
rm "$work/begun"

for host in coordinator client w1 w2; do step "$host" 0; done
boot
live_on coordinator nsenter --time="$up"
cluster w1 w2
for host in w1 w2; do
	live_on "$host"
	join "$host"
done
live_on client
submit --sandbox off "$work/t.list"
wait_for 20 has_lines begun 10
step coordinator 24
progress
step w1 -48
step client 87600
progress
step coordinator -24
progress
strike serve
live_on coordinator
serve
progress
step coordinator 24
step w2 -1
progress
# The token is a day too old now; the key is not.
strike w1
live_on w1
join w1
step coordinator 0
expect_same
expect_not_in "lease ran out" "$work/events"
expect_eq 300 "$(sort -u "$work/begun" | wc -l)" "cases that began"
