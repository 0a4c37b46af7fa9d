/* SPDX-License-Identifier: MIT */
/*
 * Ways by which inputs come and outputs go that are not files of this host: over the master
 * (depot), to and from servers of objects. A carrier moves a cargo whole, while the loop goes on:
 *
 *     begin(cargo) -> 0 ... poll, deadline_ms, step ... take() -> the cargo, with why.code
 *
 * Between an input's arrival and an output's departure the job is a lane's, as any other.
 */
#ifndef SCIAME_WORKER_CARRIER_H
#define SCIAME_WORKER_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"
#include "common/socket.h"

enum {
	CARRIERS_MAX = 4,
	CARRIER_POLL_ITEMS = 1,              /* of each */
	CARGO_BYTES_MAX = 256 * 1024 * 1024, /* of one input or output; beyond: ERROR_LIMIT */
};

enum cargo_way { CARGO_IN, CARGO_OUT };

/* One load on its way. The owner keeps it until it comes back from take, or was dropped. */
struct cargo {
	enum cargo_way way;
	const struct job *job;
	const char *location; /* its source, or that of the output */
	uint32_t output;      /* OUT: which one of the job */
	/*
	 * IN: where to write the input, a memfd of the owner's. OUT: what to deliver from its
	 * beginning, bytes of it.
	 */
	int fd;
	uint32_t width, height; /* OUT: of a picture, for its name */
	uint64_t bytes;         /* IN: how many there are, set by the end */
	int64_t mtime_ns; /* IN: when they were changed last, 0 if nobody says; set by the end */
	struct error why; /* set by the end: ERROR_NONE it has arrived whole */
	uint32_t duration_us;
	void *state;        /* the carrier's, while it is on its way */
	struct cargo *next; /* the carrier's */
	void *owner;        /* the owner's */
};

struct carrier_class {
	const char *name;
	/* Whether it is the way to a location. */
	bool (*takes)(const void *self, const char *location);
	/* -1 and *err: it can't even begin. */
	int (*begin)(void *self, struct cargo *cargo, struct error *err);
	/* Ends it without a word; an output that was not whole there is not there. */
	void (*drop)(void *self, struct cargo *cargo);
	/* The next one that has ended, or NULL. */
	struct cargo *(*take)(void *self);
	/* What to wait for: CARRIER_POLL_ITEMS items (fd -1: nothing), and a time, or -1. */
	void (*poll)(const void *self, struct poll_item *items);
	int64_t (*deadline_ms)(const void *self);
	/* -1 only when it can't go on at all. */
	int (*step)(void *self, int64_t now_ms, struct error *err);
};

struct carrier {
	const struct carrier_class *class;
	void *self;
};

/* All that there are. */
struct carriers {
	size_t count;
	struct carrier list[CARRIERS_MAX];
};

/* The one that takes the location, or NULL: it is a file of this host, or there is none. */
const struct carrier *carriers_find(const struct carriers *carriers, const char *location);

#endif
