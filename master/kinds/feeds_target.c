/* SPDX-License-Identifier: MIT */
#include "master/kinds/feeds_target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"

/* Nobody else writes files at this moment: reading the mask means setting it. */
static mode_t new_file_mode(void)
{
	mode_t mask = umask(0);
	(void)umask(mask); /* cannot fail */
	return 0666 & ~mask;
}

/* A new file beside the final one; that one's mode is kept where it is there. */
static int open_aside(struct feeds_target *target, const struct stat *before, struct error *err)
{
	const char *slash = strrchr(target->final, '/');
	int folder = slash ? (int)(slash + 1 - target->final) : 0;
	target->temporary = xasprintf("%.*s.sciame-XXXXXX", folder, target->final);
	int fd = mkostemp(target->temporary, O_CLOEXEC);
	if (fd < 0) {
		free(target->temporary);
		target->temporary = NULL;
		return error_errno(err, ERROR_IO, "write %s", target->path);
	}
	if (fchmod(fd, before ? before->st_mode & 0777 : new_file_mode())) {
		(void)close(fd); /* empty */
		return error_errno(err, ERROR_IO, "set the mode of %s", target->path);
	}
	target->out = fdopen(fd, "w");
	if (target->out)
		return 0;
	(void)close(fd); /* empty */
	return error_errno(err, ERROR_IO, "write %s", target->path);
}

int feeds_target_open(struct feeds_target *target, const char *path, struct error *err)
{
	char resolved[PATH_MAX];
	struct stat before;
	*target = (struct feeds_target) { .path = xstrdup(path) };
	if (strcmp(path, "-") == 0) {
		target->is_stdout = true;
		target->out = stdout;
		return 0;
	}
	bool is_there = stat(path, &before) == 0;
	if (is_there && S_ISDIR(before.st_mode))
		return error_set(err, ERROR_USAGE, "output %s is a folder", path);
	if (is_there && !S_ISREG(before.st_mode)) {
		target->out = fopen(path, "we");
		return target->out ? 0 : error_errno(err, ERROR_IO, "write %s", path);
	}
	/* a link to the output stays a link */
	target->final = xstrdup(is_there && realpath(path, resolved) ? resolved : path);
	return open_aside(target, is_there ? &before : NULL, err);
}

int feeds_target_commit(struct feeds_target *target, bool sync, struct error *err)
{
	FILE *out = target->out;
	target->out = NULL;
	if (fflush(out) || ferror(out) || (sync && target->final && fsync(fileno(out)))) {
		(void)error_errno(err, ERROR_IO, "write %s", target->path);
		if (!target->is_stdout)
			(void)fclose(out); /* it has failed already */
		return -1;
	}
	if (target->is_stdout)
		return 0;
	if (fclose(out))
		return error_errno(err, ERROR_IO, "write %s", target->path);
	if (!target->final)
		return 0;
	if (rename(target->temporary, target->final))
		return error_errno(err, ERROR_IO, "write %s", target->path);
	free(target->temporary);
	target->temporary = NULL;
	return 0;
}

void feeds_target_discard(struct feeds_target *target)
{
	if (target->out && !target->is_stdout)
		(void)fclose(target->out); /* not wanted any more */
	if (target->temporary)
		(void)unlink(target->temporary); /* hidden, and named as ours */
	free(target->temporary);
	free(target->final);
	free(target->path);
	*target = (struct feeds_target) { 0 };
}
