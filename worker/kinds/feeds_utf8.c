/* SPDX-License-Identifier: MIT */
/* UTF-8 (RFC 3629). ASCII, which is most of every feed, goes in blocks. */
#include "worker/kinds/feeds_utf8.h"

#include <string.h>

enum { BLOCK_BYTES = 64 };

/* Unicode's mapping table of windows-1252; the five bytes without a meaning become U+FFFD. */
static const uint16_t windows_1252[32] = { 0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020,
	0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD, 0xFFFD, 0x2018,
	0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153,
	0xFFFD, 0x017E, 0x0178 };

uint32_t feeds_utf8_windows_1252(uint32_t byte)
{
	return byte >= 0x80 && byte <= 0x9F ? windows_1252[byte - 0x80] : byte;
}

size_t feeds_utf8_decode(const uint8_t *bytes, size_t size, uint32_t *character)
{
	static const uint32_t least[UTF8_CHARACTER_MAX + 1] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (size == 0)
		return 0;
	uint8_t first = bytes[0];
	if (first < 0x80) {
		*character = first;
		return 1;
	}
	size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
	if (first < 0xC2 || first > 0xF4 || length > size)
		return 0;
	uint32_t value = first & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3Fu);
	}
	if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	*character = value;
	return length;
}

size_t feeds_utf8_encode(uint32_t character, char bytes[UTF8_CHARACTER_MAX])
{
	if (character < 0x80) {
		bytes[0] = (char)character;
		return 1;
	}
	if (character > 0x10FFFF || (character >= 0xD800 && character <= 0xDFFF))
		return 0;
	size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	for (size_t i = length - 1; i > 0; i--) {
		bytes[i] = (char)(0x80 | (character & 0x3F));
		character >>= 6;
	}
	bytes[0] = (char)((0xF00u >> length & 0xF0u) | character);
	return length;
}

/* Bytes of the whole blocks at the start that are ASCII. Compilers make vectors of a block. */
static size_t ascii_blocks(const uint8_t *bytes, size_t size)
{
	size_t i = 0;
	for (; size - i >= BLOCK_BYTES; i += BLOCK_BYTES) {
		uint8_t all = 0;
		for (size_t j = i; j < i + BLOCK_BYTES; j++)
			all |= bytes[j];
		if (all >= 0x80)
			break;
	}
	return i;
}

size_t feeds_utf8_span(const uint8_t *bytes, size_t size)
{
	size_t i = 0;
	while (i < size) {
		i += ascii_blocks(bytes + i, size - i);
		/* Blocks are tried again behind the one that has more than ASCII. */
		size_t stop = size - i > BLOCK_BYTES ? i + BLOCK_BYTES : size;
		while (i < stop) {
			uint64_t eight;
			for (; size - i >= sizeof(eight); i += sizeof(eight)) {
				memcpy(&eight, bytes + i, sizeof(eight));
				if ((eight & UINT64_C(0x8080808080808080)) != 0)
					break;
			}
			uint32_t character;
			size_t length = feeds_utf8_decode(bytes + i, size - i, &character);
			if (length == 0)
				return i;
			i += length;
		}
	}
	return i;
}
