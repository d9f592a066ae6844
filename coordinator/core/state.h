// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - the structs the rooms of core share. Private to coordinator/core: outside, everything
 * is behind core.h.
 *
 *	core ── roster: workers ── their attempts
 *	     └─ runs ── programs ── cases            (the ledger: one verdict per case)
 *	     └─ attempts: one execution of a listing or of a shard at a worker
 *
 * A case:     waiting ─(dependencies ended)─▶ ready ─(assigned)─▶ running ─(verdict)─▶ done
 *                                               ▲───(retry, lost, unstarted)──┘
 * A program:  to-list ─▶ listing ─▶ listed | failed
 *
 * Workers with equal tags are a pool; programs of a run with equal requirements are a class. Which
 * class a pool serves is found once and kept, so that a free slot costs no comparison of texts.
 */
#ifndef PADDOCK_CORE_STATE_H
#define PADDOCK_CORE_STATE_H

#include "coordinator/core/core.h"
#include "coordinator/plan/filter.h"
#include "coordinator/plan/partition.h"
#include "protocol/base/arena.h"
#include "protocol/base/rng.h"
#include "protocol/base/vec.h"

enum case_state { CASE_WAITING, CASE_READY, CASE_RUNNING, CASE_DONE };

enum program_state { PROGRAM_TO_LIST, PROGRAM_LISTING, PROGRAM_LISTED, PROGRAM_FAILED };

enum {
	CORE_PLACE_BITS = 20, /* of an attempt's id: its place in the table */
	CORE_LATE_MAX = 4096, /* lost attempts kept for a late verdict */
	/* attempts lost with their worker before a case is given up as lost */
	CORE_LOSSES_MAX = 3,
	/* listings lost with their worker before the program is an error */
	CORE_LIST_TRIES_MAX = 3,
	/* names and details of one shard: leaves room in the frame for the program */
	CORE_SHARD_BYTES_MAX = 384 << 10,
	/* of an order and its frame beside those and the program */
	CORE_ORDER_BYTES = 16 << 10,
	/* different sets of requirements in one run */
	CORE_CLASSES_MAX = 256,
	CORE_NOBODY = UINT32_MAX, /* no place in a table */
	/* slow cases are told no more often, so that no client floods the journal */
	CORE_SLOW_US_MIN = 100000,
};

/* A lock by name: cases hold it exclusively; those that found it taken wait in order. */
struct core_lock {
	bool held;
	struct {
		uint32_t *items;
		size_t len, cap;
	} waiters; /* case indices, first come first served from `next` */
	size_t next;
};

/* Cases that run together and with no others: half of a shard whose worker was lost. */
struct core_bunch {
	uint32_t *items;
	size_t len, cap;
};

/* One listed case: a row of the ledger. */
struct core_case {
	struct str name, detail; /* in the run's arena */
	uint32_t program;
	enum case_state state;
	enum outcome outcome; /* valid when DONE */
	uint64_t order;	      /* lower runs earlier */
	uint64_t expect_us, timeout_us, memory_bytes;
	uint64_t attempt; /* that runs it; 0 none */
	bool seen;	  /* history knows it */
	uint32_t retries_left, tries, losses;
	uint32_t waiting_for; /* dependencies not ended yet */
	uint32_t repeat;      /* which repetition, from 1; 0 when not repeated */
	uint16_t processors;
	bool disabled;	   /* the suite says so: skipped without running */
	bool started;	   /* this attempt at it was announced: it is in run->begun */
	bool alone;	   /* a shard of its own */
	bool serial;	   /* nothing of its run beside it */
	bool constrained;  /* holds locks or more than one slot */
	bool needs_failed; /* something it needs did not pass */
	bool was_red;	   /* an earlier attempt was: a pass now is flaky */
	bool quarantined;
	uint64_t began_us;	/* when that was; while restoring, since the run began */
	uint64_t slow_us;	/* when it is to be told as slow */
	uint32_t before, after; /* neighbours in run->begun */
	uint32_t slow_told;	/* how often it was, in all attempts */
	uint64_t avoid_worker;	/* where the last attempt failed; 0 none */
	uint64_t decided;	/* the attempt whose verdict counted; 0 none */
	uint32_t bunch;		/* runs with exactly these others (run->bunches), from 1; 0 none */
	const struct str *locks;
	size_t n_locks;
	struct {
		uint32_t *items;
		size_t len, cap;
	} unblocks;	    /* cases whose `after` or `needs` this is */
	size_t n_needed_by; /* the first so many of unblocks also need its pass */
};

