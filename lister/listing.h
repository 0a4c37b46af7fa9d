/* SPDX-License-Identifier: MIT */
/* All objects below a prefix, page by page, as records. */
#ifndef SCIAME_LISTER_LISTING_H
#define SCIAME_LISTER_LISTING_H

#include <stdio.h>

#include "common/error.h"
#include "common/s3.h"
#include "lister/request.h"

/*
 * Writes a record for each object of location's bucket whose key lies in the folder location->key:
 * all that begin with it and a "/" (which is added where it is missing), but those that end with
 * one, which stand for folders. Where location->key is itself an object, that one alone. Each page
 * is flushed. The record that ends the listing is left to the caller.
 */
int listing_write(FILE *out, struct requests *requests, const struct s3_location *location,
	struct error *err);

#endif
