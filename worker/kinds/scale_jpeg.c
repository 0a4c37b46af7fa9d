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
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_reduce.h"

enum {
	READ_BYTES = 65536,
	WARNINGS_MAX = 100,    /* with so many it is not a picture any more; libvips' own number */
	SCALE_DENOMINATOR = 8, /* libjpeg decodes at n/8 */
	QUALITY_FULL_COLOUR = 90, /* from here on colours are not halved, as libvips decides */
};

struct turbo {
	struct jpeg_decompress_struct in;
	struct jpeg_compress_struct out;
	struct jpeg_error_mgr errors;
	struct jpeg_source_mgr reader;
	jmp_buf fatal;
	const struct scale_task *task;
	struct error *err;
	bool failed; /* *err is filled: reading the file failed, which no other way can mend */
	uint64_t offset;
	struct reduce *reduce;
	uint8_t *row;
	JOCTET *profile;
	unsigned profile_size;
	struct pixels pixels;
	unsigned char *encoded;
	unsigned long encoded_size;
	uint8_t buffer[READ_BYTES];
};

static void on_fatal(j_common_ptr codec)
{
	struct turbo *turbo = codec->client_data;
	longjmp(turbo->fatal, 1);
}

static void on_message(j_common_ptr codec, int level)
{
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
	if (n == 0)
		on_message((j_common_ptr)in, -1);
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
}

static void read_header(struct turbo *turbo)
{
	create(turbo);
	(void)jpeg_read_header(&turbo->in, TRUE);
	turbo->pixels.orientation = ORIENTATION_UPRIGHT;
	for (jpeg_saved_marker_ptr marker = turbo->in.marker_list; marker; marker = marker->next) {
		if (marker->marker != JPEG_APP0 + 1 || marker->data_length < 4 ||
			memcmp(marker->data, "Exif", 4) != 0)
			continue;
		turbo->pixels.orientation = pixels_orientation(marker->data, marker->data_length);
		break;
	}
	if (!jpeg_read_icc_profile(&turbo->in, &turbo->profile, &turbo->profile_size) ||
		pixels_profile_is_srgb(turbo->profile, turbo->profile_size))
		return;
	turbo->pixels.profile = turbo->profile;
	turbo->pixels.profile_size = turbo->profile_size;
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
	return turbo->task->target != PICTURE_PNG && turbo->task->target != PICTURE_WEBP &&
	       !turbo->pixels.profile;
}

static struct size size_of(const struct jpeg_decompress_struct *in)
{
	return (struct size) { .width = in->image_width, .height = in->image_height };
}

static struct size box_of(const struct turbo *turbo)
{
	bool lies = turbo->pixels.orientation >= ORIENTATION_SWAPS;
	return lies ? fit_swap(turbo->task->box) : turbo->task->box;
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

static struct reduce *plan(struct turbo *turbo)
{
	struct size size = size_of(&turbo->in);
	struct size box = box_of(turbo);
	uint32_t stride = turbo->task->subsample ? fit_stride(size, box) : 0;
	uint32_t shrink = stride ? preshrink_of(stride) : fit_preshrink(size, box);
	turbo->in.scale_num = SCALE_DENOMINATOR / shrink;
	turbo->in.scale_denom = SCALE_DENOMINATOR;
	if (is_plain(turbo))
		turbo->in.out_color_space = turbo->in.jpeg_color_space;
	jpeg_calc_output_dimensions(&turbo->in);
	struct reduce_shape shape = {
		.in = { .width = turbo->in.output_width, .height = turbo->in.output_height },
		.out = stride ? fit_sampled(size, stride) : output_of(size, box),
		.span_x = (double)size.width / shrink,
		.span_y = (double)size.height / shrink,
		.bands = (unsigned)turbo->in.output_components,
		.step = (double)stride / shrink,
	};
	turbo->pixels.size = shape.out;
	turbo->pixels.bands = shape.bands;
	return reduce_new(&shape);
}

static void decode(struct turbo *turbo)
{
	(void)jpeg_start_decompress(&turbo->in);
	turbo->row = xmalloc((size_t)turbo->in.output_width * turbo->pixels.bands);
	while (turbo->in.output_scanline < turbo->in.output_height) {
		JSAMPROW rows[] = { turbo->row };
		(void)jpeg_read_scanlines(&turbo->in, rows, 1);
		reduce_row(turbo->reduce, turbo->row);
	}
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
	jpeg_set_quality(out, turbo->task->quality, TRUE);
	if (!grey && turbo->task->quality >= QUALITY_FULL_COLOUR) {
		out->comp_info[0].h_samp_factor = 1;
		out->comp_info[0].v_samp_factor = 1;
	}
	jpeg_start_compress(out, TRUE);
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
	int status = guarded(turbo, encode);
	free(upright);
	if (status != 0)
		return SCALE_NOT_MINE;
	outcome->size = pixels->size;
	outcome->output_bytes = turbo->encoded_size;
	return file_write(turbo->task->out_fd, turbo->encoded, turbo->encoded_size, turbo->err);
}

static int copy(struct turbo *turbo, struct scale_outcome *outcome)
{
	bool lies = turbo->pixels.orientation >= ORIENTATION_SWAPS;
	outcome->copied = true;
	outcome->size = lies ? fit_swap(size_of(&turbo->in)) : size_of(&turbo->in);
	return file_copy(
		turbo->task->in_fd, turbo->task->out_fd, &outcome->output_bytes, turbo->err);
}

static int work(struct turbo *turbo, scale_finish *finish, struct scale_outcome *outcome)
{
	if (guarded(turbo, read_header) != 0 || !is_ordinary(&turbo->in))
		return SCALE_NOT_MINE;
	enum picture_format target = turbo->task->target;
	if (fit_inside(size_of(&turbo->in), box_of(turbo)))
		return target == PICTURE_UNKNOWN || target == PICTURE_JPEG ? copy(turbo, outcome)
									   : SCALE_NOT_MINE;
	if (fit_limits(size_of(&turbo->in), turbo->err) != 0)
		return -1;
	turbo->reduce = plan(turbo);
	if (!turbo->reduce || guarded(turbo, decode) != 0)
		return SCALE_NOT_MINE;
	turbo->pixels.bytes = reduce_pixels(turbo->reduce);
	if (is_plain(turbo))
		return write_jpeg(turbo, outcome);
	return finish(turbo->task, &turbo->pixels, outcome, turbo->err);
}

int scale_jpeg(const struct scale_task *task, scale_finish *finish, struct scale_outcome *outcome,
	struct error *err)
{
	struct turbo *turbo = xcalloc(1, sizeof(*turbo));
	turbo->task = task;
	turbo->err = err;
	turbo->in.err = jpeg_std_error(&turbo->errors);
	turbo->out.err = turbo->in.err;
	turbo->errors.error_exit = on_fatal;
	turbo->errors.emit_message = on_message;
	turbo->errors.output_message = print_nothing;
	turbo->in.client_data = turbo;
	turbo->out.client_data = turbo;
	int status = work(turbo, finish, outcome);
	if (turbo->failed)
		status = -1;
	jpeg_destroy_compress(&turbo->out);
	jpeg_destroy_decompress(&turbo->in);
	reduce_free(turbo->reduce);
	free(turbo->encoded);
	free(turbo->profile);
	free(turbo->row);
	free(turbo);
	return status;
}
