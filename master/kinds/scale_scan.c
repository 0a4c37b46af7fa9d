/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_scan.h"

#include "master/kinds/scale_collisions.h"

/* One way through the listing; a name that is too long becomes no output. */
static int pass(const struct scale_scan *scan, const struct scale_target *target,
	struct scale_collisions *collisions, bool again, struct error *err)
{
	const char *path;
	char output[JOB_LOCATION_MAX];
	struct error ignored;
	if (scan->begin(scan->listing, err))
		return -1;
	for (;;) {
		int status = scan->next(scan->listing, &path, &ignored);
		if (status == 0)
			return 0;
		if (status < 0 || scale_target_output(target, path, output, &ignored))
			continue;
		if (again)
			scale_collisions_add(collisions, path, output);
		else
			scale_collisions_note(collisions, output);
	}
}

int scale_scan(const struct scale_scan *scan, struct scale_target *target, struct error *err)
{
	struct scale_collisions *collisions = scale_collisions_new(scan->folds);
	int status = pass(scan, target, collisions, false, err);
	if (status == 0 && scale_collisions_suspects(collisions)) {
		status = pass(scan, target, collisions, true, err);
		if (status == 0 && scan->resolve)
			scale_collisions_resolve(collisions);
		else if (status == 0)
			status = scale_collisions_refuse(collisions, err);
		if (status == 0 && scan->resolve) {
			target->collisions = collisions;
			return 0;
		}
	}
	scale_collisions_free(collisions);
	return status;
}
