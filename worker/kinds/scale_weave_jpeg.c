/* SPDX-License-Identifier: MIT */
/*
 * JPEG: markers between SOI and EOI. Kept are those that a decoder needs; what follows EOI (other
 * pictures, films) goes. A file that ends inside its last scan is kept up to there.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <string.h>

enum {
	TEM = 0x01,
	RST0 = 0xd0,
	RST7 = 0xd7,
	SOI = 0xd8,
	EOI = 0xd9,
	SOS = 0xda,
	APP0 = 0xe0,
	APP2 = 0xe2,
	APP14 = 0xee,
	LENGTH_BYTES = 2,
	FIRST_SEGMENT = 4, /* behind SOI and a marker */
	JFIF_BYTES = 16,   /* with the length, without a thumbnail */
	JFIF_THUMBNAIL = 14,
};

static bool starts_with(const uint8_t *segment, size_t size, const char *name, size_t name_size)
{
	return size >= LENGTH_BYTES + name_size &&
	       memcmp(segment + LENGTH_BYTES, name, name_size) == 0;
}

/* A JFIF header may hold a thumbnail of the old picture; the header is kept without. */
static void keep_jfif(struct weave *weave, size_t start, size_t segment, size_t size)
{
	weave_keep(weave, start, segment);
	if (size <= JFIF_BYTES) {
		weave_keep(weave, segment, segment + size);
	} else {
		weave_keep(weave, segment, segment + JFIF_BYTES);
		uint8_t *kept = weave->out + weave->used - JFIF_BYTES;
		weave_put_big(kept, JFIF_BYTES, LENGTH_BYTES);
		memset(kept + JFIF_THUMBNAIL, 0, 2);
	}
	if (segment == FIRST_SEGMENT) /* the first segment of the file */
		weave->insert_at = weave->used;
}

/* The segment behind a marker: start is where the marker begins, with the bytes that fill up. */
static void take_segment(struct weave *weave, size_t start, size_t segment, size_t size)
{
	const uint8_t *bytes = weave->in + segment;
	uint8_t marker = bytes[-1];
	bool foreign = marker >= APP0; /* other applications', extensions, comments */
	if (marker == APP0 && starts_with(bytes, size, "JFIF", 5)) {
		keep_jfif(weave, start, segment, size);
	} else if (!foreign || (marker == APP2 && starts_with(bytes, size, "ICC_PROFILE", 12)) ||
		   (marker == APP14 && starts_with(bytes, size, "Adobe", 5))) {
		weave_keep(weave, start, segment + size);
	} else {
		metadata_take_marker(
			&weave->found, &(struct metadata_marker) { .app = marker - APP0,
					       .bytes = bytes + LENGTH_BYTES,
					       .size = size - LENGTH_BYTES });
	}
}

/* Where the next marker begins that is no part of the compressed data; the end if there is none. */
static size_t end_of_scan(const struct weave *weave, size_t at)
{
	while (at < weave->size) {
		const uint8_t *found = memchr(weave->in + at, 0xff, weave->size - at);
		if (!found)
			break;
		at = (size_t)(found - weave->in);
		if (at + 1 >= weave->size)
			break;
		uint8_t next = found[1];
		if (next != 0 && next != 0xff && (next < RST0 || next > RST7))
			return at;
		at += next == 0xff ? 1 : 2;
	}
	return weave->size;
}

/*
 * Whether there is one more marker from *at on. What lies before it is damage that decoders pass
 * over, and is left out.
 */
static bool next_marker(const struct weave *weave, size_t *at)
{
	for (; *at < weave->size; (*at)++) {
		const uint8_t *found = memchr(weave->in + *at, 0xff, weave->size - *at);
		if (!found)
			return false;
		*at = (size_t)(found - weave->in);
		if (*at + 1 < weave->size && found[1] != 0)
			return true;
	}
	return false;
}

bool weave_part_jpeg(struct weave *weave)
{
	const uint8_t *in = weave->in;
	size_t at = 2;
	bool scanned = false;
	if (weave->size < 4 || in[0] != 0xff || in[1] != SOI)
		return false;
	weave_keep(weave, 0, at);
	weave->insert_at = at;
	while (next_marker(weave, &at)) {
		size_t start = at;
		while (at < weave->size && in[at] == 0xff)
			at++;
		if (at == weave->size)
			break;
		uint8_t marker = in[at++];
		if (marker == TEM || (marker >= RST0 && marker <= EOI)) {
			weave_keep(weave, start, at);
			if (marker == EOI || marker == SOI)
				return marker == EOI && scanned;
			continue;
		}
		if (weave->size - at < LENGTH_BYTES)
			return false;
		size_t size = weave_big(in + at, LENGTH_BYTES);
		if (size < LENGTH_BYTES || size > weave->size - at)
			return false;
		take_segment(weave, start, at, size);
		at += size;
		if (marker == SOS) {
			size_t end = end_of_scan(weave, at);
			weave_keep(weave, at, end);
			at = end;
			scanned = true;
		}
	}
	weave->cut_off = true;
	return scanned;
}

bool weave_join_jpeg(struct weave *weave, const struct metadata_made *made)
{
	struct metadata_marker markers[METADATA_MARKERS_MAX];
	unsigned count = metadata_markers(made, markers);
	for (unsigned i = 0; i < count; i++) {
		uint8_t head[4] = { 0xff, (uint8_t)(APP0 + markers[i].app) };
		weave_put_big(head + 2, (uint32_t)(markers[i].size + LENGTH_BYTES), LENGTH_BYTES);
		weave_insert(weave, head, sizeof(head));
		weave_insert(weave, markers[i].bytes, markers[i].size);
	}
	return true;
}
