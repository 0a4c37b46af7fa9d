/* SPDX-License-Identifier: MIT */
/*
 * Bytes from outside, such as file names, written so that they can do no harm where they are read:
 * a terminal, a log, a JSON file. Names are bytes; nothing here assumes that they are text.
 *
 * The writers write to a FILE; the caller looks at ferror() or fclose() when it is done.
 */
#ifndef SCIAME_COMMON_QUOTE_H
#define SCIAME_COMMON_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	QUOTE_NAME_MAX = 4096 + 64, /* bytes of a name that are shown at most: a whole location */
	QUOTE_TEXT_MAX = 4 * QUOTE_NAME_MAX + 8, /* all of them as \xHH in $'...', and dots */
	QUOTE_NUMBER_MAX = 27, /* bytes of the largest number with its commas and its NUL */
};

/* Where quote_name puts its text; 16 KiB, on the stack or in a longer-lived struct. */
struct quote {
	char text[QUOTE_TEXT_MAX];
};

/*
 * name as it may be shown. Printable valid UTF-8 is returned as it is (the pointer name itself);
 * anything else in the shell's form $'...' (bash(1), QUOTING), built in *quote: \n, \t, \\, \' and
 * \xHH for every other byte that is control, no UTF-8, or part of a character that steers the
 * terminal or the order of the text: U+0080-009F, U+2028-2029, U+202A-202E, U+2066-2069. A name
 * of more than QUOTE_NAME_MAX bytes is cut and followed by "...". Valid as long as name and
 * *quote are.
 */
const char *quote_name(struct quote *quote, const char *name);

/* "10,000" in text (QUOTE_NUMBER_MAX bytes), which is returned. */
const char *quote_number(char *text, uint64_t number);

/* Whether bytes are UTF-8 by RFC 3629: no surrogates, nothing overlong, nothing over U+10FFFF. */
bool utf8_valid(const char *bytes, size_t size);

/*
 * A JSON string (RFC 8259) with its quotes. Escaped are ", \, control characters, U+007F-009F and
 * U+2028-2029 (line ends to JavaScript). Each byte that is part of no UTF-8 becomes U+FFFD;
 * base64_write keeps those bytes.
 */
void json_string(FILE *out, const char *bytes, size_t size);

/* Base64 (RFC 4648, 4) with padding, without quotes and line ends. */
void base64_write(FILE *out, const void *bytes, size_t size);

#endif
