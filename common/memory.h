/* SPDX-License-Identifier: MIT */
/* Allocation that succeeds: out of memory ends the process with a message (house rule). */
#ifndef SCIAME_COMMON_MEMORY_H
#define SCIAME_COMMON_MEMORY_H

#include <stddef.h>

/* The caller frees all of these with free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
