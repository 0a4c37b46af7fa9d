/* SPDX-License-Identifier: MIT */
/*
 * Which form is written, and whether it could be. stdio keeps that something failed but not why:
 * errno is cleared before each step and kept after the first that failed.
 */
#include "master/kinds/feeds_output.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/memory.h"
#include "master/kinds/feeds_form.h"
#include "master/kinds/feeds_stamp.h"

static const struct output_form *form_of(const struct output_options *options)
{
	switch (options->format) {
	case OUTPUT_HTML:
		return options->by_date ? &form_river : &form_html;
	case OUTPUT_JSON:
		return &form_json;
	case OUTPUT_ATOM:
		return &form_atom;
	case OUTPUT_OPML:
		return &form_opml;
	case OUTPUT_TEXT:
		return options->by_date ? &form_text_river : &form_text;
	case OUTPUT_FORMATS:
		break;
	}
	assert(false);
	return NULL;
}

struct output *output_new(FILE *out, const struct output_options *options)
{
	assert(stamp_is_writable(options->now_s));
	struct output *output = xcalloc(1, sizeof(*output));
	output->out = out;
	output->options = *options;
	output->title = xstrdup(options->title);
	output->options.title = output->title;
	output->category = xstrdup("");
	output->form = form_of(options);
	return output;
}

void output_free(struct output *output)
{
	if (!output)
		return;
	spool_release(&output->entries);
	spool_release(&output->notes);
	free(output->title);
	free(output->category);
	free(output);
}

/* What stands in front of the first feed, or of the end. */
static int start(struct output *output, struct error *err)
{
	if (output->form->spools_entries && spool_open(&output->entries, err) < 0)
		return -1;
	if (output->form->spools_notes && spool_open(&output->notes, err) < 0)
		return -1;
	output->form->begin(output);
	return 0;
}

/* 0, or -1 when anything since errno was cleared could not be written to out. */
static int check(struct output *output, struct error *err)
{
	if (!ferror(output->out))
		return 0;
	if (output->broken == 0)
		output->broken = errno ? errno : EIO;
	errno = output->broken;
	return error_errno(err, ERROR_IO, "write the output");
}

int output_feed(struct output *output, const struct output_feed *feed, struct error *err)
{
	errno = 0;
	if (output->feeds++ == 0 && start(output, err) < 0)
		return -1;
	if (output->form->feed(output, feed, err) < 0)
		return -1;
	free(output->category);
	output->category = xstrdup(feed->category);
	return check(output, err);
}

int output_end(struct output *output, const struct output_report *report, struct error *err)
{
	errno = 0;
	if (output->feeds == 0 && start(output, err) < 0)
		return -1;
	if (output->form->end(output, report, err) < 0)
		return -1;
	(void)fflush(output->out); /* sets what ferror() tells */
	return check(output, err);
}
