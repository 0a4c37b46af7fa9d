/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629) and the single bytes that are taken for it. Pure. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_UTF8_H
#define SCIAME_WORKER_KINDS_FEEDS_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_CHARACTER_MAX = 4, UTF8_REPLACEMENT = 0xFFFD };

/*
 * Bytes of the character at the start of size bytes, and *character; 0 when they start none: cut,
 * overlong, a surrogate, over U+10FFFF.
 */
size_t feeds_utf8_decode(const uint8_t *bytes, size_t size, uint32_t *character);

/* Writes character; bytes written, 0 for what is no character. */
size_t feeds_utf8_encode(uint32_t character, char bytes[UTF8_CHARACTER_MAX]);

/* How many bytes from the start are whole characters. */
size_t feeds_utf8_span(const uint8_t *bytes, size_t size);

/* What windows-1252 means by a byte of 0x80 to 0x9F; other numbers are returned as they are. */
uint32_t feeds_utf8_windows_1252(uint32_t byte);

#endif
