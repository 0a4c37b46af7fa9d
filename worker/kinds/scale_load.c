/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_load.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "worker/kinds/scale_frames.h"
#include "worker/kinds/scale_metadata_vips.h"

int scale_load_refuse(struct error *err)
{
	char reason[ERROR_MESSAGE_MAX];
	(void)g_strlcpy(reason, vips_error_buffer(), sizeof(reason));
	vips_error_clear();
	reason[strcspn(reason, "\n")] = '\0';
	char *place = strstr(reason, " @ ");
	if (place)
		*place = '\0';
	/* file names are made up inside libvips */
	char *quoted = strstr(reason, " `");
	if (quoted)
		*quoted = '\0';
	for (char *c = reason; *c; c++) {
		if (!isascii(*c) || iscntrl((unsigned char)*c))
			*c = '?';
	}
	g_strchomp(reason);
	return error_set(err, ERROR_INPUT, "%s", reason[0] ? reason : "cannot be decoded");
}

/* Loaders that libvips' own recognizers may choose, for formats that sniff() leaves to them. */
static const struct {
	const char *class_name;
	enum picture_format format;
} recognized[] = {
	{ "VipsForeignLoadHeifSource", PICTURE_HEIF },
	{ "VipsForeignLoadJp2kSource", PICTURE_JP2 },
	{ "VipsForeignLoadJxlSource", PICTURE_JXL },
	{ "VipsForeignLoadPpmSource", PICTURE_PPM },
	{ "VipsForeignLoadRadSource", PICTURE_HDR },
	{ "VipsForeignLoadSvgSource", PICTURE_SVG },
	{ "VipsForeignLoadPdfSource", PICTURE_PDF },
};

static enum picture_format recognize(VipsSource *source)
{
	const char *class_name = vips_foreign_find_load_source(source);
	vips_error_clear();
	for (size_t i = 0; class_name && i < G_N_ELEMENTS(recognized); i++) {
		if (strcmp(class_name, recognized[i].class_name) == 0)
			return recognized[i].format;
	}
	return PICTURE_UNKNOWN;
}

static int load_magick(VipsSource *source, VipsImage **out)
{
	size_t size;
	const void *bytes = vips_source_map(source, &size);
	return bytes ? vips_magickload_buffer((void *)bytes, size, out, NULL) : -1;
}

#define HOW "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", fail

/* Formats whose decoders can make them smaller, or that have frames. */
static int load_flexible(struct loaded *loaded, const struct load_options *options, VipsFailOn fail)
{
	VipsSource *source = loaded->source;
	VipsImage **out = &loaded->image;
	int n = options->all_frames ? -1 : 1;
	double scale = 1 / options->shrink;
	switch (loaded->format) {
	case PICTURE_JPEG:
		return vips_jpegload_source(source, out, HOW, "shrink", (int)options->shrink, NULL);
	case PICTURE_WEBP:
		return vips_webpload_source(source, out, HOW, "scale", scale, "n", n, NULL);
	case PICTURE_GIF:
		return vips_gifload_source(source, out, HOW, "n", n, NULL);
	case PICTURE_SVG:
		return vips_svgload_source(source, out, HOW, "scale", scale, NULL);
	case PICTURE_PDF:
		return vips_pdfload_source(source, out, HOW, "scale", scale, NULL);
	default:
		vips_error("load", "%s pictures are not read", sniff_name(loaded->format));
		return -1;
	}
}

/* PFM is light in floats, but libvips takes its ones for those of 255. */
static int load_ppm(VipsSource *source, VipsImage **out, VipsFailOn fail)
{
	VipsImage *raw = NULL;
	if (vips_ppmload_source(source, &raw, HOW, NULL) != 0)
		return -1;
	VipsImage *bands[] = { raw, raw, raw };
	int failed = raw->BandFmt == VIPS_FORMAT_FLOAT && raw->Bands == 1
			     ? vips_bandjoin(bands, out, 3, NULL)
			     : vips_copy(raw, out, NULL);
	if (!failed && raw->BandFmt == VIPS_FORMAT_FLOAT)
		(*out)->Type = VIPS_INTERPRETATION_scRGB;
	g_object_unref(raw);
	return failed;
}

/* With what libvips' loader leaves unread. */
static int attach_more(struct loaded *loaded, int failed)
{
	bool leaves = loaded->format == PICTURE_GIF || loaded->format == PICTURE_TIFF ||
		      loaded->format == PICTURE_HEIF || loaded->format == PICTURE_AVIF ||
		      loaded->format == PICTURE_JXL;
	if (!failed && leaves)
		scale_metadata_attach_from(loaded->image, loaded->format, loaded->in_fd);
	return failed;
}

