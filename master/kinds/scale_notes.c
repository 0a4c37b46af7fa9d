/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_notes.h"

#include <assert.h>
#include <string.h>

#include "proto/scale.pb-c.h"

static const struct {
	uint32_t bit;
	const char *text;
} notes_known[] = {
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_SALVAGED, "damaged: made from what could be read" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_FLATTENED, "its transparency became background" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_FRAMES_DROPPED, "only its first frame was taken" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_PAGES_DROPPED, "only its first page was taken" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_BROKEN,
		"its colour profile can't be used, its colours were taken for sRGB" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_PROFILE_ASSUMED,
		"it is CMYK without a profile, a common one was assumed" },
	{ SCIAME__SCALE_NOTE__SCALE_NOTE_SUFFIX_LIES, "its content is not what its name says" },
};

static void append(char text[SCALE_NOTES_TEXT_MAX], const char *more)
{
	assert(strlen(text) + strlen(more) < SCALE_NOTES_TEXT_MAX); /* all of them fit */
	strcat(text, more);
}

void scale_notes_text(uint32_t notes, char text[SCALE_NOTES_TEXT_MAX])
{
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(notes_known) / sizeof(notes_known[0]); i++) {
		if (!(notes & notes_known[i].bit))
			continue;
		if (text[0])
			append(text, "; ");
		append(text, notes_known[i].text);
	}
}
