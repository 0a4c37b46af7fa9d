/* SPDX-License-Identifier: MIT */
/* The policy: what is kept of a picture's metadata, and in which words. */
#include "worker/kinds/scale_metadata.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_iptc.h"
#include "worker/kinds/scale_xmp.h"

enum {
	APP_METADATA = 1,
	APP_PHOTOSHOP = 13,
	MARKER_BYTES_MAX = 65533, /* what a JPEG marker holds behind its length */
};

static const char exif_prefix[] = "Exif\0"; /* both NULs */
static const char xmp_prefix[] = "http://ns.adobe.com/xap/1.0/";
static const char photoshop_prefix[] = "Photoshop 3.0";
_Static_assert(sizeof(exif_prefix) == METADATA_EXIF_PREFIX, "the prefix is as long as it is");
_Static_assert(sizeof(xmp_prefix) == METADATA_XMP_PREFIX, "the prefix is as long as it is");

static uint8_t *join(const char *prefix, size_t prefix_size, const void *bytes, size_t size)
{
	uint8_t *joined = xmalloc(prefix_size + size);
	memcpy(joined, prefix, prefix_size);
	memcpy(joined + prefix_size, bytes, size);
	return joined;
}

static void make_exif(const struct rights *rights, struct metadata_made *made)
{
	uint8_t block[EXIF_WRITTEN_MAX];
	made->exif_size = exif_write(rights, block);
	if (made->exif_size > 0)
		made->exif = join("", 0, block, made->exif_size);
}

static void make_xmp(const struct rights *rights, struct metadata_made *made)
{
	char *text = xmalloc(XMP_WRITTEN_MAX);
	size_t size = xmp_write(rights, text);
	if (size > 0) {
		made->xmp = join(xmp_prefix, sizeof(xmp_prefix), text, size);
		made->xmp_size = sizeof(xmp_prefix) + size;
	}
	free(text);
}

/* What all blocks say, the words of each in its own first. */
static void make_rights(const struct metadata *found, struct metadata_made *made)
{
	struct rights exif = { 0 };
	struct rights xmp = { 0 };
	struct rights iptc = { 0 };
	exif_read(found->exif.bytes, found->exif.size, &exif);
	xmp_read(found->xmp.bytes, found->xmp.size, &xmp);
	iptc_read(found->iptc.bytes, found->iptc.size, &iptc);
	rights_fill(&iptc, &found->said);
	struct rights xmp_said = xmp;
	rights_fill(&xmp, &exif);
	rights_fill(&xmp, &iptc);
	rights_fill(&exif, &xmp_said);
	rights_fill(&exif, &iptc);
	if (!made->exif)
		make_exif(&exif, made);
	if (!made->xmp)
		make_xmp(&xmp, made);
}

static void keep_exif(const struct block *exif, struct size picture, struct metadata_made *made)
{
	if (exif->size == 0 || exif->size > METADATA_BLOCK_MAX)
		return;
	bool prefixed = exif->size >= sizeof(exif_prefix) &&
			memcmp(exif->bytes, exif_prefix, sizeof(exif_prefix)) == 0;
	size_t gap = prefixed ? 0 : sizeof(exif_prefix);
	uint8_t *block = join(exif_prefix, gap, exif->bytes, exif->size);
	if (exif_correct(block, gap + exif->size, picture)) {
		made->exif = block;
		made->exif_size = gap + exif->size;
	} else {
		free(block);
	}
}

static void keep_xmp(const struct block *xmp, struct size picture, struct metadata_made *made)
{
	size_t size = 0;
	uint8_t *packet = xmp_correct(xmp->bytes, xmp->size, picture, &size);
	if (!packet)
		return;
	made->xmp = join(xmp_prefix, sizeof(xmp_prefix), packet, size);
	made->xmp_size = sizeof(xmp_prefix) + size;
	free(packet);
}

/* A block that is too damaged to be corrected is replaced by what could be read in it. */
static void keep_all(const struct metadata *found, struct size picture, struct metadata_made *made)
{
	keep_exif(&found->exif, picture, made);
	keep_xmp(&found->xmp, picture, made);
	if (found->iptc.size > 0 && found->iptc.size <= METADATA_BLOCK_MAX) {
		made->iptc = join("", 0, found->iptc.bytes, found->iptc.size);
		made->iptc_size = found->iptc.size;
	}
	struct metadata lost = *found;
	if (made->exif)
		lost.exif.size = 0;
	if (made->xmp)
		lost.xmp.size = 0;
	if (made->iptc)
		lost.iptc.size = 0;
	if (!made->exif || !made->xmp)
		make_rights(&lost, made);
}

void metadata_make(const struct metadata *found, enum metadata_policy policy, struct size picture,
	struct metadata_made *made)
{
	*made = (struct metadata_made) { 0 };
	switch (policy) {
	case METADATA_COPYRIGHT:
		make_rights(found, made);
		break;
	case METADATA_NONE:
		break;
	case METADATA_ALL:
		keep_all(found, picture, made);
		break;
	}
}

void metadata_release(struct metadata_made *made)
{
	free(made->exif);
	free(made->xmp);
	free(made->iptc);
	*made = (struct metadata_made) { 0 };
}

static bool starts_with(const struct metadata_marker *marker, const char *prefix, size_t size)
{
	return marker->size > size && memcmp(marker->bytes, prefix, size) == 0;
}

void metadata_take_marker(struct metadata *found, const struct metadata_marker *marker)
{
	struct block *block = NULL;
	size_t skipped = 0;
	if (marker->app == APP_METADATA && starts_with(marker, exif_prefix, sizeof(exif_prefix))) {
		block = &found->exif;
	} else if (marker->app == APP_METADATA &&
		   starts_with(marker, xmp_prefix, sizeof(xmp_prefix))) {
		block = &found->xmp;
		skipped = sizeof(xmp_prefix);
	} else if (marker->app == APP_PHOTOSHOP &&
		   starts_with(marker, photoshop_prefix, sizeof(photoshop_prefix))) {
		block = &found->iptc;
	}
	if (block && block->size == 0)
		*block = (struct block) { .bytes = marker->bytes + skipped,
			.size = marker->size - skipped };
}

unsigned metadata_markers(const struct metadata_made *made,
	struct metadata_marker markers[static METADATA_MARKERS_MAX])
{
	const struct metadata_marker all[METADATA_MARKERS_MAX] = {
		{ APP_METADATA, made->exif, made->exif_size },
		{ APP_METADATA, made->xmp, made->xmp_size },
		{ APP_PHOTOSHOP, made->iptc, made->iptc_size },
	};
	unsigned count = 0;
	for (unsigned i = 0; i < METADATA_MARKERS_MAX; i++) {
		if (all[i].bytes && all[i].size <= MARKER_BYTES_MAX)
			markers[count++] = all[i];
	}
	return count;
}
