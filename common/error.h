/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, in words for the user and as a code for the program.
 *
 * A function that can fail takes `struct error *err` last, returns -1 and fills it:
 *     return error_errno(err, ERROR_IO, "open %s", path);
 * A caller may add where it was: return error_wrap(err, "target");
 */
#ifndef SCIAME_COMMON_ERROR_H
#define SCIAME_COMMON_ERROR_H

#include <stdint.h>

/* The numbers travel in Results (proto/envelope.proto): append, never renumber. */
enum error_code {
	ERROR_NONE = 0,     /* success */
	ERROR_USAGE = 1,    /* called wrongly */
	ERROR_IO = 2,       /* a file or folder could not be opened, read, written or renamed */
	ERROR_INPUT = 3,    /* the content is broken or of an unknown format */
	ERROR_LIMIT = 4,    /* larger than a limit that the message names */
	ERROR_NETWORK = 5,  /* a socket */
	ERROR_PROTOCOL = 6, /* a message that breaks proto/README.md */
	ERROR_LANE = 7,     /* the lane that ran the job was ended by a signal or left by itself */
	ERROR_TIMEOUT = 8,  /* the job ran longer than its deadline */
	ERROR_CANCELED = 9, /* the run was canceled before the job had ended */
	ERROR_START = 10,   /* a process or a library that the work needs could not be started */
	ERROR_TARGET = 11,  /* the whole target takes no file: it is full, read-only or gone */
	ERROR_QUARANTINED = 12, /* lanes or workers died of it again and again; it is not tried */
	ERROR_CODES,            /* how many there are */
};

enum { ERROR_MESSAGE_MAX = 512 }; /* bytes with the NUL; longer ones lose their middle */

struct error {
	enum error_code code;
	int number; /* errno, or 0 */
	char message[ERROR_MESSAGE_MAX];
};

/* Fills *err with a message that names the thing and the act. Returns -1. */
int error_set(struct error *err, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with errno kept and its text added: "open a.jpg: Permission denied". Returns -1. */
int error_errno(struct error *err, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "where: " in front of the message. Returns -1. */
int error_wrap(struct error *err, const char *where);

/* What the end of an attempt means for the job: one table decides what may be tried again. */
enum error_class {
	ERROR_CLASS_DONE,
	ERROR_CLASS_CANCELED,
	ERROR_CLASS_PERMANENT, /* it would only fail again */
	ERROR_CLASS_TRANSIENT, /* it may pass: a network, a file system that stutters */
	ERROR_CLASS_TARGET,    /* a condition of the run, not of the job */
	ERROR_CLASS_DEATH,     /* its lane died of it: it is to blame */
	ERROR_CLASS_HANG,      /* its lane was ended for it */
};

/* number: errno behind the code, or 0. Pure: no state, no I/O. */
enum error_class error_class(enum error_code code, int number);

#endif