/* An entry of a heap: all that its comparisons need, so that they stay within the heap's memory. */
struct core_heap_item {
	uint64_t order;
	uint32_t repeat, index;
};

/*
 * A binary heap of cases by repetition and order. Entries may be stale: a popped case that is not
 * READY is skipped.
 */
struct core_heap {
	struct core_heap_item *items;
	size_t len, cap;
};

/* Shards that ran to their end, and those among them with a red case. */
struct core_tally {
	uint64_t n, red;
};

/* A worker's own part of what it is compared with, see trust.c. */
struct core_cell {
	uint64_t run;
	uint32_t program;
	struct core_tally tally;
	bool first_red; /* its first shard was */
};

/* What a worker's shards came to; the numbers are of programs that have no cell any more. */
struct core_trust {
	double n, red, expected;
	struct {
		struct core_cell *items;
		size_t len, cap;
	} cells;
	size_t next_cell; /* replaced next once there are enough */
};

struct core_program {
	struct msg_program spec; /* deep copy in the run's arena */
	enum program_state state;
	uint32_t list_tries, class;
	struct core_heap ready; /* batchable cases */
	bool filed;		/* its cases are in the ledger */
	uint64_t startup_us;
	uint64_t done_us, done_n; /* this run's own experience, for estimates of the unseen */
	struct core_tally tried;
	struct {
		uint32_t *items;
		size_t len, cap;
	} cases;
	struct {
		struct msg_listed *items;
		size_t len, cap;
	} listing;	      /* while listing */
	struct map red_found; /* found cases that were red in an earlier attempt */
};

/* A verdict of a case found while running, held until its listed case's verdict is final. */
struct core_found {
	struct str name, message; /* heap */
	uint32_t index;
	enum outcome outcome;
	uint64_t duration_us, at_us;
	uint64_t exit_code, signal;
	bool kept; /* journalled */
};

/* Output kept of one case while its attempt runs. */
struct core_output {
	uint32_t index;
	struct buf out, err;
	size_t kept_out, kept_err; /* bytes journalled */
	uint64_t bytes;		   /* that arrived */
	uint64_t cut_bytes;	   /* ... and were more than is kept */
	uint64_t kept_cut;	   /* ... of those journalled */
};

/*
 * An attempt is with a worker, or an orphan (its worker is to come back: worker is 0), or late (its
 * worker was lost and its cases went elsewhere: what it still reports may be the first verdict).
 */
struct core_attempt {
	uint64_t id, epoch; /* id 0: free */
	uint64_t worker, run;
	uint64_t session; /* of the worker */
	char *name;	  /* of the worker that is gone; heap, may be NULL */
	uint64_t seq;	  /* next of its news */
	bool late, dirty; /* dirty: it is in core->dirty */
	uint32_t program;
	bool list;
	bool cancelled;
	bool red;   /* one of its cases was */
	bool moved; /* when it is cancelled, its worker is to be empty: it runs elsewhere, no loss
		     */
	uint64_t slot;
	uint64_t retry;	     /* as its worker was told */
	uint64_t started_us; /* assigned at */
	uint64_t processors;
	struct {
		uint32_t *items;
		size_t len, cap;
	} cases; /* of the shard; verdicts turn their state */
	struct {
		struct core_found *items;
		size_t len, cap;
	} found;
	struct {
		struct core_output *items;
		size_t len, cap;
	} outputs;
	size_t worker_place; /* index in the worker's list */
};

