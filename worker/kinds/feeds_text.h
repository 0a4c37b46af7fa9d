/* SPDX-License-Identifier: MIT */
/*
 * Plain text of HTML and of text: no markup, no control characters, white space collapsed, nothing
 * that turns the order of what stands beside it (U+202A-202E, U+2066-2069).
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_TEXT_H
#define SCIAME_WORKER_KINDS_FEEDS_TEXT_H

#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"

/* Adds the text of HTML until out is full. */
void feeds_text_html(struct feeds_buffer *out, const char *html, size_t size);

/* The same, but a < that starts no element of HTML is text: for titles that may be either. */
void feeds_text_loose(struct feeds_buffer *out, const char *text, size_t size);

/* Text without any markup. */
void feeds_text_plain(struct feeds_buffer *out, const char *text, size_t size);

/* Adds the bytes that base64 (RFC 4648) stands for, white space and the rest left out. */
void feeds_text_base64(struct feeds_buffer *out, const char *text, size_t size);

#endif
