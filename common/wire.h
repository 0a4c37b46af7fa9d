/* SPDX-License-Identifier: MIT */
/*
 * Messages as bytes and back: proto/envelope.proto <-> plain structs. Every limit of
 * proto/README.md is checked here and nowhere else; what comes from outside is refused with a
 * reason, never trusted.
 */
#ifndef SCIAME_COMMON_WIRE_H
#define SCIAME_COMMON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/job.h"

enum {
	WIRE_VERSION = 2,         /* 2: jobs with several outputs */
	WIRE_MESSAGE_MAX = 32768, /* bytes of one message */
	WIRE_BATCH_MAX = 64,      /* jobs or results in one message */
	WIRE_ID_SIZE = 16,        /* bytes of a run, a session or an instance */
	WIRE_NAME_MAX = 256,      /* bytes of a host's name or a version, with the NUL */
	WIRE_LANES_MAX = 4096,    /* lanes of one worker */
	WIRE_ROOTS_MAX = 16,      /* folders that one worker serves */
	WIRE_ROOT_NAME_MAX = 32,  /* bytes of the name of one, with the NUL */
	WIRE_MEMBERS_MAX = 16,    /* in one message */
};

enum message_type {
	MESSAGE_HELLO,
	MESSAGE_WELCOME,
	MESSAGE_READY,
	MESSAGE_STATE,
	MESSAGE_BEAT,
	MESSAGE_JOBS,
	MESSAGE_RESULTS,
	MESSAGE_ACK,
	MESSAGE_REFUSED,
	MESSAGE_GOODBYE,
	MESSAGE_REJECT,
	MESSAGE_EVICT,
	MESSAGE_ASK,
	MESSAGE_MEMBERS,
};

/* The same numbers as RunState in envelope.proto. */
enum run_state {
	RUN_RUNNING = 1,
	RUN_CANCELING = 2,
	RUN_CANCELING_NOW = 3,
	RUN_DONE = 4,
	RUN_HALTING = 5, /* between RUNNING and CANCELING */
};

/* The order in which a run goes through its states, 1 for the first; it never goes back. */
int run_state_rank(enum run_state state);

struct wire_id {
	uint8_t bytes[WIRE_ID_SIZE];
};

struct wire_header {
	struct wire_id run, session;
	uint32_t epoch;
};

struct returned {
	uint64_t job;
	uint32_t attempt;
};

struct running {
	uint64_t job;
	uint32_t attempt;
	uint32_t since_ms;
};

/* A worker as people want to see it. */
struct wire_member {
	const char *name, *build, *key; /* key: the name of its key, "" without one */
	uint32_t pid, lanes;
	uint32_t load; /* of its host: runnable processes in the last minute, times 100 */
	uint32_t running, queued, seconds;
	uint64_t done;
	bool draining;
};

/* Only the fields that the type needs are set; pointers are borrowed. */
struct message {
	enum message_type type;
	struct wire_header header;
	uint64_t number;         /* STATE, BEAT, RESULTS, ACK, REFUSED, MEMBERS */
	enum run_state state;    /* WELCOME, STATE */
	struct wire_id instance; /* HELLO */
	const char *text;        /* HELLO: host's name; GOODBYE, REJECT, EVICT: why */
	const char *build;       /* HELLO */
	uint32_t lanes, pid;     /* HELLO */
	uint32_t channel;        /* WELCOME, READY */
	uint32_t port;           /* WELCOME: of the channel, from 0; TCP only */
	bool depot;              /* WELCOME: files travel over the master */
	uint32_t beat_ms, silence_ms, grace_ms; /* WELCOME */
	uint32_t queued;                        /* BEAT */
	uint64_t received;                      /* BEAT: jobs so far */
	uint32_t load;                          /* BEAT: as in wire_member */
	bool draining;                          /* BEAT */
	bool last;                              /* MEMBERS: no more follow */
	enum error_code code;                   /* GOODBYE */
	size_t count;                           /* how many of the following */
	const struct job *jobs;                 /* JOBS */
	const struct result *results;           /* RESULTS */
	const struct returned *returned;        /* REFUSED */
	const struct running *running;          /* BEAT */
	const char *const *roots;               /* HELLO */
	const struct wire_member *members;      /* MEMBERS */
};

struct frame {
	size_t size;
	uint8_t bytes[WIRE_MESSAGE_MAX];
};

/*
 * Packs message into frame. Of jobs, results, returned and running as many as fit are taken from
 * the front (at least one, at most WIRE_BATCH_MAX); returns how many, 0 for other types.
 */
size_t wire_pack(struct frame *frame, const struct message *message);

struct wire_decoder;
struct wire_decoder *wire_decoder_new(void);
void wire_decoder_free(struct wire_decoder *decoder);

/* Checks and unpacks. What *message points to is borrowed until the next call. */
int wire_unpack(struct wire_decoder *decoder, const struct frame *frame, struct message *message,
	struct error *err);

#endif
