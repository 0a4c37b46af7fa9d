/* SPDX-License-Identifier: MIT */
/* Texts of unknown encoding made clean. */
#include "worker/kinds/scale_rights.h"

#include <string.h>

#include "common/quote.h"

static bool is_blank(uint8_t byte)
{
	return byte <= ' ' || byte == 0x7f;
}

/* Writes what fits, whole characters only; what steers terminals becomes a blank. */
static size_t put_latin1(char *to, size_t room, const uint8_t *bytes, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < size && used + 2 <= room; i++) {
		uint8_t byte = bytes[i];
		if (byte < 0x80 || byte >= 0xa0) {
			if (byte >= 0x80)
				to[used++] = (char)(0xc0 | byte >> 6);
			to[used++] = (char)(byte < 0x80 ? byte : 0x80 | (byte & 0x3f));
		}
	}
	return used;
}

static size_t put_utf8(char *to, size_t room, const uint8_t *bytes, size_t size)
{
	if (size > room) {
		size = room;
		while (size > 0 && (bytes[size] & 0xc0) == 0x80)
			size--;
	}
	memcpy(to, bytes, size);
	return size;
}

/* XML has no place for these two, and no control characters either. */
static bool has_noncharacters(const uint8_t *bytes, size_t size)
{
	return memmem(bytes, size, "\xef\xbf\xbe", 3) || memmem(bytes, size, "\xef\xbf\xbf", 3);
}

static size_t put_clean(char *to, size_t room, const uint8_t *bytes, size_t size)
{
	bool is_text = utf8_valid((const char *)bytes, size) && !has_noncharacters(bytes, size);
	size_t used = is_text ? put_utf8(to, room, bytes, size) : put_latin1(to, room, bytes, size);
	for (size_t i = 0; i < used; i++) {
		if (is_blank((uint8_t)to[i]))
			to[i] = ' ';
	}
	return used;
}

void rights_add(struct rights *rights, enum right right, const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return;
	size = strnlen((const char *)bytes, size);
	for (; size > 0 && is_blank(bytes[0]); size--)
		bytes++;
	while (size > 0 && is_blank(bytes[size - 1]))
		size--;
	char clean[RIGHT_BYTES_MAX];
	size_t used = put_clean(clean, sizeof(clean) - 1, bytes, size);
	clean[used] = '\0';
	char *text = rights->text[right];
	size_t held = strlen(text);
	size_t gap = held > 0 ? strlen(RIGHT_SEPARATOR) : 0;
	if (used == 0 || strcmp(text, clean) == 0 || held + gap + used >= RIGHT_BYTES_MAX)
		return;
	memcpy(text + held, RIGHT_SEPARATOR, gap);
	memcpy(text + held + gap, clean, used + 1);
}

void rights_fill(struct rights *rights, const struct rights *from)
{
	for (int right = 0; right < RIGHTS; right++) {
		if (rights->text[right][0] == '\0')
			memcpy(rights->text[right], from->text[right], RIGHT_BYTES_MAX);
	}
}

bool rights_any(const struct rights *rights)
{
	for (int right = 0; right < RIGHTS; right++) {
		if (rights->text[right][0] != '\0')
			return true;
	}
	return false;
}
