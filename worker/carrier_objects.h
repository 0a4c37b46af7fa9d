/* SPDX-License-Identifier: MIT */
/*
 * The carrier of objects (carrier.h): inputs from "s3://", "http://" and "https://", outputs to
 * "s3://", many at once in the worker's own loop. Makes the requests of object_task.h over
 * transfers (transfer.h); those that fail in passing are made again after pauses of chance.
 *
 * The addresses of the user's own endpoint are the user's choice; all others must be public unless
 * allow_private says otherwise. Credentials are read again each minute: files may change.
 */
#ifndef SCIAME_WORKER_CARRIER_OBJECTS_H
#define SCIAME_WORKER_CARRIER_OBJECTS_H

#include <stdbool.h>

#include "worker/carrier.h"

enum {
	OBJECTS_CREDENTIALS_MS = 60000, /* so long they are kept */
	OBJECTS_TRIES_MS = 120000,      /* after which a request is not tried again */
	OBJECTS_CLOSE_MS = 2000,        /* for telling servers that uploads were given up */
};

struct carrier_objects_options {
	const char *endpoint; /* --s3-endpoint, borrowed; NULL: what the environment says */
	bool allow_private;
};

struct carrier_objects;

/* Costs nothing before the first cargo. */
struct carrier_objects *carrier_objects_open(const struct carrier_objects_options *options);
/* Every cargo must have come back or been dropped. Waits a little where servers must be told. */
void carrier_objects_close(struct carrier_objects *o);

/* The carrier's view of it, valid as long as it is open. */
struct carrier carrier_objects(struct carrier_objects *o);

#endif
