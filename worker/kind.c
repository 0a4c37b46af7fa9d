/* SPDX-License-Identifier: MIT */
/* A kind without its half here is a link error. */
#include "worker/kind.h"

#include <stddef.h>

#include "common/kind.h"

#define KIND(number, name) extern const struct worker_kind worker_kind_##name;
#include "common/kinds.def"
#undef KIND

static const struct worker_kind *const kinds[KINDS_MAX] = {
#define KIND(number, name) [number] = &worker_kind_##name,
#include "common/kinds.def"
#undef KIND
};

const struct worker_kind *worker_kind_find(uint32_t number)
{
	return number < KINDS_MAX ? kinds[number] : NULL;
}
