/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as a block of metadata, or as a picture whose metadata is taken out. The
 * first byte says as what, and the policy. What is made can be read again, and is clean text.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/quote.h"
#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_iptc.h"
#include "worker/kinds/scale_weave.h"
#include "worker/kinds/scale_xmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rights(const struct rights *rights)
{
	for (int right = 0; right < RIGHTS; right++) {
		const char *text = rights->text[right];
		size_t size = strnlen(text, RIGHT_BYTES_MAX);
		assert(size < RIGHT_BYTES_MAX);
		assert(utf8_valid(text, size));
		for (size_t i = 0; i < size; i++)
			assert((unsigned char)text[i] >= ' ');
	}
}

/* Our own words are read as they were written, but for how several creators are set apart. */
static void check_made(const struct metadata_made *made)
{
	struct rights exif = { 0 };
	struct rights xmp = { 0 };
	if (made->exif)
		exif_read(made->exif, made->exif_size, &exif);
	if (made->xmp)
		xmp_read(made->xmp + METADATA_XMP_PREFIX, made->xmp_size - METADATA_XMP_PREFIX,
			&xmp);
	check_rights(&exif);
	check_rights(&xmp);
}

static void check_blocks(const uint8_t *data, size_t size, enum metadata_policy policy)
{
	struct metadata found = { 0 };
	struct metadata_made made;
	found.exif = found.xmp = found.iptc = (struct block) { .bytes = data, .size = size };
	metadata_make(&found, policy, (struct size) { 640, 480 }, &made);
	check_made(&made);
	if (policy == METADATA_COPYRIGHT && made.exif) {
		assert(made.xmp);
		assert(exif_orientation(made.exif, made.exif_size) == 1);
	}
	if (policy == METADATA_NONE)
		assert(!made.exif && !made.xmp && !made.iptc);
	metadata_release(&made);
}

static void check_picture(
	enum picture_format format, const uint8_t *data, size_t size, enum metadata_policy policy)
{
	struct weave weave;
	if (!weave_part(&weave, format, data, size)) {
		weave_release(&weave);
		return;
	}
	assert(weave.used <= size);
	struct metadata_made made;
	metadata_make(&weave.found, policy, (struct size) { 640, 480 }, &made);
	if (weave_join(&weave, format, &made)) {
		struct weave again;
		/* of a TIFF file pieces that overlap may have gone */
		assert(weave_part(&again, format, weave.out, weave.used) || format == PICTURE_TIFF);
		if (policy == METADATA_NONE && format != PICTURE_TIFF)
			assert(again.found.exif.size == 0 && again.found.xmp.size == 0);
		if (policy != METADATA_ALL && made.exif && format != PICTURE_GIF)
			assert(again.found.exif.size > 0);
		weave_release(&again);
	}
	metadata_release(&made);
	weave_release(&weave);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum picture_format formats[] = { PICTURE_UNKNOWN, PICTURE_JPEG, PICTURE_PNG,
		PICTURE_WEBP, PICTURE_GIF, PICTURE_JXL, PICTURE_TIFF };
	enum { FORMATS = sizeof(formats) / sizeof(*formats) };
	if (size == 0)
		return 0;
	enum picture_format format = formats[data[0] % FORMATS];
	enum metadata_policy policy = (enum metadata_policy)(data[0] / FORMATS % 3);
	/* a copy of the right size, so that reading beyond it is seen */
	uint8_t *copy = malloc(size);
	assert(copy);
	memcpy(copy, data + 1, size - 1);
	uint8_t *bytes = realloc(copy, size > 1 ? size - 1 : 1);
	assert(bytes);
	if (format == PICTURE_UNKNOWN)
		check_blocks(bytes, size - 1, policy);
	else
		check_picture(format, bytes, size - 1, policy);
	free(bytes);
	return 0;
}
