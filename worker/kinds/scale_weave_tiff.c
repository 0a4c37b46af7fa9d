/* SPDX-License-Identifier: MIT */
/*
 * TIFF: the directories of all pages, changed where they lie. Entries that decoding does not need
 * leave their directory, and what they refer to is overwritten with zeros; nothing moves, so that
 * all offsets stay true. What is to be said goes to the end of the file, with a first directory
 * that knows of it. Smaller pictures behind SubIFDs, and BigTIFF, are left to others.
 */
#include "worker/kinds/scale_weave_parts.h"

#include <string.h>

#include "worker/kinds/scale_exif.h"

enum {
	HEADER_BYTES = 8,
	FIRST_AT = 4, /* where the header says where the first directory is */
	MAGIC = 42,
	COUNT_BYTES = 2,
	ENTRY_BYTES = 12,
	VALUE_AT = 8, /* in an entry */
	INLINE_BYTES = 4,
	PAGES_MAX = 1000, /* also the end of a chain that is a ring */
	ENTRIES_MAX = 512,
	TYPES = 14,
	TYPE_BYTE = 1,
	TYPE_ASCII = 2,
	TAG_ARTIST = 0x013b,
	TAG_SUBIFDS = 0x014a,
	TAG_XMP = 0x02bc,
	TAG_COPYRIGHT = 0x8298,
	TAG_IPTC = 0x83bb,
	TAG_PHOTOSHOP = 0x8649,
	TAG_EXIF = 0x8769,
	TAG_GPS = 0x8825,
	TAG_INTEROPERABILITY = 0xa005,
	TAG_DNG = 0xc612, /* a camera's raw data: more than is kept is needed to decode it */
	DEPTH_MAX = 3,    /* directories below each other */
	TURNS_MAX = 16,   /* how often the file may be overwritten: many entries may refer to one */
};

/* What decoding needs, resolution, profile. */
static const uint16_t kept[] = {
	0x00fe, 0x00ff, /* which page of a document, or a smaller picture */
	0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0107, 0x0108, 0x0109, 0x010a, /* the shape */
	0x0111, 0x0112, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119,                 /* strips */
	0x011a, 0x011b, 0x011c, 0x0122, 0x0123, 0x0124, 0x0125, 0x0128, 0x0129, 0x012d, 0x013d,
	0x013e, 0x013f, 0x0140, 0x0141, 0x0142, 0x0143, 0x0144, 0x0145,         /* colours, tiles */
	0x0146, 0x0147, 0x0148,                                                 /* of faxes */
	0x014c, 0x014e, 0x0150, 0x0151, 0x0152, 0x0153, 0x0154, 0x0155, 0x0156, /* inks, samples */
	0x0157, 0x0158, 0x0159, 0x015a, 0x015b, /* indexed colours, tables of JPEG */
	0x0200, 0x0201, 0x0202, 0x0203, 0x0205, 0x0206, 0x0207, 0x0208, 0x0209, /* older JPEG */
	0x0211, 0x0212, 0x0213, 0x0214,                                         /* YCbCr */
	0x80e3, 0x80e4, 0x80e5, 0x80e6,                                         /* older shapes */
	0x8773,                                                                 /* the profile */
	0xc5f2,                                                                 /* LERC */
};

/* Bytes of a value of each type; 0: there is none such. */
static const uint8_t type_bytes[TYPES] = { 0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4 };

struct entry {
	uint32_t tag;
	size_t at;    /* of the entry */
	size_t value; /* where its bytes are */
	size_t size;  /* how many */
};

static bool is_big(const struct weave *weave)
{
	return weave->in[0] == 'M';
}

static uint32_t number_at(const uint8_t *bytes, unsigned count, bool big)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint32_t)bytes[i] << 8 * (big ? count - 1 - i : i);
	return value;
}

static uint32_t get(const struct weave *weave, size_t at, unsigned count)
{
	return number_at(weave->in + at, count, is_big(weave));
}

static void put(const struct weave *weave, uint8_t *to, uint32_t value, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to[i] = (uint8_t)(value >> 8 * (is_big(weave) ? count - 1 - i : i));
}

static bool is_kept(uint32_t tag)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		if (kept[i] == tag)
			return true;
	}
	return false;
}

/* The end of the directory at `at`, where the offset of the next one is; 0: it does not fit. */
static size_t end_of_directory(const struct weave *weave, size_t at)
{
	if (at < HEADER_BYTES || at > weave->size || weave->size - at < COUNT_BYTES)
		return 0;
	size_t entries = get(weave, at, COUNT_BYTES);
	size_t room = weave->size - at - COUNT_BYTES;
	if (entries > ENTRIES_MAX || entries * ENTRY_BYTES + 4 > room)
		return 0;
	return at + COUNT_BYTES + entries * ENTRY_BYTES;
}

