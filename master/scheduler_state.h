/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's own files share: its books. Nobody else includes this.
 *
 *   scheduler.c           events, one after the other
 *   scheduler_dispatch.c  who gets what: pending jobs, suspects, second opinions, twins
 *   scheduler_jobs.c      a job's way through the lists until it is settled
 *   scheduler_workers.c   sessions and nodes: credits, silence, trust, rests, a full target
 *
 * Each event costs constant time for each action that it leads to, and nothing is allocated in the
 * steady state: entries move between lists.
 */
#ifndef SCIAME_MASTER_SCHEDULER_STATE_H
#define SCIAME_MASTER_SCHEDULER_STATE_H

#include "common/table.h"
#include "master/scheduler.h"

static const uint32_t SCHEDULER_NO_NODE = UINT32_MAX; /* no node has this number */

enum {
	SCHEDULER_COPIES_MAX = 2,
	SCHEDULER_NS_PER_MS = 1000 * 1000,
};

enum state {
	STATE_LISTING,
	STATE_DRAINING,
	STATE_HALTING,
	STATE_CANCELING,
	STATE_FINISHED,
};

/* First member of whatever is in a list; a list is a link that belongs to nothing. */
struct link {
	struct link *previous, *next;
};

/* A link of something that is in several lists. */
struct ref {
	struct link link;
	void *owner;
};

/* One process of a worker, over all its sessions. */
struct node {
	struct ref idle;     /* without sessions: in the order in which that came */
	struct link workers; /* refs */
	uint32_t number;
	uint32_t able; /* of its workers */
	int32_t trust;
	uint32_t results, disproved; /* since its last rest */
	uint32_t rests, deaths;
	int64_t died_ms;       /* the last time */
	int64_t rest_until_ms; /* -1: it does not rest */
	int64_t paused_ms;     /* since then it can't write the target; -1: it can */
	int64_t probe_at_ms;
	bool may_probe;
};

struct worker {
	struct link link; /* in the ring while it may take more, else linked to itself */
	struct ref heard; /* in `heard` or in `suspects`, both in the order of heard_ms */
	struct ref of_node;
	struct link held;  /* copies, oldest first */
	uint64_t means_ns; /* weight times the mean duration; 0 before the first result */
	struct node *node;
	uint32_t number, slots, lanes;
	uint32_t held_count, credits, free_credits;
	int64_t heard_ms;
	uint64_t beats, sent;
	int64_t mark_ms, old_mark_ms; /* when so many had been sent: */
	uint64_t mark_sent, old_mark_sent;
	bool deaf;       /* its last beat did not know of what had been sent by the old mark */
	int64_t deaf_ms; /* and the first of those in a row came then */
	bool draining, suspect, reserved, able;
};

enum where {
	WHERE_NOWHERE, /* in the hands of the event that is in work */
	WHERE_PENDING,
	WHERE_ALONE,
	WHERE_ELSEWHERE,
	WHERE_DELAYED,
	WHERE_OUT,     /* with one copy or two */
	WHERE_SETTLED, /* and a copy is still out: its worker has no room for others */
};

/* One sending of a job. */
struct copy {
	struct link link; /* in its worker's held */
	struct entry *entry;
	struct worker *worker; /* NULL: this copy is not out */
	uint32_t attempt;
	bool alone;
	uint64_t beat; /* number of the last one that listed it as running; 0: none did */
	int64_t sent_ms;
};

struct entry {
	struct link link;  /* pending, alone, elsewhere or spares */
	struct ref flight; /* in `flights` while it could get a twin */
	uint64_t job;
	enum where where;
	uint32_t attempt; /* number of the last SEND; 0 before the first */
	uint32_t retries, blames, hangs, target_tries;
	uint32_t losses;     /* workers lost with it alone, and not known to have begun it */
	uint32_t doubted;    /* node whose failure or death another one is to look at, or NO_NODE */
	bool second_opinion; /* it has been asked for */
	size_t delay_at;     /* where it stands in the heap */
	int64_t due_ms;
	uint32_t copies_count;
	struct copy copies[SCHEDULER_COPIES_MAX];
};

