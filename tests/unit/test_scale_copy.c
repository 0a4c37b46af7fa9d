/* SPDX-License-Identifier: MIT */
/* Pictures that are copied: what goes, what stays, what is left to others. */
#include "worker/kinds/scale_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_weave.h"

enum { FILE_MAX = 65536 };

/* A file that grows piece by piece. */
struct file {
	uint8_t bytes[FILE_MAX];
	size_t size;
};

static void add(struct file *file, const void *bytes, size_t size)
{
	assert_true(size <= FILE_MAX - file->size);
	memcpy(file->bytes + file->size, bytes, size);
	file->size += size;
}

#define ADD(file, text) add(file, text, sizeof(text) - 1)

static int file_with(const void *bytes, size_t size)
{
	int fd = memfd_create("picture", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

/* Copies *in and fills *out. */
static int copy(const struct file *in, enum picture_format format, enum metadata_policy policy,
	struct file *out)
{
	struct scale_copy order = { file_with(in->bytes, in->size), file_with("", 0), format,
		policy };
	struct error err = { 0 };
	uint64_t copied = 0;
	bool cut_off;
	int status = scale_copy(&order, &copied, &cut_off, &err);
	off_t size = lseek(order.out_fd, 0, SEEK_END);
	if (status == SCALE_DONE)
		assert_int_equal(copied, size);
	else
		assert_int_equal(size, 0);
	assert_true(size >= 0 && size <= FILE_MAX);
	out->size = (size_t)size;
	assert_int_equal(pread(order.out_fd, out->bytes, out->size, 0), size);
	assert_int_equal(close(order.in_fd), 0);
	assert_int_equal(close(order.out_fd), 0);
	return status;
}

static bool has(const struct file *file, const char *text)
{
	return memmem(file->bytes, file->size, text, strlen(text)) != NULL;
}

static bool is_same(const struct file *a, const struct file *b)
{
	return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

#define SOI "\xff\xd8"
#define JFIF "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define FRAME "\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0"
#define SCAN "\xff\xda\0\x08\1\1\0\0\x3f\0\x12\xff\0\x34\xff\xd0\x56"
#define EOI "\xff\xd9"
#define ADOBE                                                                                      \
	"\xff\xee\0\x0e"                                                                           \
	"Adobe\0\x64\0\0\0\0\1"
#define PROFILE                                                                                    \
	"\xff\xe2\0\x10"                                                                           \
	"ICC_PROFILE\0\1\1"
#define COMMENT "\xff\xfe\0\x08SECRET"
#define LARGE_TEXT "of a copyright that is long enough"

static void add_exif(struct file *file, const char *creator)
{
	struct rights rights = { 0 };
	uint8_t block[EXIF_WRITTEN_MAX];
	strcpy(rights.text[RIGHT_CREATOR], creator);
	size_t size = exif_write(&rights, block);
	uint8_t head[] = { 0xff, 0xe1, (uint8_t)((size + 2) >> 8), (uint8_t)(size + 2) };
	add(file, head, sizeof(head));
	add(file, block, size);
}

static void test_a_jpeg_keeps_what_shows_its_pixels(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, SOI JFIF);
	ADD(&in, "\xff\xe1\0\x0e"
		 "Exif\0\0II*\0\x08\0");
	ADD(&in, PROFILE "\xff\xe2\0\x08MPF\0ab" COMMENT ADOBE FRAME SCAN);
	ADD(&in, COMMENT "\xff\xff\xc4\0\2" SCAN EOI "another picture SECRET");
	ADD(&want, SOI JFIF PROFILE ADOBE FRAME SCAN "\xff\xff\xc4\0\2" SCAN EOI);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_ALL, &out), SCALE_DONE);
	assert_true(is_same(&out, &in));
	assert_int_equal(copy(&want, PICTURE_JPEG, METADATA_NONE, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
}

static void test_a_jpeg_says_whose_it_is(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, SOI JFIF);
	add_exif(&in, LARGE_TEXT);
	ADD(&in, COMMENT FRAME SCAN EOI);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(has(&out, LARGE_TEXT) && !has(&out, "SECRET"));
	assert_true(has(&out, "http://ns.adobe.com/xap/1.0/"));
	assert_memory_equal(out.bytes, in.bytes, sizeof(SOI JFIF) - 1); /* JFIF comes first */
	struct file again;
	assert_int_equal(copy(&out, PICTURE_JPEG, METADATA_COPYRIGHT, &again), SCALE_DONE);
	assert_true(is_same(&again, &out));
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_NONE, &out), SCALE_DONE);
	assert_false(has(&out, LARGE_TEXT));
}

