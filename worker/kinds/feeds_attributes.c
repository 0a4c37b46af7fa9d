/* SPDX-License-Identifier: MIT */
/* The attributes of an element as libxml2's SAX2 interface hands them over. */
#include "worker/kinds/feeds_attributes.h"

#include <string.h>
#include <strings.h>

enum part { PART_NAME, PART_PREFIX, PART_NAMESPACE, PART_VALUE, PART_END, PARTS };

static const unsigned char **find(
	const struct feeds_attributes *attributes, const char *prefix, const char *name)
{
	for (int i = 0; i < attributes->count; i++) {
		const unsigned char **found = attributes->list + PARTS * i;
		const char *its =
			found[PART_PREFIX] == NULL ? "" : (const char *)found[PART_PREFIX];
		if (strcmp(its, prefix) == 0 &&
			strcasecmp((const char *)found[PART_NAME], name) == 0)
			return found;
	}
	return NULL;
}

const char *feeds_attributes_get(
	const struct feeds_attributes *attributes, const char *prefix, const char *name)
{
	struct feeds_buffer *room = attributes->room;
	feeds_buffer_clear(room);
	const unsigned char **found = find(attributes, prefix, name);
	if (found == NULL)
		return "";
	const char *at = (const char *)found[PART_VALUE];
	const char *end = (const char *)found[PART_END];
	/* libxml2 leaves an & as a reference unless it may expand entities. */
	const char *reference;
	while ((reference = memmem(at, (size_t)(end - at), "&#38;", 5)) != NULL) {
		(void)feeds_buffer_add(room, at, (size_t)(reference + 1 - at)); /* or it is cut */
		at = reference + 5;
	}
	(void)feeds_buffer_add(room, at, (size_t)(end - at));
	return feeds_buffer_text(room);
}

bool feeds_attributes_has(const struct feeds_attributes *attributes, const char *name)
{
	return find(attributes, "", name) != NULL;
}
