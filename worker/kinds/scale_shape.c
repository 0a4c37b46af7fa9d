/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_shape.h"

#include <math.h>
#include <string.h>
#include <vips/vips.h>

enum {
	ICC_SPACE_AT = 16,
	ICC_TAGS_AT = 132, /* behind their count */
	ICC_TAG_BYTES = 12,
	ICC_TAGS_MAX = 100,
};

/* What vips_thumbnail is told. */
struct target {
	int width, height;
	VipsSize size;
	VipsInteresting crop;
};

static struct size upright_of(VipsImage *image)
{
	struct size size = { .width = (uint32_t)vips_image_get_width(image),
		.height = (uint32_t)vips_image_get_height(image) };
	return vips_image_get_orientation_swap(image) ? fit_swap(size) : size;
}

static uint32_t at_most(uint32_t wanted, uint32_t there, bool enlarge)
{
	return enlarge || wanted < there ? wanted : there;
}

static VipsInteresting interest_of(const struct scale_style *style, bool follow)
{
	if (style->crop == SCIAME__SCALE_CROP__SCALE_CROP_ATTENTION && follow)
		return VIPS_INTERESTING_ATTENTION;
	if (style->crop == SCIAME__SCALE_CROP__SCALE_CROP_ENTROPY && follow)
		return VIPS_INTERESTING_ENTROPY;
	return VIPS_INTERESTING_CENTRE;
}

static struct target target_of(const struct scale_task *task, struct size upright, bool follow)
{
	const struct scale_style *style = &task->style;
	struct target target = { .width = (int)task->box.width,
		.height = (int)task->box.height,
		.size = style->enlarge ? VIPS_SIZE_BOTH : VIPS_SIZE_DOWN,
		.crop = VIPS_INTERESTING_NONE };
	switch (style->fit) {
	case SCIAME__SCALE_FIT__SCALE_FIT_COVER:
		target.crop = interest_of(style, follow);
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_FILL:
		target.width = (int)at_most(task->box.width, upright.width, style->enlarge);
		target.height = (int)at_most(task->box.height, upright.height, style->enlarge);
		target.size = VIPS_SIZE_FORCE;
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_WIDTH:
		target.height = VIPS_MAX_COORD;
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_HEIGHT:
		target.width = VIPS_MAX_COORD;
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_INSIDE:
	case _SCIAME__SCALE_FIT_IS_INT_SIZE:
		break;
	}
	return target;
}

bool scale_shape_fits(const struct scale_task *task, struct size upright)
{
	struct size box = task->box;
	bool wide = upright.width > box.width, high = upright.height > box.height;
	bool exact = upright.width == box.width && upright.height == box.height;
	switch (task->style.fit) {
	case SCIAME__SCALE_FIT__SCALE_FIT_COVER:
	case SCIAME__SCALE_FIT__SCALE_FIT_FILL:
		return exact || (!task->style.enlarge && !wide && !high);
	case SCIAME__SCALE_FIT__SCALE_FIT_WIDTH:
		return task->style.enlarge ? upright.width == box.width : !wide;
	case SCIAME__SCALE_FIT__SCALE_FIT_HEIGHT:
		return task->style.enlarge ? upright.height == box.height : !high;
	default:
		break;
	}
	bool touches = upright.width == box.width || upright.height == box.height;
	return !wide && !high && (!task->style.enlarge || touches);
}

struct size scale_shape_needs(const struct scale_task *task, struct size upright)
{
	struct size box = task->box;
	double across = (double)upright.width / box.width;
	double down = (double)upright.height / box.height;
	double factor;
	switch (task->style.fit) {
	case SCIAME__SCALE_FIT__SCALE_FIT_COVER:
	case SCIAME__SCALE_FIT__SCALE_FIT_FILL:
		factor = MIN(across, down);
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_WIDTH:
		factor = across;
		break;
	case SCIAME__SCALE_FIT__SCALE_FIT_HEIGHT:
		factor = down;
		break;
	default:
		return box;
	}
	if (factor < 1 && !task->style.enlarge)
		factor = 1;
	return (struct size) { .width = (uint32_t)ceil(upright.width / factor),
		.height = (uint32_t)ceil(upright.height / factor) };
}

