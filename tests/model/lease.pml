/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.pml - lease, spool and merge of one case, for spin. One coordinator with a journal, two workers with a spool, and
 * connections that lose what they carry; anything may be killed between any two steps. What holds here holds for a whole
 * run, since cases share nothing but their worker.
 *
 * Abstractions: a verdict is the epoch that made it. A worker has one request out, which ends answered, or lost and said
 * again; that a repeated request is answered as before is the business of lanes, which have their own tests. Journal and
 * spool survive a kill; a write to them is one step, and what is sent after it may be lost with its sender.
 *
 * Each of these plants one mistake, and lease.sh shows that it is found:
 *   ORDER_FIRST    the order leaves before its epoch is in the journal
 *   RECEIPT_FIRST  the receipt leaves before the verdict is in the journal
 *   FORGET_EARLY   the spool forgets a verdict when it is sent, not when its receipt came
 *   MERGE_ALL      every verdict that comes is counted
 *   RERUN_KNOWN    a restarted coordinator hands out what is over
 */
#ifndef FAULTS
#define FAULTS 3
#endif
#define WORKERS	   2
#define EPOCHS_MAX 8

mtype = { POLL, REPORT, ORDER, NOTHING, RECEIPT, CANCEL };

chan asks = [WORKERS] of { mtype, byte, byte };
chan answers[WORKERS] = [1] of { mtype, byte };
bool waits[WORKERS]; /* for an answer that may still come */
byte serving;	     /* 1 + the worker whose request is being worked on; 0: none */

/* The journal: survives the coordinator. */
byte journal_epoch;   /* the highest handed out */
byte journal_verdict; /* the epoch that made the verdict; 0: none yet */

/* The coordinator's memory. */
byte lease_of; /* 1 + the worker that has the case; 0: nobody */

/* The workers: the spool survives, what runs does not. */
byte spool[WORKERS];
byte runs[WORKERS];
bool told[WORKERS]; /* of what runs: to poll once is as good as often */

/* Epochs as bits: whose verdict a worker had, and whose came to the coordinator. */
byte finished, arrived;

byte faults;
#define FAULT faults < FAULTS

#ifdef RERUN_KNOWN
#define IS_OPEN true
#else
#define IS_OPEN journal_verdict == 0
#endif

/* The coordinator is killed, and starts again from its journal. Its connections are gone. */
inline restart()
{
	lease_of = 0;
	waits[0] = false;
	waits[1] = false;
	faults++
}

inline may_restart()
{
	if
	:: atomic { FAULT -> restart(); goto served }
	:: skip
	fi
}

inline answer(type, value)
{
	if
	:: waits[w] -> answers[w]!type(value); waits[w] = false
	:: else -> skip /* nobody is there any more */
	fi
}

/* The first verdict counts, also of a lease that has ended: nobody was quicker. Later ones are journalled, not merged. */
inline merge()
{
	arrived = arrived | (1 << epoch);
#ifdef MERGE_ALL
	assert(journal_verdict == 0); /* counted once */
	journal_verdict = epoch;
#else
	if
	:: journal_verdict == 0 -> journal_verdict = epoch; lease_of = 0
	:: else -> skip
	fi
#endif
}

inline hand_out()
{
	/* Nothing known runs again; and an epoch is handed out once, or it fences nobody. */
	assert(journal_verdict == 0);
	assert(runs[0] != journal_epoch + 1 && runs[1] != journal_epoch + 1);
#ifdef ORDER_FIRST
	answer(ORDER, journal_epoch + 1);
	may_restart();
	journal_epoch++
#else
	journal_epoch++;
	may_restart();
	answer(ORDER, journal_epoch)
#endif
	;
	lease_of = w + 1
}