struct core_worker {
	uint64_t number;  /* 0: free */
	uint64_t owner;	  /* the caller's number for it */
	uint64_t session; /* the owner's */
	struct str name;  /* heap */
	struct str *tags; /* heap, sorted */
	size_t n_tags;
	uint32_t pool;
	uint64_t slots, used;
	uint64_t heard_us, joined_us;
	uint64_t evict_us; /* what it runs then is to run elsewhere; UINT64_MAX never */
	bool draining, quarantined;
	struct core_trust trust;
	bool suspect;		/* in the list of suspects, else in that of the heard */
	bool present;		/* counted: takes work, or will when it is heard again */
	bool healthy;		/* counted: takes work */
	uint32_t before, after; /* neighbours in its list, by when they were heard */
	struct {
		uint32_t *items;
		size_t len, cap;
	} attempts; /* indices into core->attempts */
};

/* Things of a table in an order, linked by their `before` and `after`. */
struct core_list {
	uint32_t first, last; /* CORE_NOBODY: empty */
};

/* Workers with equal tags. */
struct core_pool {
	const struct str *tags; /* heap, sorted; NULL with n_tags 0 and no workers: free */
	size_t n_tags;
	uint64_t hash;
	size_t workers, present, healthy;
};

/* Programs of a run that require the same of a worker. */
struct core_class {
	const struct str *requires; /* in the run's arena, sorted */
	size_t n_requires;
	struct core_heap ready; /* every ready case but the serial ones */
	struct core_heap serial;
	struct {
		uint32_t *items;
		size_t len, cap;
	} to_list; /* programs, from next_to_list */
	size_t next_to_list;
	struct {
		uint32_t *items;
		size_t len, cap;
	} relist; /* programs whose listing was lost */
	struct {
		uint8_t *items; /* enum class_serves per pool */
		size_t len, cap;
	} pools;
	size_t present, healthy; /* workers that offer all it requires */
	uint64_t unserved_us;	 /* since when none does; UINT64_MAX: one does */
	bool told;		 /* ... and the run was told so */
};

/* Whose runs share a quota. */
struct core_client {
	struct str name; /* heap; NULL: free */
	size_t runs;
	uint64_t used; /* slots */
};

struct core_override {
	struct msg_override spec;
	struct filter *filter;
};

struct core_run {
	uint64_t number; /* 0: free */
	struct arena arena;
	struct msg_submit spec; /* deep copy */
	const char *name;
	struct estimate_table history;
	struct partition partition;
	struct filter **filters;
	struct core_override *overrides;
	struct map only;
	struct rng rng;
	uint64_t began_us, deadline_us; /* deadline absolute, UINT64_MAX none */
	struct {
		struct core_program *items;
		size_t len, cap;
	} programs;
	struct {
		struct core_case *items;
		size_t len, cap;
	} cases;
	struct {
		struct core_lock *items;
		size_t len, cap;
	} locks;
	struct map lock_index;
	struct {
		struct core_class *items;
		size_t len, cap;
	} classes;		       /* at least one, once it has programs */
	uint32_t client;	       /* index into core->clients, CORE_NOBODY none */
	struct core_tally first_tried; /* first shards of a program at each worker */
	size_t listed;		       /* programs in state LISTED or FAILED */
	size_t selected;	       /* cases that filters and partition let through */
	size_t abandoned;	/* programs that were never listed because the run was stopped */
	size_t done, running;	/* cases */
	struct core_list begun; /* running cases, see slow.c */
	uint64_t slow_us;	/* what is slow; 0 nothing */
	struct {
		uint32_t *items;
		size_t len, cap;
	} ended; /* done cases whose dependents are to be told, from next_ended */
	size_t next_ended;
	struct {
		struct core_bunch *items;
		size_t len, cap;
	} bunches;
	struct {
		struct core_attempt *items;
		size_t len, cap;
	} restored;	      /* attempts by their places, while being built again */
	bool restoring;	      /* being built again: nothing is emitted */
	bool stop_immediate;  /* what runs is to be killed */
	bool announced;	      /* its first event was emitted */
	bool was_finished;    /* its last event was restored */
	uint64_t restored_us; /* time of the newest event restored */
	bool telling; /* somebody further out tells them: no recursion along chains of needs */
	size_t busy_attempts; /* attempts of this run at workers */
	uint64_t used;	      /* slots they take */
	uint64_t left_us;     /* estimated work not handed out */
	int64_t turn_us;      /* see assign.c; as of the last round of assigning */
	bool serial_running, stopped, finished, held; /* held: a partition waits for all listings */
	char why_stopped[256];
	uint64_t steps; /* comparisons made by its queues */
	uint64_t red, n_found;
	uint64_t failures; /* red verdicts that count for --max-fail: not those that never ran */
	uint64_t outcomes[OUTCOME_MAX];
	int exit_code;
	uint64_t busy_us, slots_max;
	struct {
		uint64_t *items;
		size_t len, cap;
	} durations; /* of cases that ran, for the bound */
};

