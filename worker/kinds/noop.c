/* SPDX-License-Identifier: MIT */
/* The worker's half of "noop": waits if it was asked to. The template of a kind. */
#include <errno.h>
#include <time.h>

#include "proto/noop.pb-c.h"
#include "worker/kind.h"

enum { SLEEP_MS_MAX = 3600000 }; /* as in proto/noop.proto */

static int noop_execute(const struct job *job, int in_fd, const int *out_fds, struct result *result,
	struct error *err)
{
	(void)in_fd;
	(void)out_fds;
	(void)result;
	Sciame__NoopParameters *parameters =
		sciame__noop_parameters__unpack(NULL, job->parameters_size, job->parameters);
	if (!parameters || parameters->sleep_ms > SLEEP_MS_MAX) {
		sciame__noop_parameters__free_unpacked(parameters, NULL);
		return error_set(err, ERROR_PROTOCOL, "malformed parameters");
	}
	struct timespec rest = {
		.tv_sec = parameters->sleep_ms / 1000,
		.tv_nsec = (long)(parameters->sleep_ms % 1000) * 1000000,
	};
	sciame__noop_parameters__free_unpacked(parameters, NULL);
	while ((rest.tv_sec || rest.tv_nsec) && nanosleep(&rest, &rest) && errno == EINTR) {
	}
	return 0;
}

const struct worker_kind worker_kind_noop = {
	.name = "noop",
	.execute = noop_execute,
};
