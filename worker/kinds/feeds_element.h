/* SPDX-License-Identifier: MIT */
/* What the elements of feeds mean, and which of several that mean the same wins. Tables, pure. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_ELEMENT_H
#define SCIAME_WORKER_KINDS_FEEDS_ELEMENT_H

/* Vocabularies, whatever the namespace's name in a document is. */
enum feeds_space {
	SPACE_OTHER,
	SPACE_RSS, /* no namespace, and those of RSS 0.90, 1.0 and some mistaken 2.0 */
	SPACE_ATOM,
	SPACE_DC,
	SPACE_DCTERMS,
	SPACE_CONTENT,
	SPACE_MEDIA,
	SPACE_ITUNES,
	SPACE_FEEDBURNER,
	SPACE_RDF,
	SPACE_XHTML,
};

enum feeds_meaning {
	MEANS_NOTHING,
	MEANS_ROOT, /* around the channel */
	MEANS_FEED,
	MEANS_ENTRY,
	MEANS_GROUP, /* its content counts as if it were not there */
	MEANS_TITLE,
	MEANS_LINK,
	MEANS_ID,
	MEANS_GUID,
	MEANS_AUTHOR,
	MEANS_SUMMARY,
	MEANS_DATE,
	MEANS_ENCLOSURE,
};

struct feeds_element {
	enum feeds_space space;
	const char *local;
	enum feeds_meaning meaning;
	int rank;
};

/* The vocabulary of a namespace; of the prefix when uri is NULL, because nobody declared it. */
enum feeds_space feeds_space_of(const char *uri, const char *prefix);

/* Never NULL. Names compare without case, as RSS is written. */
const struct feeds_element *feeds_element_of(enum feeds_space space, const char *local);

#endif