struct scheduler {
	struct scheduler_options options;
	enum state state;
	int64_t now_ms;
	struct actions *actions;      /* of the step in work */
	struct table jobs;            /* job -> entry */
	struct table workers;         /* number + 1 -> worker */
	struct table nodes;           /* number + 1 -> node */
	struct link pending;          /* entries; what comes back goes to the front */
	struct link alone, elsewhere; /* entries, oldest first */
	struct link spares;           /* entries of no job */
	struct link ring;             /* workers that may take more; the first one is served next */
	struct link heard, suspects;  /* refs of workers */
	struct link flights;          /* refs of entries, in the order of sending */
	struct link idle_nodes;       /* refs */
	struct entry **delayed;       /* a binary heap, soonest first */
	size_t delayed_capacity, spares_count, idle_nodes_count;
	struct worker *reserved;              /* it is being emptied for what has to run alone */
	uint32_t able;                        /* workers that could take a job if they had credit */
	uint32_t nodes_present, nodes_paused; /* with sessions; of these */
	int64_t node_due_ms;                  /* the next rest or probe of any node, or -1 */
	int64_t full_since_ms;                /* all nodes are paused, or -1 */
	uint64_t means_ns;                    /* of all workers, as in struct worker */
	uint64_t job_last;                    /* the highest number found */
	uint64_t asked;                       /* by ENUMERATE and not found yet */
	uint64_t free_credits;                /* of all workers */
	struct scheduler_counts counts;
};

/* scheduler_jobs.c */

void link_init(struct link *link);
bool link_alone(const struct link *link);
void link_insert(struct link *previous, struct link *link);
void link_remove(struct link *link);
void *scheduler_allocate(size_t size);
void emit(struct scheduler *s, struct action action);

/* Nothing new may be started. */
bool is_stopping(const struct scheduler *s);

struct entry *entry_new(struct scheduler *s, uint64_t job);
/* The copy of a job that this very worker holds with this very attempt, or NULL. */
struct copy *copy_held(const struct scheduler *s, const struct event *event);
/* Sends: takes the entry out of its list. */
void copy_send(struct scheduler *s, struct entry *entry, struct worker *worker);
/* The copy is not out any more; the entry is nowhere, or forgotten, when it was the last one. */
void copy_take_back(struct scheduler *s, struct copy *copy);

/* The entry is nowhere, or out with a copy that still counts: then that one decides. */
void entry_settle(struct scheduler *s, struct entry *entry, enum error_code code, uint32_t attempt);
void entry_come_back(struct scheduler *s, struct entry *entry);
void entry_delay(struct scheduler *s, struct entry *entry, uint32_t attempt);
void entry_to_elsewhere(struct scheduler *s, struct entry *entry, const struct node *node);
/* The copy that had this attempt is not out any more; worker: where it was. */
void entry_blame(
	struct scheduler *s, struct entry *entry, uint32_t attempt, const struct worker *worker);
void entry_hang(struct scheduler *s, struct entry *entry, uint32_t attempt);

/* From its list to the end, or to the front, of pending. */
void entry_pend_last(struct scheduler *s, struct entry *entry);
void entry_pend_first(struct scheduler *s, struct entry *entry);
void jobs_wake(struct scheduler *s);   /* those whose delay is over */
void jobs_cancel(struct scheduler *s); /* all that are not out */
void jobs_release(struct scheduler *s);

/* scheduler_workers.c */

struct worker *worker_find(const struct scheduler *s, uint32_t number);
struct worker *worker_new(struct scheduler *s, const struct event *hello);
/* After any change of what a worker holds or may hold. */
void worker_update(struct scheduler *s, struct worker *worker);
void worker_learn(struct scheduler *s, struct worker *worker, uint32_t duration_us);
void worker_hear(struct scheduler *s, struct worker *worker);
void worker_beat(struct scheduler *s, struct worker *worker, uint64_t received);
void worker_drain(struct scheduler *s, struct worker *worker);
void worker_lose(struct scheduler *s, struct worker *worker, bool blame);
void worker_evict(struct scheduler *s, struct worker *worker, enum evict_reason reason);
/* When its node has died too often. True: it is gone. */
bool worker_evict_if_sick(struct scheduler *s, struct worker *worker);
void worker_forget_if_drained(struct scheduler *s, struct worker *worker);
void workers_forgive(struct scheduler *s); /* all were heard just now */
void workers_expire(struct scheduler *s);  /* silence, rests, probes, a target that stays full */
void workers_release(struct scheduler *s);

/* A result has come from this worker; sent_ms: when its job was sent. */
void node_succeeded(struct scheduler *s, struct node *node, int64_t sent_ms);
void node_failed(struct node *node);
/* True when this is what paused the node. */
bool node_pause(struct scheduler *s, struct node *node);
/* A job goes to a paused node. */
void node_probe(struct scheduler *s, struct node *node);
/* What it failed has succeeded on another one. */
void node_disprove(struct scheduler *s, uint32_t number);
bool node_is_doubtful(const struct scheduler *s, const struct node *node);

/* scheduler_dispatch.c */

void dispatch(struct scheduler *s);
/* When the next twin is due, or -1. */
int64_t twin_deadline_ms(const struct scheduler *s);

#endif
