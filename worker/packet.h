/* SPDX-License-Identifier: MIT */
/*
 * Frames between the worker and a lane, with the descriptors of the jobs beside them, over a
 * SOCK_SEQPACKET socketpair: a packet arrives whole or not at all.
 */
#ifndef SCIAME_WORKER_PACKET_H
#define SCIAME_WORKER_PACKET_H

#include <stddef.h>

#include "common/error.h"
#include "common/job.h"
#include "common/wire.h"

enum { PACKET_DESCRIPTORS_MAX = 250 }; /* below SCM_MAX_FD (253), so that more are told from all */

/* A job alone always fits: its input and its outputs. */
_Static_assert(1 + JOB_OUTPUTS_MAX <= PACKET_DESCRIPTORS_MAX, "room for the files of a job");

struct packet {
	struct frame frame;
	size_t count; /* of descriptors */
	int descriptors[PACKET_DESCRIPTORS_MAX];
};

/* 1 sent (the descriptors stay the caller's), 0 the other side is full, -1 it is gone. */
int packet_send(int socket, const struct packet *packet, struct error *err);

/* 1 received (the descriptors are the caller's), 0 nothing there, -1 the other side is gone. */
int packet_receive(int socket, struct packet *packet, struct error *err);

#endif
