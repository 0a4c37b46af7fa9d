/* SPDX-License-Identifier: MIT */
/*
 * The general way of scaling, on libvips. It must not choose a loader by a name, must not let
 * libvips try loaders that draw (svg, pdf) unless that is allowed, and must leave no object behind,
 * for one lane does thousands of pictures.
 */
#include "worker/kinds/scale_vips.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

#include "worker/kinds/scale_copy.h"
#include "worker/kinds/scale_load.h"
#include "worker/kinds/scale_metadata_vips.h"
#include "worker/kinds/scale_save.h"
#include "worker/kinds/scale_shape.h"
#include "worker/kinds/scale_warnings.h"

enum {
	KEPT_BLOCK_BYTES = 1 << 30, /* larger ones are always given back */
	KEPT_BYTES = 256 << 20,     /* free memory beyond this is given back */
};

/* Decoded pixels that are kept for several sizes; beyond this each size decodes anew. */
#define SHARED_BYTES_MAX (1ULL << 30)

/* What lives while one picture is worked on. */
struct pictures {
	struct loaded loaded;
	VipsImage *shared; /* decoded in memory for all sizes; NULL: each decodes anew */
	VipsImage *scaled; /* the size that is worked on */
	enum picture_format target;
	bool all_frames;
	bool read;      /* some of loaded's pixels, which come only once */
	uint32_t notes; /* what they all have given up */
};

static void pictures_release(struct pictures *pictures)
{
	g_clear_object(&pictures->scaled);
	g_clear_object(&pictures->shared);
	scale_load_close(&pictures->loaded);
	vips_error_clear();
	vips_thread_shutdown();
}

/* Frames or pages: all of them, or the first one and a note. */
static void choose_frames(const struct scale_task *task, struct pictures *pictures)
{
	const struct loaded *loaded = &pictures->loaded;
	if (loaded->pages < 2)
		return;
	bool readable = loaded->format == PICTURE_GIF || loaded->format == PICTURE_WEBP;
	bool all = readable && scale_save_animates(pictures->target);
	if (task->style.first_frame && loaded->is_animation)
		return;
	if (all)
		pictures->all_frames = true;
	else if (loaded->is_animation)
		pictures->notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_FRAMES_DROPPED;
	else
		pictures->notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_PAGES_DROPPED;
}

static struct size upright_of(const struct loaded *loaded)
{
	return vips_image_get_orientation_swap(loaded->image) ? fit_swap(loaded->size)
							      : loaded->size;
}

/* Whether the bytes of the input are the output. */
static bool may_copy(const struct scale_task *task, const struct pictures *pictures)
{
	const struct loaded *loaded = &pictures->loaded;
	bool whole = !(task->style.first_frame && loaded->is_animation && loaded->pages > 1);
	bool deep = loaded->image->BandFmt == VIPS_FORMAT_USHORT;
	return whole && !(deep && task->style.depth == 8) &&
	       scale_shape_fits(task, upright_of(loaded)) && pictures->target == loaded->format;
}

/* All frames of an animation count, because all are in memory at once. */
static int check_limits(const struct pictures *pictures, struct error *err)
{
	const struct loaded *loaded = &pictures->loaded;
	if (fit_limits(loaded->size, err) != 0)
		return -1;
	uint64_t pixels = (uint64_t)loaded->size.width * loaded->size.height;
	if (!pictures->all_frames || pixels * (uint64_t)loaded->pages <= FIT_PIXELS_MAX)
		return 0;
	return error_set(err, ERROR_LIMIT,
		"%d frames of %ux%u pixels are more than the limit of %u pixels; give "
		"--first-frame",
		loaded->pages, loaded->size.width, loaded->size.height, FIT_PIXELS_MAX);
}

/* By what the decoder may shrink for one size. */
static double shrink_of(const struct scale_task *task, const struct pictures *pictures)
{
	const struct loaded *loaded = &pictures->loaded;
	struct size needs = scale_shape_needs(task, upright_of(loaded));
	bool lies = vips_image_get_orientation_swap(loaded->image);
	/* decoders don't shrink in linear light */
	if (task->style.subsample || task->style.linear || pictures->all_frames)
		return 1;
	return scale_load_shrink(loaded, lies ? fit_swap(needs) : needs, task->style.enlarge);
}

static int load(struct pictures *pictures, double shrink)
{
	const struct load_options options = { .shrink = shrink,
		.all_frames = pictures->all_frames };
	if (options.shrink == 1 && !options.all_frames && !pictures->read)
		return 0; /* as it was opened */
	return scale_load_again(&pictures->loaded, &options);
}

/* Decodes for all sizes that are left, if there are several. */
static int share(const struct scale_batch *batch, struct pictures *pictures)
{
	double shrink = HUGE_VAL;
	if (batch_left(batch) < 2)
		return 0;
	for (size_t i = 0; i < batch->count; i++) {
		double own = shrink_of(&batch->tasks[i], pictures);
		if (!batch->outcomes[i].made && own < shrink)
			shrink = own;
	}
	if (load(pictures, shrink) != 0)
		return -1;
	VipsImage *image = pictures->loaded.image;
	uint64_t pixels =
		(uint64_t)vips_image_get_width(image) * (uint64_t)vips_image_get_height(image);
	if (pixels * (uint64_t)vips_image_get_bands(image) *
			vips_format_sizeof(vips_image_get_format(image)) >
		SHARED_BYTES_MAX)
		return 0;
	pictures->shared = vips_image_copy_memory(image);
	return pictures->shared ? 0 : -1;
}

