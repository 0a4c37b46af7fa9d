/* SPDX-License-Identifier: MIT */
/* The numbers of the kinds of jobs, made from kinds.def. */
#ifndef SCIAME_COMMON_KIND_H
#define SCIAME_COMMON_KIND_H

enum kind {
#define KIND(number, name) KIND_##name = (number),
#include "common/kinds.def"
#undef KIND
	KINDS_MAX = 16, /* one more than the largest number that kinds.def may use */
};

#endif
