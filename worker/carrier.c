/* SPDX-License-Identifier: MIT */
#include "worker/carrier.h"

const struct carrier *carriers_find(const struct carriers *carriers, const char *location)
{
	for (size_t i = 0; i < carriers->count; i++) {
		const struct carrier *carrier = &carriers->list[i];
		if (location[0] && carrier->class->takes(carrier->self, location))
			return carrier;
	}
	return NULL;
}
