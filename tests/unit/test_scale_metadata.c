/* SPDX-License-Identifier: MIT */
/* What blocks of metadata say about rights, and what is made of them. */
#include "worker/kinds/scale_metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_iptc.h"
#include "worker/kinds/scale_xmp.h"

#define HEAD                                                                                       \
	"<x:xmpmeta xmlns:x='adobe:ns:meta/'><r:RDF "                                              \
	"xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' "                                   \
	"xmlns:d='http://purl.org/dc/elements/1.1/' "                                              \
	"xmlns:g='http://ns.adobe.com/xap/1.0/rights/' "                                           \
	"xmlns:t='http://ns.adobe.com/tiff/1.0/' "                                                 \
	"xmlns:e='http://ns.adobe.com/exif/1.0/' "                                                 \
	"xmlns:m='http://ns.adobe.com/xap/1.0/'>"
#define TAIL "</r:RDF></x:xmpmeta>"

static struct rights rights_of_xmp(const char *packet)
{
	struct rights rights = { 0 };
	xmp_read((const uint8_t *)packet, strlen(packet), &rights);
	return rights;
}

static void test_texts_become_clean_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		const char *text;
	} samples[] = {
		{ "K\xc3\xa4the", 6, "K\xc3\xa4the" },
		{ "K\xe4the", 5, "K\xc3\xa4the" }, /* Latin-1 */
		{ "\x80\xe4", 2, "\xc3\xa4" },     /* 0x80 is nothing in Latin-1 */
		{ "  a\tb\n ", 8, "a b" },
		{ "a\0b", 3, "a" },
		{ "      ", 6, "" },
		{ "\x1b[31m", 5, "[31m" },
		{ "", 0, "" },
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		struct rights rights = { 0 };
		rights_add(
			&rights, RIGHT_CREATOR, (const uint8_t *)samples[i].bytes, samples[i].size);
		assert_string_equal(rights.text[RIGHT_CREATOR], samples[i].text);
	}
}

static void test_several_texts_are_set_apart_and_cut_as_a_whole(void **state)
{
	(void)state;
	struct rights rights = { 0 };
	rights_add(&rights, RIGHT_CREATOR, (const uint8_t *)"A", 1);
	rights_add(&rights, RIGHT_CREATOR, (const uint8_t *)"A", 1);
	rights_add(&rights, RIGHT_CREATOR, (const uint8_t *)"B", 1);
	assert_string_equal(rights.text[RIGHT_CREATOR], "A; B");
	uint8_t large[2 * RIGHT_BYTES_MAX];
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = i % 2 ? 0xa4 : 0xc3;
	rights_add(&rights, RIGHT_CREATOR, large, sizeof(large));
	assert_string_equal(rights.text[RIGHT_CREATOR], "A; B");
	rights_add(&rights, RIGHT_TERMS, large, sizeof(large));
	assert_int_equal(strlen(rights.text[RIGHT_TERMS]), RIGHT_BYTES_MAX - 2); /* whole pairs */
}

static void test_exif_that_is_written_is_read(void **state)
{
	(void)state;
	static const char *const creators[] = { "", "abc", "four", "K\xc3\xa4the" };
	for (size_t i = 0; i < 4; i++) {
		struct rights said = { 0 };
		struct rights read = { 0 };
		uint8_t block[EXIF_WRITTEN_MAX];
		strcpy(said.text[RIGHT_CREATOR], creators[i]);
		strcpy(said.text[RIGHT_COPYRIGHT], i == 1 ? "" : "mine");
		size_t size = exif_write(&said, block);
		assert_true(size > 0);
		exif_read(block, size, &read);
		assert_memory_equal(&read, &said, sizeof(said));
		assert_int_equal(exif_orientation(block, size), 1);
	}
	struct rights none = { 0 };
	uint8_t block[EXIF_WRITTEN_MAX];
	assert_int_equal(exif_write(&none, block), 0);
}

