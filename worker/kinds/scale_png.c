/* SPDX-License-Identifier: MIT */
/*
 * The fast way for the ordinary PNG. Rules of the format: https://www.w3.org/TR/png-3/. It declines
 * at the first thing that it does not know, so it needs no reasons for refusing.
 */
#include "worker/kinds/scale_png.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "common/memory.h"
#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_spread.h"
#include "worker/kinds/scale_weave.h"

enum {
	SIGNATURE_BYTES = 8,
	CHUNK_OVERHEAD = 12, /* length, type, and the check sum behind the data */
	HEADER_BYTES = 13,
	PALETTE_MAX = 256,
	PROFILE_NAME_MAX = 79,
	FILE_BYTES_MAX = 128 << 20, /* beyond these two libvips decodes it row by row */
	RAW_BYTES_MAX = 128 << 20,
	PROFILE_BYTES_MAX = 4 << 20,
};

enum colour { COLOUR_GREY = 0, COLOUR_RGB = 2, COLOUR_PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

enum filter { FILTER_NONE, FILTER_SUB, FILTER_UP, FILTER_AVERAGE, FILTER_PAETH };

struct png {
	uint8_t *file;
	size_t file_size;
	struct size size;
	enum colour colour;
	unsigned raw_bands; /* bytes of a stored pixel */
	uint8_t palette[PALETTE_MAX][4];
	unsigned colours;  /* entries of the palette */
	bool opaque;       /* the palette has no transparency */
	uint8_t *deflated; /* all of IDAT moved together, inside file */
	size_t deflated_size;
	uint8_t *raw;
	uint8_t *wide; /* one row of a palette picture as colours */
	uint8_t *profile;
	size_t profile_size;
	struct libdeflate_decompressor *inflater;
	struct spread spread;
	size_t sizes[JOB_OUTPUTS_MAX]; /* which tasks the spread is for */
	struct weave weave;            /* what was found of metadata lies in file */
	unsigned orientation;
};

static uint32_t number_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool take_header(struct png *png, const uint8_t *data, size_t size)
{
	static const unsigned bands[] = { [COLOUR_GREY] = 1,
		[COLOUR_RGB] = 3,
		[COLOUR_PALETTE] = 1,
		[GREY_ALPHA] = 2,
		[RGB_ALPHA] = 4 };
	if (size != HEADER_BYTES)
		return false;
	png->size = (struct size) { .width = number_at(data), .height = number_at(data + 4) };
	uint8_t colour = data[9];
	bool ordinary = data[8] == 8 && colour < sizeof(bands) / sizeof(bands[0]) &&
			bands[colour] > 0 && data[10] == 0 && data[11] == 0 && data[12] == 0;
	if (!ordinary || png->size.width == 0 || png->size.height == 0)
		return false;
	png->colour = colour;
	png->raw_bands = bands[colour];
	return true;
}

static bool take_palette(struct png *png, const uint8_t *data, size_t size)
{
	if (size % 3 != 0 || size / 3 > PALETTE_MAX || png->colours > 0)
		return false;
	png->colours = (unsigned)(size / 3);
	png->opaque = true;
	for (unsigned i = 0; i < png->colours; i++) {
		memcpy(png->palette[i], data + 3 * i, 3);
		png->palette[i][3] = UINT8_MAX;
	}
	return true;
}

static bool take_transparency(struct png *png, const uint8_t *data, size_t size)
{
	if (png->colour != COLOUR_PALETTE || size > png->colours)
		return false;
	png->opaque = false;
	for (size_t i = 0; i < size; i++)
		png->palette[i][3] = data[i];
	return true;
}

/* name, NUL, method 0, zlib data of unknown length. */
static bool take_profile(struct png *png, const uint8_t *data, size_t size)
{
	size_t name =
		strnlen((const char *)data, size < PROFILE_NAME_MAX ? size : PROFILE_NAME_MAX);
	if (png->profile || name + 2 >= size || data[name] != 0 || data[name + 1] != 0)
		return false;
	png->profile = xmalloc(PROFILE_BYTES_MAX);
	return libdeflate_zlib_decompress(png->inflater, data + name + 2, size - name - 2,
		       png->profile, PROFILE_BYTES_MAX, &png->profile_size) == LIBDEFLATE_SUCCESS;
}

static bool is(const uint8_t *chunk, const char *type)
{
	return memcmp(chunk + 4, type, 4) == 0;
}

/* Chunks before the pixels; true: go on. */
static bool take_chunk(struct png *png, const uint8_t *chunk, size_t size)
{
	const uint8_t *data = chunk + 8;
	if (is(chunk, "PLTE"))
		return take_palette(png, data, size);
	if (is(chunk, "tRNS"))
		return take_transparency(png, data, size);
	if (is(chunk, "iCCP"))
		return take_profile(png, data, size);
	if (is(chunk, "acTL") || is(chunk, "IHDR"))
		return false;
	return (chunk[4] & 0x20) != 0; /* ancillary */
}

static bool is_sound(const uint8_t *chunk, size_t size)
{
	return libdeflate_crc32(0, chunk + 4, size + 4) == number_at(chunk + 8 + size);
}

/* Header, palette and profile; *at is then where the first IDAT starts. */
static bool read_start(struct png *png, size_t *at)
{
	*at = SIGNATURE_BYTES;
	bool first = true;
	while (png->file_size - *at >= CHUNK_OVERHEAD) {
		const uint8_t *chunk = png->file + *at;
		size_t size = number_at(chunk);
		if (size > png->file_size - *at - CHUNK_OVERHEAD || !is_sound(chunk, size))
			return false;
		if (is(chunk, "IDAT"))
			return !first && (png->colour == COLOUR_PALETTE) == (png->colours > 0);
		bool taken = first ? is(chunk, "IHDR") && take_header(png, chunk + 8, size)
				   : take_chunk(png, chunk, size);
		if (!taken)
			return false;
		first = false;
		*at += size + CHUNK_OVERHEAD;
	}
	return false;
}

/* Moves the data of the IDAT chunks together, up to the first other chunk. */
static bool join_data(struct png *png, size_t at)
{
	png->deflated = png->file + at;
	while (png->file_size - at >= CHUNK_OVERHEAD) {
		const uint8_t *chunk = png->file + at;
		size_t size = number_at(chunk);
		if (!is(chunk, "IDAT"))
			return true;
		if (size > png->file_size - at - CHUNK_OVERHEAD || !is_sound(chunk, size))
			return false;
		at += size + CHUNK_OVERHEAD;
		memmove(png->deflated + png->deflated_size, chunk + 8, size);
		png->deflated_size += size;
	}
	return false;
}

/* Which of the three is nearest to left + above - corner. Written so that nothing branches. */
static inline int nearest(int left, int above, int corner)
{
	int across = above - corner;
	int down = left - corner;
	int least = abs(across);
	int to_above = abs(down);
	int to_corner = abs(across + down);
	int value = to_above < least ? above : left;
	least = to_above < least ? to_above : least;
	return to_corner < least ? corner : value;
}

/* bands is constant where this is inlined, so that the bands of a pixel are worked on at once. */
static inline __attribute__((always_inline)) void undo_paeth(
	uint8_t *row, const uint8_t *above, size_t size, unsigned bands)
{
	int left[4] = { 0 };
	int corner[4] = { 0 };
	for (size_t i = 0; i < size; i += bands) {
		for (unsigned band = 0; band < bands; band++) {
			int up = above[i + band];
			left[band] = (row[i + band] + nearest(left[band], up, corner[band])) & 255;
			corner[band] = up;
			row[i + band] = (uint8_t)left[band];
		}
	}
}

static inline __attribute__((always_inline)) void undo_average(
	uint8_t *row, const uint8_t *above, size_t size, unsigned bands)
{
	uint8_t left[4] = { 0 };
	for (size_t i = 0; i < size; i += bands) {
		for (unsigned band = 0; band < bands; band++) {
			left[band] = (uint8_t)(row[i + band] + (left[band] + above[i + band]) / 2);
			row[i + band] = left[band];
		}
	}
}

static inline __attribute__((always_inline)) void undo_sub(
	uint8_t *row, size_t size, unsigned bands)
{
	for (size_t i = bands; i < size; i++)
		row[i] = (uint8_t)(row[i] + row[i - bands]);
}

static inline __attribute__((always_inline)) bool undo(
	uint8_t filter, uint8_t *row, const uint8_t *above, size_t size, unsigned bands)
{
	switch (filter) {
	case FILTER_NONE:
		return true;
	case FILTER_SUB:
		undo_sub(row, size, bands);
		return true;
	case FILTER_UP:
		for (size_t i = 0; i < size; i++)
			row[i] = (uint8_t)(row[i] + above[i]);
		return true;
	case FILTER_AVERAGE:
		undo_average(row, above, size, bands);
		return true;
	case FILTER_PAETH:
		undo_paeth(row, above, size, bands);
		return true;
	default:
		return false;
	}
}

static bool undo_filter(
	unsigned bands, uint8_t filter, uint8_t *row, const uint8_t *above, size_t size)
{
	switch (bands) {
	case 1:
		return undo(filter, row, above, size, 1);
	case 2:
		return undo(filter, row, above, size, 2);
	case 3:
		return undo(filter, row, above, size, 3);
	default:
		return undo(filter, row, above, size, 4);
	}
}

static unsigned bands_of(const struct png *png)
{
	if (png->colour != COLOUR_PALETTE)
		return png->raw_bands;
	return png->opaque ? 3 : 4;
}

/* The row as colours; NULL when it names a colour that the palette does not have. */
static const uint8_t *colours_of(struct png *png, const uint8_t *row)
{
	if (png->colour != COLOUR_PALETTE)
		return row;
	unsigned bands = bands_of(png);
	uint8_t *to = png->wide;
	for (uint32_t x = 0; x < png->size.width; x++, to += bands) {
		if (row[x] >= png->colours)
			return NULL;
		memcpy(to, png->palette[row[x]], bands);
	}
	return png->wide;
}

static bool decode(struct png *png)
{
	size_t row_bytes = (size_t)png->size.width * png->raw_bands;
	size_t raw_bytes = (row_bytes + 1) * png->size.height;
	png->raw = xmalloc(raw_bytes);
	if (libdeflate_zlib_decompress(png->inflater, png->deflated, png->deflated_size, png->raw,
		    raw_bytes, NULL) != LIBDEFLATE_SUCCESS)
		return false;
	png->wide =
		xcalloc(png->size.width, 4); /* of nothing but zeros: also what is above row 0 */
	const uint8_t *above = png->wide;
	uint8_t *row = png->raw + 1;
	for (uint32_t y = 0; y < png->size.height; y++, above = row, row += row_bytes + 1) {
		if (!undo_filter(png->raw_bands, row[-1], row, above, row_bytes))
			return false;
		const uint8_t *colours = colours_of(png, row);
		if (!colours)
			return false;
		spread_row(&png->spread, colours, png->size.width);
	}
	return true;
}

static struct size box_of(const struct png *png, const struct scale_task *task)
{
	return png->orientation >= ORIENTATION_SWAPS ? fit_swap(task->box) : task->box;
}

static bool add_size(struct png *png, const struct scale_task *task)
{
	struct size box = box_of(png, task);
	uint32_t stride = task->style.subsample ? fit_stride(png->size, box) : 0;
	const struct reduce_shape shape = {
		.in = png->size,
		.out = stride ? fit_sampled(png->size, stride) : fit_output(png->size, box),
		.span_x = png->size.width,
		.span_y = png->size.height,
		.bands = bands_of(png),
		.alpha = bands_of(png) % 2 == 0,
		.step = stride,
	};
	return spread_add(&png->spread, &shape, 1);
}

static bool is_wanted(const struct png *png, const struct scale_batch *batch, size_t i)
{
	return !batch->outcomes[i].made && !fit_inside(png->size, box_of(png, &batch->tasks[i]));
}

static bool any_wanted(const struct png *png, const struct scale_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (is_wanted(png, batch, i))
			return true;
	}
	return false;
}

