/* SPDX-License-Identifier: MIT */
#include "master/ledger_outputs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/naming.h"
#include "proto/ledger.pb-c.h"

/* The places that packing needs. */
struct space {
	Sciame__LedgerOutput outputs[JOB_OUTPUTS_MAX], *list[JOB_OUTPUTS_MAX];
	char locations[JOB_OUTPUTS_MAX][JOB_LOCATION_MAX];
};

static bool describe(struct space *space, uint32_t number, const struct job *job,
	const struct produced *produced)
{
	struct error ignored;
	Sciame__LedgerOutput *to = &space->outputs[number];
	char *location = space->locations[number];
	if (naming_location(job, number, produced, location, &ignored))
		return false; /* then nobody has made it either */
	sciame__ledger_output__init(to);
	to->location.data = (uint8_t *)location;
	to->location.len = strlen(location);
	to->bytes = produced->bytes;
	to->width = produced->width;
	to->height = produced->height;
	if (produced->has_digest) {
		to->digest.data = (uint8_t *)produced->digest;
		to->digest.len = sizeof(produced->digest);
	}
	space->list[number] = to;
	return true;
}

uint8_t *ledger_outputs_pack(const struct job *job, const struct result *result, size_t *size)
{
	Sciame__LedgerOutputs body = SCIAME__LEDGER_OUTPUTS__INIT;
	uint8_t *packed = NULL;
	*size = 0;
	bool says_all = job->labels_count == 0 && !result->outputs[0].has_digest;
	if (result->code != ERROR_NONE || says_all || result->outputs_count != job_outputs(job))
		return NULL;
	struct space *space = xmalloc(sizeof(*space));
	uint32_t i = 0;
	while (i < result->outputs_count && describe(space, i, job, &result->outputs[i]))
		i++;
	if (i == result->outputs_count) {
		body.n_outputs = i;
		body.outputs = space->list;
		packed = xmalloc(sciame__ledger_outputs__get_packed_size(&body));
		*size = sciame__ledger_outputs__pack(&body, packed);
	}
	free(space);
	return packed;
}

static int read_output(const Sciame__LedgerOutput *from, struct ledger_output *to, char *location)
{
	size_t length = from->location.len;
	if (length == 0 || length >= JOB_LOCATION_MAX || memchr(from->location.data, 0, length))
		return -1;
	memcpy(location, from->location.data, length);
	location[length] = '\0';
	*to = (struct ledger_output) {
		.location = location,
		.produced = { .bytes = from->bytes,
			.width = from->width,
			.height = from->height,
			.has_digest = from->digest.len == JOB_DIGEST_SIZE },
	};
	if (to->produced.has_digest)
		memcpy(to->produced.digest, from->digest.data, JOB_DIGEST_SIZE);
	return 0;
}

static int read_outputs(struct ledger_outputs *outputs, const Sciame__LedgerOutputs *body)
{
	size_t total = 0;
	if (body->n_outputs < 1 || body->n_outputs > JOB_OUTPUTS_MAX)
		return -1;
	for (size_t i = 0; i < body->n_outputs; i++)
		total += body->outputs[i]->location.len + 1;
	char *location = xmalloc(total);
	outputs->memory = location;
	for (size_t i = 0; i < body->n_outputs; i++) {
		if (read_output(body->outputs[i], &outputs->list[i], location))
			return -1;
		location += strlen(location) + 1;
	}
	outputs->count = body->n_outputs;
	return 0;
}

int ledger_outputs_unpack(struct ledger_outputs *outputs, const void *bytes, size_t size)
{
	Sciame__LedgerOutputs *body = sciame__ledger_outputs__unpack(NULL, size, bytes);
	*outputs = (struct ledger_outputs) { .count = 0 };
	int status = body ? read_outputs(outputs, body) : -1;
	if (status)
		ledger_outputs_release(outputs);
	sciame__ledger_outputs__free_unpacked(body, NULL);
	return status;
}

void ledger_outputs_release(struct ledger_outputs *outputs)
{
	free(outputs->memory);
	outputs->memory = NULL;
	outputs->count = 0;
}
