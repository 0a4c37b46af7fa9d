/* SPDX-License-Identifier: MIT */
/* What IPTC's older blocks (IIM) say about rights. Pure; every length is checked. */
#ifndef SCIAME_WORKER_KINDS_SCALE_IPTC_H
#define SCIAME_WORKER_KINDS_SCALE_IPTC_H

#include "worker/kinds/scale_rights.h"

/*
 * Adds By-line, Credit and Copyright Notice. block: data sets as they are, or inside Photoshop's
 * resources ("8BIM"), with or without the "Photoshop 3.0" that JPEG puts in front.
 */
void iptc_read(const uint8_t *block, size_t size, struct rights *rights);

#endif
