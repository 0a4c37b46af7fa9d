/* SPDX-License-Identifier: MIT */
/*
 * The kind "scale": one picture made to fit a box. Decides which way of scaling takes the picture:
 * the special ones first, libvips (scale_vips.h) for everything that they decline.
 */
#include "worker/kind.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"
#include "common/sanitizer.h"
#include "proto/scale.pb-c.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_formats.h"
#include "worker/kinds/scale_jpeg.h"
#include "worker/kinds/scale_png.h"
#include "worker/kinds/scale_task.h"
#include "worker/kinds/scale_vips.h"

/* A sanitizer reserves terabytes of address space for its own books. */
#define MEMORY_BYTES (SANITIZED ? 0 : 4ULL << 30)
#define OUTPUT_BYTES (1ULL << 30)

/* The limits of proto/scale.proto. */
enum { QUALITY_MAX = 100, EFFORT_MAX = 10, COLOUR_MAX = 0xFFFFFF };

/* By the numbers of proto/scale.proto. */
static const enum picture_format targets[] = {
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_SAME] = PICTURE_UNKNOWN,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG] = PICTURE_JPEG,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG] = PICTURE_PNG,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP] = PICTURE_WEBP,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_AVIF] = PICTURE_AVIF,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_TIFF] = PICTURE_TIFF,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_GIF] = PICTURE_GIF,
	[SCIAME__SCALE_FORMAT__SCALE_FORMAT_JXL] = PICTURE_JXL,
};

/* A picture in all its sizes; the first task says what they have in common. */
struct order {
	struct scale_task tasks[JOB_OUTPUTS_MAX];
	struct scale_outcome outcomes[JOB_OUTPUTS_MAX];
	uint32_t count;
	bool strict, digest;
};

static bool take_sizes(struct order *order, const Sciame__ScaleParameters *p)
{
	if (p->n_sizes < 1 || p->n_sizes > JOB_OUTPUTS_MAX)
		return false;
	for (size_t i = 0; i < p->n_sizes; i++) {
		struct size box = { .width = p->sizes[i]->width, .height = p->sizes[i]->height };
		if (box.width < 1 || box.width > FIT_DIMENSION_MAX || box.height < 1 ||
			box.height > FIT_DIMENSION_MAX)
			return false;
		order->tasks[i].box = box;
	}
	order->count = (uint32_t)p->n_sizes;
	return true;
}

static void take_style(struct scale_style *style, const Sciame__ScaleParameters *p)
{
	*style = (struct scale_style) {
		.fit = p->fit,
		.crop = p->crop,
		.metadata = (enum metadata_policy)p->metadata,
		.enlarge = p->enlarge,
		.subsample = p->subsample,
		.linear = p->linear,
		.lossless = p->lossless,
		.progressive = p->progressive,
		.keep_profile = p->keep_profile,
		.first_frame = p->first_frame,
		.allow_svg = p->allow_svg,
		.allow_pdf = p->allow_pdf,
		.quality = (int)p->quality,
		.effort = (int)p->effort,
		.depth = p->depth,
		.background = { (uint8_t)(p->background >> 16), (uint8_t)(p->background >> 8),
			(uint8_t)p->background },
	};
}

static bool is_legal(const Sciame__ScaleParameters *p)
{
	return p->quality <= QUALITY_MAX && p->effort <= EFFORT_MAX &&
	       p->background <= COLOUR_MAX && (p->depth == 0 || p->depth == 8) &&
	       (unsigned)p->fit <= SCIAME__SCALE_FIT__SCALE_FIT_HEIGHT &&
	       (unsigned)p->crop <= SCIAME__SCALE_CROP__SCALE_CROP_ENTROPY &&
	       (unsigned)p->metadata <= METADATA_ALL &&
	       (unsigned)p->format < sizeof(targets) / sizeof(targets[0]);
}

static int read_parameters(const struct job *job, struct order *order, struct error *err)
{
	Sciame__ScaleParameters *p =
		sciame__scale_parameters__unpack(NULL, job->parameters_size, job->parameters);
	if (!p)
		return error_set(err, ERROR_PROTOCOL, "scale: parameters cannot be read");
	bool legal = is_legal(p) && take_sizes(order, p);
	if (legal) {
		take_style(&order->tasks[0].style, p);
		order->tasks[0].target = targets[p->format];
		order->strict = p->strict;
		order->digest = p->digest;
	}
	sciame__scale_parameters__free_unpacked(p, NULL);
	return legal ? 0 : error_set(err, ERROR_PROTOCOL, "scale: parameters out of range");
}