static void test_a_jfif_thumbnail_goes(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, SOI "\xff\xe0\0\x13JFIF\0\1\1\0\0\1\0\1\1\1RGB"
		     "\xff\xe0\0\x08JFXX\0\x10" FRAME SCAN EOI);
	ADD(&want, SOI JFIF FRAME SCAN EOI);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_NONE, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
}

static void test_a_jpeg_that_ends_in_its_scan_loses_nothing(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, SOI COMMENT FRAME SCAN "\xff");
	ADD(&want, SOI FRAME SCAN "\xff");
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
}

static void test_damage_between_markers_is_passed_over(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, SOI "x\xff\0y" FRAME "SECRET" SCAN EOI);
	ADD(&want, SOI FRAME SCAN EOI);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
}

static void test_a_jpeg_that_is_malformed_is_left_to_others(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
	} samples[] = {
#define SAMPLE(text) { text, sizeof(text) - 1 }
		SAMPLE(SOI),
		SAMPLE(SOI EOI),
		SAMPLE(SOI FRAME EOI),
		SAMPLE(SOI "\xff\xfe\xff\xff" FRAME SCAN EOI),
		SAMPLE(SOI "\xff\xfe\0\1" FRAME SCAN EOI),
		SAMPLE(SOI "\xff\xd8" FRAME SCAN EOI),
		SAMPLE(SOI FRAME SCAN "\xff\xfe\xff\xff" EOI),
		SAMPLE(SOI FRAME SCAN "\xff\xfe"),
		SAMPLE("\xff\xd9"),
		SAMPLE("x"),
#undef SAMPLE
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct file in = { 0 };
		struct file out;
		add(&in, samples[i].bytes, samples[i].size);
		assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_NOT_MINE);
	}
}

static void test_a_picture_that_lies_on_its_side_is_left_to_others(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, SOI "\xff\xe1\0\x22"
		     "Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0");
	ADD(&in, FRAME SCAN EOI);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_COPYRIGHT, &out), SCALE_NOT_MINE);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_NONE, &out), SCALE_NOT_MINE);
	assert_int_equal(copy(&in, PICTURE_JPEG, METADATA_ALL, &out), SCALE_DONE);
	assert_true(is_same(&out, &in));
}

#define PNG "\x89PNG\r\n\x1a\n"
#define CHUNK(type, size, data) "\0\0\0" size type data "crc!"

static void test_a_png_keeps_what_shows_its_pixels(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, PNG CHUNK("IHDR", "\1", "h") CHUNK("iCCP", "\1", "p") CHUNK("tIME", "\1", "t"));
	ADD(&in, CHUNK("tEXt", "\x0b", "aaaa\0SECRET") CHUNK("IDAT", "\2", "xx")
			 CHUNK("teSt", "\1", "x"));
	ADD(&in, CHUNK("IDAT", "\2", "yy") CHUNK("zTXt", "\x09", "b\0\0SECRET")
			 CHUNK("IEND", "\0", "") "SECRET");
	ADD(&want, PNG CHUNK("IHDR", "\1", "h") CHUNK("iCCP", "\1", "p") CHUNK("IDAT", "\2", "xx"));
	ADD(&want, CHUNK("IDAT", "\2", "yy") CHUNK("IEND", "\0", ""));
	assert_int_equal(copy(&in, PICTURE_PNG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
	for (size_t size = 0; size < want.size; size++) {
		struct file cut = { .size = size };
		memcpy(cut.bytes, want.bytes, size);
		assert_int_equal(copy(&cut, PICTURE_PNG, METADATA_NONE, &out), SCALE_NOT_MINE);
	}
}

static void test_a_png_with_a_chunk_that_nobody_knows_is_left_to_others(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, PNG CHUNK("IHDR", "\1", "h") CHUNK("ABCD", "\1", "x") CHUNK("IDAT", "\1", "x"));
	ADD(&in, CHUNK("IEND", "\0", ""));
	assert_int_equal(copy(&in, PICTURE_PNG, METADATA_NONE, &out), SCALE_NOT_MINE);
}

