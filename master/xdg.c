/* SPDX-License-Identifier: MIT */
#include "master/xdg.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/memory.h"

static const struct {
	const char *variable, *below_home;
} places[XDG_KINDS] = {
	[XDG_CACHE] = { "XDG_CACHE_HOME", ".cache" },
	[XDG_CONFIG] = { "XDG_CONFIG_HOME", ".config" },
	[XDG_STATE] = { "XDG_STATE_HOME", ".local/state" },
};

char *xdg_path(enum xdg_kind kind, const char *name, struct error *err)
{
	const char *place = getenv(places[kind].variable), *home = getenv("HOME");
	if (place && place[0] == '/') /* the specification: a relative one is to be ignored */
		return xasprintf("%s/%s", place, name);
	if (home && home[0] == '/')
		return xasprintf("%s/%s/%s", home, places[kind].below_home, name);
	(void)error_set(err, ERROR_IO, "neither %s nor HOME names a folder", places[kind].variable);
	return NULL;
}
