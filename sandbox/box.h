// SPDX-License-Identifier: Apache-2.0
/*
 * box.h - the one public header of the sandbox.
 *
 * A *keeper* is one long-lived, single-threaded `paddock-box --serve` process. Whoever wants
 * sandboxes starts it once (before it has threads of its own), then asks it for sandboxes over a
 * SOCK_SEQPACKET socketpair that also carries the file descriptors of the payload. The keeper is
 * the parent of every sandbox, watches deadlines, and sends exactly one result per accepted spawn.
 * It dies with its owner, and every sandbox dies with it.
 *
 * Life of a handle:   box_open -> { box_spawn ... box_receive } * -> box_close
 *
 * Paths are the same inside and outside: a workspace or bind at /x/y is /x/y for the payload too,
 * but for a workspace that has a source of its own.
 */
#ifndef PADDOCK_SANDBOX_BOX_H
#define PADDOCK_SANDBOX_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much the payload may do. OFF runs it bare: own session, no namespaces, no filter. */
enum box_level {
	BOX_LEVEL_OFF,
	BOX_LEVEL_STRICT,
	BOX_LEVEL_DEFAULT,
	BOX_LEVEL_PERMISSIVE,
	BOX_LEVEL_MAX,
};

/* What happens to writes below the workspace. */
enum box_workspace {
	BOX_WORKSPACE_OVERLAY, /* private copy-on-write, thrown away at the end */
	BOX_WORKSPACE_SHARED,  /* the host's own folder, writable */
	BOX_WORKSPACE_READONLY,
	BOX_WORKSPACE_MAX,
};

enum box_network {
	BOX_NETWORK_LOOPBACK, /* own network namespace with lo up, v4 and v6 */
	BOX_NETWORK_NONE,     /* own network namespace, lo down */
	BOX_NETWORK_HOST,
	BOX_NETWORK_REUSE, /* like loopback, but one namespace for all such runs of a slot, one
			      after the other: weaker (ports in TIME_WAIT and counters stay),
			      cheaper */
	BOX_NETWORK_MAX,
};

/* What a level refuses and a spec may lift, or'ed. */
enum box_grant {
	BOX_GRANT_PTRACE = 1,
	BOX_GRANT_IO_URING = 2,
	BOX_GRANT_USERFAULTFD = 4,
	BOX_GRANT_PERF = 8,
	BOX_GRANT_USERNS = 16, /* namespaces and mounts of its own */
	BOX_GRANT_KVM = 32,    /* the device /dev/kvm; so the next two: /dev/fuse, /dev/net/tun */
	BOX_GRANT_FUSE = 64,
	BOX_GRANT_TUN = 128,
	BOX_GRANT_DEVICES = 224,
	BOX_GRANT_ALL = 255,
};

/* Why a sandbox ended, decided from the keeper's own facts, never from the payload's exit code. */
enum box_cause {
	BOX_CAUSE_EXIT,	    /* the payload called exit: exit_code */
	BOX_CAUSE_SIGNAL,   /* the payload was killed by term_signal, not by us */
	BOX_CAUSE_TIMEOUT,  /* past wall_us */
	BOX_CAUSE_CPU_TIME, /* past cpu_us */
	BOX_CAUSE_KILLED,   /* box_kill */
	BOX_CAUSE_OOM,	    /* the memory limit killed a process and the payload died by a signal */
	BOX_CAUSE_SETUP,    /* the payload never ran: step, object and setup_errno say why */
	BOX_CAUSE_REFUSED, /* isolation asked for cannot be enforced here: step and object say which
			    */
	BOX_CAUSE_MAX,
};

enum {
	BOX_FDS_MAX = 8, /* fds given to one payload: 0, 1, 2 and up to five more */
	BOX_BINDS_MAX = 16,
	BOX_ARGS_MAX = 16384, /* argv and envp entries, each */
	/* One encoded spec; it is passed as a sealed memfd when it outgrows a packet. */
	BOX_SPEC_BYTES_MAX = 4 << 20,
	BOX_REFUSALS_MAX = 16, /* kinds of refused calls a result tells; more are not told */
};

/* A host folder or file shown inside at the same path. */
struct box_bind {
	const char *path; /* absolute; must exist; not within /proc */
	bool writable;	  /* what the payload writes belongs to the owner of the keeper */
};

/*
 * One sandbox, as data. Zero means the default of each field. Pointers are borrowed for the call
 * only.
 */