static void test_a_png_says_whose_it_is(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, PNG CHUNK("IHDR", "\1", "h") CHUNK("tEXt", "\x08", "Author\0A"));
	ADD(&in, CHUNK("iTXt", "\x12", "Copyright\0\0\0\0\0\xc3\xa4!!") CHUNK("IDAT", "\1", "x"));
	ADD(&in, CHUNK("IEND", "\0", ""));
	assert_int_equal(copy(&in, PICTURE_PNG, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(has(&out, "eXIfII*") && has(&out, "iTXtXML:com.adobe.xmp"));
	assert_true(has(&out, "<rdf:li>A</rdf:li>") && has(&out, ">\xc3\xa4!!<"));
	struct file again;
	assert_int_equal(copy(&out, PICTURE_PNG, METADATA_COPYRIGHT, &again), SCALE_DONE);
	assert_true(is_same(&again, &out));
}

static void test_a_webp_says_what_is_in_it(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, "RIFF\x54\0\0\0WEBP"
		 "VP8X\x0a\0\0\0\x2c\0\0\0\0\0\0\0\0\0"
		 "ICCP\1\0\0\0p\0");
	ADD(&in, "VP8 \3\0\0\0xyz\0"
		 "EXIF\3\0\0\0abc\0"
		 "XMP \6\0\0\0SECRET");
	in.bytes[4] = (uint8_t)(in.size - 8);
	ADD(&in, "SECRET behind it");
	ADD(&want, "RIFF\x34\0\0\0WEBP"
		   "VP8X\x0a\0\0\0\x20\0\0\0\0\0\0\0\0\0"
		   "ICCP\1\0\0\0p\0");
	ADD(&want, "VP8 \3\0\0\0xyz\0");
	want.bytes[4] = (uint8_t)(want.size - 8);
	assert_int_equal(copy(&in, PICTURE_WEBP, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
	assert_int_equal(copy(&want, PICTURE_WEBP, METADATA_NONE, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
	for (size_t size = 0; size < want.size; size++) {
		struct file cut = { .size = size };
		memcpy(cut.bytes, want.bytes, size);
		assert_int_equal(copy(&cut, PICTURE_WEBP, METADATA_NONE, &out), SCALE_NOT_MINE);
	}
}

#define SCREEN "GIF89a\1\0\1\0\x80\0\0rgbRGB"
#define LOOP "\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0"
#define FRAME_GIF "\x21\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"

static void test_a_gif_keeps_its_frames_and_loops(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	struct file want = { 0 };
	ADD(&in, SCREEN LOOP "\x21\xfe\6SECRET\0" FRAME_GIF "\x21\xff\x0bxxxxxxxxxxx\6SECRET\0");
	ADD(&in, FRAME_GIF ";SECRET");
	ADD(&want, SCREEN LOOP FRAME_GIF FRAME_GIF ";");
	assert_int_equal(copy(&in, PICTURE_GIF, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &want));
	for (size_t size = 0; size < want.size; size++) {
		struct file cut = { .size = size };
		memcpy(cut.bytes, want.bytes, size);
		assert_int_equal(copy(&cut, PICTURE_GIF, METADATA_NONE, &out), SCALE_NOT_MINE);
	}
}

static void test_a_tiff_that_says_nothing_stays_the_same(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, "II*\0\x08\0\0\0\1\0\0\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0");
	assert_int_equal(copy(&in, PICTURE_TIFF, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(is_same(&out, &in));
	struct file ring = in;
	ring.bytes[22] = 8; /* the next page is this one */
	assert_int_equal(copy(&ring, PICTURE_TIFF, METADATA_COPYRIGHT, &out), SCALE_NOT_MINE);
	ring = in;
	ring.bytes[10] = 0x4a; /* SubIFDs */
	assert_int_equal(copy(&ring, PICTURE_TIFF, METADATA_COPYRIGHT, &out), SCALE_NOT_MINE);
	assert_int_equal(copy(&ring, PICTURE_TIFF, METADATA_ALL, &out), SCALE_DONE);
}

/* Two pages, a GPS directory with a text, an artist, both far from their entries. */
#define PAGES                                                                                      \
	"MM\0\x2a\0\0\0\x08"                                                                       \
	"\0\4" /* 8 */                                                                             \
	"\1\0\0\3\0\0\0\1\0\1\0\0"                                                                 \
	"\1\x0f\0\2\0\0\0\6\0\0\0\x5c"                                                             \
	"\1\x3b\0\2\0\0\0\6\0\0\0\x62"                                                             \
	"\x88\x25\0\4\0\0\0\1\0\0\0\x4a"                                                           \
	"\0\0\0\x3e" /* 58: the next page */                                                       \
	"\0\0\0\0\0\0"                                                                             \
	"xxxxxx"                                 /* 62: a page of nothing */                       \
	"\0\1\0\1\0\2\0\0\0\6\0\0\0\x68\0\0\0\0" /* 74: GPS */                                     \
	"SECRET"                                                                                   \
	"Artist"                                                                                   \
	"SECRET" /* 92, 98, 104 */

static void test_a_tiff_keeps_its_pages(void **state)
{
	(void)state;
	struct file in = { 0 };
	struct file out;
	ADD(&in, PAGES);
	assert_int_equal(copy(&in, PICTURE_TIFF, METADATA_NONE, &out), SCALE_DONE);
	assert_int_equal(out.size, in.size);
	assert_false(has(&out, "SECRET") || has(&out, "Artist"));
	assert_memory_equal(out.bytes + 8, "\0\1\1\0\0\3\0\0\0\1\0\1\0\0\0\0\0\x3e", 18);
	assert_int_equal(copy(&in, PICTURE_TIFF, METADATA_COPYRIGHT, &out), SCALE_DONE);
	assert_true(has(&out, "Artist") && has(&out, "<rdf:li>Artist</rdf:li>"));
	assert_false(has(&out, "SECRET"));
	for (size_t size = 0; size < in.size; size++) {
		struct file cut = { .size = size };
		memcpy(cut.bytes, in.bytes, size);
		assert_int_equal(copy(&cut, PICTURE_TIFF, METADATA_NONE, &out), SCALE_NOT_MINE);
	}
}

static void test_other_formats_are_copied_only_if_they_cannot_speak(void **state)
{
	(void)state;
	static const struct {
		enum picture_format format;
		const char *text;
		int status;
	} samples[] = {
		{ PICTURE_BMP, "BM", SCALE_DONE },
		{ PICTURE_AVIF, "ftypavif av01", SCALE_DONE },
		{ PICTURE_AVIF, "ftypavif infe Exif", SCALE_NOT_MINE },
		{ PICTURE_HEIF, "mime application/rdf+xml", SCALE_NOT_MINE },
		{ PICTURE_PSD, "8BPS", SCALE_NOT_MINE },
		{ PICTURE_PPM, "P6 # a comment\n1 1 255 xyz", SCALE_NOT_MINE },
		{ PICTURE_PPM, "P6\n1 1\n255\n#yz", SCALE_DONE },
		{ PICTURE_PPM, "P4 1 1\n#", SCALE_DONE },
		{ PICTURE_PPM, "P7 WIDTH 1", SCALE_NOT_MINE },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct file in = { 0 };
		struct file out;
		add(&in, samples[i].text, strlen(samples[i].text));
		assert_int_equal(
			copy(&in, samples[i].format, METADATA_COPYRIGHT, &out), samples[i].status);
	}
}

/* Three times 60 entries that each lead to all of the next ones: 216,000 ways through 2 kB. */
static void test_a_tiff_is_not_gone_through_for_ever(void **state)
{
	(void)state;
	enum { ENTRIES = 60, DIRECTORY = 2 + 12 * ENTRIES + 4 };
	static const char *const leads[] = { "\x69\x87", "\x25\x88", "\x05\xa0" };
	struct file in = { 0 };
	struct file out;
	ADD(&in, "II*\0\x08\0\0\0");
	for (int level = 0; level < 3; level++) {
		int next = 8 + (level < 2 ? level + 1 : 2) * DIRECTORY;
		add(&in, (const uint8_t[]) { ENTRIES, 0 }, 2);
		for (int i = 0; i < ENTRIES; i++) {
			add(&in, leads[level], 2);
			ADD(&in, "\4\0\1\0\0\0");
			add(&in, (const uint8_t[]) { (uint8_t)next, (uint8_t)(next >> 8), 0, 0 },
				4);
		}
		ADD(&in, "\0\0\0\0");
	}
	assert_int_equal(copy(&in, PICTURE_TIFF, METADATA_NONE, &out), SCALE_NOT_MINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_jpeg_keeps_what_shows_its_pixels),
		cmocka_unit_test(test_a_jpeg_says_whose_it_is),
		cmocka_unit_test(test_a_jfif_thumbnail_goes),
		cmocka_unit_test(test_a_jpeg_that_ends_in_its_scan_loses_nothing),
		cmocka_unit_test(test_damage_between_markers_is_passed_over),
		cmocka_unit_test(test_a_jpeg_that_is_malformed_is_left_to_others),
		cmocka_unit_test(test_a_picture_that_lies_on_its_side_is_left_to_others),
		cmocka_unit_test(test_a_png_keeps_what_shows_its_pixels),
		cmocka_unit_test(test_a_png_with_a_chunk_that_nobody_knows_is_left_to_others),
		cmocka_unit_test(test_a_png_says_whose_it_is),
		cmocka_unit_test(test_a_webp_says_what_is_in_it),
		cmocka_unit_test(test_a_gif_keeps_its_frames_and_loops),
		cmocka_unit_test(test_a_tiff_that_says_nothing_stays_the_same),
		cmocka_unit_test(test_a_tiff_keeps_its_pages),
		cmocka_unit_test(test_a_tiff_is_not_gone_through_for_ever),
		cmocka_unit_test(test_other_formats_are_copied_only_if_they_cannot_speak),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
