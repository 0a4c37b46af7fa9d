/* SPDX-License-Identifier: MIT */
#include "common/access.h"

#include "common/endpoint.h"
#include "common/log.h"

int access_check(const char *address, bool keys, bool insecure, struct error *err)
{
	if (keys && insecure)
		return error_set(err, ERROR_USAGE, "--keys and --insecure exclude each other");
	if (keys && !endpoint_is_tcp(address))
		return error_set(err, ERROR_USAGE, "--keys are for addresses HOST:PORT");
	if (keys || endpoint_is_private(address))
		return 0;
	if (!insecure)
		return error_set(err, ERROR_USAGE,
			"%s may be reached from other machines: it needs --keys (see sciame "
			"keygen), or --insecure",
			address);
	log_line("warning: %s is not secured: whoever reaches it can read and forge everything",
		address);
	return 0;
}
