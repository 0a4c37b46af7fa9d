/* SPDX-License-Identifier: MIT */
/*
 * The answer to ListObjectsV2, XML from outside, as a list of objects. libxml2 is told nothing but
 * elements and their text: no DTD, no entities but the five of XML, no network, no files.
 */
#ifndef SCIAME_LISTER_PAGE_H
#define SCIAME_LISTER_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	PAGE_BYTES_MAX = 16 << 20, /* of an answer: a thousand of the longest keys take a quarter */
	PAGE_OBJECTS_MAX = 10000,
	PAGE_TEXT_MAX = 8192, /* bytes of a key, of a token, as they are written, with the NUL */
};

struct page_object {
	char *key;
	bool refused; /* it has a NUL: key is as it was written */
	uint64_t size;
	int64_t mtime_ns;
};

struct page {
	struct page_object *objects;
	size_t count;
	char *token; /* where the next page begins; NULL: there is none */
};

/* -1 and *err (ERROR_PROTOCOL) when it is not such an answer; then *page is empty. */
int page_read(struct page *page, const char *bytes, size_t size, struct error *err);
void page_release(struct page *page);

#endif
