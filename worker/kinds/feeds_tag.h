/* SPDX-License-Identifier: MIT */
/*
 * One tag of markup that may be malformed: attributes without quotes or values, quotes that are
 * not closed, more attributes than anybody needs. Reads each byte a bounded number of times.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_TAG_H
#define SCIAME_WORKER_KINDS_FEEDS_TAG_H

#include <stdbool.h>
#include <stddef.h>

enum {
	TAG_ATTRIBUTES_MAX =
		64, /* further ones are dropped: libxml2's time grows with the square */
	TAG_NAME_BYTES_MAX = 64,  /* of an element or attribute */
	TAG_VALUE_MAX = 16 << 10, /* bytes of an attribute's value; a longer one is dropped */
};

/* Reads the tags of one text. Remembers where it searched, so that no search is made twice. */
struct feeds_tags {
	const char *end;
	const char *next[3]; /* next ", ' and < that were found; before what is asked: not known */
};

struct feeds_tag {
	const char *name;
	size_t name_size;
	bool closing; /* </name> */
	bool empty;   /* <name/> */
	bool faulty;  /* something in it was not XML */
	size_t count;
	struct feeds_tag_attribute {
		const char *name;
		size_t name_size;
		const char *value;
		size_t value_size;
	} attributes[TAG_ATTRIBUTES_MAX];
};

/* Reads the tag whose < is at at. Returns what is behind it, or NULL: this < starts no tag. */
const char *feeds_tag_read(struct feeds_tags *tags, struct feeds_tag *tag, const char *at);

/* The name without its prefix, with its size. */
const char *feeds_tag_local(const char *name, size_t *size);

#endif
