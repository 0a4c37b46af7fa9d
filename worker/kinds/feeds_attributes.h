/* SPDX-License-Identifier: MIT */
/* The attributes of an element as libxml2's SAX2 interface hands them over. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_ATTRIBUTES_H
#define SCIAME_WORKER_KINDS_FEEDS_ATTRIBUTES_H

#include <stdbool.h>

#include "worker/kinds/feeds_buffer.h"

struct feeds_attributes {
	const unsigned char **list; /* of each: name, prefix, namespace, value, the value's end */
	int count;
	struct feeds_buffer *room; /* where values are put; the caller's */
};

/*
 * The value of an attribute, names compared without case; prefix "" for none. "" when it is not
 * there. Valid until the next call.
 */
const char *feeds_attributes_get(
	const struct feeds_attributes *attributes, const char *prefix, const char *name);

/* Whether an attribute without a prefix is there. */
bool feeds_attributes_has(const struct feeds_attributes *attributes, const char *name);

#endif
