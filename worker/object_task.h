/* SPDX-License-Identifier: MIT */
/*
 * One object that is read or written, as a chain of requests: which one comes next, and what its
 * answer means. Sends nothing itself (objects.c does) and reads no clock.
 *
 *     http(s)://  FETCHING                                        --> ENDED
 *     s3:// get   GETTING                                         --> ENDED
 *     s3:// put   PUTTING (up to OBJECT_PART_BYTES)               --> ENDED
 *                 CREATING --> SENDING, part by part --> COMPLETING --> ENDED
 *     after CREATING, whenever it fails or is given up: ABORTING  --> ENDED
 *
 * What is stored becomes visible by the last request of a put at once, or never. A request that
 * fails in passing is sent again by itself: OBJECT_RETRIES times.
 */
#ifndef SCIAME_WORKER_OBJECT_TASK_H
#define SCIAME_WORKER_OBJECT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/aws.h"
#include "common/error.h"
#include "common/s3.h"
#include "common/s3_request.h"
#include "worker/transfer.h"

enum {
	OBJECT_RETRIES = 5,
	OBJECT_PAUSE_MS = 100,        /* before the first retry, at most; the next: twice as much */
	OBJECT_TIMEOUT_MS = 300000,   /* of one request, however much there is to send */
	OBJECT_STALL_S = 30,          /* of it without a byte */
	OBJECT_PART_BYTES = 16 << 20, /* larger outputs are sent in parts of this size */
	OBJECT_PARTS_MAX = 10000,     /* Amazon's limit */
	OBJECT_ANSWER_MAX = 1 << 16,  /* bytes of an answer that is no object */
	OBJECT_UPLOAD_MAX = 1024,     /* bytes of the name of an upload, with the NUL */
	OBJECT_ETAG_MAX = 128,        /* bytes of the ETag of a part, with the NUL */
};

enum object_state {
	OBJECT_FETCHING,
	OBJECT_GETTING,
	OBJECT_PUTTING,
	OBJECT_CREATING,
	OBJECT_SENDING,
	OBJECT_COMPLETING,
	OBJECT_ABORTING,
	OBJECT_ENDED,
};

/* Who asks, and where; what is the same for all. */
struct object_access {
	struct s3_endpoint endpoint;
	struct aws_settings settings;
};

struct object_task {
	enum object_state state;
	unsigned retries;     /* of the request in hand */
	struct error passing; /* why the request in hand is tried again */
	struct error error;   /* of one that failed: the first that matters */
	uint64_t bytes;       /* of what was read or is written */
	int64_t mtime_ns;     /* of what was read, in whole seconds; 0: not said */
	/* object_task.c's */
	struct s3_location location;
	int fd;             /* of what is read or written, borrowed */
	size_t part, parts; /* the one in hand, from 0; of how many */
	char upload[OBJECT_UPLOAD_MAX];
	char (*etags)[OBJECT_ETAG_MAX]; /* of the parts */
	int list;                       /* memfd of the request that completes, or -1 */
	char name[];                    /* the location as it was given */
};

/* A request that is ready to be sent; release it after transfers_add. */
struct object_request {
	struct transfer_request transfer;
	struct transfer_upload upload;
	struct s3_request signed_request;
};

/*
 * "s3://BUCKET/KEY", or a URL, is read into fd, which is borrowed until the end; at most bytes_max.
 * NULL and *err where a name can't be used.
 */
struct object_task *object_task_get(
	const char *location, int fd, uint64_t bytes_max, struct error *err);
/* The other way round: so many bytes of fd from its beginning. */
struct object_task *object_task_put(
	const char *location, int fd, uint64_t bytes, struct error *err);
void object_task_free(struct object_task *task);

/* Whether its requests are signed: then access may not be NULL. */
bool object_task_is_signed(const struct object_task *task);

/* The request of its state. -1: what is to be sent can't be read. */
int object_task_request(struct object_task *task, const struct object_access *access,
	int64_t wall_s, struct object_request *request, struct error *err);
void object_request_release(struct object_request *request);

/*
 * Takes the end of that request; the transfer stays the caller's. True: send the next one, at once
 * or, if retries is not 0, after a pause. False: it has ended, with error.code.
 */
bool object_task_answer(struct object_task *task, const struct transfer *transfer);

/* It fails with *why; true: there is still something to send, which tidies up. */
bool object_task_give_up(struct object_task *task, const struct error *why);

#endif