struct core {
	struct core_options options;
	uint64_t now_us;
	struct rng rng;
	uint64_t serial; /* of ids */
	uint64_t slots;	 /* of all workers */
	struct {
		struct core_worker *items;
		size_t len, cap;
	} workers;
	struct core_list heard, suspects; /* in the order in which they were last heard */
	struct {
		uint64_t *items;
		size_t len, cap;
	} room; /* a bit per worker: it is healthy and has a free slot */
	struct {
		struct core_pool *items;
		size_t len, cap;
	} pools;
	struct {
		struct core_client *items;
		size_t len, cap;
	} clients;
	uint64_t evict_us; /* the first of the workers' */
	struct {
		struct core_run **items;
		size_t len, cap;
	} order; /* runs that have something to hand out, the next first; of one round of assigning
		  */
	struct {
		struct core_run **items;
		size_t len, cap;
	} runs;
	struct {
		struct core_attempt *items;
		size_t len, cap;
	} attempts;
	struct {
		uint32_t *items;
		size_t len, cap;
	} free_attempts;
	struct {
		struct core_action *items;
		size_t len, cap;
	} actions;
	size_t next_action;
	struct arena arena; /* what pending actions point to */
	struct {
		uint32_t *items;
		size_t len, cap;
	} dirty;	     /* attempts that told news since the last drain */
	size_t orphans;	     /* attempts without a worker that still hold their cases */
	uint64_t orphans_us; /* when those are lost */
	size_t late;	     /* attempts kept for a late verdict */
	bool work_changed;   /* slots or cases became free: match again before the next drain */
	/* something was dropped: all runs are stopped as incomplete before the next drain */
	bool out_of_memory;
};

/* ---- core.c ---- */

/*
 * Start of every call that changes something: time moves on, drained actions and what they
 * pointed to are forgotten.
 */
void core_enter(struct core *core, uint64_t now_us);

/*
 * Memory for an action's data, valid until the queue is drained and the core is called again.
 * NULL on no memory.
 */
void *core_action_alloc(struct core *core, size_t bytes);

/* Queue an action. On no memory the core remembers it and fails its runs. */
void core_push(struct core *core, const struct core_action *action);

/*
 * Queue a decision for the journal, copied (its texts and events too). Nothing when nobody asked
 * for a journal.
 */
void core_decide(struct core *core, const struct core_run *run,
		 const struct msg_decision *decision);

/* The run with this number, or NULL. */
struct core_run *core_find_run(const struct core *core, uint64_t number);

/* The worker with this number, or NULL. */
struct core_worker *core_find_worker(const struct core *core, uint64_t number);

/* ---- roster.c: who is there ---- */

/* Count the worker where it belongs now, after anything it was asked or heard or given changed. */
void roster_refresh(struct core *core, struct core_worker *worker);

/* Does this pool offer all that the class requires? */
bool roster_serves(struct core *core, struct core_class *class, uint32_t pool);

/* A run's classes are new: count who serves them. */
void roster_count(struct core *core, struct core_run *run);

/* Suspect whoever was silent too long by now. Costs nothing when nobody was. */
void roster_suspect(struct core *core);

/* Time passed: suspects, lost leases, evictions. */
void roster_tick(struct core *core);

/* When roster_tick is next needed. */
uint64_t roster_deadline_us(const struct core *core);

/* Free all workers and pools. */
void roster_done(struct core *core);

/* The place in core->clients of a name, made when new; CORE_NOBODY on no memory. */
uint32_t roster_client(struct core *core, struct str name);

/* It fails more than chance explains: no more work for it, and what it runs runs elsewhere. */
void roster_quarantine(struct core *core, struct core_worker *worker, const char *why);