static bool plan(struct png *png, const struct scale_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (!is_wanted(png, batch, i))
			continue;
		if (!add_size(png, &batch->tasks[i]))
			break; /* the rest comes later */
		png->sizes[png->spread.count - 1] = i;
	}
	return png->spread.count > 0;
}

static int read_file(struct png *png, const struct scale_task *task, struct error *err)
{
	uint64_t size;
	if (file_size(task->in_fd, &size, err) != 0)
		return -1;
	if (size > FILE_BYTES_MAX || size < SIGNATURE_BYTES)
		return SCALE_NOT_MINE;
	png->file = xmalloc(size);
	ssize_t n = file_read_at(task->in_fd, png->file, size, 0, err);
	png->file_size = n > 0 ? (size_t)n : 0;
	if (n < 0)
		return -1;
	return n < SIGNATURE_BYTES ? SCALE_NOT_MINE : 0;
}

/* The whole file, before its data is moved. False: it is not ordinary. */
static bool look(struct png *png)
{
	const struct block *exif = &png->weave.found.exif;
	if (!weave_look(&png->weave, PICTURE_PNG, png->file, png->file_size))
		return false;
	png->orientation = exif_orientation(exif->bytes, exif->size);
	return true;
}

static bool fits_memory(const struct png *png)
{
	uint64_t row_bytes = (uint64_t)png->size.width * png->raw_bands + 1;
	return row_bytes * png->size.height <= RAW_BYTES_MAX;
}

