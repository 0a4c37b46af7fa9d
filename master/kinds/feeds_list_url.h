/* SPDX-License-Identifier: MIT */
/* The URLs of a list: which are taken, and which are the same. Pure. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_LIST_URL_H
#define SCIAME_MASTER_KINDS_FEEDS_LIST_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether text starts as a URL that is taken: http, https, or feed before or instead of them. */
bool feeds_list_is_url(const char *text, size_t size);

/* Whether text starts with some scheme and "://". */
bool feeds_list_has_scheme(const char *text, size_t size);

/*
 * The URL in size bytes without white space around it; feed://x is http://x, feed:https://x is
 * https://x. The caller frees it. NULL: *problem says what is wrong with it ("is ...").
 */
char *feeds_list_url(const char *text, size_t size, const char **problem);

/* A number for a URL, the same for the same one in another case of scheme and host. Never 0. */
uint64_t feeds_list_url_hash(const char *url);

/* Whether two URLs are the same, scheme and host without regard to case. */
bool feeds_list_url_same(const char *a, const char *b);

#endif