/* ---- trust.c ---- */

/* A shard of this program ran to its end there. May quarantine the worker. */
void trust_judge(struct core *core, struct core_run *run, uint32_t program,
		 struct core_worker *worker, bool red);

/* Others have done better than this worker with something: look whether chance explains that. */
void trust_look(struct core *core, struct core_worker *worker);

/* A run is about to be forgotten: keep what its shards came to. */
void trust_run_over(struct core *core, const struct core_run *run);

/* ---- class.c: what a run requires ---- */

/* Sort the run's programs into classes. 0, -E2BIG with err past CORE_CLASSES_MAX, -ENOMEM. */
int class_sort(struct core_run *run, struct err *err);

/* Free what a class holds. */
void class_done(struct core_class *class);

/* The class of a case. */
struct core_class *class_of(const struct core_run *run, uint32_t index);

/* Is there anything of the class that a slot could be given now? */
bool class_has_work(const struct core_run *run, const struct core_class *class);

/* Time passed, or workers came or went: tell runs that nobody serves, give up what waited enough.
 */
void class_tick(struct core *core);

/* When class_tick is next needed. */
uint64_t class_deadline_us(const struct core *core);

/* ---- slow.c: what runs for long ---- */

/* A running case began. */
void slow_begin(const struct core *core, struct core_run *run, uint32_t index, uint64_t began_us);

/* A case that began runs no longer. */
void slow_end(struct core_run *run, uint32_t index);

/* Time passed: tell the runs which of their cases are slow. */
void slow_tick(struct core *core);

/* When slow_tick is next needed. */
uint64_t slow_deadline_us(const struct core *core);

/* ---- queue.c: order and readiness ---- */

/* Does `a` come out before `b`? Counts as a step of the run. */
bool queue_before(struct core_run *run, const struct core_heap_item *a,
		  const struct core_heap_item *b);

/* Put a case index into a heap ordered by `order`. 0 or -ENOMEM. */
int queue_push(struct core_run *run, struct core_heap *heap, uint32_t index);

/*
 * The best READY case of a heap without taking it; stale entries fall out. UINT32_MAX when empty.
 */
uint32_t queue_peek(struct core_run *run, struct core_heap *heap);

/* Take the top entry off. */
void queue_pop(struct core_run *run, struct core_heap *heap);

/* Make a case ready (all it waits for has ended) and file it where it belongs. */
void queue_make_ready(struct core *core, struct core_run *run, uint32_t index);

/*
 * A waiting case waits for nothing any more: make it ready, or end it when that is decided
 * already.
 */
void queue_start(struct core *core, struct core_run *run, uint32_t index);

/* Cases have their verdicts (run->ended): start what waited for them. */
void queue_tell_dependents(struct core *core, struct core_run *run);

/* Take all locks of a case, or none: false when it now waits for one. */
bool queue_take_locks(struct core *core, struct core_run *run, uint32_t index);

/* Give the locks back and wake one waiter of each. */
void queue_drop_locks(struct core *core, struct core_run *run, uint32_t index);

/* ---- listing.c ---- */

/* Keep a piece of a listing. 0, -EPROTO past the cap of cases, -ENOMEM. */
int listing_add(struct core_run *run, struct core_program *program, const struct msg_event *event);

/*
 * The listing is complete: select, order and file its cases; emits. May wait for the other
 * listings when a partition asks.
 */
void listing_done(struct core *core, struct core_run *run, uint32_t at);

/* The start-up cost that history knows, unless this run has measured one. */
void listing_startup(struct core_run *run, uint32_t at);

/* Put a program's wanted cases into the ledger. 0 or -ENOMEM. */
int listing_file(struct core *core, struct core_run *run, uint32_t at, const bool *wanted);

/* A restored run: start what waits for nothing, file what was listed and not filed. */
void listing_resume(struct core *core, struct core_run *run);

/* The program will never be listed because the run was stopped. */
void listing_abandoned(struct core *core, struct core_run *run, uint32_t at);

/* The listing failed for good: every such program is one error. */
void listing_failed(struct core *core, struct core_run *run, uint32_t at, struct str message,
		    int exit_code);

