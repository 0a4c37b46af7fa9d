/* SPDX-License-Identifier: MIT */
/*
 * libvips rebuilds an EXIF block when it saves: entries without a field "exif-ifdN-NAME" of the
 * image go, those whose field reads differently are written anew, as ASCII. So the fields have to
 * be just what libvips' own reader would make of the block, and are made by it.
 */
#include "worker/kinds/scale_metadata_vips.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <vips/vips.h>

#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_weave.h"
#include "worker/kinds/scale_xmp.h"

enum { FILE_BYTES_MAX = 1 << 30 }; /* of a file that is looked into */

/* What rights that were said by other means are called on the way. */
static const char *const said_fields[RIGHTS] = {
	[RIGHT_CREATOR] = "sciame-creator",
	[RIGHT_COPYRIGHT] = "sciame-copyright",
};

/* What is neither metadata nor known to every image. */
static const char *const kept_fields[] = { VIPS_META_ICC_NAME, VIPS_META_PAGE_HEIGHT,
	VIPS_META_N_PAGES, VIPS_META_ORIENTATION, "delay", "gif-delay", "gif-loop", "loop",
	"background", "gif-palette", "palette", "palette-bit-depth", "bits-per-sample" };

static void attach_block(VipsImage *image, const char *field, const struct block *block)
{
	if (block->size > 0 && block->size <= METADATA_BLOCK_MAX)
		vips_image_set_blob_copy(image, field, block->bytes, block->size);
}

void scale_metadata_attach(VipsImage *image, const struct metadata *found)
{
	attach_block(image, VIPS_META_EXIF_NAME, &found->exif);
	attach_block(image, VIPS_META_XMP_NAME, &found->xmp);
	attach_block(image, VIPS_META_IPTC_NAME, &found->iptc);
	for (int right = 0; right < RIGHTS; right++) {
		if (said_fields[right] && found->said.text[right][0] != '\0')
			vips_image_set_string(image, said_fields[right], found->said.text[right]);
	}
}

static void attach_from(
	VipsImage *image, enum picture_format format, const uint8_t *bytes, size_t size)
{
	struct weave weave = { 0 };
	struct metadata found = { 0 };
	switch (format) {
	case PICTURE_TIFF: /* is one large EXIF block, of which libvips reads no Artist */
		exif_read(bytes, size, &found.said);
		break;
	case PICTURE_GIF:
	case PICTURE_JXL:
		if (weave_look(&weave, format, bytes, size))
			found = weave.found;
		break;
	case PICTURE_HEIF:
	case PICTURE_AVIF:
		found.xmp.bytes = xmp_find(bytes, size, &found.xmp.size);
		break;
	default:
		break;
	}
	scale_metadata_attach(image, &found);
	weave_release(&weave);
}

/* Mapped, because most of a large file is not looked at. */
void scale_metadata_attach_from(VipsImage *image, enum picture_format format, int fd)
{
	uint64_t size;
	struct error err;
	if (file_size(fd, &size, &err) != 0 || size == 0 || size > FILE_BYTES_MAX)
		return;
	void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return;
	attach_from(image, format, bytes, size);
	(void)munmap(bytes, size); /* fails only for what is no mapping */
}

static struct block block_of(VipsImage *image, const char *field)
{
	struct block block = { 0 };
	const void *bytes;
	if (vips_image_get_typeof(image, field) == VIPS_TYPE_BLOB &&
		vips_image_get_blob(image, field, &bytes, &block.size) == 0)
		block.bytes = bytes;
	return block;
}

/* Texts of a PNG are "png-comment-NUMBER-KEYWORD". */
static void add_text(struct rights *said, VipsImage *image, const char *field)
{
	static const struct {
		const char *end;
		enum right right;
	} ends[] = { { "-Author", RIGHT_CREATOR }, { "-Artist", RIGHT_CREATOR },
		{ "-Copyright", RIGHT_COPYRIGHT } };
	const char *text;
	if (vips_image_get_typeof(image, field) != VIPS_TYPE_REF_STRING ||
		vips_image_get_string(image, field, &text) != 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		if (g_str_has_prefix(field, "png-comment-") && g_str_has_suffix(field, ends[i].end))
			rights_add(said, ends[i].right, (const uint8_t *)text, strlen(text));
	}
	for (int right = 0; right < RIGHTS; right++) {
		if (said_fields[right] && strcmp(field, said_fields[right]) == 0)
			rights_add(said, (enum right)right, (const uint8_t *)text, strlen(text));
	}
}

