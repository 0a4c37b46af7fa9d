/* SPDX-License-Identifier: MIT */
/*
 * The fast way for the ordinary JPEG. libjpeg reports a fatal error by a function that must not
 * return: it jumps back to the one setjmp, in guarded(). What is alive across it lives in struct
 * turbo, never in local variables.
 */
#include "worker/kinds/scale_jpeg.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "common/memory.h"
#include "worker/kinds/scale_copy.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_spread.h"
#include "worker/kinds/scale_srgb.h"

enum {
	READ_BYTES = 65536,
	WARNINGS_MAX = 100,    /* with so many it is not a picture any more; libvips' own number */
	SCALE_DENOMINATOR = 8, /* libjpeg decodes at n/8 */
	QUALITY_DEFAULT = 75,  /* libvips' own */
	QUALITY_FULL_COLOUR = 90, /* from here on colours are not halved, as libvips decides */
};

struct turbo {
	struct jpeg_decompress_struct in;
	struct jpeg_compress_struct out;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr reader;
	jmp_buf fatal;
	const struct scale_batch *batch;
	const struct scale_task
		*task; /* the one that is worked on; the first where all are alike */
	struct error *err;
	bool damaged; /* some of the pixels are made up */
	bool failed;  /* *err is filled: reading the file failed, which no other way can mend */
	uint64_t offset;
	struct spread spread;
	size_t sizes[JOB_OUTPUTS_MAX]; /* which tasks the spread is for */
	uint8_t *row;
	JOCTET *profile;
	unsigned profile_size;
	struct pixels pixels;
	struct metadata metadata; /* in the saved markers */
	struct metadata_made made;
	unsigned char *encoded;
	unsigned long encoded_size;
	uint8_t buffer[READ_BYTES];
};

static void on_fatal(j_common_ptr codec)
{
	struct turbo *turbo = codec->client_data;
	longjmp(turbo->fatal, 1);
}

/* Of libjpeg's warnings those after which pixels are made up. */
static bool is_damage(int code)
{
	return code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
	       code == JWRN_MUST_RESYNC || code == JWRN_ARITH_BAD_CODE;
}

static void on_message(j_common_ptr codec, int level)
{
	struct turbo *turbo = codec->client_data;
	if (level < 0 && is_damage(codec->err->msg_code))
		turbo->damaged = true;
	if (level < 0 && ++codec->err->num_warnings >= WARNINGS_MAX)
		on_fatal(codec);
}

static void print_nothing(j_common_ptr codec)
{
	(void)codec;
}

/* Runs one step; -1 when libjpeg gave up in it. */
static int guarded(struct turbo *turbo, void (*step)(struct turbo *))
{
	if (setjmp(turbo->fatal) != 0)
		return -1;
	step(turbo);
	return 0;
}

static void do_nothing(j_decompress_ptr in)
{
	(void)in;
}

/* A file that ends too early ends its picture there: libjpeg fills the rest with grey. */
static boolean fill(j_decompress_ptr in)
{
	static const JOCTET end[] = { 0xff, JPEG_EOI };
	struct turbo *turbo = in->client_data;
	ssize_t n = file_read_at(turbo->task->in_fd, turbo->buffer, sizeof(turbo->buffer),
		turbo->offset, turbo->err);
	if (n < 0) {
		turbo->failed = true;
		on_fatal((j_common_ptr)in);
	}
	turbo->offset += (uint64_t)n;
	turbo->reader.next_input_byte = n > 0 ? turbo->buffer : end;
	turbo->reader.bytes_in_buffer = n > 0 ? (size_t)n : sizeof(end);
	if (n == 0) {
		in->err->msg_code = JWRN_JPEG_EOF;
		on_message((j_common_ptr)in, -1);
	}
	return TRUE;
}

static void skip(j_decompress_ptr in, long count)
{
	struct turbo *turbo = in->client_data;
	if (count <= 0)
		return;
	size_t held = turbo->reader.bytes_in_buffer;
	size_t step = (size_t)count < held ? (size_t)count : held;
	turbo->reader.next_input_byte += step;
	turbo->reader.bytes_in_buffer -= step;
	turbo->offset += (size_t)count - step;
}

static void create(struct turbo *turbo)
{
	jpeg_create_decompress(&turbo->in);
	turbo->reader = (struct jpeg_source_mgr) {
		.init_source = do_nothing,
		.fill_input_buffer = fill,
		.skip_input_data = skip,
		.resync_to_restart = jpeg_resync_to_restart,
		.term_source = do_nothing,
	};
	turbo->in.src = &turbo->reader;
	jpeg_save_markers(&turbo->in, JPEG_APP0 + 1, 0xffff);
	jpeg_save_markers(&turbo->in, JPEG_APP0 + 2, 0xffff);
	jpeg_save_markers(&turbo->in, JPEG_APP0 + 13, 0xffff);
}

