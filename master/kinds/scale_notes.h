/* SPDX-License-Identifier: MIT */
/* What an output cost (enum ScaleNote of proto/scale.proto), in words. Pure. */
#ifndef SCIAME_MASTER_KINDS_SCALE_NOTES_H
#define SCIAME_MASTER_KINDS_SCALE_NOTES_H

#include <stddef.h>
#include <stdint.h>

enum { SCALE_NOTES_TEXT_MAX = 512 }; /* all of them together, with the NUL */

/* Fills text with a half sentence for each bit that is known, "" for none. */
void scale_notes_text(uint32_t notes, char text[SCALE_NOTES_TEXT_MAX]);

#endif
