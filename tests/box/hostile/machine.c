// SPDX-License-Identifier: Apache-2.0
/*
 * machine.c - deeds against the machine: modules, clocks, swap, ports. Each is asked for in a way
 * that changes nothing when it is granted: with arguments that are only found wrong behind the
 * permission check, or with what is so already.
 */
#include "tests/box/hostile/probe.h"

#include <fcntl.h>
#include <linux/quota.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/klog.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

static void watch_files(void)
{
	probe_tell(fanotify_init(FAN_CLASS_CONTENT, O_RDONLY));
}

/* Since Linux 5.13 anybody may watch without rights, so this is surface more than harm. */
static void watch_own_files(void)
{
	probe_tell(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY));
}

static void quota(void)
{
	char buffer[256];

	/* Somebody else's is only told to who might set it. */
	probe_tell(syscall(SYS_quotactl, QCMD(Q_GETQUOTA, USRQUOTA), "/dev/vda", 12345, buffer));
}

static void accounting(void)
{
	probe_tell(syscall(SYS_acct, "/nowhere/at/all"));
}

static void swap(void)
{
	struct probe_tally tally = { .open = "" };

	/* Not a place to swap to, which is found out by who may. */
	probe_count(&tally, "on", swapon("/etc/hostname", 0));
	probe_count(&tally, "off", swapoff("/etc/hostname"));
	probe_conclude(&tally);
}

static void restart(void)
{
	probe_tell(syscall(SYS_reboot, 1, 2, 3, NULL));
}

static void modules(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "init", syscall(SYS_init_module, NULL, 0, ""));
	probe_count(&tally, "finit", syscall(SYS_finit_module, -1, "", 0));
	probe_count(&tally, "delete", syscall(SYS_delete_module, "", O_NONBLOCK));
	probe_conclude(&tally);
}

static void other_kernel(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "load", syscall(SYS_kexec_load, 0, 1000, NULL, 0xffffffff));
	probe_count(&tally, "file", syscall(SYS_kexec_file_load, -1, -1, 0, NULL, 0xffffffff));
	probe_conclude(&tally);
}

static void ports(void)
{
	struct probe_tally tally = { .open = "" };

#if defined(__x86_64__)
	probe_count(&tally, "iopl", iopl(3));
	probe_count(&tally, "ioperm", ioperm(0x80, 1, 1));
#else
	tally.absence = ENOSYS;
#endif
	probe_conclude(&tally);
}

static void kernel_log(void)
{
	char buffer[64];

	probe_tell(klogctl(3 /* READ_ALL */, buffer, sizeof(buffer)));
}

/* To the very time it is, and as fast as it goes. */
static void clocks(void)
{
	struct probe_tally tally = { .open = "" };
	struct timex adjust = { .modes = 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	probe_count(&tally, "clock_settime", clock_settime(CLOCK_REALTIME, &now));
	adjtimex(&adjust);
	adjust.modes = ADJ_FREQUENCY;
	probe_count(&tally, "adjtimex", adjtimex(&adjust));
	probe_count(&tally, "rtc", open("/dev/rtc0", O_RDONLY | O_CLOEXEC));
	probe_conclude(&tally);
}

/* Whether there is an end to something, found out with the limit lowered so that it comes soon. */
static long until_refused(int resource, long (*make)(void))
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
		return 0;
	limit.rlim_cur = 256;
	setrlimit(resource, &limit);
	for (int i = 0; i < 100000; i++)
		if (make() < 0)
			return -1;
	return 0;
}

static long make_timerfd(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static long make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer);
}

/* Timers are memory of the kernel's. */
static void flood_timers(void)
{
	struct probe_tally tally = { .open = "" };

	probe_count(&tally, "timerfd", until_refused(RLIMIT_NOFILE, make_timerfd));
	probe_count(&tally, "timer", until_refused(RLIMIT_SIGPENDING, make_timer));
	probe_conclude(&tally);
}

const struct probe machine_probes[] = {
	{ "watch-files", watch_files },
	{ "watch-own-files", watch_own_files },
	{ "quota", quota },
	{ "accounting", accounting },
	{ "swap", swap },
	{ "restart", restart },
	{ "modules", modules },
	{ "other-kernel", other_kernel },
	{ "ports", ports },
	{ "kernel-log", kernel_log },
	{ "clocks", clocks },
	{ "flood-timers", flood_timers },
	{ NULL, NULL },
};