/*
 * Every stride-th pixel of both directions, from the first on. vips_subsample leaves out the pixels
 * past the last whole stride, so the picture is first made a whole number of strides large.
 */
static int sample(VipsImage *in, uint32_t stride, VipsImage **out)
{
	struct size size = { .width = (uint32_t)vips_image_get_width(in),
		.height = (uint32_t)vips_image_get_height(in) };
	size = fit_sampled(size, stride);
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

static int without_profile(VipsImage *in, VipsImage **out)
{
	if (vips_copy(in, out, NULL) != 0)
		return -1;
	(void)vips_image_remove(*out, VIPS_META_ICC_NAME); /* it may have none */
	return 0;
}

static int thumbnail(const struct scale_task *task, VipsImage *in, const struct target *target,
	bool convert, VipsImage **out);

/* libvips' thumbnail would not scale a single band in linear light. */
static int grey_thumbnail(
	const struct scale_task *task, VipsImage *in, const struct target *target, VipsImage **out)
{
	VipsImage *colours = NULL, *scaled = NULL;
	int failed = vips_colourspace(in, &colours, VIPS_INTERPRETATION_sRGB, NULL);
	if (!failed)
		failed = thumbnail(task, colours, target, false, &scaled);
	if (!failed)
		failed = vips_colourspace(scaled, out, VIPS_INTERPRETATION_B_W, NULL);
	g_clear_object(&scaled);
	g_clear_object(&colours);
	return failed;
}

static int thumbnail(const struct scale_task *task, VipsImage *in, const struct target *target,
	bool convert, VipsImage **out)
{
	if (!convert && task->style.linear && in->Type == VIPS_INTERPRETATION_B_W)
		return grey_thumbnail(task, in, target, out);
	if (convert)
		return vips_thumbnail_image(in, out, target->width, "height", target->height,
			"size", target->size, "crop", target->crop, "linear", task->style.linear,
			"export_profile", "srgb", NULL);
	return vips_thumbnail_image(in, out, target->width, "height", target->height, "size",
		target->size, "crop", target->crop, "linear", task->style.linear, NULL);
}

/* Its own colours, and its profile with them. */
static int keep_colours(
	const struct scale_task *task, VipsImage *in, const struct target *target, VipsImage **out)
{
	VipsImage *plain = NULL;
	const void *profile = NULL;
	size_t size = 0;
	int failed = without_profile(in, &plain);
	if (!failed)
		failed = thumbnail(task, plain, target, false, out);
	if (!failed && vips_image_get_typeof(in, VIPS_META_ICC_NAME) != 0 &&
		vips_image_get_blob(in, VIPS_META_ICC_NAME, &profile, &size) == 0)
		vips_image_set_blob_copy(*out, VIPS_META_ICC_NAME, profile, size);
	g_clear_object(&plain);
	return failed;
}

/*
 * CMYK by its profile, or by libvips' own where it has none. libvips' thumbnail would convert it
 * with another intent, up to 16 levels off.
 */
static int print_to_srgb(VipsImage *in, VipsImage **out)
{
	return vips_icc_transform(in, out, "srgb", "embedded", TRUE, "input_profile", "cmyk", NULL);
}

/* Pixels are taken for what they would be without a profile. */
static int unprofiled(
	const struct scale_task *task, VipsImage *in, const struct target *target, VipsImage **out)
{
	VipsImage *plain = NULL;
	int failed = without_profile(in, &plain);
	if (!failed)
		failed = thumbnail(task, plain, target, false, out);
	g_clear_object(&plain);
	return failed;
}

/* Big-endian, as all of a profile. */
static uint32_t number_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* Whether there is such a tag, inside the profile (ICC.1:2022, 7.3). */
static bool has_tag(const uint8_t *profile, size_t size, const char *tag)
{
	uint32_t count = size < ICC_TAGS_AT ? 0 : number_at(profile + ICC_TAGS_AT - 4);
	for (size_t i = 0; i < count && i < ICC_TAGS_MAX; i++) {
		size_t at = ICC_TAGS_AT + i * ICC_TAG_BYTES;
		if (at + ICC_TAG_BYTES > size)
			return false;
		size_t offset = number_at(profile + at + 4), length = number_at(profile + at + 8);
		if (memcmp(profile + at, tag, 4) == 0)
			return offset <= size && length <= size - offset;
	}
	return false;
}

/*
 * Whether a profile is for such colours, by its field "colour space of data" (ICC.1:2022, 7.2.6),
 * and says what they are. libvips takes others without a word.
 */
static bool is_for(VipsImage *image, const uint8_t *profile, size_t size)
{
	const char *space = "RGB ", *curve = "rTRC";
	if (image->Type == VIPS_INTERPRETATION_CMYK) {
		space = "CMYK";
		curve = "A2B0";
	} else if (image->Type == VIPS_INTERPRETATION_B_W ||
		   image->Type == VIPS_INTERPRETATION_GREY16) {
		space = "GRAY";
		curve = "kTRC";
	}
	return size >= ICC_TAGS_AT && memcmp(profile + ICC_SPACE_AT, space, 4) == 0 &&
	       (has_tag(profile, size, curve) || has_tag(profile, size, "A2B0"));
}

/* Whether the picture has a profile that says what its numbers mean. */
static bool has_profile(VipsImage *image, uint32_t *notes)
{
	const void *profile;
	size_t size;
	if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0)
		return false;
	if (vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &size) == 0 &&
		is_for(image, profile, size) &&
		vips_icc_is_compatible_profile(image, profile, size))
		return true;
	*notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_BROKEN;
	return false;
}

