/* SPDX-License-Identifier: MIT */
/*
 * The checker's own account of a run: arrays over all jobs, nodes and sessions that there have
 * been, where the scheduler has lists and tables of what is in flight. Written from the contract
 * in master/scheduler.h alone.
 *
 * An event changes the books and leaves debts behind (a job to settle, a worker to forget); the
 * actions must pay them, all of them and nothing else. Where the contract leaves a choice, the
 * books hold a range (credits, pauses) or what may be done but need not (may_code).
 *
 * Private to checker*.c and books.c.
 */
#ifndef SCIAME_TESTS_SIM_BOOKS_H
#define SCIAME_TESTS_SIM_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "master/scheduler.h"
#include "tests/sim/chain.h"
#include "tests/sim/credit.h"
#include "tests/sim/due.h"
#include "tests/sim/plan.h"

#define BOOKS_NONE UINT32_MAX

enum {
	COPIES_MAX = 2,         /* of a job at once */
	BLAMES_AT_ONCE_MAX = 2, /* both its copies died in one step */
	TRUSTED_SUCCESSES = 32, /* with no failure: trusted by any measure */
	NODE_DEATHS_MAX = 5,    /* of a node that is not sick of them, */
	NODE_DEATHS_MS = 60000, /* each within so long of the one before */
	DEAF_MS = 2000,         /* what has not arrived after two beats is lost, */
	DEAF_BY_MS = 20000,     /* and noticed by then, however late the beats come, */
	BEATS_DEAF_MAX = 8,     /* if there are so many of them */
};

enum stage {
	STAGE_UNKNOWN,
	STAGE_PENDING,
	STAGE_DELAY_OWED, /* must be delayed in this very step */
	STAGE_DELAYED,
	STAGE_OUTSTANDING,
	STAGE_ENDED, /* must be settled in this very step */
	STAGE_SETTLED,
};

enum presence {
	PRESENCE_UNKNOWN,
	PRESENCE_HERE,
	PRESENCE_DRAINING,
	PRESENCE_LEAVING, /* must be forgotten in this very step */
	PRESENCE_GONE,
};

/* One try in a worker's hands. It stays there when the job was settled by another copy. */
struct copy {
	uint32_t job, worker, attempt;
	uint32_t next_free;
	int64_t sent_ms;
	uint64_t listed; /* number of the beat that listed it as running last */
};

struct book_job {
	enum stage stage;
	enum error_code code, other_code; /* ENDED: with which it must be settled */
	enum error_code may_code;         /* in step may_step it may also be settled so */
	uint64_t may_step;
	uint32_t attempt;     /* of the last SEND */
	uint32_t end_attempt; /* with which it must be settled; BOOKS_NONE: any */
	uint32_t copies[COPIES_MAX];
	int64_t delayed_ms;    /* DELAYED: until then */
	uint32_t avoid;        /* index of the node on which it failed for good */
	uint32_t failed_on[2]; /* nodes */
	uint32_t losses;       /* of workers with it alone, not known to have begun it */
	uint32_t blames, blames_told, hangs, target_tries_low, target_tries_high;
	uint32_t retries_low, retries_high; /* that it has used up */
	struct {
		uint32_t worker, attempt; /* BOOKS_NONE: nothing is owed */
	} owed[BLAMES_AT_ONCE_MAX];
	bool went_elsewhere;
};

enum answer {
	ANSWER_NO,
	ANSWER_MAYBE,
	ANSWER_YES,
};

struct book_node {
	enum answer paused;
	int64_t paused_ms;                    /* since then */
	int64_t probe_from_ms;                /* no probe before */
	int64_t probe_by_ms;                  /* and one from then on */
	uint64_t successes, failures, unjust; /* unjust: failures that succeeded elsewhere */
	uint32_t deaths;                      /* in a row */
	int64_t death_ms;
	uint32_t rests;
	int64_t rest_ms, rest_until_ms; /* when the last one began, and ends */
	uint32_t here, takes;           /* sessions: present; that take jobs now */
	struct chain sessions;
};

