/* SPDX-License-Identifier: MIT */
/* A piece of work and what became of it: the plain structs that everybody passes around. */
#ifndef SCIAME_COMMON_JOB_H
#define SCIAME_COMMON_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	JOB_LOCATION_MAX =
		4096 + 64, /* bytes of source or target with the NUL: PATH_MAX and a root's name */
	JOB_PARAMETERS_MAX = 16384, /* bytes of a kind's packed parameters */
	RESULT_REPORT_MAX = 1024,   /* bytes of a kind's packed report */
	RESULT_DETAIL_MAX = 256,    /* bytes of the reason with the NUL */
	JOB_DIGEST_SIZE = 32,       /* bytes of a SHA-256 */
	JOB_OUTPUTS_MAX = 16,       /* outputs of one job */
	JOB_LABEL_MAX = 32,         /* bytes of an output's label with the NUL */
};

/*
 * A location is "ROOT:relative/path", where ROOT names a folder that both sides know ("source",
 * "target"), or a URL: "s3://BUCKET/KEY", "https://..."; names are bytes, not text. Empty: the job
 * has no input or no output.
 */
struct job {
	uint64_t id;          /* 1, 2, 3 ... within a run; 0 is no job */
	uint32_t attempt;     /* 1 for the first try; 0 before the first */
	uint32_t kind;        /* enum kind */
	uint32_t deadline_ms; /* longest time the lane may take; 0 is no limit */
	const char *source;
	const char *target;
	/*
	 * Of a job with several outputs, or with one whose name depends on it: one label for each,
	 * and the target is a template for their names (common/naming.h). None: the target is the
	 * location of the only output.
	 */
	const char *labels[JOB_OUTPUTS_MAX];
	uint32_t labels_count;
	const uint8_t *parameters; /* the kind's own message, packed (proto/<kind>.proto) */
	size_t parameters_size;
	bool alone;      /* under suspicion: it gets a fresh lane, and nothing travels with it */
	bool digest;     /* the result is to name the digest of the source */
	bool preserve;   /* outputs that are files get the permissions and the time of the source */
	uint32_t blames; /* deaths that it was blamed for before the master was started anew */
	/* the master's: the source as it was listed; 0 and 0: it is a file that can be looked at */
	uint64_t source_size;
	int64_t source_mtime_ns;
	void *owner; /* its client's own */
};

/* One file that a job has made. */
struct produced {
	uint64_t bytes;
	uint32_t width, height; /* of a picture, in pixels, upright; 0 of anything else */
	bool has_digest;
	uint8_t digest[JOB_DIGEST_SIZE];
};

struct result {
	uint64_t job;
	uint32_t attempt;
	enum error_code code; /* ERROR_NONE: the job was done */
	int error_number;     /* errno behind the code, or 0 */
	uint64_t input_bytes;
	uint64_t output_bytes; /* of all outputs */
	uint32_t outputs_count;
	struct produced outputs[JOB_OUTPUTS_MAX]; /* of a success: as job_outputs says */
	uint32_t duration_us;                     /* in the lane, without waiting */
	uint32_t report_size;
	uint8_t report[RESULT_REPORT_MAX]; /* the kind's own message, packed */
	char detail[RESULT_DETAIL_MAX];    /* why it failed; empty on success */
	uint64_t source_size;              /* the file as it was opened; 0 and 0 when it was not */
	int64_t source_mtime_ns;
	bool has_digest;
	uint8_t digest[JOB_DIGEST_SIZE]; /* of the source */
};

/* How many outputs it has. */
uint32_t job_outputs(const struct job *job);

/* A copy of *job with all it points to in one allocation. The caller frees it with free(). */
struct job *job_copy(const struct job *job);

/* Adds the next output to a success. */
void result_produced(struct result *result, const struct produced *produced);

/* A job for people: its source, a path without the root, else "job 17" in the buffer. */
const char *job_name(const struct job *job, char *buffer, size_t size);

/* Makes *result the failure that *err describes (the detail is cut at a whole character). */
void result_fail(struct result *result, const struct error *err);

#endif
