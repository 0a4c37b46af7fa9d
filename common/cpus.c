/* SPDX-License-Identifier: MIT */
/* A limit may be set at any level, so every folder from the process's group to the top is read. */
#include "common/cpus.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CPUS_COUNTED_MAX = 1 << 16, /* more than Linux can be built for (NR_CPUS) */
	FILE_BYTES_MAX = 65536,     /* /proc/self/cgroup has a line per hierarchy, some 15 */
	VALUE_BYTES_MAX = 64,
};

/* Digits at *text as a number above 0, moving *text behind them; 0 for anything else. */
static int64_t number_read(const char **text)
{
	if (**text < '0' || **text > '9')
		return 0;
	char *end;
	errno = 0;
	long long number = strtoll(*text, &end, 10);
	*text = end;
	return errno == 0 ? number : 0;
}

static unsigned whole(int64_t quota, int64_t period)
{
	if (quota <= 0 || period <= 0)
		return 0;
	int64_t count = quota / period + (quota % period != 0);
	return count < CPUS_COUNTED_MAX ? (unsigned)count : CPUS_COUNTED_MAX;
}

static bool ends(const char *text)
{
	return *text == '\0' || strcmp(text, "\n") == 0;
}

unsigned cpus_parse_max(const char *text)
{
	int64_t quota = number_read(&text); /* 0 for "max" too */
	if (*text != ' ')
		return 0;
	text++;
	int64_t period = number_read(&text);
	return ends(text) ? whole(quota, period) : 0;
}

unsigned cpus_parse_quota(const char *quota, const char *period)
{
	int64_t quota_us = number_read(&quota); /* 0 for "-1" too */
	int64_t period_us = number_read(&period);
	return ends(quota) && ends(period) ? whole(quota_us, period_us) : 0;
}

/* Whether word is one of the size bytes of words, which commas separate. "" is in "" only. */
static bool list_has(const char *words, size_t size, const char *word)
{
	size_t word_size = strlen(word);
	for (size_t start = 0; start <= size;) {
		size_t length = 0;
		while (start + length < size && words[start + length] != ',')
			length++;
		if (length == word_size && memcmp(words + start, word, length) == 0)
			return true;
		start += length + 1;
	}
	return false;
}

/* Whether a folder of path is "..". */
static bool leads_out(const char *path)
{
	for (const char *part = path; (part = strstr(part, "/..")); part++)
		if (part[3] == '/' || part[3] == '\0')
			return true;
	return false;
}

bool cpus_parse_cgroup(const char *text, const char *controller, char *path, size_t path_size)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		const char *next = line + length + (line[length] == '\n');
		const char *words = memchr(line, ':', length);
		const char *found =
			words ? memchr(words + 1, ':', length - (size_t)(words + 1 - line)) : NULL;
		if (found && list_has(words + 1, (size_t)(found - words - 1), controller)) {
			size_t size = (size_t)(line + length - (found + 1));
			if (size >= path_size || found[1] != '/')
				return false;
			memcpy(path, found + 1, size);
			path[size] = '\0';
			return !leads_out(path);
		}
		line = next;
	}
	return false;
}

/* The file's bytes with a NUL; what is over size - 1 is left out. False if it can't be read. */
static bool file_read(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t got = fread(text, 1, size - 1, file);
	text[got] = '\0';
	bool ok = !ferror(file);
	(void)fclose(file); /* only read */
	return ok;
}

/* The file NAME in folder; "" if there is none. */
static void value_read(const char *folder, const char *name, char value[VALUE_BYTES_MAX])
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (length >= (int)sizeof(path) || !file_read(path, value, VALUE_BYTES_MAX))
		value[0] = '\0';
}

/* The limit of one group; a folder has the files of one version only. */
static unsigned folder_limit(const char *folder)
{
	char value[VALUE_BYTES_MAX], period[VALUE_BYTES_MAX];
	value_read(folder, "cpu.max", value);
	if (value[0])
		return cpus_parse_max(value);
	value_read(folder, "cpu.cfs_quota_us", value);
	value_read(folder, "cpu.cfs_period_us", period);
	return cpus_parse_quota(value, period);
}

static unsigned smaller(unsigned count, unsigned limit)
{
	return limit > 0 && limit < count ? limit : count;
}

/* The smallest of count and of the limits from mount/path up to mount itself. */
static unsigned hierarchy_limit(const char *mount, const char *path, unsigned count)
{
	char folder[PATH_MAX];
	int length = snprintf(folder, sizeof(folder), "%s%s", mount, path);
	if (length >= (int)sizeof(folder))
		return count;
	size_t top = strlen(mount);
	for (;;) {
		count = smaller(count, folder_limit(folder));
		if (strlen(folder) <= top)
			return count;
		*strrchr(folder, '/') = '\0'; /* there is one: path starts with it */
	}
}

unsigned cpus_usable_at(const char *root, unsigned affinity)
{
	/* Where the CPU controller is mounted: version 2, both together, version 1. */
	static const struct {
		const char *mount, *controller;
	} places[] = {
		{ "/sys/fs/cgroup", "" },
		{ "/sys/fs/cgroup/unified", "" },
		{ "/sys/fs/cgroup/cpu,cpuacct", "cpu" },
		{ "/sys/fs/cgroup/cpu", "cpu" },
	};
	unsigned count = affinity > 0 ? affinity : 1;
	char file[PATH_MAX], groups[FILE_BYTES_MAX], path[PATH_MAX];
	if (snprintf(file, sizeof(file), "%s/proc/self/cgroup", root) >= (int)sizeof(file) ||
		!file_read(file, groups, sizeof(groups)))
		return count;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char mount[PATH_MAX];
		if (snprintf(mount, sizeof(mount), "%s%s", root, places[i].mount) >=
			(int)sizeof(mount))
			return count;
		/* In a container the path may be the host's; the mounted top is then ours. */
		if (!cpus_parse_cgroup(groups, places[i].controller, path, sizeof(path)))
			path[0] = '\0';
		count = hierarchy_limit(mount, path, count);
	}
	return count;
}

/* Processors in the affinity of this thread; 1 if the system does not say. */
static unsigned affinity_count(void)
{
	unsigned count = 0;
	/* The kernel refuses a set that is smaller than its own, with EINVAL. */
	for (size_t cpus = CPU_SETSIZE; count == 0 && cpus <= CPUS_COUNTED_MAX; cpus *= 2) {
		cpu_set_t *set = CPU_ALLOC(cpus);
		size_t size = CPU_ALLOC_SIZE(cpus);
		if (!set)
			return 1;
		if (sched_getaffinity(0, size, set) == 0)
			count = (unsigned)CPU_COUNT_S(size, set);
		CPU_FREE(set);
	}
	return count > 0 ? count : 1;
}

unsigned cpus_usable(void)
{
	return cpus_usable_at("", affinity_count());
}
