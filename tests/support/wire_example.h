/* SPDX-License-Identifier: MIT */
/* A message of each type, with the largest values allowed, and whether two are the same. */
#ifndef SCIAME_TESTS_SUPPORT_WIRE_EXAMPLE_H
#define SCIAME_TESTS_SUPPORT_WIRE_EXAMPLE_H

#include "common/wire.h"

struct message wire_example(enum message_type type);

/* cmocka assertions. */
void wire_example_assert_equal(const struct message *a, const struct message *b);

#endif