struct book_worker {
	enum presence presence;
	uint32_t node, lanes;
	struct credit credit, credit_of_all; /* of what was accepted; also of what came too late */
	struct chain held;                   /* copies, oldest first */
	uint32_t alone;                      /* the copy that has it for itself, or BOOKS_NONE */
	int64_t heard_ms;
	bool suspect;
	uint64_t beats, sent, sent_capacity;
	uint32_t beats_deaf; /* in a row, that say that something is missing */
	int64_t beat_ms;
	int64_t *sent_ms;       /* when it was sent its first job, the second ... */
	uint64_t may_be_deaf;   /* the step in which it may be called so */
	enum evict_reason owed; /* EVICT, 0 for none */
	bool forget_owed;
	uint64_t credit_peak, free_low, free_high;
	uint64_t waiting_since; /* sends so far when it last began to wait for a job */
};

struct checker {
	const struct plan *plan;
	struct book_job *jobs;
	struct book_node *nodes;
	struct book_worker *workers; /* grows with the sessions */
	struct copy *copies;
	uint32_t nodes_count, nodes_capacity, workers_capacity, copies_count, copies_capacity,
		copies_free;
	struct chain_node *pending_nodes;                                            /* by job */
	struct chain_node *held_nodes, *sent_nodes;                                  /* by copy */
	struct chain_node *heard_nodes, *waiting_nodes, *idle_nodes, *session_nodes; /* by worker */
	struct chain fresh;           /* jobs never sent, as they were found */
	struct chain sent;            /* only copies that may get a twin, oldest first */
	struct chain heard, suspects; /* workers present, longest unheard first */
	struct chain waiting;         /* workers that must be given what waits */
	struct chain idle;            /* those of them that hold nothing */
	struct due delays, rests;

	int64_t now_ms;
	uint64_t step; /* events so far */
	bool exhausted, halted, canceled, finished;
	bool halt_owed, cancel_owed, abort_told, run_paused, pause_owed, resume_owed;
	int64_t run_paused_ms, all_paused_ms, awoke_ms;
	uint32_t ended, delays_owed, blames_owed, evicts_owed, forgets_owed; /* debts */
	uint64_t asked, found, settled, outstanding, delayed;
	uint64_t ordinary, alone, elsewhere;          /* pending jobs */
	uint64_t present, here, here_unpaused, takes; /* sessions; takes: eligible for a job */
	uint64_t sends, twins, told_blames, told_delays, retries_last;
	uint64_t disturbed; /* sends so far when a worker was last kept free for a job alone */
	uint64_t free_low, free_high, credit_peaks, in_flight_max;
	uint64_t shortest_us, longest_us; /* of the results so far */
	uint64_t ticks_idle, events_busy;
	char broken[256];
};

void books_init(struct checker *c, const struct plan *plan);
void books_release(struct checker *c);

/* For a rule that was broken; the first one stays. */
void checker_fail(struct checker *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The index of a number, or of an entry that nothing ever has. */
uint32_t books_job(const struct checker *c, uint64_t number);
uint32_t books_worker(const struct checker *c, uint32_t number);
uint64_t books_job_number(const struct checker *c, uint32_t index);
uint32_t books_worker_number(const struct checker *c, uint32_t index);
bool books_present(const struct book_worker *w);

/* What a worker may and must get, after any change of it or its node. */
void books_recount(struct checker *c, uint32_t worker);
void books_pause(struct checker *c, uint32_t node, enum answer paused);

/* Jobs between the stages. */
void books_pend(struct checker *c, uint32_t job);   /* in no stage that counts */
void books_unpend(struct checker *c, uint32_t job); /* before its stage is set */
void books_end(struct checker *c, uint32_t job, enum error_code code, uint32_t attempt);

/* Copies. */
void books_send(struct checker *c, const struct action *action);
uint32_t books_copy(const struct checker *c, const struct event *event); /* or BOOKS_NONE */
void books_drop_copy(struct checker *c, uint32_t copy);
uint32_t books_copies(const struct checker *c, uint32_t job); /* how many are out */

/* The next delay that ends, without those of jobs that were settled meanwhile. */
int64_t books_delay_ms(struct checker *c);

/* Whether a job is pending in this way. */
bool books_is_alone(const struct book_job *job);

/* A session comes, is heard, and leaves: then it must be forgotten in this step. */
void books_join(struct checker *c, const struct event *event);
void books_heard(struct checker *c, uint32_t worker);
void books_leave(struct checker *c, uint32_t worker);
void books_leave_if_drained(struct checker *c, uint32_t worker);

#endif