static void read_header(struct turbo *turbo)
{
	create(turbo);
	(void)jpeg_read_header(&turbo->in, TRUE);
	turbo->pixels.orientation = ORIENTATION_UPRIGHT;
	turbo->pixels.metadata = &turbo->metadata;
	for (jpeg_saved_marker_ptr marker = turbo->in.marker_list; marker; marker = marker->next)
		metadata_take_marker(&turbo->metadata,
			&(struct metadata_marker) { .app = marker->marker - JPEG_APP0,
				.bytes = marker->data,
				.size = marker->data_length });
	for (jpeg_saved_marker_ptr marker = turbo->in.marker_list; marker; marker = marker->next) {
		if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 4 ||
			memcmp(marker->data, "Exif", 4) != 0)
			continue;
		turbo->pixels.orientation = pixels_orientation(marker->data, marker->data_length);
		break;
	}
	if (!jpeg_read_icc_profile(&turbo->in, &turbo->profile, &turbo->profile_size))
		return;
	turbo->pixels.profile = turbo->profile;
	turbo->pixels.profile_size = turbo->profile_size;
	turbo->pixels.is_srgb = pixels_profile_is_srgb(turbo->profile, turbo->profile_size);
}

static bool is_ordinary(const struct jpeg_decompress_struct *in)
{
	bool grey = in->jpeg_color_space == JCS_GRAYSCALE && in->num_components == 1;
	bool colour = in->jpeg_color_space == JCS_YCbCr && in->num_components == 3;
	return in->data_precision == 8 && !in->arith_code && (grey || colour);
}

/* Nothing but scaling to do: the pixels can stay YCbCr from file to file. */
static bool is_plain(const struct turbo *turbo)
{
	bool same = turbo->task->target == PICTURE_UNKNOWN || turbo->task->target == PICTURE_JPEG;
	return same && (!turbo->pixels.profile || turbo->pixels.is_srgb);
}

static struct size size_of(const struct jpeg_decompress_struct *in)
{
	return (struct size) { .width = in->image_width, .height = in->image_height };
}

static struct size box_of(const struct turbo *turbo, const struct scale_task *task)
{
	bool lies = turbo->pixels.orientation >= ORIENTATION_SWAPS;
	return lies ? fit_swap(task->box) : task->box;
}

/* Whether task number i has to be made smaller. */
static bool is_wanted(const struct turbo *turbo, size_t i)
{
	struct size box = box_of(turbo, &turbo->batch->tasks[i]);
	return !turbo->batch->outcomes[i].made && !fit_inside(size_of(&turbo->in), box);
}

/* The size that libvips would give it: from what is left of whole pixels after its preshrink. */
static struct size output_of(struct size size, struct size box)
{
	uint32_t shrink = fit_preshrink(size, box);
	struct size loaded = { .width = size.width / shrink, .height = size.height / shrink };
	return fit_output(loaded, box);
}

/* Largest reduction that the decoder offers and that a step of so many pixels allows. */
static uint32_t preshrink_of(uint32_t stride)
{
	uint32_t shrink = SCALE_DENOMINATOR;
	while (shrink > stride)
		shrink /= 2;
	return shrink;
}

/* 0: the good way. */
static uint32_t stride_of(const struct turbo *turbo, const struct scale_task *task)
{
	return task->style.subsample ? fit_stride(size_of(&turbo->in), box_of(turbo, task)) : 0;
}

/* By which the decoder may shrink for a task that is by itself. */
static uint32_t shrink_of(const struct turbo *turbo, const struct scale_task *task)
{
	uint32_t stride = stride_of(turbo, task);
	return stride ? preshrink_of(stride)
		      : fit_preshrink(size_of(&turbo->in), box_of(turbo, task));
}

