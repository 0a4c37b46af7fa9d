/* SPDX-License-Identifier: MIT */
/* TIFF structures in memory. Nothing here follows an offset that it has not checked. */
#include "worker/kinds/scale_exif.h"

#include <string.h>

enum {
	HEADER_BYTES = 8,
	ENTRY_BYTES = 12,
	INLINE_BYTES = 4, /* values up to here lie in the entry itself */
	MAGIC = 42,
	TYPE_ASCII = 2,
	TYPE_SHORT = 3,
	TYPE_LONG = 4,
	TAG_WIDTH = 0x0100,
	TAG_HEIGHT = 0x0101,
	TAG_ORIENTATION = 0x0112,
	TAG_ARTIST = 0x013b,
	TAG_THUMBNAIL_AT = 0x0201,
	TAG_THUMBNAIL_BYTES = 0x0202,
	TAG_COPYRIGHT = 0x8298,
	TAG_EXIF_IFD = 0x8769,
	TAG_EXIF_WIDTH = 0xa002,
	TAG_EXIF_HEIGHT = 0xa003,
	ORIENTATIONS = 8,
};

static const char prefix[EXIF_PREFIX + 1] = "Exif\0\0";

struct tiff {
	const uint8_t *bytes;
	size_t size;
	bool big;
};

struct entry {
	uint32_t tag;
	uint32_t type;
	uint32_t count;
	size_t at; /* of the entry itself */
};

/* Zero beyond the end: every reader treats that as "not said". */
static uint32_t number_at(const struct tiff *tiff, size_t at, unsigned count)
{
	uint32_t value = 0;
	if (at > tiff->size || count > tiff->size - at)
		return 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint32_t)tiff->bytes[at + i] << 8 * (tiff->big ? count - 1 - i : i);
	return value;
}

static bool open_block(struct tiff *tiff, const uint8_t *block, size_t size)
{
	if (size < HEADER_BYTES)
		return false;
	size_t skipped = memcmp(block, prefix, EXIF_PREFIX) == 0 ? EXIF_PREFIX : 0;
	*tiff = (struct tiff) { .bytes = block + skipped, .size = size - skipped };
	if (tiff->size < HEADER_BYTES)
		return false;
	tiff->big = tiff->bytes[0] == 'M';
	char order = tiff->big ? 'M' : 'I';
	return tiff->bytes[0] == order && tiff->bytes[1] == order && number_at(tiff, 2, 2) == MAGIC;
}

/* How many entries the directory at `at` has inside the block. */
static uint32_t entries_at(const struct tiff *tiff, size_t at)
{
	if (at < HEADER_BYTES || at > tiff->size || tiff->size - at < 2)
		return 0;
	uint32_t said = number_at(tiff, at, 2);
	size_t room = (tiff->size - at - 2) / ENTRY_BYTES;
	return said < room ? said : (uint32_t)room;
}

static bool find(const struct tiff *tiff, size_t directory, uint32_t tag, struct entry *entry)
{
	uint32_t entries = entries_at(tiff, directory);
	for (uint32_t i = 0; i < entries; i++) {
		size_t at = directory + 2 + (size_t)i * ENTRY_BYTES;
		if (number_at(tiff, at, 2) != tag)
			continue;
		*entry = (struct entry) {
			.tag = tag,
			.type = number_at(tiff, at + 2, 2),
			.count = number_at(tiff, at + 4, 4),
			.at = at,
		};
		return true;
	}
	return false;
}

/* A number that is not negative, or 0 when the tag is not there or of another type. */
static uint32_t find_number(const struct tiff *tiff, size_t directory, uint32_t tag)
{
	struct entry entry;
	if (!find(tiff, directory, tag, &entry) || entry.count != 1)
		return 0;
	if (entry.type == TYPE_SHORT)
		return number_at(tiff, entry.at + 8, 2);
	return entry.type == TYPE_LONG ? number_at(tiff, entry.at + 8, 4) : 0;
}

/* A text may hold two, each with its NUL: of the photographer, then of the editor. */
static void add_text(const struct tiff *tiff, uint32_t tag, enum right right, struct rights *rights)
{
	struct entry entry;
	if (!find(tiff, number_at(tiff, 4, 4), tag, &entry) || entry.type != TYPE_ASCII)
		return;
	size_t at = entry.count <= INLINE_BYTES ? entry.at + 8 : number_at(tiff, entry.at + 8, 4);
	if (at > tiff->size || entry.count > tiff->size - at)
		return;
	const uint8_t *text = tiff->bytes + at;
	size_t first = strnlen((const char *)text, entry.count);
	rights_add(rights, right, text, first);
	if (first < entry.count && right == RIGHT_COPYRIGHT)
		rights_add(rights, right, text + first + 1, entry.count - first - 1);
}

