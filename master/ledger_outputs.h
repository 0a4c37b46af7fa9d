/* SPDX-License-Identifier: MIT */
/*
 * What a job has made whose target is a template (common/naming.h), or whose outputs were described
 * with their digests, as the bytes of one column of its row (proto/ledger.proto): names are bytes,
 * and there may be several.
 */
#ifndef SCIAME_MASTER_LEDGER_OUTPUTS_H
#define SCIAME_MASTER_LEDGER_OUTPUTS_H

#include <stddef.h>
#include <stdint.h>

#include "common/job.h"

struct ledger_output {
	const char *location;
	struct produced produced;
};

struct ledger_outputs {
	size_t count;
	struct ledger_output list[JOB_OUTPUTS_MAX];
	void *memory; /* of the locations */
};

/*
 * The bytes for what came of a job; the caller frees them. NULL, and *size 0: it has failed, or its
 * target and the size of the output say all.
 */
uint8_t *ledger_outputs_pack(const struct job *job, const struct result *result, size_t *size);

/* -1: these are no outputs. Else the caller releases them; the bytes are not needed any more. */
int ledger_outputs_unpack(struct ledger_outputs *outputs, const void *bytes, size_t size);
/* Zeroed, or after a failure, there is nothing to release. */
void ledger_outputs_release(struct ledger_outputs *outputs);

#endif