/* False when its value is not inside the file. */
static bool read_entry(const struct weave *weave, size_t at, struct entry *entry)
{
	uint32_t type = get(weave, at + 2, 2);
	uint64_t size = (uint64_t)get(weave, at + 4, 4) * (type < TYPES ? type_bytes[type] : 1);
	*entry = (struct entry) { .tag = get(weave, at, 2), .at = at, .value = at + VALUE_AT };
	if (size > INLINE_BYTES)
		entry->value = get(weave, at + VALUE_AT, 4);
	if (entry->value > weave->size || size > weave->size - entry->value)
		return false;
	entry->size = (size_t)size;
	return true;
}

static bool leads(uint32_t tag)
{
	return tag == TAG_EXIF || tag == TAG_GPS || tag == TAG_INTEROPERABILITY;
}

/* Overwrites what an entry that goes refers to; a directory with all that it refers to. */
static bool blank(struct weave *weave, const struct entry *entry, int depth)
{
	weave->blanked += ENTRY_BYTES + entry->size;
	if (weave->blanked / TURNS_MAX > weave->size)
		return false;
	if (leads(entry->tag) && depth < DEPTH_MAX && entry->size == 4) {
		size_t start = get(weave, entry->at + VALUE_AT, 4);
		size_t end = end_of_directory(weave, start);
		if (end == 0)
			return false;
		for (size_t at = start + COUNT_BYTES; at < end; at += ENTRY_BYTES) {
			struct entry below;
			if (!read_entry(weave, at, &below) || !blank(weave, &below, depth + 1))
				return false;
		}
		memset(weave->out + start, 0, end + 4 - start);
	}
	if (entry->value < HEADER_BYTES)
		return false;
	memset(weave->out + entry->value, 0, entry->size);
	return true;
}

static void take(struct weave *weave, const struct entry *entry)
{
	struct block *block = NULL;
	if (entry->tag == TAG_XMP)
		block = &weave->found.xmp;
	else if (entry->tag == TAG_IPTC || entry->tag == TAG_PHOTOSHOP)
		block = &weave->found.iptc;
	if (block && block->size == 0)
		*block = (struct block) { weave->in + entry->value, entry->size };
}

/* Takes the entries that go out of one directory. *tidy: only such as are put in again went. */
static bool part_page(struct weave *weave, size_t start, size_t end, bool *tidy)
{
	size_t to = start + COUNT_BYTES;
	for (size_t at = to; at < end; at += ENTRY_BYTES) {
		struct entry entry;
		if (!read_entry(weave, at, &entry) || entry.tag == TAG_SUBIFDS ||
			entry.tag == TAG_DNG)
			return false;
		if (is_kept(entry.tag)) {
			memmove(weave->out + to, weave->in + at, ENTRY_BYTES);
			to += ENTRY_BYTES;
			continue;
		}
		take(weave, &entry);
		*tidy = *tidy && (entry.tag == TAG_ARTIST || entry.tag == TAG_COPYRIGHT ||
					 entry.tag == TAG_XMP);
		bool goes_with_it = entry.size <= INLINE_BYTES && !leads(entry.tag);
		if (!goes_with_it && !blank(weave, &entry, 0))
			return false;
	}
	size_t entries = (to - start - COUNT_BYTES) / ENTRY_BYTES;
	put(weave, weave->out + start, (uint32_t)entries, COUNT_BYTES);
	memmove(weave->out + to, weave->in + end, 4);
	memset(weave->out + to + 4, 0, end - to);
	return true;
}

/* Whether the chain of directories is still there: what was overwritten may have lain in it. */
static bool is_whole(const struct weave *weave, unsigned pages)
{
	struct weave result = { .in = weave->out, .size = weave->used };
	size_t start = get(&result, FIRST_AT, 4);
	for (; pages > 0; pages--) {
		size_t end = end_of_directory(&result, start);
		if (end == 0)
			return false;
		start = get(&result, end, 4);
	}
	return start == 0;
}

bool weave_part_tiff(struct weave *weave)
{
	if (weave->size < HEADER_BYTES || weave->size > UINT32_MAX / 2 ||
		(weave->in[0] != 'M' && weave->in[0] != 'I') || get(weave, 2, 2) != MAGIC)
		return false;
	weave_keep(weave, 0, weave->size);
	weave->insert_at = weave->used;
	weave->found.exif = (struct block) { weave->in, weave->size };
	weave->tidy = true;
	size_t start = get(weave, FIRST_AT, 4);
	for (unsigned page = 0; page < PAGES_MAX; page++) {
		size_t end = end_of_directory(weave, start);
		if (end == 0 || !part_page(weave, start, end, &weave->tidy))
			return false;
		weave->tidy = weave->tidy && page == 0;
		start = get(weave, end, 4);
		if (start == 0)
			return is_whole(weave, page + 1);
	}
	return false;
}

