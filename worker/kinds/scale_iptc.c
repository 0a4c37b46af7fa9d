/* SPDX-License-Identifier: MIT */
/* IPTC-NAA IIM 4.2 data sets, and Photoshop's image resource blocks around them. */
#include "worker/kinds/scale_iptc.h"

#include <string.h>

enum {
	SET_HEADER = 5, /* marker, record, number, two bytes of length */
	SET_MARKER = 0x1c,
	RECORD_APPLICATION = 2,
	SET_BY_LINE = 80,
	SET_CREDIT = 110,
	SET_COPYRIGHT = 116,
	LENGTH_EXTENDED = 0x8000, /* the length is itself longer: no text of ours is */
	RESOURCE_IPTC = 0x0404,
	RESOURCE_HEADER = 7, /* "8BIM", number, length of the name */
};

static size_t pair_at(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

static void take(const uint8_t *set, size_t size, struct rights *rights)
{
	if (set[1] != RECORD_APPLICATION)
		return;
	switch (set[2]) {
	case SET_BY_LINE:
		rights_add(rights, RIGHT_CREATOR, set + SET_HEADER, size);
		break;
	case SET_CREDIT:
		rights_add(rights, RIGHT_CREDIT, set + SET_HEADER, size);
		break;
	case SET_COPYRIGHT:
		rights_add(rights, RIGHT_COPYRIGHT, set + SET_HEADER, size);
		break;
	}
}

static void read_sets(const uint8_t *bytes, size_t size, struct rights *rights)
{
	while (size >= SET_HEADER && bytes[0] == SET_MARKER) {
		size_t length = pair_at(bytes + 3);
		if (length & LENGTH_EXTENDED || length > size - SET_HEADER)
			return;
		take(bytes, length, rights);
		bytes += SET_HEADER + length;
		size -= SET_HEADER + length;
	}
}

static size_t even(size_t size)
{
	return size + size % 2;
}

void iptc_read(const uint8_t *block, size_t size, struct rights *rights)
{
	static const char name[] = "Photoshop 3.0"; /* its NUL belongs to it */
	if (size >= sizeof(name) && memcmp(block, name, sizeof(name)) == 0) {
		block += sizeof(name);
		size -= sizeof(name);
	}
	if (size > 0 && block[0] == SET_MARKER) {
		read_sets(block, size, rights);
		return;
	}
	while (size >= RESOURCE_HEADER && memcmp(block, "8BIM", 4) == 0) {
		size_t number = pair_at(block + 4);
		size_t start = 6 + even(1 + (size_t)block[6]) + 4; /* 4: the length of the data */
		if (start > size)
			return;
		size_t high = pair_at(block + start - 4);
		size_t length = high << 16 | pair_at(block + start - 2);
		if (length > size - start)
			return;
		if (number == RESOURCE_IPTC)
			read_sets(block + start, length, rights);
		size_t step = start + even(length);
		if (step > size)
			return;
		block += step;
		size -= step;
	}
}
