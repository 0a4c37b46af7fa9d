/* SPDX-License-Identifier: MIT */
/* Resource limits, and the tie to the parent. A lane that meets a limit ends and is replaced. */
#include "worker/sandbox.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int sandbox_open(struct error *err)
{
	const struct rlimit none = { 0, 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return error_errno(err, ERROR_START, "end with the parent");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_errno(err, ERROR_START, "give up new privileges");
	if (setrlimit(RLIMIT_CORE, &none))
		return error_errno(err, ERROR_START, "forbid core files");
	return 0;
}

static int limit(__rlimit_resource_t resource, uint64_t value, struct error *err)
{
	const struct rlimit both = { (rlim_t)value, (rlim_t)value };
	if (value && setrlimit(resource, &both))
		return error_errno(err, ERROR_START, "limit resources");
	return 0;
}

int sandbox_close(const struct sandbox_limits *limits, struct error *err)
{
	if (limit(RLIMIT_AS, limits->memory_bytes, err))
		return -1;
	return limit(RLIMIT_FSIZE, limits->output_bytes, err);
}
