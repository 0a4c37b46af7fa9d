/* SPDX-License-Identifier: MIT */
#include "master/ledger_place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/folder.h"
#include "common/hash.h"
#include "common/memory.h"
#include "common/s3.h"
#include "master/xdg.h"

enum {
	NAME_MAX_BYTES = 40, /* of a target's last part */
	DIGEST_BYTES = 8,    /* 16 hex digits: no two targets of one user meet */
};

/* The real path of something that need not be there, in a folder that must. */
static char *real_path(const char *target, struct error *err)
{
	char *path = realpath(target, NULL);
	if (path || errno != ENOENT) {
		if (!path)
			(void)error_errno(err, ERROR_IO, "target %s", target);
		return path;
	}
	size_t length = strlen(target);
	while (length > 1 && target[length - 1] == '/')
		length--;
	char *whole = xasprintf("%.*s", (int)length, target);
	char *slash = strrchr(whole, '/');
	const char *name = slash ? slash + 1 : whole;
	char *folder = slash ? xasprintf("%.*s/", (int)(slash - whole), whole) : xstrdup(".");
	char *real = realpath(folder, NULL);
	if (real)
		path = xasprintf("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	else
		(void)error_errno(err, ERROR_IO, "target %s", target);
	free(real);
	free(folder);
	free(whole);
	return path;
}

/* "s3://BUCKET/PREFIX" however many slashes it ends with. */
static char *object_path(const char *target)
{
	size_t length = strlen(target);
	while (length > 0 && target[length - 1] == '/')
		length--;
	return xasprintf("%.*s", (int)length, target);
}

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || (c == '.');
}

static char *name_of(const char *path)
{
	uint8_t digest[HASH_SHA256_SIZE];
	char name[NAME_MAX_BYTES + 1] = "", hex[2 * DIGEST_BYTES + 1];
	const char *slash = strrchr(path, '/'); /* a real path begins with one */
	const char *last = slash ? slash + 1 : path;
	hash_sha256(path, strlen(path), digest);
	for (size_t i = 0; i < sizeof(hex) - 1; i++)
		hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	hex[sizeof(hex) - 1] = '\0';
	for (size_t i = 0; i < NAME_MAX_BYTES && last[i]; i++)
		name[i] = is_safe(last[i]) ? last[i] : '_';
	return xasprintf("sciame/runs/%s-%s.db", name[0] ? name : "root", hex);
}

char *ledger_place(const char *target, struct error *err)
{
	char *path = s3_is_location(target) ? object_path(target) : real_path(target, err);
	if (!path)
		return NULL;
	char *name = name_of(path);
	char *place = xdg_path(XDG_STATE, name, err);
	free(name);
	free(path);
	return place;
}

char *ledger_make_place(const char *target, struct error *err)
{
	char *place = ledger_place(target, err);
	if (!place)
		return NULL;
	char *folder = xasprintf("%.*s", (int)(strrchr(place, '/') - place), place);
	if (folder_make(folder, 0700, err)) {
		free(place);
		place = NULL;
	}
	free(folder);
	return place;
}