struct box_spec {
	enum box_level level;
	enum box_workspace workspace;
	enum box_network network;
	bool best_effort; /* degrade instead of refusing when a control cannot be enforced */
	unsigned grants;  /* enum box_grant; none for the level off */
	unsigned slot;	  /* which slot runs it: 0..1023; one payload per slot at a time */
	const char *workspace_path; /* absolute, not "/", not below /proc, /sys, /dev; NULL: none */
	/* Absolute, with a workspace that is an overlay: its changes stay, in folder `upper` of
	 * this one, and count as there when it starts; `work` beside it may then go. NULL: thrown
	 * away. */
	const char *keep;
	/* Host folder the workspace is made of, never written to; NULL: workspace_path is. Not for
	 * SHARED, nor for the level off. */
	const char *workspace_source;
	const char *cwd;  /* absolute; NULL: the workspace, else /tmp (off: the keeper's own) */
	const char *home; /* absolute; NULL: a private writable HOME is made and exported */
	/* NULL-terminated; argv[0] is searched in envp's PATH when it has no slash. */
	const char *const *argv;
	/*
	 * NULL-terminated, complete. When HOME is private, HOME and TMPDIR are set, and XDG_*
	 * variables that are there are moved into the private places.
	 */
	const char *const *envp;
	const struct box_bind *binds;
	size_t n_binds;
	uint64_t wall_us;	/* 0: no deadline */
	uint64_t grace_us;	/* between TERM and KILL; 0: 2 s */
	uint64_t leak_grace_us; /* children alive so long after it are left over; 0: 200 ms */
	uint64_t memory_bytes;	/* 0: no limit; swap is counted in */
	uint64_t pids;		/* 0: 4096 */
	uint64_t cpu_milli;	/* cpu quota in thousandths of a processor; 0: no quota */
	/*
	 * Processor time of everything inside from the payload's start on; 0: no deadline. It ends
	 * as wall_us does, at most 4 ms times the host's processors late.
	 */
	uint64_t cpu_us;
	/* Share of contended processors, 1 to 10000 on the scale of cgroup v2; 0: 100. Against the
	 * keeper's other slots; the one-shot program's is against what is beside it. */
	uint64_t cpu_weight;
	/* The only processors it may use, such as "0-1,3", of the first 1024; NULL: all of the
	 * keeper's. */
	const char *cpuset;
	uint64_t tmp_bytes; /* all private files together; 0: half of memory_bytes or 2 GiB */
	/* Private files and folders, as many at most; 0: one per 2 KiB of tmp_bytes, 65536 at
	 * least. */
	uint64_t tmp_inodes;
	uint64_t file_bytes; /* RLIMIT_FSIZE; 0: no limit */
	uint64_t core_bytes; /* RLIMIT_CORE; 0: no cores */
};

/* System calls of one kind that the level refused. */
struct box_refusal {
	char call[48];	      /* such as "keyctl" or "socket AF_PACKET" */
	enum box_grant grant; /* that would allow it; 0: none */
	enum box_level level; /* the strictest that allows it; OFF: only that */
	uint32_t count;
};

/* What became of one sandbox. Strings are NUL-terminated. */
struct box_result {
	uint64_t id;   /* as given to box_spawn */
	unsigned slot; /* as in the spec */
	enum box_cause cause;
	int exit_code;	    /* valid with EXIT */
	int term_signal;    /* valid with SIGNAL, TIMEOUT, CPU_TIME, KILLED, OOM */
	bool oom;	    /* a limit of memory was hit, whatever the cause */
	bool pids_limit;    /* a fork was refused by the pids limit */
	uint32_t leftovers; /* processes alive leak_grace_us after the payload ended (they are dead
			       now) */
	uint64_t wall_us;   /* from start of the payload to its end */
	uint64_t user_us;   /* processor time of everything inside */
	uint64_t system_us;
	uint64_t peak_bytes; /* peak memory of everything inside; 0: unknown here */
	uint64_t read_bytes; /* from disks, and to them, by what ended by itself */
	uint64_t written_bytes;
	uint64_t dropped_bytes; /* of output, beyond --output of the one-shot program */
	uint32_t setup_us;	/* from request to exec of the payload */
	int setup_errno;	/* SETUP, REFUSED */
	char setup_step[32];
	char setup_object[256];
	char degraded[128]; /* controls that best_effort dropped, comma separated; "" none */
	/* In order of first sight; count 0 ends them. Not told at level permissive. */
	struct box_refusal refusals[BOX_REFUSALS_MAX];
};

struct box_error {
	char text[512]; /* what was tried, on which object, why it failed, what to do next */
};

struct box;

/* Names of the enums, for logs and messages; never NULL for a value below its _MAX. */
const char *box_level_name(enum box_level level);
const char *box_cause_name(enum box_cause cause);

/* The level, workspace or network called `name`, or -EINVAL. */
int box_level_parse(const char *name);
int box_workspace_parse(const char *name);
int box_network_parse(const char *name);

/* The name of one grant; never NULL. */
const char *box_grant_name(enum box_grant grant);

/* The grants of a comma separated list of names, or -EINVAL. */
int box_grants_parse(const char *names);

/*
 * Start the keeper: exec `program` (an absolute path to paddock-box) with --serve. `slots` is how
 * many payloads may run at once. Call before the process has threads. Returns 0 and a handle the
 * caller frees with box_close, or -errno with `err` filled. Blocks until the keeper said hello
 * (milliseconds).
 */
int box_open(const char *program, unsigned slots, struct box **ret_box, struct box_error *err);

/* Kill what still runs, wait for the keeper's end, free the handle. Accepts NULL. */
void box_close(struct box *box);

/* The fd to poll for reading: readable when box_receive has something. Owned by the handle. */
int box_fd(const struct box *box);

/*
 * Ask for one sandbox. fds[0..n_fds) become 0..n_fds-1 of the payload and stay open in the caller,
 * who closes its copies when it likes. Returns 0 when the request was accepted - exactly one result
 * with `id` follows - or -errno: -EINVAL a spec out of bounds, -EBUSY the slot runs something,
 * -EPIPE the keeper is gone. Does not block for the payload.
 */
int box_spawn(struct box *box, uint64_t id, const struct box_spec *spec, const int *fds,
	      size_t n_fds);

/* End sandbox `id`: TERM, its grace, KILL; grace_us overrides the spec's when not UINT64_MAX (0:
 * KILL at once). Returns 0, also when it already ended; -EPIPE: the keeper is gone. */
int box_kill(struct box *box, uint64_t id, uint64_t grace_us);

/* Take one result without blocking. Returns 1 with *ret_result filled, 0 when there is none, -EPIPE
 * when the keeper died, or sent what is no result of a run that was asked for. */
int box_receive(struct box *box, struct box_result *ret_result);

#endif