static int load(struct loaded *loaded, const struct load_options *options)
{
	VipsSource *source = loaded->source;
	VipsImage **out = &loaded->image;
	VipsFailOn fail = options->strict ? VIPS_FAIL_ON_ERROR : VIPS_FAIL_ON_NONE;
	switch (loaded->format) {
	case PICTURE_PNG:
		return vips_pngload_source(source, out, HOW, NULL);
	case PICTURE_TIFF:
		return vips_tiffload_source(source, out, HOW, NULL);
	case PICTURE_HEIF:
	case PICTURE_AVIF:
		return vips_heifload_source(source, out, HOW, NULL);
	case PICTURE_JP2:
		return vips_jp2kload_source(source, out, HOW, NULL);
	case PICTURE_JXL:
		return vips_jxlload_source(source, out, HOW, NULL);
	case PICTURE_PPM:
		return load_ppm(source, out, fail);
	case PICTURE_HDR:
		return vips_radload_source(source, out, HOW, NULL);
	case PICTURE_BMP:
	case PICTURE_ICO:
	case PICTURE_TGA:
	case PICTURE_PSD:
	case PICTURE_DDS:
	case PICTURE_SGI:
	case PICTURE_SUN:
	case PICTURE_PCX:
	case PICTURE_XBM:
	case PICTURE_XPM:
		return load_magick(source, out);
	default:
		return load_flexible(loaded, options, fail);
	}
}

int scale_load_again(struct loaded *loaded, const struct load_options *options)
{
	g_clear_object(&loaded->image);
	return attach_more(loaded, load(loaded, options));
}

static void look_at_pages(struct loaded *loaded, int fd)
{
	VipsImage *image = loaded->image;
	loaded->pages = vips_image_get_n_pages(image);
	loaded->is_animation = loaded->format == PICTURE_GIF || loaded->format == PICTURE_WEBP;
	if (loaded->format == PICTURE_HEIF || loaded->format == PICTURE_AVIF ||
		loaded->format == PICTURE_JP2)
		loaded->pages = 1; /* the others are no pages, but takes or sizes of the same */
	if (frames_are_hidden(loaded->format, fd)) {
		loaded->is_animation = true;
		loaded->pages = 2; /* or more: nobody says */
	}
	loaded->is_light = loaded->format == PICTURE_HDR ||
			   (loaded->format == PICTURE_PPM && image->BandFmt == VIPS_FORMAT_FLOAT);
	loaded->is_palette = loaded->format == PICTURE_PNG &&
			     vips_image_get_typeof(image, "palette-bit-depth") != 0;
}

static bool is_allowed(const struct scale_task *task, enum picture_format format)
{
	if (format == PICTURE_SVG)
		return task->style.allow_svg;
	return format == PICTURE_PDF ? task->style.allow_pdf : format != PICTURE_PS;
}

int scale_load_open(struct loaded *loaded, const struct scale_task *task, struct error *err)
{
	const struct load_options whole = { .shrink = 1 };
	/* The source reads where the shared file offset stands. */
	if (lseek(task->in_fd, 0, SEEK_SET) != 0)
		return error_errno(err, ERROR_IO, "seek in input");
	loaded->source = vips_source_new_from_descriptor(task->in_fd);
	if (!loaded->source)
		return scale_load_refuse(err);
	loaded->in_fd = task->in_fd;
	loaded->format = task->source;
	if (loaded->format == PICTURE_UNKNOWN)
		loaded->format = recognize(loaded->source);
	if (loaded->format == PICTURE_UNKNOWN)
		return error_set(err, ERROR_INPUT, "not an image");
	if (!is_allowed(task, loaded->format)) {
		const char *name = sniff_name(loaded->format);
		return loaded->format == PICTURE_PS
			       ? error_set(err, ERROR_INPUT, "%s pictures are not read", name)
			       : error_set(err, ERROR_INPUT,
					 "%s pictures are not read; give --allow %s", name, name);
	}
	if (attach_more(loaded, load(loaded, &whole)) != 0)
		return scale_load_refuse(err);
	loaded->size = (struct size) { .width = (uint32_t)vips_image_get_width(loaded->image),
		.height = (uint32_t)vips_image_get_height(loaded->image) };
	look_at_pages(loaded, task->in_fd);
	return 0;
}

void scale_load_close(struct loaded *loaded)
{
	g_clear_object(&loaded->image);
	g_clear_object(&loaded->source);
}

double scale_load_shrink(const struct loaded *loaded, struct size box, bool enlarge)
{
	double across = (double)loaded->size.width / box.width;
	double down = (double)loaded->size.height / box.height;
	double factor = MAX(across, down);
	double thin = MIN(loaded->size.width, loaded->size.height);
	bool drawn = loaded->format == PICTURE_SVG || loaded->format == PICTURE_PDF;
	if (loaded->format == PICTURE_JPEG)
		return fit_preshrink(loaded->size, box);
	if (drawn && enlarge && factor < 1)
		return factor;
	return (drawn || loaded->format == PICTURE_WEBP) && factor > 1 ? MIN(factor, thin) : 1;
}
