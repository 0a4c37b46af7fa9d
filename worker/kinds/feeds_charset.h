/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a feed as UTF-8. In order (RFC 7303, 3.): byte order mark, charset of the HTTP
 * response, XML declaration, and when these are silent or wrong, what the bytes look like.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_CHARSET_H
#define SCIAME_WORKER_KINDS_FEEDS_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHARSET_DECODED_MAX = 32 << 20 }; /* bytes of UTF-8; what is beyond is cut */

struct feeds_charset {
	const char *text; /* valid UTF-8 without byte order mark, or NULL before */
	size_t size;
	bool repaired; /* the bytes were not in the charset that they claimed */
	char *owned;   /* text, when it is not the body itself */
};

/* content_type: of the HTTP response, may be empty. text may point into bytes. */
void feeds_charset_decode(
	struct feeds_charset *charset, const uint8_t *bytes, size_t size, const char *content_type);

void feeds_charset_release(struct feeds_charset *charset);

#endif
