/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_select.h"

#include <stddef.h>

const char *const scale_select_symlinks[] = { "follow", "skip", NULL };
const char *const scale_select_on_collision[] = { "fail", "suffix", NULL };

static int add(const struct option_spec *spec, const char *value, void *settings, bool takes,
	struct error *err)
{
	struct scale_select *select = (void *)((char *)settings + spec->offset);
	if (globs_add(&select->globs, value, takes, err) == 0)
		return 0;
	struct error why = *err;
	return error_set(err, ERROR_USAGE, "--%s: %s", spec->name, why.message);
}

int scale_select_include(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	return add(spec, value, settings, true, err);
}

int scale_select_exclude(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	return add(spec, value, settings, false, err);
}
