/* SPDX-License-Identifier: MIT */
/*
 * The kind "scale": one picture made to fit a box. Decides which way of scaling takes the picture:
 * the special ones first, libvips (scale_vips.h) for everything that they decline.
 */
#include "worker/kind.h"

#include <assert.h>
#include <string.h>

#include "common/sanitizer.h"
#include "proto/scale.pb-c.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_jpeg.h"
#include "worker/kinds/scale_png.h"
#include "worker/kinds/scale_task.h"
#include "worker/kinds/scale_vips.h"

/* A sanitizer reserves terabytes of address space for its own books. */
#define MEMORY_BYTES (SANITIZED ? 0 : 4ULL << 30)
#define OUTPUT_BYTES (1ULL << 30)

static int target_of(Sciame__ScaleFormat format, enum picture_format *target)
{
	switch (format) {
	case SCIAME__SCALE_FORMAT__SCALE_FORMAT_SAME:
		*target = PICTURE_UNKNOWN;
		return 0;
	case SCIAME__SCALE_FORMAT__SCALE_FORMAT_JPEG:
		*target = PICTURE_JPEG;
		return 0;
	case SCIAME__SCALE_FORMAT__SCALE_FORMAT_PNG:
		*target = PICTURE_PNG;
		return 0;
	case SCIAME__SCALE_FORMAT__SCALE_FORMAT_WEBP:
		*target = PICTURE_WEBP;
		return 0;
	case _SCIAME__SCALE_FORMAT_IS_INT_SIZE:
		break;
	}
	return -1;
}

static int read_parameters(const struct job *job, struct scale_task *task, struct error *err)
{
	Sciame__ScaleParameters *parameters =
		sciame__scale_parameters__unpack(NULL, job->parameters_size, job->parameters);
	if (!parameters)
		return error_set(err, ERROR_PROTOCOL, "scale: parameters cannot be read");
	task->box = (struct size) { .width = parameters->width, .height = parameters->height };
	task->subsample = parameters->subsample;
	task->quality = parameters->quality ? (int)parameters->quality : TASK_QUALITY_DEFAULT;
	bool legal = task->box.width >= 1 && task->box.width <= FIT_DIMENSION_MAX &&
		     task->box.height >= 1 && task->box.height <= FIT_DIMENSION_MAX &&
		     parameters->quality <= 100 &&
		     target_of(parameters->format, &task->target) == 0;
	sciame__scale_parameters__free_unpacked(parameters, NULL);
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
	report.width = outcome->size.width;
	report.height = outcome->size.height;
	size_t size = sciame__scale_report__get_packed_size(&report);
	assert(size <= sizeof(result->report));
	result->report_size = (uint32_t)sciame__scale_report__pack(&report, result->report);
	result->output_bytes = outcome->output_bytes;
}

static int scale(const struct scale_task *task, struct scale_outcome *outcome, struct error *err)
{
	int status = SCALE_NOT_MINE;
	if (task->source == PICTURE_JPEG)
		status = scale_jpeg(task, scale_vips_finish, outcome, err);
	else if (task->source == PICTURE_PNG)
		status = scale_png(task, scale_vips_finish, outcome, err);
	return status == SCALE_NOT_MINE ? scale_vips(task, outcome, err) : status;
}

static int execute(
	const struct job *job, int in_fd, int out_fd, struct result *result, struct error *err)
{
	struct scale_task task = { .in_fd = in_fd, .out_fd = out_fd };
	struct scale_outcome outcome = { 0 };
	if (read_parameters(job, &task, err) != 0)
		return -1;
	if (look_at_input(&task, &result->input_bytes, err) != 0)
		return -1;
	if (scale(&task, &outcome, err) != SCALE_DONE)
		return -1;
	write_report(&outcome, result);
	return 0;
}

const struct worker_kind worker_kind_scale = {
	.name = "scale",
	.limits = { .memory_bytes = MEMORY_BYTES, .output_bytes = OUTPUT_BYTES },
	.start = scale_vips_start,
	.execute = execute,
};
