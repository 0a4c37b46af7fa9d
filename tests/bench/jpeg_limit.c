/* SPDX-License-Identifier: MIT */
/*
 * What no program can beat that reads every JPEG with libjpeg-turbo: as many forked processes as
 * lanes take the next file from an atomic counter and decode it at the 1/2, 1/4 or 1/8 that
 * vips_thumbnail would choose (a factor of two is left for the resampler). Nothing comes after it:
 * no resampling, no output.
 *
 *     jpeg_limit LANES SIZE FILE...
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jpeglib.h>

#include "worker/kinds/scale_fit.h"

enum { KEPT_BYTES = 1 << 30 }; /* memory is not given back between pictures */

static void fail(const char *path)
{
	perror(path);
	exit(1);
}

/* The whole file. */
static unsigned char *read_all(const char *path, unsigned long *size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0)
		fail(path);
	unsigned char *bytes = malloc((size_t)status.st_size);
	*size = (unsigned long)status.st_size;
	if (!bytes || read(fd, bytes, *size) != status.st_size)
		fail(path);
	(void)close(fd); /* only read */
	return bytes;
}

/* libjpeg's own way with errors is to end the process, which is right here. */
static void decode(const char *path, struct size box)
{
	struct jpeg_decompress_struct in;
	struct jpeg_error_mgr errors;
	unsigned long size;
	unsigned char *file = read_all(path, &size);
	in.err = jpeg_std_error(&errors);
	jpeg_create_decompress(&in);
	jpeg_mem_src(&in, file, size);
	(void)jpeg_read_header(&in, TRUE);
	in.scale_num = 1;
	in.scale_denom = fit_preshrink((struct size) { in.image_width, in.image_height }, box);
	in.out_color_space = in.jpeg_color_space;
	(void)jpeg_start_decompress(&in);
	JSAMPROW row = malloc((size_t)in.output_width * (size_t)in.output_components);
	while (in.output_scanline < in.output_height)
		(void)jpeg_read_scanlines(&in, &row, 1);
	free(row);
	(void)jpeg_finish_decompress(&in);
	jpeg_destroy_decompress(&in);
	free(file);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		(void)fprintf(stderr, "usage: jpeg_limit LANES SIZE FILE...\n");
		return 2;
	}
	atomic_int *next = mmap(
		NULL, sizeof(*next), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (next == MAP_FAILED)
		return 3;
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	uint32_t side = (uint32_t)strtoul(argv[2], NULL, 10);
	for (unsigned long i = strtoul(argv[1], NULL, 10); i > 0; i--) {
		if (fork() != 0)
			continue;
		for (int at = atomic_fetch_add(next, 1) + 3; at < argc;
			at = atomic_fetch_add(next, 1) + 3)
			decode(argv[at], (struct size) { side, side });
		_exit(0);
	}
	int status, failed = 0;
	while (wait(&status) > 0)
		failed |= status;
	return failed != 0;
}
