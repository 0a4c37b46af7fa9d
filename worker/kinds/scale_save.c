/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_save.h"

#include <vips/vips.h>

#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_load.h"
#include "worker/kinds/scale_metadata_vips.h"
#include "worker/kinds/scale_srgb.h"

enum {
	EFFORT_MAX = 10,   /* as in proto/scale.proto */
	QUALITY_JPEG = 75, /* libvips' own, as those that follow */
	QUALITY_WEBP = 75,
	QUALITY_AVIF = 50,
	QUALITY_JXL = 75,
	QUALITY_JP2 = 48,
	PALETTE_QUALITY = 100, /* as good as 256 colours can be */
	PNG_COMPRESSION = 6,
};

struct encoded {
	void *bytes;
	size_t size;
	bool strip; /* there is nothing to write but pixels */
};

static int quality_of(const struct scale_task *task, int own)
{
	return task->style.quality ? task->style.quality : own;
}

/* --effort 1 to 10 on a saver's scale of lowest to highest. */
static int effort_of(const struct scale_task *task, int lowest, int highest, int own)
{
	if (!task->style.effort)
		return own;
	return lowest + (task->style.effort - 1) * (highest - lowest) / (EFFORT_MAX - 1);
}

#define WHERE &encoded->bytes, &encoded->size, "strip", (gboolean)encoded->strip

static int save_jpeg(const struct scale_task *task, VipsImage *image, struct encoded *encoded)
{
	return vips_jpegsave_buffer(image, WHERE, "Q", quality_of(task, QUALITY_JPEG), "interlace",
		task->style.progressive, "optimize_coding", task->style.progressive, NULL);
}

static int save_png(
	const struct scale_task *task, VipsImage *image, bool palette, struct encoded *encoded)
{
	int compression = effort_of(task, 1, 9, PNG_COMPRESSION);
	if (palette && image->BandFmt == VIPS_FORMAT_UCHAR)
		return vips_pngsave_buffer(image, WHERE, "interlace", task->style.progressive,
			"compression", compression, "palette", TRUE, "Q", PALETTE_QUALITY, NULL);
	return vips_pngsave_buffer(image, WHERE, "interlace", task->style.progressive,
		"compression", compression, NULL);
}

static int save_webp(const struct scale_task *task, VipsImage *image, struct encoded *encoded)
{
	return vips_webpsave_buffer(image, WHERE, "Q", quality_of(task, QUALITY_WEBP), "lossless",
		task->style.lossless, "effort", effort_of(task, 0, 6, 4), NULL);
}

static int save_heif(const struct scale_task *task, VipsImage *image,
	VipsForeignHeifCompression compression, struct encoded *encoded)
{
	VipsForeignSubsample halved =
		task->style.lossless ? VIPS_FOREIGN_SUBSAMPLE_OFF : VIPS_FOREIGN_SUBSAMPLE_AUTO;
	return vips_heifsave_buffer(image, WHERE, "Q", quality_of(task, QUALITY_AVIF), "lossless",
		task->style.lossless, "subsample_mode", halved, "effort", effort_of(task, 0, 9, 4),
		"compression", compression, NULL);
}

static int save(const struct scale_task *task, VipsImage *image, const struct save_options *options,
	struct encoded *encoded)
{
	switch (options->format) {
	case PICTURE_JPEG:
		return save_jpeg(task, image, encoded);
	case PICTURE_PNG:
		return save_png(task, image, options->palette, encoded);
	case PICTURE_WEBP:
		return save_webp(task, image, encoded);
	case PICTURE_AVIF:
		return save_heif(task, image, VIPS_FOREIGN_HEIF_COMPRESSION_AV1, encoded);
	case PICTURE_HEIF:
		return save_heif(task, image, VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, encoded);
	case PICTURE_GIF:
		return vips_gifsave_buffer(image, WHERE, "effort", effort_of(task, 1, 10, 7), NULL);
	case PICTURE_TIFF:
		return vips_tiffsave_buffer(image, WHERE, "compression",
			VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, "predictor",
			VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, NULL);
	case PICTURE_JXL:
		return vips_jxlsave_buffer(image, WHERE, "Q", quality_of(task, QUALITY_JXL),
			"lossless", task->style.lossless, "effort", effort_of(task, 3, 9, 7), NULL);
	case PICTURE_JP2:
		return vips_jp2ksave_buffer(image, WHERE, "Q", quality_of(task, QUALITY_JP2),
			"lossless", task->style.lossless, NULL);
	case PICTURE_PPM:
		/* light would be made 8 bits; so called floats are written as they are (PFM) */
		if (image->BandFmt == VIPS_FORMAT_FLOAT)
			image->Type = VIPS_INTERPRETATION_sRGB;
		return vips_image_write_to_buffer(image, ".ppm", WHERE, NULL);
	case PICTURE_HDR:
		return vips_image_write_to_buffer(image, ".hdr", WHERE, NULL);
	default:
		vips_error("save", "%s pictures are not written", sniff_name(options->format));
		return -1;
	}
}

bool scale_save_writes(enum picture_format format)
{
	switch (format) {
	case PICTURE_JPEG:
	case PICTURE_PNG:
	case PICTURE_WEBP:
	case PICTURE_AVIF:
	case PICTURE_HEIF:
	case PICTURE_GIF:
	case PICTURE_TIFF:
	case PICTURE_JXL:
	case PICTURE_JP2:
	case PICTURE_PPM:
	case PICTURE_HDR:
		return true;
	default:
		return false;
	}
}