static int print_thumbnail(const struct scale_task *task, VipsImage *in,
	const struct target *target, VipsImage **out, uint32_t *notes)
{
	VipsImage *colours = NULL;
	int failed = print_to_srgb(in, &colours);
	if (!failed)
		failed = thumbnail(task, colours, target, false, out);
	g_clear_object(&colours);
	if (failed)
		failed = unprofiled(task, in, target, out);
	if (!has_profile(in, notes))
		*notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_ASSUMED;
	return failed;
}

/* A profile that can't be used is left out; its colours are then taken for sRGB. */
static int to_srgb(const struct scale_task *task, VipsImage *in, const struct target *target,
	VipsImage **out, uint32_t *notes)
{
	if (in->Type == VIPS_INTERPRETATION_CMYK)
		return print_thumbnail(task, in, target, out, notes);
	if (!has_profile(in, notes))
		return unprofiled(task, in, target, out);
	return thumbnail(task, in, target, true, out);
}

/* What libvips' thumbnail would do, which keeps no more than 8 bits. */
struct pipe {
	VipsImage *image;
	VipsImage *next; /* where a step puts its output */
	bool failed;
};

/* The output of a step is the input of the next one. */
static void pass(struct pipe *pipe, int status)
{
	pipe->failed = status != 0;
	g_object_unref(pipe->image);
	pipe->image = pipe->next;
	pipe->next = NULL;
}

/* Inks, which are nothing to calculate with. */
static void deep_print_to_srgb(struct pipe *pipe, uint32_t *notes)
{
	if (!has_profile(pipe->image, notes)) {
		*notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_ASSUMED;
		pass(pipe, without_profile(pipe->image, &pipe->next));
	}
	if (!pipe->failed)
		pass(pipe, vips_icc_transform(pipe->image, &pipe->next, "srgb", "embedded", TRUE,
				   "input_profile", "cmyk", "depth", 16, NULL));
}

