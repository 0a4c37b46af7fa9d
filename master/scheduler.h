/* SPDX-License-Identifier: MIT */
/*
 * Decides which job goes to which worker and when the run has ended. PURE: events in, actions
 * out; no clock, no I/O, no randomness. It knows jobs, workers and nodes by number only.
 *
 * A job:   found -> PENDING -> OUTSTANDING(worker, attempt) -> settled and forgotten
 *                     ^  ^___________|  handed back, its worker lost, or one more try
 *                     |              |
 *                     +-- DELAYED <--+  a failure that may pass: 0.5, 2, 8 s, each +-50 %
 *                     +-- ALONE   <--+  a lane or a worker died of it
 *                     +-- ELSEWHERE<-+  its node is not trusted: another one is to try it
 * A worker: HELLO -> ACTIVE <-> SUSPECT (3 s unheard) -> EVICTed (5 s unheard, deaf, or sick)
 *                    ACTIVE --DRAIN--> holds nothing --> FORGET;  LOST -> FORGET
 * A run:   LISTING -> DRAINING (nothing more to find) -> FINISHED
 *             \____________\__> HALTING __\__> CANCELING -> FINISHED
 *
 * Credits: a worker may hold slots * (1 + ceil(250 ms / mean duration)) jobs, at least one more
 * than it has slots, at most 1,024 (proto/README.md, "Credits"); results of class DONE, PERMANENT
 * and TRANSIENT count for the mean. Jobs are asked for (ENUMERATE)
 * only while credits are free and fewer than SCHEDULER_DELAYED_MAX are delayed, so memory follows
 * the jobs in flight, not the jobs in all.
 *
 * Blame: a result of class DEATH blames its job. A worker that was LOST with blame, or EVICTed as
 * silent, blames the jobs that its last beat listed as running and that it still holds, and, up to
 * `lanes` in all, the first others that it holds. Every other job is pending again at no cost. A
 * blamed job runs alone: it is sent only to a worker that holds nothing, which gets nothing else
 * until it has ended. Running alone it is blamed only if a beat has listed it (workers beat as soon
 * as it has begun), else for each LOSSES_MAX-th worker that was lost with it: it may kill one
 * before that can tell. With the third blame it is settled as ERROR_QUARANTINED; the same after the
 * second HANG (that costs its lane's time, so it does not wait to be alone).
 *
 * Trust: a node (one process of a worker, over all its sessions) is trusted while its successes
 * outweigh its failures (NODE_TRUST_*). A failure of class PERMANENT on a node that is not, while a
 * worker of another node is there, is tried once on another node. A node half of whose last results
 * were failures that succeeded elsewhere is given a rest (1, 2, 4 s), then EVICTed as sick. So is
 * one whose sessions were LOST with blame, or silent, more than 5 times, each within 60 s of the
 * one before, at its next HELLO or BEAT, unless no other takes jobs.
 *
 * Target: a result of class TARGET costs the job nothing and pauses its node, which gets one probe
 * every 2 s until something succeeds there. When all nodes are paused for target_wait_ms, or the
 * job has failed so TARGET_TRIES_MAX times, it ABORTs (the run) or settles (the job).
 *
 * Twins: when everything is listed and sent, an idle worker gets a second copy of the job that was
 * sent longest ago, if that is longer than max(3 * mean duration, 1 s), on another worker; one
 * twin for a job at a time, at most 5 % of all jobs (and 8). The first result that settles counts.
 *
 * Stopping: while HALTING or CANCELING a job that would have been tried again is settled as
 * ERROR_CANCELED, another one with its code.
 *
 *     scheduler_step(s, &event, &actions);   for each thing that happened
 *     for (i = 0; i < actions.count; i++)    do actions.items[i], in this order
 *     scheduler_deadline_ms(s)               when to send the next EVENT_TICK, or -1
 */
#ifndef SCIAME_MASTER_SCHEDULER_H
#define SCIAME_MASTER_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	SCHEDULER_CREDITS_MAX = 1024,  /* jobs at one worker, or its slots + 1 if more */
	SCHEDULER_AHEAD_MS = 250,      /* work that a worker should have ahead of it */
	SCHEDULER_WORKERS_MAX = 4096,  /* workers at once; more is an assertion */
	SCHEDULER_DELAYED_MAX = 10000, /* delayed jobs at which no more are asked for */
	SCHEDULER_SUSPECT_MS = 3000,   /* unheard for so long: it gets no more */
	SCHEDULER_DEAD_MS = 5000,      /* and so long: it is evicted */
	SCHEDULER_LOSSES_MAX = 4,      /* of a worker with a job alone that is not known to run */
	SCHEDULER_BLAMES_MAX = 3,      /* deaths that quarantine a job */
	SCHEDULER_HANGS_MAX = 2,       /* the same of times that it hung */
	SCHEDULER_BACKOFF_MS = 500,    /* before the first retry; four times as long each time */
	SCHEDULER_BACKOFF_MAX_MS = 8000,
	SCHEDULER_PROBE_MS = 2000,       /* between probes of a node that can't write the target */
	SCHEDULER_TARGET_TRIES_MAX = 16, /* of one job, while others succeed */
	SCHEDULER_TWIN_MS = 1000,        /* no twin for a job sent less long ago */
	SCHEDULER_TWIN_MEANS = 3,        /* nor for one less than so many times the mean old */
	SCHEDULER_TWINS_FREE = 8,        /* twins of a run besides one for each 20 jobs found */
	SCHEDULER_REST_MS = 1000,   /* the first rest of a sick node; twice as long each time */
	SCHEDULER_RESTS_MAX = 3,    /* after so many rests it is evicted */
	SCHEDULER_SICK_RESULTS = 8, /* results at least on which it is called sick */
};

