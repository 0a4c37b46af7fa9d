/* SPDX-License-Identifier: MIT */
/* What a file is, by its first bytes only: never by its name. Pure: no library, no I/O. */
#ifndef SCIAME_WORKER_KINDS_SCALE_SNIFF_H
#define SCIAME_WORKER_KINDS_SCALE_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNIFF_BYTES = 64 }; /* how many bytes from the start are enough; fewer at the file's end */

enum picture_format {
	PICTURE_UNKNOWN, /* none of these; a library may know better */
	PICTURE_JPEG,
	PICTURE_PNG,
	PICTURE_WEBP,
	PICTURE_GIF,
	PICTURE_TIFF,
	/* Known to libvips' own recognizers only. */
	PICTURE_HEIF,
	PICTURE_AVIF,
	PICTURE_JP2,
	PICTURE_JXL,
	PICTURE_PPM,
	PICTURE_HDR,
	/* Read by ImageMagick inside libvips. */
	PICTURE_BMP,
	PICTURE_ICO,
	PICTURE_TGA,
	PICTURE_PSD,
	PICTURE_DDS,
	PICTURE_SGI,
	PICTURE_SUN,
	PICTURE_PCX,
	PICTURE_XBM,
	PICTURE_XPM,
	/* Programs that draw, not pictures: never handed to a library. */
	PICTURE_PDF,
	PICTURE_PS,
	PICTURE_SVG,
	PICTURE_FORMATS,
};

/* The format of a file that starts with these bytes. */
enum picture_format sniff(const uint8_t *bytes, size_t size);

/*
 * Whether a name's suffix is that of another known format; a name with none, or with one that is
 * not known, says nothing.
 */
bool suffix_lies(const char *name, enum picture_format format);

/* Its name in messages: "jpeg". Static. */
const char *sniff_name(enum picture_format format);

#endif
