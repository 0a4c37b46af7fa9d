/* SPDX-License-Identifier: MIT */
/* Whole-file work on descriptors. copy_file_range shares blocks where the file system can. */
#include "worker/kinds/scale_file.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_CHUNK = 1 << 30, BUFFER_SIZE = 1 << 16 };

ssize_t file_read_at(int fd, void *buffer, size_t size, uint64_t offset, struct error *err)
{
	size_t got = 0;
	while (got < size) {
		ssize_t n = pread(fd, (char *)buffer + got, size - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "read input");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int file_write(int fd, const void *bytes, size_t size, struct error *err)
{
	const char *from = bytes;
	while (size > 0) {
		ssize_t n = write(fd, from, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "write output");
		from += n;
		size -= (size_t)n;
	}
	return 0;
}

int file_size(int fd, uint64_t *size, struct error *err)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return error_errno(err, ERROR_IO, "stat input");
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_IO, "input is not a regular file");
	*size = (uint64_t)status.st_size;
	return 0;
}

/* Where the kernel cannot copy between the two (another file system, an old kernel, a filter). */
static bool may_fall_back(int number)
{
	return number == EXDEV || number == EINVAL || number == ENOSYS || number == EOPNOTSUPP ||
	       number == EPERM || number == EACCES;
}

static int copy_by_hand(int in_fd, int out_fd, uint64_t *copied, struct error *err)
{
	char buffer[BUFFER_SIZE];
	for (;;) {
		ssize_t n = file_read_at(in_fd, buffer, sizeof(buffer), *copied, err);
		if (n <= 0)
			return (int)n;
		if (file_write(out_fd, buffer, (size_t)n, err) != 0)
			return -1;
		*copied += (uint64_t)n;
	}
}

int file_copy(int in_fd, int out_fd, uint64_t *copied, struct error *err)
{
	*copied = 0;
	for (;;) {
		off_t offset = (off_t)*copied;
		ssize_t n = copy_file_range(in_fd, &offset, out_fd, NULL, COPY_CHUNK, 0);
		if (n > 0)
			*copied += (uint64_t)n;
		else if (n == 0 && *copied > 0)
			return 0;
		else if (n == 0 || may_fall_back(errno))
			break; /* 0 at once: some file systems under-report, so ask by reading */
		else if (errno != EINTR)
			return error_errno(err, ERROR_IO, "write output");
	}
	return copy_by_hand(in_fd, out_fd, copied, err);
}
