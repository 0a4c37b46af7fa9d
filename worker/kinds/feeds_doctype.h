/* SPDX-License-Identifier: MIT */
/*
 * The document type declaration of a feed: only its internal general entities that are text. No
 * file is opened; an entity that names one is empty. Parameter entities are not looked at.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DOCTYPE_H
#define SCIAME_WORKER_KINDS_FEEDS_DOCTYPE_H

#include <stddef.h>

enum {
	DOCTYPE_ENTITIES_MAX = 64,      /* further ones are not known */
	DOCTYPE_VALUE_MAX = 1024,       /* bytes of the text of one; a longer one is empty */
	DOCTYPE_EXPANDED_MAX = 1 << 20, /* bytes that all references of a feed may become */
};

struct feeds_doctype {
	struct feeds_doctype_entity {
		const char *name; /* in the feed */
		size_t name_size;
		char *value; /* plain text, its references read */
		size_t value_size;
	} * entities;
	size_t count;
	size_t expanded; /* bytes that were given away so far */
};

/* Reads from "<!DOCTYPE" on; returns where it ends. The text must outlive *doctype. */
const char *feeds_doctype_read(struct feeds_doctype *doctype, const char *text, const char *end);

void feeds_doctype_release(struct feeds_doctype *doctype);

/*
 * The text of an entity and its size, or NULL when it is not declared. Once DOCTYPE_EXPANDED_MAX
 * bytes were given, every text is empty.
 */
const char *feeds_doctype_expand(
	struct feeds_doctype *doctype, const char *name, size_t size, size_t *value_size);

#endif