active proctype coordinator()
{
	byte w, epoch;

end:	do
	:: atomic { asks?POLL(w, epoch) -> serving = w + 1 }; goto poll
	:: atomic { asks?REPORT(w, epoch) -> serving = w + 1 }; goto report
	/* Its worker was silent for too long. */
	:: atomic { FAULT && lease_of != 0 -> lease_of = 0; faults++ }
	:: atomic { FAULT -> restart() }
	od;

poll:	if
	:: epoch != 0 && epoch == journal_epoch && journal_verdict == 0 ->
		/* Nobody was given it since: it goes on. */
		lease_of = w + 1;
		answer(NOTHING, 0)
	:: epoch != 0 && (epoch != journal_epoch || journal_verdict != 0) -> answer(CANCEL, epoch)
	/* Free; or this worker's, which says that it does not run it. */
	:: epoch == 0 && (lease_of == 0 || lease_of == w + 1) && journal_epoch + 1 < EPOCHS_MAX && IS_OPEN -> hand_out()
	:: else -> answer(NOTHING, 0)
	fi;
	goto served;

report:
#ifdef RECEIPT_FIRST
	answer(RECEIPT, epoch);
	may_restart();
	merge();
#else
	merge();
	may_restart();
	answer(RECEIPT, epoch);
#endif

served:	serving = 0;
	goto end
}

inline ask(type, value)
{
	/* Not while one of a life before is worked on: that one's answer is for nobody. */
	atomic {
		serving != me + 1 && !asks??[eval(POLL), eval(me), _] && !asks??[eval(REPORT), eval(me), _] ->
		asks!type(me, value);
		waits[me] = true }
}

/* Killed, and started again with its spool. What it asked is still served, and answered to nobody. */
inline kill()
{
	if
	:: nempty(answers[me]) -> answers[me]?_(_)
	:: empty(answers[me])
	fi;
	waits[me] = false;
	runs[me] = 0;
	told[me] = false;
	epoch = 0;
	faults++
}

active [WORKERS] proctype worker()
{
	byte me = _pid - 1, epoch;

end:	do
	:: spool[me] != 0 ->
		epoch = spool[me];
#ifdef FORGET_EARLY
		spool[me] = 0;
#endif
		ask(REPORT, epoch);
		goto asked
	:: spool[me] == 0 && journal_verdict == 0 && !told[me] ->
		told[me] = runs[me] != 0;
		ask(POLL, runs[me]);
		goto asked
	/* The case ends: its verdict is in the spool before anything is said of it. */
	:: d_step { runs[me] != 0 && spool[me] == 0 ->
		finished = finished | (1 << runs[me]);
		spool[me] = runs[me];
		runs[me] = 0;
		told[me] = false }
	:: atomic { FAULT && runs[me] != 0 -> kill() }
	od;

asked:	if
	:: answers[me]?ORDER(epoch) -> runs[me] = epoch
	:: answers[me]?NOTHING(_)
	:: answers[me]?CANCEL(epoch) -> d_step { runs[me] = 0; told[me] = false }
	:: answers[me]?RECEIPT(epoch) ->
		assert(journal_verdict != 0); /* what has its receipt is durable */
		spool[me] = 0
	/* Lost on the way, either way; and said again, by going round. */
	:: atomic { FAULT && asks??[eval(POLL), eval(me), _] -> asks??POLL, eval(me), _; told[me] = false; waits[me] = false; faults++ }
	:: atomic { FAULT && asks??[eval(REPORT), eval(me), _] -> asks??REPORT, eval(me), _; waits[me] = false; faults++ }
	:: atomic { FAULT && nempty(answers[me]) -> answers[me]?_(_); told[me] = false; faults++ }
	/* The coordinator was killed with the request. */
	:: atomic { !waits[me] && empty(answers[me]) && serving != me + 1 && !asks??[eval(POLL), eval(me), _] &&
		!asks??[eval(REPORT), eval(me), _] -> told[me] = false }
	:: atomic { FAULT -> kill() }
	fi;
	epoch = 0;
	goto end
}

/* When nobody has anything to do any more, the case has its verdict, and no verdict that a worker had was lost. */
active proctype rest()
{
	timeout -> assert(journal_verdict != 0 && finished == arrived)
}

/* And there is no way to go round for ever without one. */
ltl ends { <> (journal_verdict != 0) }