enum { THUMBNAIL_AT = 86 };

/* Big endian: orientation 6, Exif IFD with a width of 9, a second directory with a thumbnail. */
static const uint8_t with_thumbnail[] = {
	'M', 'M', 0, 42, 0, 0, 0, 8,               /* 0: header */
	0, 2,                                      /* 8: first directory */
	0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0,  /* 10: orientation */
	0x87, 0x69, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, /* 22: to the Exif IFD */
	0, 0, 0, 56,                               /* 34: the second directory */
	0, 1,                                      /* 38: Exif IFD */
	0xa0, 0x02, 0, 4, 0, 0, 0, 1, 0, 0, 0, 9,  /* 40: width */
	0, 0, 0, 0,                                /* 52 */
	0, 2,                                      /* 56: second directory */
	0x02, 0x01, 0, 4, 0, 0, 0, 1, 0, 0, 0, 86, /* 58: where the thumbnail is */
	0x02, 0x02, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4,  /* 70: how large */
	0, 0, 0, 0,                                /* 82 */
	'O', 'L', 'D', '!',                        /* 86 */
};

static void test_exif_is_made_to_fit_the_new_picture(void **state)
{
	(void)state;
	uint8_t block[sizeof(with_thumbnail)];
	memcpy(block, with_thumbnail, sizeof(block));
	assert_int_equal(exif_orientation(block, sizeof(block)), 6);
	assert_true(exif_correct(block, sizeof(block), (struct size) { 640, 480 }));
	assert_int_equal(exif_orientation(block, sizeof(block)), 1);
	assert_memory_equal(block + 34, "\0\0\0\0", 4);
	assert_memory_equal(block + 48, "\0\0\x02\x80", 4);
	assert_memory_equal(block + 86, "\0\0\0\0", 4);
	assert_int_equal(block[24], 0);
}

static void test_exif_of_any_length_is_read_within_it(void **state)
{
	(void)state;
	for (size_t size = 0; size <= sizeof(with_thumbnail); size++) {
		struct rights rights = { 0 };
		uint8_t *block = malloc(size + 1);
		assert_non_null(block);
		memcpy(block, with_thumbnail, size);
		uint8_t *exact = realloc(block, size ? size : 1);
		exif_read(exact, size, &rights);
		(void)exif_orientation(exact, size);
		/* a thumbnail that is not all there can't be overwritten */
		bool corrected = exif_correct(exact, size, (struct size) { 1, 1 });
		assert_false(corrected && size >= THUMBNAIL_AT && size < sizeof(with_thumbnail));
		free(exact);
	}
}

static void test_xmp_is_read_in_each_of_its_forms(void **state)
{
	(void)state;
	static const char *const packets[] = {
		HEAD "<r:Description d:creator='A' d:rights='C'/>" TAIL,
		HEAD "<r:Description><d:creator>A</d:creator><d:rights r:resource='C'/>"
		     "</r:Description>" TAIL,
		HEAD "<r:Description><d:creator><r:Seq><r:li> A "
		     "</r:li></r:Seq></d:creator></r:Description>"
		     "<r:Description><d:rights><r:Alt><r:li xml:lang='de'>D</r:li>"
		     "<r:li xml:lang='x-default'>C</r:li></r:Alt></d:rights></r:Description>" TAIL,
		HEAD "<r:Description><d:creator><![CDATA[A]]></d:creator><d:rights>&#67;</d:rights>"
		     "</r:Description>" TAIL,
	};
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct rights rights = rights_of_xmp(packets[i]);
		assert_string_equal(rights.text[RIGHT_CREATOR], "A");
		assert_string_equal(rights.text[RIGHT_COPYRIGHT], "C");
	}
	struct rights two =
		rights_of_xmp(HEAD "<r:Description><d:creator><r:Seq><r:li>A</r:li>"
				   "<r:li>B</r:li></r:Seq></d:creator></r:Description>" TAIL);
	assert_string_equal(two.text[RIGHT_CREATOR], "A; B");
}