static int look_at_input(struct scale_task *task, uint64_t *size, struct error *err)
{
	if (file_size(task->in_fd, size, err) != 0)
		return -1;
	if (*size == 0)
		return error_set(err, ERROR_INPUT, "empty file");
	uint8_t start[SNIFF_BYTES];
	ssize_t n = file_read_at(task->in_fd, start, sizeof(start), 0, err);
	if (n < 0)
		return -1;
	task->source = sniff(start, (size_t)n);
	return 0;
}

static void write_report(const struct scale_outcome *outcome, struct result *result)
{
	Sciame__ScaleReport report = SCIAME__SCALE_REPORT__INIT;
	report.action = outcome->copied ? SCIAME__SCALE_ACTION__SCALE_ACTION_COPIED
					: SCIAME__SCALE_ACTION__SCALE_ACTION_SCALED;
	report.notes = outcome->notes;
	size_t size = sciame__scale_report__get_packed_size(&report);
	assert(size <= sizeof(result->report));
	result->report_size = (uint32_t)sciame__scale_report__pack(&report, result->report);
}

static int scale(const struct scale_batch *batch, struct error *err)
{
	scale_way *way = batch->tasks->source == PICTURE_JPEG  ? scale_jpeg
			 : batch->tasks->source == PICTURE_PNG ? scale_png
							       : NULL;
	size_t left = batch_left(batch), before = left + 1;
	while (way && left > 0 && left < before) {
		before = left;
		if (way(batch, scale_vips_finish, err))
			return -1;
		left = batch_left(batch);
	}
	return left > 0 ? scale_vips(batch, err) : 0;
}

/* What --strict makes of what was given up. */
static int check_strict(uint32_t notes, struct error *err)
{
	static const struct {
		uint32_t note;
		const char *text;
	} losses[] = {
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED, "it is damaged" },
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED, "it would lose its transparency" },
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_FRAMES_DROPPED, "it would lose frames" },
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_PAGES_DROPPED, "it would lose pages" },
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_BROKEN,
			"its colour profile can't be used" },
		{ SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_ASSUMED, "it is CMYK without a profile" },
	};
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		if (notes & losses[i].note)
			return error_set(err, ERROR_INPUT, "%s (--strict)", losses[i].text);
	}
	return 0;
}

static int add_output(
	const struct order *order, uint32_t number, struct result *result, struct error *err)
{
	const struct scale_outcome *outcome = &order->outcomes[number];
	struct produced produced = { .bytes = outcome->output_bytes,
		.width = outcome->size.width,
		.height = outcome->size.height,
		.has_digest = order->digest };
	if (order->digest && hash_sha256_file(order->tasks[number].out_fd, produced.digest) != 0)
		return error_errno(err, ERROR_IO, "read the output again");
	result_produced(result, &produced);
	return 0;
}

/* The common part goes to all tasks. */
static int prepare(
	const struct job *job, struct order *order, struct result *result, struct error *err)
{
	struct scale_task *first = &order->tasks[0];
	if (read_parameters(job, order, err) || look_at_input(first, &result->input_bytes, err))
		return -1;
	for (uint32_t i = 0; i < order->count; i++) {
		struct size box = order->tasks[i].box;
		order->tasks[i] = *first;
		order->tasks[i].box = box;
		order->outcomes[i].format = first->source;
	}
	return 0;
}

static int execute(const struct job *job, int in_fd, const int *out_fds, struct result *result,
	struct error *err)
{
	struct order order = { .tasks[0].in_fd = in_fd };
	struct scale_outcome whole = { .copied = true };
	if (prepare(job, &order, result, err))
		return -1;
	for (uint32_t i = 0; i < order.count; i++)
		order.tasks[i].out_fd = out_fds[i];
	const struct scale_batch batch = { order.tasks, order.outcomes, order.count };
	if (scale(&batch, err))
		return -1;
	for (uint32_t i = 0; i < order.count; i++) {
		if (add_output(&order, i, result, err))
			return -1;
		whole.copied = whole.copied && order.outcomes[i].copied;
		whole.notes |= order.outcomes[i].notes;
		whole.format = order.outcomes[i].format;
	}
	if (order.strict && check_strict(whole.notes, err))
		return -1;
	if (suffix_lies(job->source, whole.format))
		whole.notes |= SCIAME__SCALE_NOTE__SCALE_NOTE_SUFFIX_LIES;
	write_report(&whole, result);
	return 0;
}

const struct worker_kind worker_kind_scale = {
	.name = "scale",
	.print_formats = scale_formats_print,
	.limits = { .memory_bytes = MEMORY_BYTES, .output_bytes = OUTPUT_BYTES },
	.start = scale_vips_start,
	.execute = execute,
};
