/* SPDX-License-Identifier: MIT */
/* The carrier of files that travel over the master (common/depot.h): for "ROOT:path". */
#ifndef SCIAME_WORKER_CARRIER_DEPOT_H
#define SCIAME_WORKER_CARRIER_DEPOT_H

#include "common/error.h"
#include "common/socket.h"
#include "common/wire.h"
#include "worker/carrier.h"

struct carrier_depot;

struct carrier_depot *carrier_depot_new(void);
/* Nothing may be on its way. NULL is fine. */
void carrier_depot_free(struct carrier_depot *depot);

/*
 * What it talks over from now on, and about the jobs of which run and epoch: a socket that it
 * closes, or NULL: it takes no locations. Whatever was on its way was dropped before.
 */
void carrier_depot_use(
	struct carrier_depot *depot, struct socket *socket, const struct wire_header *header);

struct carrier carrier_depot(struct carrier_depot *depot);

#endif