static int write_sizes(
	struct png *png, const struct scale_batch *batch, scale_finish *finish, struct error *err)
{
	struct pixels pixels = {
		.bands = bands_of(png),
		.orientation = png->orientation,
		.metadata = &png->weave.found,
		.palette = png->colour == COLOUR_PALETTE,
		.profile = png->profile,
		.profile_size = png->profile_size,
		.is_srgb = png->profile && pixels_profile_is_srgb(png->profile, png->profile_size),
	};
	for (size_t i = 0; i < png->spread.count; i++) {
		struct scale_outcome *outcome = &batch->outcomes[png->sizes[i]];
		pixels.bytes = spread_pixels(&png->spread, i, &pixels.size);
		int status = finish(&batch->tasks[png->sizes[i]], &pixels, outcome, err);
		if (status < 0)
			return -1;
		outcome->made = status == SCALE_DONE;
	}
	return 0;
}

static int work(
	struct png *png, const struct scale_batch *batch, scale_finish *finish, struct error *err)
{
	int status =
		task_is_plain(batch->tasks) ? read_file(png, batch->tasks, err) : SCALE_NOT_MINE;
	if (status != 0)
		return status < 0 ? -1 : 0;
	size_t at;
	png->inflater = libdeflate_alloc_decompressor();
	if (!png->inflater || !read_start(png, &at) || !look(png) || !any_wanted(png, batch))
		return 0;
	if (fit_limits(png->size, err) != 0)
		return -1;
	if (!fits_memory(png) || !join_data(png, at) || !plan(png, batch) || !decode(png))
		return 0;
	return write_sizes(png, batch, finish, err);
}

int scale_png(const struct scale_batch *batch, scale_finish *finish, struct error *err)
{
	struct png *png = xcalloc(1, sizeof(*png));
	int status = work(png, batch, finish, err);
	spread_release(&png->spread);
	if (png->inflater)
		libdeflate_free_decompressor(png->inflater);
	weave_release(&png->weave);
	free(png->profile);
	free(png->wide);
	free(png->raw);
	free(png->file);
	free(png);
	return status;
}
