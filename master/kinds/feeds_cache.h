/* SPDX-License-Identifier: MIT */
/*
 * The last good copy of each feed, as lanes write them: one file for each URL in a folder of the
 * user's cache. It may be deleted at any time.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_CACHE_H
#define SCIAME_MASTER_KINDS_FEEDS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "proto/feeds.pb-c.h"

enum {
	CACHE_NAME_SIZE = 40,            /* bytes of a file's name with the NUL */
	CACHE_FILE_BYTES_MAX = 16 << 20, /* a larger file is none of ours */
	CACHE_MEMORY_MAX = 64 << 20, /* of one copy, unpacked: what a lane writes is not trusted */
	CACHE_ENTRIES_MAX = 20000,   /* of one copy */
	CACHE_KEPT_DAYS = 60,        /* a copy that no run used for so long is deleted */
};

struct feeds_cache;

/*
 * XDG_CACHE_HOME/sciame/feeds (XDG Base Directory Specification). Where that can't be written a
 * folder for this run alone is made in the temporary folder, which is said, and removed at close.
 */
struct feeds_cache *feeds_cache_open(struct error *err);
void feeds_cache_close(struct feeds_cache *cache);

/* Borrowed. */
const char *feeds_cache_folder(const struct feeds_cache *cache);

/* The name of a feed's file: part of the SHA-256 of its URL. */
void feeds_cache_name(const char *url, char name[CACHE_NAME_SIZE]);

/*
 * The copy, or NULL when there is none that this version can read. The caller frees it with
 * sciame__feed__free_unpacked(feed, NULL).
 */
Sciame__Feed *feeds_cache_read(const struct feeds_cache *cache, const char *name);

/* Whether there is a copy. */
bool feeds_cache_has(const struct feeds_cache *cache, const char *name);

/* Notes that the copy was used, so that it is kept. */
void feeds_cache_touch(const struct feeds_cache *cache, const char *name);

/* Deletes what was not used for CACHE_KEPT_DAYS. */
void feeds_cache_prune(const struct feeds_cache *cache, int64_t now_s);

#endif
