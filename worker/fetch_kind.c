/* SPDX-License-Identifier: MIT */
#include "worker/fetch_kind.h"

#include <stddef.h>

#include "common/kind.h"

extern const struct fetch_kind fetch_kind_feeds;

static const struct fetch_kind *const kinds[KINDS_MAX] = {
	[KIND_feeds] = &fetch_kind_feeds,
};

const struct fetch_kind *fetch_kind_find(uint32_t number)
{
	return number < KINDS_MAX ? kinds[number] : NULL;
}