static void deep_to_srgb(struct pipe *pipe, uint32_t *notes)
{
	if (vips_image_get_typeof(pipe->image, VIPS_META_ICC_NAME) == 0)
		return;
	if (has_profile(pipe->image, notes))
		pass(pipe, vips_icc_transform(pipe->image, &pipe->next, "srgb", "embedded", TRUE,
				   "depth", 16, NULL));
	else
		pass(pipe, without_profile(pipe->image, &pipe->next));
}

static void deep_resize(struct pipe *pipe, const struct target *target)
{
	double across = (double)vips_image_get_width(pipe->image) / target->width;
	double down = (double)vips_image_get_height(pipe->image) / target->height;
	double factor =
		target->crop == VIPS_INTERESTING_NONE ? MAX(across, down) : MIN(across, down);
	if (target->size == VIPS_SIZE_DOWN && factor < 1)
		factor = 1;
	if (target->size != VIPS_SIZE_FORCE)
		across = down = factor;
	pass(pipe, vips_resize(pipe->image, &pipe->next, 1 / across, "vscale", 1 / down, NULL));
}

/* Looked at first and cut then, but pixels come only once: they are kept. */
static void deep_crop(struct pipe *pipe, const struct target *target)
{
	int width = MIN(target->width, vips_image_get_width(pipe->image));
	int height = MIN(target->height, vips_image_get_height(pipe->image));
	pipe->next = vips_image_copy_memory(pipe->image);
	pass(pipe, pipe->next ? 0 : -1);
	if (!pipe->failed)
		pass(pipe, vips_smartcrop(pipe->image, &pipe->next, width, height, "interesting",
				   target->crop, NULL));
}

static void deep_scale(struct pipe *pipe, const struct target *target, bool linear)
{
	VipsInterpretation space = pipe->image->Type;
	bool alpha = vips_image_hasalpha(pipe->image);
	if (linear)
		pass(pipe, vips_colourspace(
				   pipe->image, &pipe->next, VIPS_INTERPRETATION_scRGB, NULL));
	if (alpha && !pipe->failed)
		pass(pipe, vips_premultiply(pipe->image, &pipe->next, NULL));
	if (!pipe->failed)
		deep_resize(pipe, target);
	if (alpha && !pipe->failed)
		pass(pipe, vips_unpremultiply(pipe->image, &pipe->next, NULL));
	if (linear && !pipe->failed)
		pass(pipe, vips_colourspace(pipe->image, &pipe->next, space, NULL));
	if (!pipe->failed)
		pass(pipe, vips_cast(pipe->image, &pipe->next, VIPS_FORMAT_USHORT, NULL));
	if (!pipe->failed)
		pipe->image->Type = space;
	/* what is interesting is told by the pixels as they are seen */
	if (!pipe->failed && target->crop != VIPS_INTERESTING_NONE)
		deep_crop(pipe, target);
}

/* 16 bits a sample, from file to file. */
static int deep(const struct scale_task *task, VipsImage *in, const struct target *target,
	VipsImage **out, uint32_t *notes)
{
	struct pipe pipe = { .image = in };
	g_object_ref(in);
	/* turned at once it would have to be in memory as a whole: it is sequential */
	pass(&pipe, vips_copy(pipe.image, &pipe.next, NULL));
	if (!pipe.failed && in->Type == VIPS_INTERPRETATION_CMYK)
		deep_print_to_srgb(&pipe, notes);
	else if (!pipe.failed && !task->style.keep_profile)
		deep_to_srgb(&pipe, notes);
	if (!pipe.failed)
		deep_scale(&pipe, target, task->style.linear);
	if (!pipe.failed)
		pass(&pipe, vips_autorot(pipe.image, &pipe.next, NULL));
	if (pipe.failed) {
		g_clear_object(&pipe.image);
		return -1;
	}
	*out = pipe.image;
	return 0;
}

