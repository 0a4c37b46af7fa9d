/* SPDX-License-Identifier: MIT */
/*
 * The objects of a bucket, as the program sciame-list-s3 names them: started here, read through a
 * pipe, ended when it is no longer wanted or when this process ends. It lists only as far ahead as
 * the pipe and one page hold.
 */
#ifndef SCIAME_MASTER_OBJECT_LISTER_H
#define SCIAME_MASTER_OBJECT_LISTER_H

#include "common/error.h"
#include "common/object_record.h"

struct object_lister;

/*
 * location: "s3://BUCKET/PREFIX"; endpoint: as in common/s3.h, or NULL. NULL and *err when the
 * program can't be started. To be called by a thread that lives as long as the process: the program
 * would end with any other.
 */
struct object_lister *object_lister_open(
	const char *location, const char *endpoint, struct error *err);
void object_lister_close(struct object_lister *lister);

/*
 * The next object, also one that is refused: 1 and *record (borrowed until the next call); 0: no
 * more; -1: the listing failed and there is no more.
 */
int object_lister_next(
	struct object_lister *lister, struct object_record *record, struct error *err);

/* The same, and the next call of either gives it again. */
int object_lister_peek(
	struct object_lister *lister, struct object_record *record, struct error *err);

/* For any thread: the others give 0 from now on, and one that waits ends its waiting. */
void object_lister_stop(struct object_lister *lister);

#endif