static void test_xmp_of_ingredients_and_other_names_says_nothing(void **state)
{
	(void)state;
	static const char *const packets[] = {
		HEAD
		"<r:Description><m:Ingredients><r:Bag><r:li><r:Description d:rights='C'/></r:li>"
		"</r:Bag></m:Ingredients></r:Description>" TAIL,
		HEAD "<r:Description xmlns:o='http://example.org/' o:rights='C'/>" TAIL,
		HEAD "<r:Description rights='C'/>" TAIL,
		HEAD "<r:Description d:rights='C'/>",
		"<!DOCTYPE x [<!ENTITY c 'C'>]>" HEAD "<r:Description d:rights='&c;'/>" TAIL,
		"no XML at all",
		"",
	};
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct rights rights = rights_of_xmp(packets[i]);
		assert_false(rights_any(&rights));
	}
}

static void test_xmp_that_is_written_is_read(void **state)
{
	(void)state;
	static char text[XMP_WRITTEN_MAX];
	struct rights said = { 0 };
	for (int right = 0; right < RIGHTS; right++)
		strcpy(said.text[right],
			right == RIGHT_CREATOR ? "A; <B> & 'C'; \"D\"" : "<&>]]>\xc3\xa4");
	size_t size = xmp_write(&said, text);
	struct rights read = { 0 };
	xmp_read((const uint8_t *)text, size, &read);
	assert_memory_equal(&read, &said, sizeof(said));
	/* the longest texts that there are, of what takes the most room */
	for (int right = 0; right < RIGHTS; right++)
		memset(said.text[right], '&', RIGHT_BYTES_MAX - 1);
	for (size_t i = 0; i + 3 < RIGHT_BYTES_MAX; i += 3)
		memcpy(said.text[RIGHT_CREATOR] + i, "&; ", 3);
	assert_true(xmp_write(&said, text) > 0);
	struct rights none = { 0 };
	assert_int_equal(xmp_write(&none, text), 0);
}

static void test_xmp_is_made_to_fit_the_new_picture(void **state)
{
	(void)state;
	static const char packet[] =
		"<?xpacket begin='' id='x'?>" HEAD
		"<r:Description t:Orientation='6' t:ImageWidth='9'><e:PixelYDimension>9"
		"</e:PixelYDimension><m:Thumbnails>OLD</m:Thumbnails><d:title>T</d:title>"
		"</r:Description>" TAIL "<?xpacket end='w'?>";
	size_t size = 0;
	uint8_t *bytes = xmp_correct(
		(const uint8_t *)packet, strlen(packet), (struct size) { 640, 480 }, &size);
	assert_non_null(bytes);
	static const char *const there[] = { "Orientation=\"1\"", "ImageWidth=\"640\"", ">480<",
		"<d:title>T<", "<?xpacket begin", "<?xpacket end" };
	for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++)
		assert_non_null(memmem(bytes, size, there[i], strlen(there[i])));
	assert_null(memmem(bytes, size, "OLD", 3));
	free(bytes);
	assert_null(xmp_correct((const uint8_t *)"x", 1, (struct size) { 1, 1 }, &size));
}