/* ---- assign.c ---- */

/* Match free slots with work until nothing fits. */
void assign_all(struct core *core);

/* The attempt `id`, or NULL when it is not (or no longer) known. */
struct core_attempt *assign_find(const struct core *core, uint64_t id);

/* Take the attempt off its worker and free it. */
void assign_release(struct core *core, struct core_attempt *attempt);

/* Free what it holds and zero it: a place in a table is left. */
void assign_free(struct core_attempt *attempt);

/* The attempt at `place` of the table, made when the table is shorter; NULL on no memory. */
struct core_attempt *assign_at(struct core *core, uint32_t place);

/* Take it off its worker; it keeps its cases and waits for the worker to come back. */
void assign_orphan(struct core *core, struct core_attempt *attempt);

/* An orphan goes on at this worker. */
void assign_adopt(struct core *core, struct core_attempt *attempt, struct core_worker *worker);

/*
 * Its cases went elsewhere: off its worker, but kept for what it may still report. Freed instead
 * when that can be nothing.
 */
void assign_keep_late(struct core *core, struct core_attempt *attempt);

/* Free what is kept of a run's lost attempts: it is over. */
void assign_drop_late(struct core *core, const struct core_run *run);

/* Journal how far the attempts have told their news, and what no verdict holds yet. */
void assign_settle(struct core *core);

/* Tell its worker to end it. */
void assign_cancel(struct core *core, struct core_attempt *attempt, const char *why);

/* ---- merge.c: the ledger ---- */

/* Apply one worker event. As core_worker_event. */
int merge_event(struct core *core, struct core_attempt *attempt, const struct msg_event *event,
		struct err *err);

/*
 * The attempt's worker is gone: what it had not finished runs elsewhere or is lost. Frees the
 * attempt.
 */
void merge_lost(struct core *core, struct core_attempt *attempt);

/* Keep what belongs to a verdict that has not come yet: output, or a found case. 0 or -ENOMEM. */
int merge_keep(struct core_attempt *attempt, const struct msg_event *event);

/* Forget what was kept for a case. */
void merge_drop(struct core_attempt *attempt, uint32_t index);

/*
 * These cases lost their worker in one attempt: count it, and from two on split them in halves that
 * run apart from each other, until the culprit is alone.
 */
void merge_split(struct core *core, struct core_run *run, const uint32_t *cases, size_t n);

/* Count a verdict, final or not, in the run's numbers; true when --max-fail is reached. */
bool merge_count(struct core_run *run, enum outcome outcome, bool quarantined);

/* Emit that a running case is slow. */
void merge_tell_slow(struct core *core, struct core_run *run, uint32_t index);

/* Give a case its final verdict without an attempt (notrun, error, skip). */
void merge_conclude(struct core *core, struct core_run *run, uint32_t index, enum outcome outcome,
		    struct str message);

/* End what has not started; called when a run is stopped. */
void merge_abandon(struct core *core, struct core_run *run);

/* ---- restore.c ---- */

/* Case indices as a decision has them; in the actions' memory, empty when there is none. */
struct str restore_pack(struct core *core, const uint32_t *cases, size_t n);

/* ---- run.c ---- */

/* Build a run from a submission; see core_run_submit. NULL with err. */
struct core_run *run_new(struct core *core, const struct msg_submit *submit, const char *name,
			 struct estimate_table *history, struct err *err);

/* Free it. Accepts NULL. */
void run_free(struct core_run *run);

/*
 * Start no more of it; as core_run_stop, but the run does not finish here: the caller looks with
 * run_check_finished.
 */
void run_stop(struct core *core, struct core_run *run, const char *why, int exit_code,
	      bool immediate);

/* Emit one event of the run: *event is completed with the time and copied. */
void run_emit(struct core *core, const struct core_run *run, const struct msg_run_event *event);

/* Emit its first event. */
void run_announce(struct core *core, struct core_run *run);

/* Finish the run when nothing is left to do. */
void run_check_finished(struct core *core, struct core_run *run);

/* Raise the exit code, keeping the worst. */
void run_raise(struct core_run *run, int exit_code);

#endif