void exif_read(const uint8_t *block, size_t size, struct rights *rights)
{
	struct tiff tiff;
	if (!open_block(&tiff, block, size))
		return;
	add_text(&tiff, TAG_ARTIST, RIGHT_CREATOR, rights);
	add_text(&tiff, TAG_COPYRIGHT, RIGHT_COPYRIGHT, rights);
}

unsigned exif_orientation(const uint8_t *block, size_t size)
{
	struct tiff tiff;
	if (!open_block(&tiff, block, size))
		return 1;
	uint32_t said = find_number(&tiff, number_at(&tiff, 4, 4), TAG_ORIENTATION);
	return said >= 1 && said <= ORIENTATIONS ? said : 1;
}

static void put(uint8_t *to, uint32_t value, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

size_t exif_write(const struct rights *rights, uint8_t *block)
{
	static const struct {
		uint32_t tag;
		enum right right;
	} tags[] = { { TAG_ARTIST, RIGHT_CREATOR }, { TAG_COPYRIGHT, RIGHT_COPYRIGHT } };
	enum { TAGS = sizeof(tags) / sizeof(*tags) };
	uint32_t entries = 0;
	for (size_t i = 0; i < TAGS; i++)
		entries += rights->text[tags[i].right][0] != '\0';
	if (entries == 0)
		return 0;
	memset(block, 0, EXIF_WRITTEN_MAX);
	memcpy(block, prefix, EXIF_PREFIX);
	uint8_t *tiff = block + EXIF_PREFIX;
	memcpy(tiff, "II*\0\x08", 5);
	put(tiff + HEADER_BYTES, entries, 2);
	uint8_t *entry = tiff + HEADER_BYTES + 2;
	uint32_t end = HEADER_BYTES + 2 + entries * ENTRY_BYTES + 4; /* 4: no next directory */
	for (size_t i = 0; i < TAGS; i++) {
		const char *text = rights->text[tags[i].right];
		uint32_t size = (uint32_t)strlen(text) + 1;
		if (size == 1)
			continue;
		put(entry, tags[i].tag, 2);
		put(entry + 2, TYPE_ASCII, 2);
		put(entry + 4, size, 4);
		uint8_t *value = size <= INLINE_BYTES ? entry + 8 : tiff + end;
		if (size > INLINE_BYTES) {
			put(entry + 8, end, 4);
			end += size + size % 2; /* values begin at even offsets */
		}
		memcpy(value, text, size);
		entry += ENTRY_BYTES;
	}
	return EXIF_PREFIX + end;
}

/* Sets a number where it is said, in the type that it has there. */
static void set_number(
	const struct tiff *tiff, size_t directory, uint32_t tag, uint32_t value, uint8_t *bytes)
{
	struct entry entry;
	if (!find(tiff, directory, tag, &entry) || entry.count != 1 ||
		(entry.type != TYPE_SHORT && entry.type != TYPE_LONG))
		return;
	unsigned count = entry.type == TYPE_SHORT ? 2 : 4;
	for (unsigned i = 0; i < count; i++)
		bytes[entry.at + 8 + i] = (uint8_t)(value >> 8 * (tiff->big ? count - 1 - i : i));
}

/* The second directory is that of the thumbnail. */
static bool drop_thumbnail(const struct tiff *tiff, uint8_t *bytes)
{
	size_t first = number_at(tiff, 4, 4);
	size_t link = first + 2 + (size_t)entries_at(tiff, first) * ENTRY_BYTES;
	if (link > tiff->size || tiff->size - link < 4)
		return false;
	size_t second = number_at(tiff, link, 4);
	size_t at = find_number(tiff, second, TAG_THUMBNAIL_AT);
	size_t size = find_number(tiff, second, TAG_THUMBNAIL_BYTES);
	if (at > tiff->size || size > tiff->size - at)
		return false;
	size_t second_bytes = (size_t)entries_at(tiff, second) * ENTRY_BYTES;
	memset(bytes + link, 0, 4);
	if (second_bytes > 0 && at >= HEADER_BYTES && second > link)
		memset(bytes + second, 0, 2 + second_bytes);
	if (at >= link + 4)
		memset(bytes + at, 0, size);
	return size == 0 || at >= link + 4;
}

bool exif_correct(uint8_t *block, size_t size, struct size picture)
{
	struct tiff tiff;
	if (!open_block(&tiff, block, size))
		return false;
	uint8_t *bytes = block + (tiff.bytes - block);
	size_t first = number_at(&tiff, 4, 4);
	size_t exif = find_number(&tiff, first, TAG_EXIF_IFD);
	if (!drop_thumbnail(&tiff, bytes))
		return false;
	set_number(&tiff, first, TAG_ORIENTATION, 1, bytes);
	set_number(&tiff, first, TAG_WIDTH, picture.width, bytes);
	set_number(&tiff, first, TAG_HEIGHT, picture.height, bytes);
	set_number(&tiff, exif, TAG_EXIF_WIDTH, picture.width, bytes);
	set_number(&tiff, exif, TAG_EXIF_HEIGHT, picture.height, bytes);
	return true;
}