/* Numbers of light as they are, which may be larger than white. */
static int light(VipsImage *in, const struct target *target, VipsImage **out)
{
	struct pipe pipe = { .image = in };
	g_object_ref(in);
	pass(&pipe, in->Coding == VIPS_CODING_RAD ? vips_rad2float(in, &pipe.next, NULL)
						  : vips_copy(in, &pipe.next, NULL));
	if (!pipe.failed)
		deep_resize(&pipe, target);
	if (!pipe.failed && target->crop != VIPS_INTERESTING_NONE)
		deep_crop(&pipe, target);
	*out = pipe.image;
	return pipe.failed ? -1 : 0;
}

int scale_shape(const struct scale_task *task, VipsImage *in, const struct shape_options *options,
	VipsImage **out, uint32_t *notes)
{
	struct size upright = upright_of(in);
	struct target target = target_of(task, upright, options->crop);
	bool lies = vips_image_get_orientation_swap(in);
	struct target lying = target;
	lying.width = target.height;
	lying.height = target.width;
	uint32_t stride = 1;
	VipsImage *sampled = NULL;
	int failed = 0;
	if (task->style.subsample)
		stride = fit_stride(upright, task->box);
	if (stride > 1)
		failed = sample(in, stride, &sampled);
	VipsImage *from = sampled ? sampled : in;
	if (!failed && options->light)
		failed = light(from, &target, out);
	else if (!failed && options->deep)
		failed = deep(task, from, lies ? &lying : &target, out, notes);
	else if (!failed && task->style.keep_profile && in->Type != VIPS_INTERPRETATION_CMYK)
		failed = keep_colours(task, from, &target, out);
	else if (!failed)
		failed = to_srgb(task, from, &target, out, notes);
	g_clear_object(&sampled);
	return failed;
}

/* One of the frames, as a picture of its own. */
static int cut_frame(VipsImage *in, int number, VipsImage **frame)
{
	int height = vips_image_get_page_height(in);
	if (vips_extract_area(
		    in, frame, 0, number * height, vips_image_get_width(in), height, NULL) != 0)
		return -1;
	(void)vips_image_remove(*frame, VIPS_META_PAGE_HEIGHT);
	(void)vips_image_remove(*frame, VIPS_META_N_PAGES);
	return 0;
}

static int shape_frame(
	const struct scale_task *task, VipsImage *in, int number, VipsImage **out, uint32_t *notes)
{
	const struct shape_options options = { 0 };
	VipsImage *frame = NULL;
	VipsImage *shaped = NULL;
	int failed = cut_frame(in, number, &frame);
	if (!failed)
		failed = scale_shape(task, frame, &options, &shaped, notes);
	if (!failed) {
		*out = vips_image_copy_memory(shaped);
		failed = *out ? 0 : -1;
	}
	g_clear_object(&shaped);
	g_clear_object(&frame);
	return failed;
}

int scale_shape_frames(
	const struct scale_task *task, VipsImage *in, VipsImage **out, uint32_t *notes)
{
	int count = vips_image_get_height(in) / vips_image_get_page_height(in);
	VipsImage *memory = vips_image_copy_memory(in);
	VipsImage **frames = g_new0(VipsImage *, count);
	VipsImage *joined = NULL;
	int failed = memory ? 0 : -1;
	for (int i = 0; i < count && !failed; i++)
		failed = shape_frame(task, memory, i, &frames[i], notes);
	if (!failed)
		failed = vips_arrayjoin(frames, &joined, count, "across", 1, NULL);
	/* delays and the loop are in the metadata of the first frame */
	if (!failed)
		failed = vips_copy(joined, out, NULL);
	if (!failed) {
		vips_image_set_int(*out, VIPS_META_PAGE_HEIGHT, vips_image_get_height(frames[0]));
		vips_image_set_int(*out, VIPS_META_N_PAGES, count);
	}
	for (int i = 0; i < count; i++)
		g_clear_object(&frames[i]);
	g_free(frames);
	g_clear_object(&joined);
	g_clear_object(&memory);
	return failed;
}