struct scheduler;

struct scheduler_options {
	uint32_t retries; /* of a failure that may pass; 0: none */
	bool twins;
	int64_t target_wait_ms; /* how long no node may be able to write the target */
	uint64_t seed;          /* of the jitter of delays */
};

enum event_type {
	EVENT_TICK,      /* time has passed; nothing else happened */
	EVENT_FOUND,     /* job, blames: one that ENUMERATE asked for. Numbers only ever rise */
	EVENT_EXHAUSTED, /* no more jobs to find; what was asked for and not found is void */
	EVENT_HELLO,     /* worker, node, slots, lanes: it can take jobs. A number is used once */
	EVENT_HEARD,     /* worker: any sign of life that is no other event */
	EVENT_BEAT,      /* worker, received: jobs that have reached it so far */
	EVENT_STARTED,   /* worker, job, attempt: its last BEAT lists it as running */
	EVENT_RESULT,    /* worker, job, attempt, code, number, duration_us. One that is not
	                    outstanding there is dropped, unless it is a LATE success */
	EVENT_LATE,      /* job, attempt: a success, of a worker that is not there any more. It
	                    settles the job if that is open and the attempt was ever sent */
	EVENT_RETURNED,  /* worker, job, attempt: handed back unstarted; nobody is to blame */
	EVENT_LOST,      /* worker, blame: gone; what it held goes to others */
	EVENT_DRAIN,     /* worker: finishes what it holds and gets nothing more */
	EVENT_AWOKE,     /* the master itself stood still: until now silence says nothing */
	EVENT_HALT,      /* start nothing new; what runs is finished */
	EVENT_CANCEL,    /* start nothing new, settle what waits as ERROR_CANCELED */
};

struct event {
	enum event_type type;
	int64_t now_ms; /* never less than in the event before */
	uint64_t job;
	uint32_t worker;
	uint32_t node;        /* HELLO: of which process it is a session */
	uint32_t slots;       /* HELLO: jobs that it does at once, 1 or more */
	uint32_t lanes;       /* HELLO: how many of them can kill it, 1 or more */
	uint32_t attempt;     /* STARTED, RESULT, LATE, RETURNED */
	enum error_code code; /* RESULT: ERROR_NONE is success */
	int number;           /* RESULT: errno behind the code, or 0 */
	uint32_t duration_us; /* RESULT: in the lane */
	uint32_t blames;      /* FOUND: deaths before this start of the master, < BLAMES_MAX */
	uint64_t received;    /* BEAT */
	bool blame;           /* LOST: it died; false: it left, or was told to */
};

enum evict_reason {
	EVICT_SILENT = 1, /* unheard for SCHEDULER_DEAD_MS */
	EVICT_DEAF,       /* beats a second apart miss what was sent 2 s before: a broken channel */
	EVICT_SICK,       /* it fails what succeeds elsewhere; its node is not to come back */
};

enum action_type {
	ACTION_ENUMERATE, /* count: answer with FOUNDs, at most count in all, or EXHAUSTED */
	ACTION_SEND,      /* worker, job, attempt, alone, twin */
	ACTION_SETTLE,    /* job, attempt, code: final, exactly once for each job; forget it */
	ACTION_BLAME,     /* job, attempt, worker, count: its deaths so far; comes before SETTLE */
	ACTION_DELAY,     /* job, attempt, count: ms until it is tried again */
	ACTION_REST,  /* worker, count: ms that it gets no jobs: it fails what succeeds elsewhere */
	ACTION_PAUSE, /* no node can write the target */
	ACTION_RESUME, /* one can again */
	ACTION_ABORT,  /* it took too long: CANCEL follows in the same step */
	ACTION_EVICT,  /* worker, reason: tell it that its session has ended; FORGET follows */
	ACTION_FORGET, /* worker: it drained and holds nothing, was lost, or was evicted */
	ACTION_HALT,   /* tell every worker to start nothing more, and go on telling them */
	ACTION_CANCEL, /* tell every worker, and go on telling them */
	ACTION_FINISH, /* every job that was found is settled; the last action of a run */
};

struct action {
	enum action_type type;
	uint64_t job;
	uint32_t worker;
	uint32_t attempt;
	uint32_t count;
	enum error_code code;
	enum evict_reason reason;
	bool alone; /* SEND: a fresh lane of its own: somebody died of it, or it hung */
	bool twin;  /* SEND: another copy is outstanding */
};

/* Zeroed by the caller before the first use; scheduler_step starts it anew each time. */
struct actions {
	struct action *items;
	size_t count, capacity;
};

struct scheduler_counts {
	uint64_t found, settled; /* jobs so far */
	/* found - settled jobs are in one of these: */
	uint32_t pending; /* to be sent: also ALONE and ELSEWHERE */
	uint32_t delayed;
	uint32_t outstanding; /* with one copy or two */
	uint32_t workers;
	uint64_t twins, retries, blames; /* so far */
};

struct scheduler *scheduler_new(const struct scheduler_options *options);
void scheduler_free(struct scheduler *s);
void actions_release(struct actions *actions);

/*
 * One event. One that breaks the rules above (a job found twice) is an assertion. After FINISH
 * nothing leads to an action any more, and a FOUND is an assertion.
 */
void scheduler_step(struct scheduler *s, const struct event *event, struct actions *actions);

/* The time on EVENT_TICK's clock at which something is due without any other event, or -1. */
int64_t scheduler_deadline_ms(const struct scheduler *s);

struct scheduler_counts scheduler_counts(const struct scheduler *s);

#endif