static void find(VipsImage *image, struct metadata *found)
{
	*found = (struct metadata) {
		.exif = block_of(image, VIPS_META_EXIF_NAME),
		.xmp = block_of(image, VIPS_META_XMP_NAME),
		.iptc = block_of(image, VIPS_META_IPTC_NAME),
	};
	if (found->iptc.size == 0)
		found->iptc = block_of(image, VIPS_META_PHOTOSHOP_NAME);
	char **fields = vips_image_get_fields(image);
	for (char **field = fields; *field; field++)
		add_text(&found->said, image, *field);
	g_strfreev(fields);
}

static bool is_kept(const char *field)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kept_fields); i++) {
		if (strcmp(field, kept_fields[i]) == 0)
			return true;
	}
	return false;
}

static bool is_ours(const char *field)
{
	for (int right = 0; right < RIGHTS; right++) {
		if (said_fields[right] && strcmp(field, said_fields[right]) == 0)
			return true;
	}
	return false;
}

/* Of the old blocks, and with them what libvips' readers made of them. */
static bool is_rebuilt(const char *field)
{
	return g_str_has_prefix(field, "exif-") || strcmp(field, "jpeg-thumbnail-data") == 0 ||
	       strcmp(field, VIPS_META_XMP_NAME) == 0 || is_ours(field);
}

/* Fields that every image has are not removed by this. */
static void clean(VipsImage *image, enum metadata_policy policy)
{
	char **fields = vips_image_get_fields(image);
	for (char **field = fields; *field; field++) {
		bool goes = policy == METADATA_ALL ? is_rebuilt(*field) : !is_kept(*field);
		if (goes)
			(void)vips_image_remove(image, *field);
	}
	g_strfreev(fields);
}

static void *copy_field(VipsImage *from, const char *field, GValue *value, void *to)
{
	(void)from;
	if (g_str_has_prefix(field, "exif-ifd") && !g_str_has_prefix(field, "exif-ifd1-"))
		vips_image_set(to, field, value);
	return NULL;
}

/* Has libvips read the block in the head of a JPEG file of one pixel. */
static void set_exif(VipsImage *image, const struct metadata_made *made)
{
	static const uint8_t pixel[] = { 0xff, 0xd8,               /* SOI */
		0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0,   /* SOF0 */
		0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xff, 0xd9 }; /* SOS, EOI */
	const struct metadata_made exif = { .exif = made->exif, .exif_size = made->exif_size };
	struct weave weave;
	VipsImage *read = NULL;
	if (weave_part(&weave, PICTURE_JPEG, pixel, sizeof(pixel)) &&
		weave_join(&weave, PICTURE_JPEG, &exif) && weave.used > sizeof(pixel) &&
		vips_jpegload_buffer(weave.out, weave.used, &read, NULL) == 0) {
		vips_image_set_blob_copy(image, VIPS_META_EXIF_NAME, made->exif, made->exif_size);
		vips_image_map(read, copy_field, image);
	}
	g_clear_object(&read);
	weave_release(&weave);
	vips_error_clear();
}

int scale_metadata_reduce(
	VipsImage *in, enum metadata_policy policy, struct metadata_made *made, VipsImage **out)
{
	struct metadata found;
	struct size size = { .width = (uint32_t)vips_image_get_width(in),
		.height = (uint32_t)vips_image_get_page_height(in) };
	if (vips_copy(in, out, NULL) != 0)
		return -1;
	find(in, &found);
	metadata_make(&found, policy, size, made);
	clean(*out, policy);
	if (made->exif)
		set_exif(*out, made);
	if (made->xmp)
		vips_image_set_blob_copy(*out, VIPS_META_XMP_NAME, made->xmp + METADATA_XMP_PREFIX,
			made->xmp_size - METADATA_XMP_PREFIX);
	return 0;
}

bool scale_metadata_strips(VipsImage *image)
{
	static const char *const fields[] = { VIPS_META_ICC_NAME, VIPS_META_EXIF_NAME,
		VIPS_META_XMP_NAME, VIPS_META_IPTC_NAME, VIPS_META_PHOTOSHOP_NAME };
	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (vips_image_get_typeof(image, fields[i]) != 0)
			return false;
	}
	return true;
}

void scale_metadata_finish(enum picture_format format, enum metadata_policy policy,
	const struct metadata_made *made, struct block *bytes)
{
	/* with ALL the savers write more than *made says; these two write nothing */
	bool poor = format == PICTURE_GIF || format == PICTURE_JXL;
	if (!weave_knows(format) || (policy == METADATA_ALL && !poor))
		return;
	struct weave weave;
	if (weave_part(&weave, format, bytes->bytes, bytes->size) &&
		weave_join(&weave, format, made)) {
		g_free((void *)bytes->bytes);
		*bytes = (struct block) { .bytes = weave.out, .size = weave.used };
		weave.out = NULL;
	}
	weave_release(&weave);
}