static void test_iptc_is_read_bare_and_among_resources(void **state)
{
	(void)state;
	static const char sets[] = "\x1c\x02\x50\0\1A\x1c\x02\x5a\0\4Bern\x1c\x02\x74\0\1C";
	static const char resources[] = "Photoshop 3.0\0"
					"8BIM\4\1\0\0\0\0\0\3abc\0"
					"8BIM\4\4\0\0\0\0\0\x15";
	uint8_t block[sizeof(resources) + sizeof(sets)];
	memcpy(block, resources, sizeof(resources) - 1);
	memcpy(block + sizeof(resources) - 1, sets, sizeof(sets));
	size_t whole = sizeof(resources) - 1 + sizeof(sets) - 1;
	for (size_t start = 0; start <= sizeof(resources) - 1; start += sizeof(resources) - 1) {
		struct rights rights = { 0 };
		iptc_read(block + start, whole - start, &rights);
		assert_string_equal(rights.text[RIGHT_CREATOR], "A");
		assert_string_equal(rights.text[RIGHT_COPYRIGHT], "C");
	}
	struct rights cut = { 0 };
	iptc_read(block, whole - 1, &cut);
	assert_string_equal(cut.text[RIGHT_COPYRIGHT], "");
}

static void test_each_block_keeps_its_own_words(void **state)
{
	(void)state;
	static const char packet[] = HEAD "<r:Description d:rights='of XMP'/>" TAIL;
	struct rights said = { 0 };
	uint8_t block[EXIF_WRITTEN_MAX];
	strcpy(said.text[RIGHT_CREATOR], "A");
	strcpy(said.text[RIGHT_COPYRIGHT], "of EXIF");
	struct metadata found = {
		.exif = { block, exif_write(&said, block) },
		.xmp = { (const uint8_t *)packet, strlen(packet) },
	};
	struct metadata_made made;
	metadata_make(&found, METADATA_COPYRIGHT, (struct size) { 1, 1 }, &made);
	struct rights exif = { 0 };
	struct rights xmp = { 0 };
	exif_read(made.exif, made.exif_size, &exif);
	xmp_read(made.xmp + METADATA_XMP_PREFIX, made.xmp_size - METADATA_XMP_PREFIX, &xmp);
	assert_string_equal(exif.text[RIGHT_COPYRIGHT], "of EXIF");
	assert_string_equal(xmp.text[RIGHT_COPYRIGHT], "of XMP");
	assert_string_equal(xmp.text[RIGHT_CREATOR], "A");
	metadata_release(&made);
	metadata_make(&found, METADATA_NONE, (struct size) { 1, 1 }, &made);
	assert_true(!made.exif && !made.xmp && !made.iptc);
}

static void test_markers_are_what_jpeg_wants(void **state)
{
	(void)state;
	struct metadata found = { 0 };
	struct metadata_made made;
	strcpy(found.said.text[RIGHT_CREATOR], "A");
	metadata_make(&found, METADATA_COPYRIGHT, (struct size) { 1, 1 }, &made);
	struct metadata_marker markers[METADATA_MARKERS_MAX];
	assert_int_equal(metadata_markers(&made, markers), 2);
	struct metadata again = { 0 };
	metadata_take_marker(&again, &markers[0]);
	metadata_take_marker(&again, &markers[1]);
	assert_true(again.exif.size > 0 && again.xmp.size > 0);
	assert_memory_equal(markers[0].bytes, "Exif\0\0II*\0", 10);
	assert_memory_equal(again.xmp.bytes, "<?xpacket", 9);
	metadata_release(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts_become_clean_utf8),
		cmocka_unit_test(test_several_texts_are_set_apart_and_cut_as_a_whole),
		cmocka_unit_test(test_exif_that_is_written_is_read),
		cmocka_unit_test(test_exif_is_made_to_fit_the_new_picture),
		cmocka_unit_test(test_exif_of_any_length_is_read_within_it),
		cmocka_unit_test(test_xmp_is_read_in_each_of_its_forms),
		cmocka_unit_test(test_xmp_of_ingredients_and_other_names_says_nothing),
		cmocka_unit_test(test_xmp_that_is_written_is_read),
		cmocka_unit_test(test_xmp_is_made_to_fit_the_new_picture),
		cmocka_unit_test(test_iptc_is_read_bare_and_among_resources),
		cmocka_unit_test(test_each_block_keeps_its_own_words),
		cmocka_unit_test(test_markers_are_what_jpeg_wants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
