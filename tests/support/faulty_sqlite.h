/* SPDX-License-Identifier: MIT */
/*
 * SQLite on a system that fails: the n-th call to the disk, or the n-th allocation. Everything else
 * goes through to the real ones.
 */
#ifndef SCIAME_TESTS_SUPPORT_FAULTY_SQLITE_H
#define SCIAME_TESTS_SUPPORT_FAULTY_SQLITE_H

#include <stdbool.h>

enum faulty_mode {
	FAULTY_ONCE,   /* that one call */
	FAULTY_AFTER,  /* that call and all that come after it */
	FAULTY_MEMORY, /* that one allocation */
};

/* Puts itself below SQLite, before its first use in the process. Fails the test when it can't. */
void faulty_sqlite_install(void);

/* The n-th call from now on fails, n from 1. */
void faulty_sqlite_arm(enum faulty_mode mode, unsigned n);

/* Whether any has failed since; nothing fails any more. */
bool faulty_sqlite_disarm(void);

#endif
