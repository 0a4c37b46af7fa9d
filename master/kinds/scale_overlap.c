/* SPDX-License-Identifier: MIT */
#include "master/kinds/scale_overlap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

struct scale_overlap {
	int source, target;
	char *source_place, *target_place; /* NULL: not known */
	bool nested;                       /* the target lies in the source */
	char *last;                        /* the folder that was checked last, and was fine */
	/* the mount that was met last, for most folders lie in one */
	uint64_t mount;
	char *device, *root, *point;
};

/* "\040" is a space: the escapes of mountinfo, in place. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; from++) {
		if (from[0] == '\\' && from[1] && from[2] && from[3]) {
			*to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + from[3] - '0');
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/* A line "36 35 98:0 /mnt1 /mnt2 rw ...": what the mount with this number is. */
static bool read_mount(struct scale_overlap *o, char *line, uint64_t mount)
{
	char *fields[5], *rest = line;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		fields[i] = strsep(&rest, " ");
		if (!fields[i])
			return false;
	}
	if (strtoull(fields[0], NULL, 10) != mount)
		return false;
	unescape(fields[3]);
	unescape(fields[4]);
	free(o->device);
	free(o->root);
	free(o->point);
	o->mount = mount;
	o->device = xstrdup(fields[2]);
	o->root = xstrdup(strcmp(fields[3], "/") == 0 ? "" : fields[3]);
	o->point = xstrdup(strcmp(fields[4], "/") == 0 ? "" : fields[4]);
	return true;
}

static bool find_mount(struct scale_overlap *o, uint64_t mount)
{
	char *line = NULL;
	size_t size = 0;
	if (o->device && o->mount == mount)
		return true;
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool found = false;
	while (file && !found && getline(&line, &size, file) > 0)
		found = read_mount(o, line, mount);
	free(line);
	if (file)
		(void)fclose(file); /* only read */
	return found;
}

/* "8:1/path/in/the/file/system" of an open folder; the caller frees it; NULL: not known. */
static char *place_of(struct scale_overlap *o, int folder)
{
	struct statx status;
	char link[32], path[PATH_MAX];
	if (statx(folder, "", AT_EMPTY_PATH, STATX_MNT_ID, &status) ||
		!(status.stx_mask & STATX_MNT_ID) || !find_mount(o, status.stx_mnt_id))
		return NULL;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", folder); /* fits */
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	size_t point = strlen(o->point);
	if (length <= 0 || (size_t)length < point || memcmp(path, o->point, point) != 0)
		return NULL;
	path[length] = '\0';
	const char *rest = path + point;
	return xasprintf("%s%s%s", o->device, o->root, strcmp(rest, "/") == 0 ? "" : rest);
}

static bool lies_in(const char *place, const char *folder)
{
	size_t length = folder ? strlen(folder) : 0;
	return place && folder && strncmp(place, folder, length) == 0 &&
	       (place[length] == '/' || place[length] == '\0');
}

struct scale_overlap *scale_overlap_new(int source, int target)
{
	struct scale_overlap *o = xcalloc(1, sizeof(*o));
	o->source = source;
	o->target = target;
	o->source_place = place_of(o, source);
	o->target_place = place_of(o, target);
	o->nested = lies_in(o->target_place, o->source_place);
	return o;
}

void scale_overlap_free(struct scale_overlap *o)
{
	if (!o)
		return;
	free(o->source_place);
	free(o->target_place);
	free(o->last);
	free(o->device);
	free(o->root);
	free(o->point);
	free(o);
}

/* The place of a folder, or of the nearest one above it that is there. */
static char *place_below(struct scale_overlap *o, int top, const char *path)
{
	char *rest = xstrdup(path);
	int fd = openat(top, rest, O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == ENOENT && strchr(rest, '/')) {
		*strrchr(rest, '/') = '\0';
		fd = openat(top, rest, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	char *place = fd < 0 ? NULL : place_of(o, fd);
	if (fd >= 0)
		(void)close(fd); /* opened with O_PATH */
	free(rest);
	return place;
}

int scale_overlap_check(struct scale_overlap *o, const char *path, struct error *err)
{
	if (!o->source_place)
		return 0;
	char *place = place_below(o, o->target, path);
	bool overlaps =
		lies_in(place, o->source_place) && !(o->nested && lies_in(place, o->target_place));
	free(place);
	return overlaps ? error_set(err, ERROR_INPUT,
				  "%s: its outputs would lie in the source folder", path)
			: 0;
}

static int check_folder(struct scale_overlap *o, const char *folder, struct error *err)
{
	if (scale_overlap_check(o, folder, err))
		return -1;
	char *place = o->nested ? place_below(o, o->source, folder) : NULL;
	bool output = lies_in(place, o->target_place);
	free(place);
	return output ? error_set(err, ERROR_INPUT, "%s: it lies in the target", folder) : 0;
}

int scale_overlap_check_file(struct scale_overlap *o, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return 0;
	char *folder = xasprintf("%.*s", (int)(slash - path), path);
	if (o->last && strcmp(o->last, folder) == 0) {
		free(folder);
		return 0;
	}
	if (check_folder(o, folder, err)) {
		free(folder);
		return error_wrap(err, path);
	}
	free(o->last);
	o->last = folder;
	return 0;
}
