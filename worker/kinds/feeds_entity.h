/* SPDX-License-Identifier: MIT */
/* References of HTML: &eacute; &#233; &#xE9; and what browsers make of the wrong ones. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_ENTITY_H
#define SCIAME_WORKER_KINDS_FEEDS_ENTITY_H

#include <stddef.h>
#include <stdint.h>

enum {
	ENTITY_NAME_MAX = 31
}; /* bytes of a name; HTML's longest is CounterClockwiseContourIntegral */

/* The character of a name without & and ;, or 0. */
uint32_t feeds_entity_named(const char *name, size_t size);

/*
 * Reads a numeric reference whose "&#" starts text: *character is what it means, with 128 to 159 as
 * windows-1252 (HTML, numeric character reference end state) and 0 for what no text may have.
 * Returns its bytes, the ; included when there is one; 0 when it is none.
 */
size_t feeds_entity_numeric(const char *text, size_t size, uint32_t *character);

/* Bytes of a name (letters and digits) at the start of text, at most ENTITY_NAME_MAX + 1. */
size_t feeds_entity_name(const char *text, size_t size);

#endif
