/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_formats.h"

#include <vips/vips.h>

#include "worker/kinds/scale_sniff.h"
#include "worker/kinds/scale_vips.h"

enum { TRIAL_PIXELS = 16 }; /* each side of the picture that savers are tried with */

struct format {
	const char *name;
	const char *suffixes;
	const char *loader; /* libvips' operation */
	const char *saver;  /* a suffix by which libvips knows the saver; NULL: never written */
	const char *option; /* without which it is not read, or NULL */
	const char *notes;
};

static const struct format formats[] = {
	{ "jpeg", ".jpg .jpeg", "jpegload_source", ".jpg", NULL, "--quality --progressive" },
	{ "png", ".png", "pngload_source", ".png", NULL, "--progressive --depth" },
	{ "webp", ".webp", "webpload_source", ".webp", NULL,
		"animated; --quality --lossless --effort" },
	{ "avif", ".avif", "heifload_source", ".avif", NULL, "--quality --lossless --effort" },
	{ "gif", ".gif", "gifload_source", ".gif", NULL, "animated; --effort" },
	{ "tiff", ".tif .tiff", "tiffload_source", ".tif", NULL, "first page; --depth" },
	{ "jxl", ".jxl", "jxlload_source", ".jxl", NULL, "--quality --lossless --effort" },
	{ "heic", ".heic .heif", "heifload_source", ".heic", NULL, "only from the same format" },
	{ "jp2", ".jp2 .j2k", "jp2kload_source", ".jp2", NULL, "only from the same format" },
	{ "ppm", ".ppm .pgm .pbm .pfm", "ppmload_source", ".ppm", NULL,
		"only from the same format" },
	{ "hdr", ".hdr", "radload_source", ".hdr", NULL, "only from the same format" },
	{ "bmp", ".bmp", "magickload_buffer", NULL, NULL, "give --format" },
	{ "ico", ".ico", "magickload_buffer", NULL, NULL, "give --format" },
	{ "tga", ".tga", "magickload_buffer", NULL, NULL, "give --format" },
	{ "psd", ".psd", "magickload_buffer", NULL, NULL, "give --format" },
	{ "xbm", ".xbm", "magickload_buffer", NULL, NULL, "give --format" },
	{ "xpm", ".xpm", "magickload_buffer", NULL, NULL, "give --format" },
	{ "dds", ".dds", "magickload_buffer", NULL, NULL, "give --format" },
	{ "sgi", ".sgi", "magickload_buffer", NULL, NULL, "give --format" },
	{ "sun", ".ras", "magickload_buffer", NULL, NULL, "give --format" },
	{ "pcx", ".pcx", "magickload_buffer", NULL, NULL, "give --format" },
	{ "svg", ".svg", "svgload_source", NULL, "--allow svg", "give --format" },
	{ "pdf", ".pdf", "pdfload_source", NULL, "--allow pdf", "first page; give --format" },
};

static bool is_read(const struct format *format)
{
	return vips_type_find("VipsOperation", format->loader) != 0;
}

/* Whether a picture in this format can be made, and be read again. */
static bool is_written(const struct format *format, VipsImage *picture)
{
	void *bytes = NULL;
	size_t size = 0;
	VipsImage *back = NULL;
	double mean;
	if (!format->saver)
		return false;
	bool good = vips_image_write_to_buffer(picture, format->saver, &bytes, &size, NULL) == 0;
	if (good)
		back = vips_image_new_from_buffer(bytes, size, "", NULL);
	good = back && vips_avg(back, &mean, NULL) == 0;
	g_clear_object(&back);
	g_free(bytes);
	vips_error_clear();
	return good;
}

static void print_line(FILE *out, const struct format *format, bool written)
{
	const char *read = is_read(format) ? (format->option ? format->option : "yes") : "no";
	(void)fprintf(out, "%-7s %-20s %-12s %-8s %s\n", format->name, format->suffixes, read,
		written ? "yes" : "no", format->notes);
}

static void print_object(FILE *out, const struct format *format, bool written)
{
	(void)fprintf(out,
		"%s\n  { \"format\": \"%s\", \"suffixes\": \"%s\", \"read\": %s, \"written\": %s, "
		"\"option\": \"%s\" }",
		format == formats ? "" : ",", format->name, format->suffixes,
		is_read(format) ? "true" : "false", written ? "true" : "false",
		format->option ? format->option : "");
}

int scale_formats_print(FILE *out, bool json, struct error *err)
{
	VipsImage *picture = NULL;
	if (scale_vips_start(err))
		return -1;
	if (vips_black(&picture, TRIAL_PIXELS, TRIAL_PIXELS, "bands", 3, NULL))
		return error_set(err, ERROR_START, "make a picture: %s", vips_error_buffer());
	picture->Type = VIPS_INTERPRETATION_sRGB;
	if (json)
		(void)fputs("[", out);
	else
		(void)fprintf(out, "%-7s %-20s %-12s %-8s %s\n", "FORMAT", "NAMES", "READ",
			"WRITTEN", "NOTES");
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		(json ? print_object : print_line)(
			out, &formats[i], is_written(&formats[i], picture));
	if (json)
		(void)fputs("\n]\n", out);
	g_object_unref(picture);
	/* stdio remembers an error of any of the calls above */
	return fflush(out) || ferror(out) ? error_errno(err, ERROR_IO, "write to stdout") : 0;
}
