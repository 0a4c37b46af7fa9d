/* SPDX-License-Identifier: MIT */
/*
 * A bounded set of names. libxml2 keeps every name of a document in a table that stops growing, so
 * that a million different ones take a minute; no feed has more than some hundred.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_NAMES_H
#define SCIAME_WORKER_KINDS_FEEDS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAMES_SLOTS = 4096, /* a power of two */
	NAMES_MAX = 1024,   /* different names that are let in */
};

struct feeds_names {
	uint16_t slots[NAMES_SLOTS]; /* 1 + the place in names, 0: free */
	uint16_t count;
	struct feeds_names_name {
		const char *name; /* borrowed */
		size_t size;
	} names[NAMES_MAX];
};

/* Whether a name is in the set or was let in now. *names starts zeroed; name must outlive it. */
bool feeds_names_admit(struct feeds_names *names, const char *name, size_t size);

#endif
