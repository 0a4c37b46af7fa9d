/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool parse_pixels(const char **text, uint32_t *pixels)
{
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	long value = strtol(*text, &end, 10);
	if (errno || value < 1 || value > SCALE_PIXELS_MAX)
		return false;
	*text = end;
	*pixels = (uint32_t)value;
	return true;
}

static bool parse(const char *text, struct scale_size *size)
{
	bool good = parse_pixels(&text, &size->width);
	size->height = size->width;
	if (good && (*text == 'x' || *text == 'X')) {
		text++;
		good = parse_pixels(&text, &size->height);
	}
	return good && *text == '\0';
}

static void set_label(struct scale_size *size)
{
	int length = snprintf(size->label, sizeof(size->label), "%" PRIu32 "x%" PRIu32, size->width,
		size->height);
	if (size->width == size->height)
		length = snprintf(size->label, sizeof(size->label), "%" PRIu32, size->width);
	(void)length; /* fits */
}

int scale_sizes_add(struct scale_sizes *sizes, const char *text, struct error *err)
{
	struct scale_size size = { 0 };
	if (!parse(text, &size))
		return error_set(err, ERROR_USAGE,
			"--size takes pixels as N or WxH, from 1 to %d, not '%s'", SCALE_PIXELS_MAX,
			text);
	for (size_t i = 0; i < sizes->count; i++) {
		if (sizes->list[i].width == size.width && sizes->list[i].height == size.height)
			return error_set(err, ERROR_USAGE, "--size %s is given twice", text);
	}
	if (sizes->count == JOB_OUTPUTS_MAX)
		return error_set(
			err, ERROR_USAGE, "--size may be given %d times at most", JOB_OUTPUTS_MAX);
	set_label(&size);
	sizes->list[sizes->count++] = size;
	return 0;
}
