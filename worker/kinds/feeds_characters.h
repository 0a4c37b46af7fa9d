/* SPDX-License-Identifier: MIT */
/*
 * Character data of markup -> the characters that it stands for: references of XML, HTML and the
 * document type are read, what no XML may have is dropped, and a bare & is itself.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_CHARACTERS_H
#define SCIAME_WORKER_KINDS_FEEDS_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"
#include "worker/kinds/feeds_doctype.h"

struct feeds_characters {
	struct feeds_doctype doctype;
	bool has_doctype; /* so that names of HTML are no fault */
	unsigned faults;  /* bits of enum feeds_fault that were met */
};

/* Bytes from the start that are what they stand for and no part of markup; there may be more. */
size_t feeds_characters_span(const char *text, const char *end);

/* Whether text is what it stands for, and so needs not be read. UTF-8, here and below. */
bool feeds_characters_are_plain(const char *text, const char *end);

/* Adds what text stands for to out until it is full. */
void feeds_characters_read(struct feeds_characters *characters, struct feeds_buffer *out,
	const char *text, const char *end);

/* The same two for the content of a CDATA section, which has no references. */
bool feeds_characters_are_plain_data(const char *text, const char *end);
void feeds_characters_read_data(struct feeds_characters *characters, struct feeds_buffer *out,
	const char *text, const char *end);

#endif