static int scale(
	const struct scale_task *task, struct pictures *pictures, struct scale_outcome *outcome)
{
	struct loaded *loaded = &pictures->loaded;
	const struct shape_options shape = {
		.deep = loaded->image->BandFmt == VIPS_FORMAT_USHORT && task->style.depth != 8 &&
			scale_save_is_deep(pictures->target),
		.light = loaded->is_light && pictures->target == loaded->format,
		.crop = true,
	};
	g_clear_object(&pictures->scaled);
	if (!pictures->shared && load(pictures, shrink_of(task, pictures)) != 0)
		return -1;
	VipsImage *in = pictures->shared ? pictures->shared : loaded->image;
	pictures->read = true;
	if (pictures->all_frames)
		return scale_shape_frames(task, in, &pictures->scaled, &outcome->notes);
	return scale_shape(task, in, &shape, &pictures->scaled, &outcome->notes);
}

/* Whether the same pixels can't be had by a decoder that must not forgive. */
static bool is_damaged(struct pictures *pictures)
{
	const struct load_options strictly = {
		.shrink = 1, .all_frames = pictures->all_frames, .strict = true
	};
	double mean;
	bool damaged = scale_load_again(&pictures->loaded, &strictly) != 0 ||
		       vips_avg(pictures->loaded.image, &mean, NULL) != 0;
	vips_error_clear();
	return damaged;
}

static int make(const struct scale_task *task, struct pictures *pictures,
	struct scale_outcome *outcome, struct error *err)
{
	const struct save_options options = { .format = pictures->target,
		.palette = pictures->loaded.is_palette };
	if (scale(task, pictures, outcome) != 0)
		return scale_load_refuse(err);
	if (scale_save(task, pictures->scaled, &options, outcome, err) != 0)
		return -1;
	outcome->made = true;
	return 0;
}

static int make_all(const struct scale_batch *batch, struct pictures *pictures, struct error *err)
{
	if (check_limits(pictures, err) != 0)
		return -1;
	/* libvips would show the last of its frames */
	if (pictures->loaded.format == PICTURE_JXL && pictures->loaded.is_animation)
		return error_set(err, ERROR_INPUT, "animated jxl pictures are not read");
	if (!scale_save_writes(pictures->target))
		return error_set(err, ERROR_INPUT, "cannot write %s; give --format",
			sniff_name(pictures->loaded.format));
	if (share(batch, pictures) != 0)
		return scale_load_refuse(err);
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->outcomes[i].made)
			continue;
		if (make(&batch->tasks[i], pictures, &batch->outcomes[i], err) != 0)
			return -1;
		batch->outcomes[i].notes |= pictures->notes;
	}
	/* warnings are rare, and most of them harmless: it is looked at again */
	if (warnings_any() && is_damaged(pictures))
		batch->outcomes[0].notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED;
	return 0;
}

static int copy(const struct scale_task *task, const struct pictures *pictures,
	struct scale_outcome *outcome, struct error *err)
{
	const struct scale_copy order = { task->in_fd, task->out_fd, pictures->loaded.format,
		task->style.metadata };
	bool cut_off = false;
	int status = scale_copy(&order, &outcome->output_bytes, &cut_off, err);
	if (status == SCALE_DONE && cut_off)
		outcome->notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED;
	outcome->copied = outcome->made = status == SCALE_DONE;
	outcome->size = upright_of(&pictures->loaded);
	return status < 0 ? -1 : 0;
}

static int work(const struct scale_batch *batch, struct pictures *pictures, struct error *err)
{
	struct loaded *loaded = &pictures->loaded;
	const struct scale_task *first = batch->tasks;
	warnings_clear();
	if (scale_load_open(loaded, first, err) != 0)
		return -1;
	pictures->target = first->target ? first->target : loaded->format;
	choose_frames(first, pictures);
	for (size_t i = 0; i < batch->count; i++) {
		const struct scale_task *task = &batch->tasks[i];
		struct scale_outcome *outcome = &batch->outcomes[i];
		outcome->format = loaded->format;
		if (!outcome->made && may_copy(task, pictures) &&
			copy(task, pictures, outcome, err) != 0)
			return -1;
	}
	return batch_left(batch) > 0 ? make_all(batch, pictures, err) : 0;
}

int scale_vips(const struct scale_batch *batch, struct error *err)
{
	struct pictures pictures = { 0 };
	int status = work(batch, &pictures, err);
	pictures_release(&pictures);
	return status;
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
	if (pixels->metadata)
		scale_metadata_attach(image, pixels->metadata);
	return image;
}

int scale_vips_finish(const struct scale_task *task, const struct pixels *pixels,
	struct scale_outcome *outcome, struct error *err)
{
	struct pictures pictures = { .target = task->target ? task->target : task->source };
	const struct save_options options = { .format = pictures.target,
		.palette = pixels->palette };
	const struct shape_options shape = { 0 };
	/* it has its size already, by whatever way */
	struct scale_task rest = *task;
	rest.style.subsample = false;
	rest.style.keep_profile = pixels->is_srgb;
	warnings_clear();
	pictures.loaded.image = image_of(pixels);
	int status = pictures.loaded.image ? scale_shape(&rest, pictures.loaded.image, &shape,
						     &pictures.scaled, &outcome->notes)
					   : -1;
	status = status ? scale_load_refuse(err)
			: scale_save(task, pictures.scaled, &options, outcome, err);
	pictures_release(&pictures);
	return status == 0 ? SCALE_DONE : -1;
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
	warnings_start();
	if (vips_init("sciame-worker") != 0) {
		(void)scale_load_refuse(err);
		err->code = ERROR_START;
		return -1;
	}
	keep_memory();
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	warm_magick();
	return 0;
}
