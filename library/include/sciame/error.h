/* SPDX-License-Identifier: MIT */
/*
 * How calls end. A function that can fail returns an enum sciame_status and, if the caller gave a
 * place for it, says more in a struct sciame_error: a message for people that names the thing.
 * Nothing here prints, ends the process or keeps anything between calls.
 */
#ifndef SCIAME_ERROR_H
#define SCIAME_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers stay: new ones are appended. */
enum sciame_status {
	SCIAME_OK = 0,
	SCIAME_TIMED_OUT = 1,
	SCIAME_FULL = 2,       /* put: no place, not even within the timeout */
	SCIAME_EMPTY = 3,      /* get: no item, not even within the timeout */
	SCIAME_CANCELLED = 4,  /* the future was cancelled */
	SCIAME_FAILED = 5,     /* the job failed: its own error is in the message */
	SCIAME_MISUSED = 6,    /* called wrongly; nothing has changed */
	SCIAME_SHUT_DOWN = 7,  /* the executor takes no more */
	SCIAME_OWNER_DIED = 8, /* the lock is held now; its last owner died with it */
	SCIAME_LIMIT = 9,      /* larger than a limit that the message names */
	SCIAME_SYSTEM = 10,    /* the system refused: errno is in number */
	SCIAME_PROTOCOL = 11,  /* bytes or memory from elsewhere that make no sense */
};

#define SCIAME_MESSAGE_MAX 512 /* bytes with the NUL; longer messages are cut */

struct sciame_error {
	enum sciame_status status;
	int number; /* errno, or 0 */
	char message[SCIAME_MESSAGE_MAX];
};

/* For timeouts, all in milliseconds: 0 does not wait at all. */
#define SCIAME_FOREVER (-1LL)

#ifdef __cplusplus
}
#endif

#endif
