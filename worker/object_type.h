/* SPDX-License-Identifier: MIT */
/* What an object that is written calls itself to browsers. Pure. */
#ifndef SCIAME_WORKER_OBJECT_TYPE_H
#define SCIAME_WORKER_OBJECT_TYPE_H

#include <stddef.h>

enum { OBJECT_TYPE_BYTES = 12 }; /* of the beginning, that tell */

/* "image/jpeg" and the like; NULL: nobody knows, which makes it binary/octet-stream. */
const char *object_type(const void *bytes, size_t size);

#endif