/* Whether the file says already, and in these words, what it is to say. */
static bool is_said(const struct weave *weave, const struct metadata_made *made)
{
	struct rights rights = { 0 };
	uint8_t block[EXIF_WRITTEN_MAX];
	exif_read(weave->in, weave->size, &rights);
	size_t size = exif_write(&rights, block);
	const struct block *xmp = &weave->found.xmp;
	return weave->tidy && size == made->exif_size &&
	       (size == 0 || memcmp(block, made->exif, size) == 0) && made->xmp &&
	       xmp->size == made->xmp_size - METADATA_XMP_PREFIX &&
	       memcmp(xmp->bytes, made->xmp + METADATA_XMP_PREFIX, xmp->size) == 0;
}

/* A first directory that is being made. */
struct directory {
	uint8_t bytes[COUNT_BYTES + (ENTRIES_MAX + 3) * ENTRY_BYTES + 4];
	size_t size; /* so far, with room for the count */
};

static struct block text_block(const char *text)
{
	return (struct block) { (const uint8_t *)text, strlen(text) + 1 };
}

/* Directories and values begin at even offsets. */
static void align(struct weave *weave)
{
	static const uint8_t filling[1] = { 0 };
	if (weave->used % 2)
		weave_insert(weave, filling, sizeof(filling));
}

/* Puts an entry where it belongs by its tag, its value at the end of the file. */
static void say(struct weave *weave, struct directory *directory, uint32_t tag, struct block value)
{
	uint8_t entry[ENTRY_BYTES] = { 0 };
	align(weave);
	put(weave, entry, tag, 2);
	put(weave, entry + 2, tag == TAG_XMP ? TYPE_BYTE : TYPE_ASCII, 2);
	put(weave, entry + 4, (uint32_t)value.size, 4);
	if (value.size > INLINE_BYTES) {
		put(weave, entry + VALUE_AT, (uint32_t)weave->used, 4);
		weave_insert(weave, value.bytes, value.size);
	} else {
		memcpy(entry + VALUE_AT, value.bytes, value.size);
	}
	size_t at = COUNT_BYTES;
	while (at < directory->size && number_at(directory->bytes + at, 2, is_big(weave)) < tag)
		at += ENTRY_BYTES;
	memmove(directory->bytes + at + ENTRY_BYTES, directory->bytes + at, directory->size - at);
	memcpy(directory->bytes + at, entry, ENTRY_BYTES);
	directory->size += ENTRY_BYTES;
}

bool weave_join_tiff(struct weave *weave, const struct metadata_made *made)
{
	struct rights rights = { 0 };
	if (is_said(weave, made)) {
		memcpy(weave->out, weave->in, weave->size);
		return true;
	}
	if (made->exif)
		exif_read(made->exif, made->exif_size, &rights);
	if (!made->xmp && !rights_any(&rights))
		return true;
	/* the old first directory, as it is by now */
	struct directory directory;
	size_t first = get(weave, FIRST_AT, 4);
	size_t entries = number_at(weave->out + first, COUNT_BYTES, is_big(weave));
	directory.size = COUNT_BYTES + entries * ENTRY_BYTES;
	memcpy(directory.bytes, weave->out + first, directory.size);
	uint8_t next[4];
	memcpy(next, weave->out + first + directory.size, sizeof(next));
	const char *creator = rights.text[RIGHT_CREATOR];
	const char *copyright = rights.text[RIGHT_COPYRIGHT];
	if (*creator)
		say(weave, &directory, TAG_ARTIST, text_block(creator));
	if (*copyright)
		say(weave, &directory, TAG_COPYRIGHT, text_block(copyright));
	if (made->xmp)
		say(weave, &directory, TAG_XMP,
			(struct block) { made->xmp + METADATA_XMP_PREFIX,
				made->xmp_size - METADATA_XMP_PREFIX });
	entries = (directory.size - COUNT_BYTES) / ENTRY_BYTES;
	put(weave, directory.bytes, (uint32_t)entries, COUNT_BYTES);
	align(weave);
	put(weave, weave->out + FIRST_AT, (uint32_t)weave->used, 4);
	weave_insert(weave, directory.bytes, directory.size);
	weave_insert(weave, next, sizeof(next));
	return true;
}
