/* SPDX-License-Identifier: MIT */
/* imagescale [-c CONCURRENCY] [-s SIZE] SOURCE TARGET: one picture after the other. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vips/vips.h>

enum { PATH_BYTES = 4096 };

static int copy(const char *source, const char *target)
{
	char bytes[65536];
	size_t got;
	FILE *in = fopen(source, "rb"), *out = in ? fopen(target, "wb") : NULL;
	int failed = !out;
	while (!failed && (got = fread(bytes, 1, sizeof(bytes), in)) > 0)
		failed = fwrite(bytes, 1, got, out) != got;
	failed = failed || ferror(in);
	if (in)
		(void)fclose(in); /* only read */
	if (out)
		failed = fclose(out) || failed;
	return failed ? -1 : 0;
}

/* 0: it was copied, 1: scaled, -1: failed. */
static int scale(const char *source, const char *target, int size)
{
	VipsImage *image = vips_image_new_from_file(source, NULL), *small = NULL;
	if (!image)
		return -1;
	int fits = vips_image_get_width(image) <= size && vips_image_get_height(image) <= size;
	g_object_unref(image);
	if (fits)
		return copy(source, target);
	int failed = vips_thumbnail(source, &small, size, "height", size, NULL) ||
		     vips_image_write_to_file(small, target, NULL);
	if (small)
		g_object_unref(small);
	return failed ? -1 : 1;
}

int main(int argc, char **argv)
{
	char source[PATH_BYTES], target[PATH_BYTES];
	int size = 400, option, copied = 0, scaled = 0, skipped = 0;
	while ((option = getopt(argc, argv, "c:s:")) != -1) {
		if (option == '?')
			return 2;
		if (option == 's')
			size = atoi(optarg);
	}
	if (argc - optind != 2 || size < 1) {
		(void)fprintf(stderr, "usage: %s [-c N] [-s SIZE] SOURCE TARGET\n", argv[0]);
		return 2;
	}
	DIR *folder = opendir(argv[optind]);
	if (!folder || VIPS_INIT(argv[0])) {
		perror(argv[optind]);
		return 3;
	}
	(void)mkdir(argv[optind + 1], 0777); /* it may be there */
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (entry->d_type != DT_REG)
			continue;
		(void)snprintf(source, PATH_BYTES, "%s/%s", argv[optind], entry->d_name);
		(void)snprintf(target, PATH_BYTES, "%s/%s", argv[optind + 1], entry->d_name);
		int what = scale(source, target, size);
		copied += what == 0;
		scaled += what == 1;
		skipped += what < 0;
		if (what < 0)
			(void)fprintf(stderr, "%s: %s\n", source, vips_error_buffer());
		vips_error_clear();
	}
	(void)closedir(folder); /* only read */
	(void)printf("copied %d scaled %d ", copied, scaled);
	if (skipped)
		(void)printf("skipped %d ", skipped);
	(void)printf("single-threaded\n");
	vips_shutdown();
	return skipped ? 1 : 0;
}
