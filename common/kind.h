/* SPDX-License-Identifier: MIT */
/*
 * The numbers of the kinds of jobs: those of the product, made from kinds.def, and those of shared
 * objects that others have written, made from their names.
 */
#ifndef SCIAME_COMMON_KIND_H
#define SCIAME_COMMON_KIND_H

#include <stdbool.h>
#include <stdint.h>

enum kind {
#define KIND(number, name) KIND_##name = (number),
#include "common/kinds.def"
#undef KIND
	KINDS_MAX = 16, /* one more than the largest number that kinds.def may use */
};

#define KIND_OWN 0x80000000U /* set in the number of one's own kinds, and in no other */

enum { KIND_NAME_MAX = 32 }; /* bytes with the NUL */

/* Small letters, digits, '_' and '-', but not in front. */
bool kind_name_valid(const char *name);

/* The number of a kind by its name; of one's own: a hash. */
uint32_t kind_number(const char *name);

#endif
