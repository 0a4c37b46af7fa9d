/* SPDX-License-Identifier: MIT */
/* Whole-file work on descriptors: bytes in, bytes out, copies. Retries EINTR and short counts. */
#ifndef SCIAME_WORKER_KINDS_SCALE_FILE_H
#define SCIAME_WORKER_KINDS_SCALE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/* Reads up to size bytes at an offset, not moving the descriptor. The count (0: the end) or -1. */
ssize_t file_read_at(int fd, void *buffer, size_t size, uint64_t offset, struct error *err);

/* Writes all of it where the descriptor stands. */
int file_write(int fd, const void *bytes, size_t size, struct error *err);

/* The size of a regular file; anything else is ERROR_IO. */
int file_size(int fd, uint64_t *size, struct error *err);

/* Copies in_fd from its start to its end to the (empty) out_fd; *copied is the count of bytes. */
int file_copy(int in_fd, int out_fd, uint64_t *copied, struct error *err);

#endif
