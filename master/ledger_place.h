/* SPDX-License-Identifier: MIT */
/* Where the ledger of a target lies unless --ledger says so. */
#ifndef SCIAME_MASTER_LEDGER_PLACE_H
#define SCIAME_MASTER_LEDGER_PLACE_H

#include "common/error.h"

/*
 * XDG_STATE_HOME/sciame/runs/NAME-DIGEST.db: NAME is for people, the last part of the target's real
 * path; DIGEST, of all of that path, is what tells targets apart. The target need not be there, the
 * folder that it lies in must; "s3://BUCKET/PREFIX" stands for itself. The caller frees it; NULL
 * and *err. Nothing is created.
 */
char *ledger_place(const char *target, struct error *err);

/* The same, and the folder is made (0700). */
char *ledger_make_place(const char *target, struct error *err);

#endif