bool scale_save_animates(enum picture_format format)
{
	return format == PICTURE_GIF || format == PICTURE_WEBP;
}

bool scale_save_is_deep(enum picture_format format)
{
	return format == PICTURE_PNG || format == PICTURE_TIFF;
}

static bool holds_alpha(enum picture_format format)
{
	return format != PICTURE_JPEG && format != PICTURE_PPM && format != PICTURE_HDR;
}

/* Whether any pixel lets the background through. -1: the pixels can't be had. */
static int is_transparent(VipsImage *image)
{
	VipsImage *alpha = NULL;
	double least = 0;
	double opaque = image->BandFmt == VIPS_FORMAT_USHORT ? 65535 : 255;
	int failed = vips_extract_band(image, &alpha, image->Bands - 1, NULL);
	if (!failed)
		failed = vips_min(alpha, &least, NULL);
	g_clear_object(&alpha);
	return failed ? -1 : least < opaque;
}

/* Onto the background, which makes colours of grey unless it is grey itself. */
static int flatten(const struct scale_task *task, VipsImage *image, VipsImage **out)
{
	const uint8_t *colour = task->style.background;
	bool grey = colour[0] == colour[1] && colour[1] == colour[2];
	double ink[] = { colour[0], colour[1], colour[2] };
	VipsImage *wide = NULL;
	int failed = image->Bands == 2 && !grey
			     ? vips_colourspace(image, &wide, VIPS_INTERPRETATION_sRGB, NULL)
			     : vips_copy(image, &wide, NULL);
	if (failed)
		return -1;
	VipsArrayDouble *background = vips_array_double_new(ink, wide->Bands == 2 ? 1 : 3);
	failed = vips_flatten(wide, out, "background", background, NULL);
	vips_area_unref(VIPS_AREA(background));
	g_object_unref(wide);
	return failed;
}

/* 16 bits that the output does not keep; libvips' thumbnail makes 8 of them by itself. */
static int shallow(VipsImage *image, VipsImage **out)
{
	if (image->Type == VIPS_INTERPRETATION_RGB16)
		return vips_colourspace(image, out, VIPS_INTERPRETATION_sRGB, NULL);
	if (image->Type == VIPS_INTERPRETATION_GREY16)
		return vips_colourspace(image, out, VIPS_INTERPRETATION_B_W, NULL);
	return vips_copy(image, out, NULL);
}

/* The image as the format can hold it, the caller's own. */
static int prepare(const struct scale_task *task, VipsImage *image,
	const struct save_options *options, VipsImage **out, uint32_t *notes)
{
	VipsImage *levels = NULL;
	bool deep = scale_save_is_deep(options->format) && task->style.depth != 8;
	int failed = deep ? vips_copy(image, &levels, NULL) : shallow(image, &levels);
	int transparent = 0;
	if (!failed && vips_image_hasalpha(levels) && !holds_alpha(options->format)) {
		transparent = is_transparent(levels);
		failed = transparent < 0 ? -1 : flatten(task, levels, out);
	} else if (!failed) {
		failed = vips_copy(levels, out, NULL);
	}
	if (transparent > 0)
		*notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED;
	g_clear_object(&levels);
	return failed;
}

/* The output is sRGB, or grey, if it has a profile at all and need not keep its own. */
static void shorten_profile(const struct scale_task *task, VipsImage *image)
{
	uint8_t profile[SRGB_PROFILE_MAX];
	if (task->style.keep_profile || vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0)
		return;
	(void)vips_image_remove(image, VIPS_META_ICC_NAME);
	if (image->Bands >= 3)
		vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, profile, srgb_profile(profile));
}

/* The image with what it is to say of itself, encoded. */
static int encode(const struct scale_task *task, VipsImage *image,
	const struct save_options *options, struct encoded *encoded)
{
	struct metadata_made made = { 0 };
	VipsImage *reduced = NULL;
	int failed = scale_metadata_reduce(image, task->style.metadata, &made, &reduced);
	if (!failed) {
		shorten_profile(task, reduced);
		encoded->strip = scale_metadata_strips(reduced);
		failed = save(task, reduced, options, encoded);
	}
	if (!failed) {
		struct block saved = { .bytes = encoded->bytes, .size = encoded->size };
		scale_metadata_finish(options->format, task->style.metadata, &made, &saved);
		encoded->bytes = (void *)saved.bytes;
		encoded->size = saved.size;
	}
	metadata_release(&made);
	g_clear_object(&reduced);
	return failed;
}

int scale_save(const struct scale_task *task, VipsImage *image, const struct save_options *options,
	struct scale_outcome *outcome, struct error *err)
{
	struct encoded encoded = { 0 };
	VipsImage *ready = NULL;
	/* decoded once, although it is looked at first and encoded then */
	VipsImage *pixels = vips_image_copy_memory(image);
	int failed = pixels ? prepare(task, pixels, options, &ready, &outcome->notes) : -1;
	if (!failed) {
		failed = encode(task, ready, options, &encoded);
		outcome->size = (struct size) {
			.width = (uint32_t)vips_image_get_width(ready),
			.height = (uint32_t)vips_image_get_page_height(ready),
		};
	}
	failed = failed ? scale_load_refuse(err)
			: file_write(task->out_fd, encoded.bytes, encoded.size, err);
	outcome->output_bytes = encoded.size;
	g_free(encoded.bytes);
	g_clear_object(&ready);
	g_clear_object(&pixels);
	return failed;
}
