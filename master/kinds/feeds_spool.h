/* SPDX-License-Identifier: MIT */
/*
 * Fragments of an output that are written before their order is known: their text in a temporary
 * file, a few bytes for each in memory.
 *
 *     spool_open(&spool, &err);
 *     file = spool_begin(&spool, order); ... write to file ...; spool_end(&spool, &err);
 *     spool_sort(&spool, &err);  spool_copy(&spool, i, out, &err) for i < spool.count
 *     spool_release(&spool)
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_SPOOL_H
#define SCIAME_MASTER_KINDS_FEEDS_SPOOL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/error.h"

enum {
	SPOOL_FRAGMENTS_MAX = 1000000,       /* 32 MB of them; more is an error */
	SPOOL_FRAGMENT_BYTES_MAX = 16 << 20, /* of one; more is an error */
};

struct fragment {
	int64_t order;     /* the smallest comes first; the same: as they were written */
	uint64_t identity; /* for spool_unique; else 0 */
	int64_t offset;
	size_t size;
};

/* Zeroed: not open. */
struct spool {
	FILE *file;
	struct fragment *fragments;
	size_t count, capacity;
	char *buffer; /* of spool_copy */
	size_t buffer_size;
	int64_t end; /* where the next fragment begins */
};

/* A file without a name; 0, or -1 and *err. */
int spool_open(struct spool *spool, struct error *err);
void spool_release(struct spool *spool);

/* The file to write one fragment to; borrowed until spool_end. */
FILE *spool_begin(struct spool *spool);
/* What was written since is a fragment. -1: it could not be written, or a limit. */
int spool_end(struct spool *spool, int64_t order, uint64_t identity, struct error *err);

/* Nothing is added any more: the fragments come in their order. */
int spool_sort(struct spool *spool, struct error *err);
/* Of fragments with the same identity leaves the first. To be called after spool_sort. */
void spool_unique(struct spool *spool);
int spool_copy(struct spool *spool, size_t i, FILE *out, struct error *err);

#endif
