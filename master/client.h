/* SPDX-License-Identifier: MIT */
/*
 * Who has jobs done: the other side of the loop. There are two, the command (master/run_client.c)
 * and the executor of the library (library/executor.c); the loop knows neither. All calls come from
 * the loop's thread, none after loop_run has returned.
 */
#ifndef SCIAME_MASTER_CLIENT_H
#define SCIAME_MASTER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"

/* The end of a job. Pointers are borrowed for the call. */
struct settlement {
	const struct job *job;
	const struct result *result;
	const char *worker;  /* name of its host, "" if nobody knows */
	const char *history; /* of the deaths that it was blamed for, or NULL */
	uint32_t attempts;   /* sent so often */
};

/* A death that a job is blamed for, and that has not settled it. */
struct blame {
	const struct job *job;
	const char *history, *worker;
	uint32_t blames, attempts;
};

/* What is to become of a run; it never becomes less. */
enum client_wish {
	CLIENT_GO_ON,
	CLIENT_HALT,     /* nothing new is started, what runs is finished */
	CLIENT_HALT_NOW, /* what runs is ended, too */
	CLIENT_GIVE_UP,  /* the same, and loop_run fails with *err */
};

struct client {
	void *state;
	/* Becomes readable when there is something to take after take gave nothing. */
	int (*fd)(void *state);
	/*
	 * Up to count jobs without waiting, numbered 1, 2, 3 ...; the loop frees each with free().
	 * *ended: no more will come. count may be 0: it is asked in each round.
	 */
	size_t (*take)(void *state, struct job **jobs, size_t count, bool *ended);
	/* No more is wanted. */
	void (*stop)(void *state);
	void (*blame)(void *state, const struct blame *blame);
	/* Exactly once for each job that was taken; code ERROR_CANCELED: it was not done. */
	int (*settle)(void *state, const struct settlement *settlement, struct error *err);
	/* In each round, after what has happened. */
	enum client_wish (*watch)(void *state, int64_t now_ms, struct error *err);
	/* When watch is to be called at the latest, or -1. Or NULL. */
	int64_t (*deadline_ms)(void *state);
};

#endif
