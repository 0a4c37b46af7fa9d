/* SPDX-License-Identifier: MIT */
/* What scale_weave.c and its formats share; not for others. */
#ifndef SCIAME_WORKER_KINDS_SCALE_WEAVE_PARTS_H
#define SCIAME_WORKER_KINDS_SCALE_WEAVE_PARTS_H

#include "worker/kinds/scale_weave.h"

/* Appends what lies in `in` from start to end. */
void weave_keep(struct weave *weave, size_t start, size_t end);

/* Puts bytes in at insert_at, which is behind them then. */
void weave_insert(struct weave *weave, const void *bytes, size_t size);

/* A number of up to four bytes, most significant first. */
uint32_t weave_big(const uint8_t *bytes, unsigned count);
void weave_put_big(uint8_t *to, uint32_t value, unsigned count);

bool weave_part_jpeg(struct weave *weave);
bool weave_join_jpeg(struct weave *weave, const struct metadata_made *made);
bool weave_part_png(struct weave *weave);
bool weave_join_png(struct weave *weave, const struct metadata_made *made);
bool weave_part_webp(struct weave *weave);
bool weave_join_webp(struct weave *weave, const struct metadata_made *made);
bool weave_part_tiff(struct weave *weave);
bool weave_join_tiff(struct weave *weave, const struct metadata_made *made);
bool weave_part_gif(struct weave *weave);
bool weave_join_gif(struct weave *weave, const struct metadata_made *made);
bool weave_part_jxl(struct weave *weave);
bool weave_join_jxl(struct weave *weave, const struct metadata_made *made);

#endif
