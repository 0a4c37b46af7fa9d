/* SPDX-License-Identifier: MIT */
#include "master/leftovers.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/naming.h"
#include "common/temporary.h"

/* FNV-1a (draft-eastlake-fnv), 64 bits: two folders with one hash would cost a temporary. */
static uint64_t hash(const char *text, size_t length)
{
	uint64_t value = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	return value ? value : 1; /* 0 is no key */
}

/* start: of an output's location, as far as it was known before it was made. */
static void note_folder(struct leftovers *l, const char *start)
{
	const char *colon = strchr(start, ':'), *slash = strrchr(start, '/');
	if (!colon || table_count(&l->folders) >= LEFTOVERS_MAX)
		return;
	size_t length = slash ? (size_t)(slash - start) : (size_t)(colon - start) + 1;
	uint64_t key = hash(start, length);
	if (!table_find(&l->folders, key))
		table_insert(&l->folders, key, xasprintf("%.*s", (int)length, start));
}

void leftovers_note(struct leftovers *l, const struct job *job)
{
	char start[JOB_LOCATION_MAX];
	struct error ignored;
	for (uint32_t i = 0; i < job_outputs(job); i++) {
		/* what has no name has no temporary either */
		if (naming_start(job, i, start, &ignored) == 0)
			note_folder(l, start);
	}
}

static void sweep(const char *location, char *const *roots, size_t count)
{
	size_t name = (size_t)(strchr(location, ':') - location);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(roots[i], location, name) != 0 || roots[i][name] != '=')
			continue;
		char *path = xasprintf("%s/%s", roots[i] + name + 1, location + name + 1);
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		free(path);
		if (fd < 0)
			return; /* it was never made, or is gone: with all that was in it */
		temporary_sweep(fd);
		(void)close(fd); /* opened with O_PATH */
		return;
	}
}

void leftovers_sweep(struct leftovers *l, char *const *roots, size_t roots_count)
{
	size_t cursor = 0;
	char *location;
	while ((location = table_next(&l->folders, &cursor))) {
		sweep(location, roots, roots_count);
		free(location);
	}
	table_release(&l->folders);
}
