/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_look.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { WHITE = 0xFFFFFF, COLOUR_DIGITS = 6, DEPTH_REDUCED = 8, EFFORT_MAX = 10, QUALITY_MAX = 100 };

/* In the order of the numbers in proto/scale.proto. */
static const char *const formats[] = { "same", "jpeg", "png", "webp", "avif", "tiff", "gif", "jxl",
	NULL };
static const char *const suffixes[] = { NULL, ".jpg", ".png", ".webp", ".avif", ".tif", ".gif",
	".jxl" };
static const char *const fits[] = { "inside", "cover", "fill", "width", "height", NULL };
static const char *const crops[] = { "centre", "attention", "entropy", NULL };
static const char *const metadatas[] = { "copyright", "none", "all", NULL };
static const char *const depths[] = { "same", "8", NULL };

/* "#RRGGBB", "RRGGBB", "white" or "black". */
static int parse_background(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct scale_look *look = settings;
	const char *digits = value[0] == '#' ? value + 1 : value;
	if (strcmp(value, "white") == 0)
		look->background = WHITE;
	else if (strcmp(value, "black") == 0)
		look->background = 0;
	else if (strspn(digits, "0123456789abcdefABCDEF") == COLOUR_DIGITS &&
		 digits[COLOUR_DIGITS] == '\0')
		look->background = (uint32_t)strtoul(digits, NULL, 16);
	else
		return error_set(err, ERROR_USAGE,
			"--%s takes a colour as RRGGBB, white or black, not '%s'", spec->name,
			value);
	return 0;
}

static int parse_allow(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct scale_look *look = settings;
	if (strcmp(value, "svg") == 0)
		look->allow_svg = true;
	else if (strcmp(value, "pdf") == 0)
		look->allow_pdf = true;
	else
		return error_set(
			err, ERROR_USAGE, "--%s takes svg or pdf, not '%s'", spec->name, value);
	return 0;
}

#define FLAG(option, member, text)                                                                 \
	{                                                                                          \
		.name = (option), .parse = option_flag, .value = true,                             \
		.offset = offsetof(struct scale_look, member), .help = (text)                      \
	}
#define CHOICE(option, word, list, member, text)                                                   \
	{                                                                                          \
		.name = (option), .argument = (word), .parse = option_choice, .choices = (list),   \
		.offset = offsetof(struct scale_look, member), .help = (text)                      \
	}

const struct option_spec scale_look_specs[] = {
	{ .name = "smooth",
		.letter = 'S',
		.parse = option_flag,
		.value = false,
		.offset = offsetof(struct scale_look, subsample),
		.help = "the good resampler (default)" },
	FLAG("no-smooth", subsample, "take every n-th pixel: the fastest way to a preview"),
	CHOICE("fit", "HOW", fits, fit,
		"inside the box (default), cover it and crop, fill it exactly, or only its width "
		"or height"),
	CHOICE("crop", "WHERE", crops, crop,
		"what --fit cover keeps: the centre (default), what draws attention, or entropy"),
	FLAG("enlarge", enlarge, "make what is smaller larger"),
	FLAG("linear", linear, "scale in linear light (slower)"),
	CHOICE("format", "FORMAT", formats, format,
		"of the outputs: jpeg, png, webp, avif, tiff, gif or jxl (default: same, as each "
		"input)"),
	{ .name = "quality",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct scale_look, quality),
		.minimum = 1,
		.maximum = QUALITY_MAX,
		.help = "of lossy formats, 1 to 100 (default: the format's; jpeg 75)" },
	FLAG("lossless", lossless, "for webp, avif and jxl"),
	{ .name = "effort",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct scale_look, effort),
		.minimum = 1,
		.maximum = EFFORT_MAX,
		.help = "1 (fast) to 10 (small), of webp, avif, gif, jxl and png" },
	FLAG("progressive", progressive, "jpeg and png that appear coarse first"),
	CHOICE("depth", "BITS", depths, depth,
		"8: at most 8 bits a sample (default: same, 16 stay 16 in png and tiff)"),
	{ .name = "background",
		.argument = "RRGGBB",
		.parse = parse_background,
		.help = "under what was transparent, where the output can't be (default: white)" },
	FLAG("first-frame", first_frame, "only the first picture of an animation"),
	FLAG("keep-profile", keep_profile, "leave pixels in their colour space, not sRGB"),
	CHOICE("metadata", "WHAT", metadatas, metadata,
		"what outputs keep: copyright and creator (default), none, or all"),
	{ .name = "allow",
		.argument = "FORMAT",
		.parse = parse_allow,
		.help = "also read svg or pdf, which are programs; may be repeated" },
	FLAG("strict", strict,
		"a picture that would lose something (transparency, frames, pages, a broken "
		"profile, damage) fails"),
	{ 0 },
};

void scale_look_init(struct scale_look *look)
{
	*look = (struct scale_look) { .crop = -1, .background = WHITE };
}

int scale_look_check(const struct scale_look *look, struct error *err)
{
	if (look->crop >= 0 && look->fit != SCIAME__SCALE_FIT__SCALE_FIT_COVER)
		return error_set(err, ERROR_USAGE, "--crop is for --fit cover");
	if (look->subsample &&
		(look->fit != SCIAME__SCALE_FIT__SCALE_FIT_INSIDE || look->linear || look->enlarge))
		return error_set(err, ERROR_USAGE,
			"--no-smooth goes with --fit inside only, and without --linear and "
			"--enlarge");
	if (look->lossless && look->quality)
		return error_set(err, ERROR_USAGE, "--lossless and --quality exclude each other");
	if (look->lossless && look->format == SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG)
		return error_set(err, ERROR_USAGE, "jpeg is never lossless");
	return 0;
}

void scale_look_pack(const struct scale_look *look, Sciame__ScaleParameters *parameters)
{
	parameters->fit = (Sciame__ScaleFit)look->fit;
	parameters->crop = (Sciame__ScaleCrop)(look->crop < 0 ? 0 : look->crop);
	parameters->enlarge = look->enlarge;
	parameters->subsample = look->subsample;
	parameters->linear = look->linear;
	parameters->format = (Sciame__ScaleFormat)look->format;
	parameters->quality = (uint32_t)look->quality;
	parameters->lossless = look->lossless;
	parameters->effort = (uint32_t)look->effort;
	parameters->progressive = look->progressive;
	parameters->keep_profile = look->keep_profile;
	parameters->metadata = (Sciame__ScaleMetadata)look->metadata;
	parameters->background = look->background;
	parameters->depth = look->depth ? DEPTH_REDUCED : 0;
	parameters->first_frame = look->first_frame;
	parameters->strict = look->strict;
	parameters->allow_svg = look->allow_svg;
	parameters->allow_pdf = look->allow_pdf;
}

const char *scale_look_suffix(const struct scale_look *look)
{
	return suffixes[look->format];
}
