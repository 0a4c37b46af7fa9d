/* SPDX-License-Identifier: MIT */
#include "worker/kinds/scale_warnings.h"

#include <vips/vips.h>

static bool warned;

static GLogWriterOutput keep_in_mind(
	GLogLevelFlags level, const GLogField *fields, gsize count, gpointer data)
{
	(void)fields;
	(void)count;
	(void)data;
	if (level & G_LOG_LEVEL_WARNING)
		warned = true;
	return G_LOG_WRITER_HANDLED;
}

void warnings_start(void)
{
	g_log_set_writer_func(keep_in_mind, NULL, NULL);
}

void warnings_clear(void)
{
	warned = false;
	vips_error_clear();
}

/* Some loaders write into the buffer of errors and go on. */
bool warnings_any(void)
{
	return warned || vips_error_buffer()[0] != '\0';
}