/* The decoder shrinks as the largest size allows, and what is left for another one is averaged. */
static bool add_size(struct turbo *turbo, size_t i)
{
	const struct scale_task *task = &turbo->batch->tasks[i];
	struct size size = size_of(&turbo->in);
	uint32_t stride = stride_of(turbo, task);
	uint32_t shrink = shrink_of(turbo, task);
	uint32_t block = shrink * turbo->in.scale_num / SCALE_DENOMINATOR;
	struct reduce_shape shape = {
		.in = { .width = (turbo->in.output_width + block - 1) / block,
			.height = (turbo->in.output_height + block - 1) / block },
		.out = stride ? fit_sampled(size, stride) : output_of(size, box_of(turbo, task)),
		.span_x = (double)size.width / shrink,
		.span_y = (double)size.height / shrink,
		.bands = (unsigned)turbo->in.output_components,
		.step = (double)stride / shrink,
	};
	if (!spread_add(&turbo->spread, &shape, block))
		return false;
	turbo->sizes[turbo->spread.count - 1] = i;
	return true;
}

static bool plan(struct turbo *turbo)
{
	const struct scale_batch *batch = turbo->batch;
	uint32_t shrink = SCALE_DENOMINATOR;
	for (size_t i = 0; i < batch->count; i++) {
		uint32_t own = shrink_of(turbo, &batch->tasks[i]);
		if (is_wanted(turbo, i) && own < shrink)
			shrink = own;
	}
	turbo->in.scale_num = SCALE_DENOMINATOR / shrink;
	turbo->in.scale_denom = SCALE_DENOMINATOR;
	if (is_plain(turbo))
		turbo->in.out_color_space = turbo->in.jpeg_color_space;
	jpeg_calc_output_dimensions(&turbo->in);
	turbo->pixels.bands = (unsigned)turbo->in.output_components;
	for (size_t i = 0; i < batch->count; i++) {
		if (is_wanted(turbo, i) && !add_size(turbo, i))
			break; /* the rest comes later */
	}
	return turbo->spread.count > 0;
}

static void decode(struct turbo *turbo)
{
	(void)jpeg_start_decompress(&turbo->in);
	turbo->row = xmalloc((size_t)turbo->in.output_width * turbo->pixels.bands);
	while (turbo->in.output_scanline < turbo->in.output_height) {
		JSAMPROW rows[] = { turbo->row };
		(void)jpeg_read_scanlines(&turbo->in, rows, 1);
		spread_row(&turbo->spread, turbo->row, turbo->in.output_width);
	}
}

static void write_metadata(struct turbo *turbo)
{
	struct metadata_marker markers[METADATA_MARKERS_MAX];
	unsigned count = metadata_markers(&turbo->made, markers);
	for (unsigned i = 0; i < count; i++)
		jpeg_write_marker(&turbo->out, JPEG_APP0 + markers[i].app, markers[i].bytes,
			(unsigned)markers[i].size);
}

/* The input's called itself sRGB, or it would have been converted elsewhere. */
static void write_profile(struct turbo *turbo)
{
	uint8_t profile[SRGB_PROFILE_MAX];
	if (turbo->pixels.profile)
		jpeg_write_icc_profile(&turbo->out, profile, (unsigned)srgb_profile(profile));
}

static void encode(struct turbo *turbo)
{
	struct jpeg_compress_struct *out = &turbo->out;
	bool grey = turbo->pixels.bands == 1;
	jpeg_create_compress(out);
	jpeg_mem_dest(out, &turbo->encoded, &turbo->encoded_size);
	out->image_width = turbo->pixels.size.width;
	out->image_height = turbo->pixels.size.height;
	out->input_components = (int)turbo->pixels.bands;
	out->in_color_space = grey ? JCS_GRAYSCALE : JCS_YCbCr;
	jpeg_set_defaults(out);
	int quality = turbo->task->style.quality ? turbo->task->style.quality : QUALITY_DEFAULT;
	jpeg_set_quality(out, quality, TRUE);
	if (!grey && quality >= QUALITY_FULL_COLOUR) {
		out->comp_info[0].h_samp_factor = 1;
		out->comp_info[0].v_samp_factor = 1;
	}
	if (turbo->task->style.progressive)
		jpeg_simple_progression(out);
	jpeg_start_compress(out, TRUE);
	write_metadata(turbo);
	write_profile(turbo);
	size_t row_bytes = (size_t)out->image_width * turbo->pixels.bands;
	while (out->next_scanline < out->image_height) {
		JSAMPROW rows[] = { turbo->pixels.bytes + out->next_scanline * row_bytes };
		(void)jpeg_write_scanlines(out, rows, 1);
	}
	jpeg_finish_compress(out);
}

