/* SPDX-License-Identifier: MIT */
/*
 * The general way of scaling, on libvips. It must not choose a loader by a name, must not let
 * libvips try loaders that draw (svg, pdf) and must leave no object behind, for one lane does
 * thousands of pictures.
 */
#include "worker/kinds/scale_vips.h"

#include <ctype.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#include "worker/kinds/scale_file.h"

enum {
	KEPT_BLOCK_BYTES = 1 << 30, /* larger ones are always given back */
	KEPT_BYTES = 256 << 20,     /* free memory beyond this is given back */
};

/* What lives while one picture is worked on; all of it is released by pictures_release. */
struct pictures {
	VipsSource *source;
	VipsImage *loaded; /* full size, pixels not yet decoded; then the one decoded smaller */
	VipsImage *scaled;
	enum picture_format format;
};

static void pictures_release(struct pictures *pictures)
{
	g_clear_object(&pictures->scaled);
	g_clear_object(&pictures->loaded);
	g_clear_object(&pictures->source);
	vips_error_clear();
	vips_thread_shutdown();
}

/* The first line of libvips' complaints without file names, which are made up inside it. */
static int refuse(struct error *err)
{
	char reason[ERROR_MESSAGE_MAX];
	(void)g_strlcpy(reason, vips_error_buffer(), sizeof(reason));
	vips_error_clear();
	reason[strcspn(reason, "\n")] = '\0';
	char *place = strstr(reason, " @ ");
	if (place)
		*place = '\0';
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

/* shrink: what the decoder itself may shrink; only JPEG (1, 2, 4, 8) and WebP (any) can. */
static int load(struct pictures *pictures, double shrink)
{
	VipsSource *source = pictures->source;
	g_clear_object(&pictures->loaded);
	VipsImage **out = &pictures->loaded;
	const char *access = "access";
	VipsAccess once = VIPS_ACCESS_SEQUENTIAL;
	switch (pictures->format) {
	case PICTURE_JPEG:
		return vips_jpegload_source(source, out, access, once, "shrink", (int)shrink, NULL);
	case PICTURE_WEBP:
		return vips_webpload_source(source, out, access, once, "scale", 1 / shrink, NULL);
	case PICTURE_PNG:
		return vips_pngload_source(source, out, access, once, NULL);
	case PICTURE_GIF:
		return vips_gifload_source(source, out, access, once, NULL);
	case PICTURE_TIFF:
		return vips_tiffload_source(source, out, access, once, NULL);
	case PICTURE_HEIF:
	case PICTURE_AVIF:
		return vips_heifload_source(source, out, access, once, NULL);
	case PICTURE_JP2:
		return vips_jp2kload_source(source, out, access, once, NULL);
	case PICTURE_JXL:
		return vips_jxlload_source(source, out, access, once, NULL);
	case PICTURE_PPM:
		return vips_ppmload_source(source, out, access, once, NULL);
	case PICTURE_HDR:
		return vips_radload_source(source, out, access, once, NULL);
	case PICTURE_BMP:
	case PICTURE_ICO:
	case PICTURE_TGA:
	case PICTURE_PSD:
	case PICTURE_DDS:
	case PICTURE_SGI:
	case PICTURE_SUN:
	case PICTURE_PCX:
		return load_magick(source, out);
	case PICTURE_UNKNOWN:
	case PICTURE_PDF:
	case PICTURE_PS:
	case PICTURE_SVG:
	case PICTURE_FORMATS:
		break;
	}
	vips_error("load", "%s pictures are not read", sniff_name(pictures->format));
	return -1;
}

static int open_source(const struct scale_task *task, struct pictures *pictures, struct error *err)
{
	/* The source reads where the shared file offset stands. */
	if (lseek(task->in_fd, 0, SEEK_SET) != 0)
		return error_errno(err, ERROR_IO, "seek in input");
	pictures->source = vips_source_new_from_descriptor(task->in_fd);
	if (!pictures->source)
		return refuse(err);
	pictures->format = task->source;
	if (pictures->format == PICTURE_UNKNOWN)
		pictures->format = recognize(pictures->source);
	switch (pictures->format) {
	case PICTURE_UNKNOWN:
		return error_set(err, ERROR_INPUT, "not an image");
	case PICTURE_PDF:
	case PICTURE_PS:
	case PICTURE_SVG:
		return error_set(
			err, ERROR_INPUT, "%s pictures are not read", sniff_name(pictures->format));
	default:
		return load(pictures, 1) == 0 ? 0 : refuse(err);
	}
}

static struct size size_of(VipsImage *image)
{
	return (struct size) {
		.width = (uint32_t)vips_image_get_width(image),
		.height = (uint32_t)vips_image_get_height(image),
	};
}

/* Decoding from here on is of a smaller picture, where the format can do that. */
static int load_smaller(struct pictures *pictures, struct size box)
{
	struct size size = size_of(pictures->loaded);
	if (pictures->format == PICTURE_WEBP) {
		double factor = fit_factor(size, box);
		double thin = MIN(size.width, size.height);
		return factor > 1 ? load(pictures, MIN(factor, thin)) : 0;
	}
	uint32_t shrink = pictures->format == PICTURE_JPEG ? fit_preshrink(size, box) : 1;
	return shrink > 1 ? load(pictures, shrink) : 0;
}

/*
 * Every stride-th pixel of both directions, from the first on. vips_subsample leaves out the pixels
 * past the last whole stride, so the picture is first made a whole number of strides large.
 */
static int sample(VipsImage *in, uint32_t stride, VipsImage **out)
{
	struct size size = fit_sampled(size_of(in), stride);
	VipsImage *unpacked = NULL;
	VipsImage *whole = NULL;
	int failed = in->Coding == VIPS_CODING_RAD ? vips_rad2float(in, &unpacked, NULL)
						   : vips_copy(in, &unpacked, NULL);
	if (!failed)
		failed = vips_embed(unpacked, &whole, 0, 0, (int)(size.width * stride),
			(int)(size.height * stride), NULL);
	if (!failed)
		failed = vips_subsample(whole, out, (int)stride, (int)stride, NULL);
	g_clear_object(&whole);
	g_clear_object(&unpacked);
	return failed;
}

static bool needs_profile(VipsImage *image)
{
	return image->Type != VIPS_INTERPRETATION_CMYK && /* converted while loading the space */
	       vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
}

/* Scales, turns upright, brings to sRGB or grey. A profile that cannot be used is left out. */
static int thumbnail(VipsImage *in, struct size box, VipsImage **out)
{
	int width = (int)box.width;
	int height = (int)box.height;
	if (needs_profile(in) && vips_thumbnail_image(in, out, width, "height", height, "size",
					 VIPS_SIZE_DOWN, "export_profile", "srgb", NULL) == 0)
		return 0;
	vips_error_clear();
	return vips_thumbnail_image(in, out, width, "height", height, "size", VIPS_SIZE_DOWN, NULL);
}

static int scale(const struct scale_task *task, struct pictures *pictures, struct size box)
{
	uint32_t stride = task->subsample ? fit_stride(size_of(pictures->loaded), box) : 1;
	if (stride > 1) {
		VipsImage *sampled = NULL;
		if (sample(pictures->loaded, stride, &sampled) != 0)
			return -1;
		g_object_unref(pictures->loaded);
		pictures->loaded = sampled;
	} else if (load_smaller(pictures, box) != 0) {
		return -1;
	}
	return thumbnail(pictures->loaded, task->box, &pictures->scaled);
}

/* The formats that may be written, with the suffix by which libvips knows the saver. */
static const char *const suffixes[PICTURE_FORMATS] = {
	[PICTURE_JPEG] = ".jpg",
	[PICTURE_PNG] = ".png",
	[PICTURE_WEBP] = ".webp",
	[PICTURE_GIF] = ".gif",
	[PICTURE_TIFF] = ".tif",
	[PICTURE_HEIF] = ".heic",
	[PICTURE_AVIF] = ".avif",
	[PICTURE_JP2] = ".jp2",
	[PICTURE_JXL] = ".jxl",
	[PICTURE_PPM] = ".ppm",
	[PICTURE_HDR] = ".hdr",
};

static int save(const struct scale_task *task, enum picture_format target, VipsImage *image,
	struct scale_outcome *outcome, struct error *err)
{
	double white[] = { 255 };
	VipsArrayDouble *background = vips_array_double_new(white, 1);
	void *bytes = NULL;
	size_t size = 0;
	const char *suffix = suffixes[target];
	bool lossy = target == PICTURE_JPEG || target == PICTURE_WEBP || target == PICTURE_HEIF ||
		     target == PICTURE_AVIF || target == PICTURE_JP2 || target == PICTURE_JXL;
	int failed = lossy ? vips_image_write_to_buffer(image, suffix, &bytes, &size, "strip", TRUE,
				     "background", background, "Q", task->quality, NULL)
			   : vips_image_write_to_buffer(image, suffix, &bytes, &size, "strip", TRUE,
				     "background", background, NULL);
	vips_area_unref(VIPS_AREA(background));
	failed = failed ? refuse(err) : file_write(task->out_fd, bytes, size, err);
	g_free(bytes);
	outcome->size = size_of(image);
	outcome->output_bytes = size;
	return failed;
}

static int work(const struct scale_task *task, struct pictures *pictures,
	struct scale_outcome *outcome, struct error *err)
{
	if (open_source(task, pictures, err) != 0)
		return -1;
	struct size size = size_of(pictures->loaded);
	struct size upright =
		vips_image_get_orientation_swap(pictures->loaded) ? fit_swap(size) : size;
	enum picture_format target = task->target ? task->target : pictures->format;
	if (fit_inside(upright, task->box) && target == pictures->format) {
		outcome->copied = true;
		outcome->size = upright;
		return file_copy(task->in_fd, task->out_fd, &outcome->output_bytes, err);
	}
	if (fit_limits(size, err) != 0)
		return -1;
	if (!suffixes[target])
		return error_set(err, ERROR_INPUT, "cannot write %s; give --format",
			sniff_name(pictures->format));
	/* The box as the stored pixels lie. */
	bool lies = upright.width != size.width;
	if (scale(task, pictures, lies ? fit_swap(task->box) : task->box) != 0)
		return refuse(err);
	return save(task, target, pictures->scaled, outcome, err);
}

int scale_vips(const struct scale_task *task, struct scale_outcome *outcome, struct error *err)
{
	struct pictures pictures = { 0 };
	int status = work(task, &pictures, outcome, err);
	pictures_release(&pictures);
	return status == 0 ? SCALE_DONE : -1;
}

static VipsImage *image_of(const struct pixels *pixels)
{
	size_t size = (size_t)pixels->size.width * pixels->size.height * pixels->bands;
	VipsImage *raw = vips_image_new_from_memory(pixels->bytes, size, (int)pixels->size.width,
		(int)pixels->size.height, (int)pixels->bands, VIPS_FORMAT_UCHAR);
	VipsImage *image = NULL;
	VipsInterpretation space =
		pixels->bands < 3 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
	if (!raw || vips_copy(raw, &image, "interpretation", space, NULL) != 0) {
		g_clear_object(&raw);
		return NULL;
	}
	g_object_unref(raw);
	vips_image_set_int(image, VIPS_META_ORIENTATION, (int)pixels->orientation);
	if (pixels->profile)
		vips_image_set_blob_copy(
			image, VIPS_META_ICC_NAME, pixels->profile, pixels->profile_size);
	return image;
}

int scale_vips_finish(const struct scale_task *task, const struct pixels *pixels,
	struct scale_outcome *outcome, struct error *err)
{
	struct pictures pictures = { .format = task->source };
	enum picture_format target = task->target ? task->target : task->source;
	pictures.loaded = image_of(pixels);
	int status = pictures.loaded ? thumbnail(pictures.loaded, task->box, &pictures.scaled) : -1;
	status = status ? refuse(err) : save(task, target, pictures.scaled, outcome, err);
	pictures_release(&pictures);
	return status == 0 ? SCALE_DONE : -1;
}

static GLogWriterOutput keep_quiet(
	GLogLevelFlags level, const GLogField *fields, gsize count, gpointer data)
{
	(void)level;
	(void)fields;
	(void)count;
	(void)data;
	return G_LOG_WRITER_HANDLED;
}

/*
 * ImageMagick reads its settings and loads its decoders at its first picture, which is too late
 * once the lane may open no file. Where libvips comes without it, there is nothing to do.
 */
static void warm_magick(void)
{
	static const uint8_t bmp[] = { 'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0,
		1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, [57] = 0 };
	VipsImage *image = NULL;
	(void)vips_magickload_buffer((void *)bmp, sizeof(bmp), &image, NULL);
	g_clear_object(&image);
	vips_error_clear();
}

/*
 * What a picture needed is kept for the next one. Giving it back to the system and getting it
 * again, page by page, is a sixth of the time of a large progressive JPEG.
 */
static void keep_memory(void)
{
	/* mallopt(3) fails only for values out of range; then it stays as it was */
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

int scale_vips_start(struct error *err)
{
	/* Code made at run time gives other pixels on other processors and needs PROT_EXEC. */
	(void)g_setenv("VIPS_NOVECTOR", "1", TRUE);
	g_log_set_writer_func(keep_quiet, NULL, NULL);
	if (vips_init("sciame-worker") != 0) {
		(void)refuse(err);
		err->code = ERROR_START;
		return -1;
	}
	keep_memory();
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	warm_magick();
	return 0;
}
