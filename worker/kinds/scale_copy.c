/* SPDX-License-Identifier: MIT */
/* Which pictures may be copied as they are, which after their metadata was taken out. */
#include "worker/kinds/scale_copy.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "worker/kinds/scale_exif.h"
#include "worker/kinds/scale_file.h"
#include "worker/kinds/scale_weave.h"

/* What is known of the formats that cannot be woven. */
enum habit {
	HABIT_TALKS, /* may hold metadata anywhere: never copied where it has to go */
	HABIT_SILENT,
	HABIT_SIGNED, /* metadata is found by the names that it begins with */
	HABIT_TARGA,
	HABIT_COMMENTED, /* PPM and its kin */
};

static const enum habit habits[PICTURE_FORMATS] = {
	[PICTURE_BMP] = HABIT_SILENT,
	[PICTURE_ICO] = HABIT_SIGNED, /* PNG files inside */
	[PICTURE_HEIF] = HABIT_SIGNED,
	[PICTURE_AVIF] = HABIT_SIGNED,
	[PICTURE_TGA] = HABIT_TARGA,
	[PICTURE_PPM] = HABIT_COMMENTED,
	[PICTURE_JP2] = HABIT_SIGNED,
	[PICTURE_SUN] = HABIT_SILENT,
	[PICTURE_DDS] = HABIT_SILENT,
	[PICTURE_PCX] = HABIT_SILENT,
};

/* Chance finds one of these in a megabyte of noise every thousandth time: that is encoded anew. */
static bool is_signed(const uint8_t *bytes, size_t size)
{
	static const char *const names[] = { "Exif", "eXIf", "http://ns.adobe.com/",
		"adobe:ns:meta", "application/rdf+xml", "tEXt", "zTXt", "iTXt", "uuid", "mime",
		"xml " };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (memmem(bytes, size, names[i], strlen(names[i])))
			return true;
	}
	return false;
}

/* No text behind its head, and a foot that leads nowhere. */
static bool is_targa_silent(const uint8_t *bytes, size_t size)
{
	static const char foot[] = "TRUEVISION-XFILE.";
	static const uint8_t nowhere[8] = { 0 };
	if (size < sizeof(nowhere) + sizeof(foot) || bytes[0] != 0)
		return false;
	const uint8_t *end = bytes + size - sizeof(foot);
	return memcmp(end, foot, sizeof(foot)) != 0 ||
	       memcmp(end - sizeof(nowhere), nowhere, sizeof(nowhere)) == 0;
}

/* The head is the name of the format and two or three numbers, with comments between them. */
static bool is_commented(const uint8_t *bytes, size_t size)
{
	if (size < 2 || bytes[0] != 'P' || bytes[1] < '1' || bytes[1] > '6')
		return true; /* the younger formats of the family have heads of words */
	unsigned numbers = bytes[1] == '1' || bytes[1] == '4' ? 2 : 3;
	for (size_t i = 2; i < size; i++) {
		if (!isdigit(bytes[i]) && !isspace(bytes[i]))
			return true;
		if (isspace(bytes[i]) && isdigit(bytes[i - 1]) && i > 2 && --numbers == 0)
			return false;
	}
	return true;
}

static bool is_silent(const uint8_t *bytes, size_t size, enum picture_format format)
{
	switch (habits[format]) {
	case HABIT_TALKS:
		break;
	case HABIT_SILENT:
		return true;
	case HABIT_SIGNED:
		return !is_signed(bytes, size);
	case HABIT_TARGA:
		return is_targa_silent(bytes, size);
	case HABIT_COMMENTED:
		return !is_commented(bytes, size);
	}
	return false;
}

struct copy {
	int in_fd;
	int out_fd;
	enum metadata_policy policy;
	uint8_t *bytes;
	size_t size;
	uint64_t *copied;
	bool *cut_off;
	struct error *err;
};

static int copy_all(const struct copy *copy)
{
	return file_copy(copy->in_fd, copy->out_fd, copy->copied, copy->err) == 0 ? SCALE_DONE : -1;
}

static int write_woven(const struct copy *copy, const struct weave *weave)
{
	if (weave->used == copy->size && memcmp(weave->out, copy->bytes, copy->size) == 0)
		return copy_all(copy);
	*copy->copied = weave->used;
	return file_write(copy->out_fd, weave->out, weave->used, copy->err) == 0 ? SCALE_DONE : -1;
}

static int copy_woven(const struct copy *copy, enum picture_format format)
{
	struct weave weave;
	struct metadata_made made = { 0 };
	int status = SCALE_NOT_MINE;
	if (!weave_part(&weave, format, copy->bytes, copy->size))
		goto out;
	*copy->cut_off = weave.cut_off;
	if (copy->policy == METADATA_ALL) {
		status = copy_all(copy);
		goto out;
	}
	const struct block *exif = &weave.found.exif;
	/* JPEG XL says in its codestream how it lies, and with TIFF the tag stays */
	if (format != PICTURE_JXL && format != PICTURE_TIFF &&
		exif_orientation(exif->bytes, exif->size) != 1)
		goto out;
	/* the size is only for what METADATA_ALL corrects */
	metadata_make(&weave.found, copy->policy, (struct size) { 0 }, &made);
	if (weave_join(&weave, format, &made))
		status = write_woven(copy, &weave);
out:
	metadata_release(&made);
	weave_release(&weave);
	return status;
}

/* The whole file, which may have become shorter since it was measured. */
static int read_all(struct copy *copy)
{
	uint64_t size;
	if (file_size(copy->in_fd, &size, copy->err) != 0)
		return -1;
	if (size > COPY_BYTES_MAX)
		return SCALE_NOT_MINE;
	copy->bytes = xmalloc(size + 1); /* never none */
	ssize_t got = file_read_at(copy->in_fd, copy->bytes, size, 0, copy->err);
	copy->size = got < 0 ? 0 : (size_t)got;
	return got < 0 ? -1 : SCALE_DONE;
}

int scale_copy(const struct scale_copy *order, uint64_t *copied, bool *cut_off, struct error *err)
{
	struct copy copy = {
		.in_fd = order->in_fd,
		.out_fd = order->out_fd,
		.policy = order->policy,
		.copied = copied,
		.cut_off = cut_off,
		.err = err,
	};
	*cut_off = false;
	if (order->policy == METADATA_ALL && order->format != PICTURE_JPEG)
		return copy_all(&copy);
	int status = read_all(&copy);
	if (status == SCALE_DONE && weave_knows(order->format))
		status = copy_woven(&copy, order->format);
	else if (status == SCALE_DONE)
		status = is_silent(copy.bytes, copy.size, order->format) ? copy_all(&copy)
									 : SCALE_NOT_MINE;
	free(copy.bytes);
	return status;
}