static int write_jpeg(struct turbo *turbo, struct scale_outcome *outcome)
{
	struct pixels *pixels = &turbo->pixels;
	uint8_t *upright = NULL;
	if (pixels->orientation != ORIENTATION_UPRIGHT) {
		upright = pixels_upright(pixels);
		pixels->bytes = upright;
		if (pixels->orientation >= ORIENTATION_SWAPS)
			pixels->size = fit_swap(pixels->size);
	}
	metadata_make(&turbo->metadata, turbo->task->style.metadata, pixels->size, &turbo->made);
	turbo->out.err = turbo->in.err;
	turbo->out.client_data = turbo;
	int status = guarded(turbo, encode) ? SCALE_NOT_MINE : SCALE_DONE;
	outcome->size = pixels->size;
	outcome->output_bytes = turbo->encoded_size;
	if (status == SCALE_DONE)
		status = file_write(
			turbo->task->out_fd, turbo->encoded, turbo->encoded_size, turbo->err);
	free(upright);
	metadata_release(&turbo->made);
	jpeg_destroy_compress(&turbo->out);
	free(turbo->encoded);
	turbo->encoded = NULL;
	return status;
}

/* Picks up the pixels of one size and writes them. */
static int write_size(struct turbo *turbo, size_t number, scale_finish *finish)
{
	struct scale_outcome *outcome = &turbo->batch->outcomes[turbo->sizes[number]];
	turbo->task = &turbo->batch->tasks[turbo->sizes[number]];
	turbo->pixels.bytes = spread_pixels(&turbo->spread, number, &turbo->pixels.size);
	int status = is_plain(turbo) ? write_jpeg(turbo, outcome)
				     : finish(turbo->task, &turbo->pixels, outcome, turbo->err);
	if (turbo->damaged)
		outcome->notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED;
	outcome->made = status == SCALE_DONE;
	return status < 0 ? -1 : 0;
}

static int copy(struct turbo *turbo, size_t i)
{
	struct scale_outcome *outcome = &turbo->batch->outcomes[i];
	const struct scale_task *task = &turbo->batch->tasks[i];
	bool lies = turbo->pixels.orientation >= ORIENTATION_SWAPS;
	const struct scale_copy order = { task->in_fd, task->out_fd, PICTURE_JPEG,
		task->style.metadata };
	bool cut_off = false;
	int status = scale_copy(&order, &outcome->output_bytes, &cut_off, turbo->err);
	if (status == SCALE_DONE && cut_off)
		outcome->notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED;
	outcome->copied = outcome->made = status == SCALE_DONE;
	outcome->size = lies ? fit_swap(size_of(&turbo->in)) : size_of(&turbo->in);
	return status < 0 ? -1 : 0;
}

static int copy_what_fits(struct turbo *turbo)
{
	const struct scale_batch *batch = turbo->batch;
	enum picture_format target = turbo->task->target;
	if (target != PICTURE_UNKNOWN && target != PICTURE_JPEG)
		return 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct size box = box_of(turbo, &batch->tasks[i]);
		bool fits = !batch->outcomes[i].made && fit_inside(size_of(&turbo->in), box);
		if (fits && copy(turbo, i))
			return -1;
	}
	return 0;
}

static bool any_wanted(const struct turbo *turbo)
{
	for (size_t i = 0; i < turbo->batch->count; i++) {
		if (is_wanted(turbo, i))
			return true;
	}
	return false;
}

static int work(struct turbo *turbo, scale_finish *finish)
{
	if (!task_is_plain(turbo->task) || guarded(turbo, read_header) != 0 ||
		!is_ordinary(&turbo->in))
		return 0;
	if (copy_what_fits(turbo))
		return -1;
	if (!any_wanted(turbo))
		return 0;
	if (fit_limits(size_of(&turbo->in), turbo->err) != 0)
		return -1;
	if (!plan(turbo) || guarded(turbo, decode) != 0)
		return 0;
	for (size_t i = 0; i < turbo->spread.count; i++) {
		if (write_size(turbo, i, finish))
			return -1;
	}
	return 0;
}

int scale_jpeg(const struct scale_batch *batch, scale_finish *finish, struct error *err)
{
	struct turbo *turbo = xcalloc(1, sizeof(*turbo));
	turbo->batch = batch;
	turbo->task = batch->tasks;
	turbo->err = err;
	turbo->in.err = jpeg_std_error(&turbo->errors);
	turbo->errors.error_exit = on_fatal;
	turbo->errors.emit_message = on_message;
	turbo->errors.output_message = print_nothing;
	turbo->in.client_data = turbo;
	int status = work(turbo, finish);
	if (turbo->failed)
		status = -1;
	jpeg_destroy_decompress(&turbo->in);
	spread_release(&turbo->spread);
	free(turbo->profile);
	free(turbo->row);
	free(turbo);
	return status;
}
