/* SPDX-License-Identifier: MIT */
/*
 * Kinds that others have written: shared objects (library/include/sciame/kind.h). The worker never
 * loads one itself: "sciame-lane-own", a process of its own, says what is in it.
 */
#ifndef SCIAME_WORKER_OWN_KINDS_H
#define SCIAME_WORKER_OWN_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/kind.h"

enum { OWN_KINDS_MAX = 16 };

struct own_kind {
	uint32_t number;
	char name[KIND_NAME_MAX];
	char *path; /* absolute */
};

/* Zeroed: none. */
struct own_kinds {
	size_t count;
	struct own_kind list[OWN_KINDS_MAX];
};

/* What is wrong with the file is said by the process that loads it, on stderr, and in *err. */
int own_kinds_add(struct own_kinds *kinds, const char *file, struct error *err);

/* The one with this number, or NULL. */
const struct own_kind *own_kinds_find(const struct own_kinds *kinds, uint32_t number);

void own_kinds_release(struct own_kinds *kinds);

#endif
