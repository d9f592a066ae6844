// SPDX-License-Identifier: Apache-2.0
/*
 * probe.h - what the rooms of hostile deeds share.
 *
 * A probe does one deed that a sandbox must stand, and prints one line: a class and details.
 *
 *   refused ERRNO   told no, by the filter, a right that is missing, or a limit
 *   absent ERRNO    there is nothing to do it to
 *   private ...     it worked, on something that is the sandbox's own
 *   reached ERRNO   the kernel's code behind the permission check was reached
 *   open ...        it worked, or would have
 *   works, broken   for what tests need
 *   unsafe ...      not tried: not in namespaces of our own, where it could hurt
 *
 * The judgement is not the probe's. A deed that succeeds hurts nobody even without any sandbox:
 * probes stop at the proof that it could be done.
 */
#ifndef PADDOCK_TESTS_BOX_HOSTILE_PROBE_H
#define PADDOCK_TESTS_BOX_HOSTILE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct probe {
	const char *name;
	void (*run)(void);
};

/* The rooms, each ended by a probe without a name. */
extern const struct probe ends_probes[];
extern const struct probe files_probes[];
extern const struct probe kernel_probes[];
extern const struct probe limits_probes[];
extern const struct probe machine_probes[];
extern const struct probe network_probes[];
extern const struct probe processes_probes[];
extern const struct probe shape_probes[];

/* Several attempts of one deed on several objects, to be told as one. */
struct probe_tally {
	char open[256]; /* the objects it worked on */
	int refusal;	/* errno of the first that was refused */
	int absence;	/* errno of the first that is not there */
};

/* What the caller knows about the world outside: the value of KEY=VALUE on our command line, ""
 * when it is not there.
 */
const char *probe_fact(const char *key);

/* Print one line, at once. */
void probe_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The class of an errno: "refused", "absent" or "reached". */
const char *probe_class(int error);

/* Say what a call answered: open for result >= 0, else by errno. */
void probe_tell(long result);

/* As probe_tell, but success is as good as said: "private", "works". */
void probe_tell_as(long result, const char *success);

/* Count one attempt on `what`: its result, and errno when that is negative. */
void probe_count(struct probe_tally *tally, const char *what, long result);

/* Say open with the objects, else refused, else absent. */
void probe_conclude(const struct probe_tally *tally);

/*
 * Do a deed in a child, for what changes or kills a process. Returns its result, or -1 with errno;
 * when a signal ended it, says "refused SIGNAL" and returns PROBE_SAID.
 */
long probe_in_child(long (*deed)(void));

enum { PROBE_SAID = -77 };

/* Whether our namespace of this kind ("mnt", "pid", ...) is another one than the host's; false when
 * that is not known. */
bool probe_own(const char *kind);

/* Make, or open, "<folder>/<word>" for writing; -1 with errno. Closes it again. */
long probe_write_marker(const char *folder);

/* A path in the memory of the caller, by snprintf; what does not fit is cut. */
const char *probe_path(char *buffer, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
