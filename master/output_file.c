/* SPDX-License-Identifier: MIT */
#include "master/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/random.h"

enum { BUFFER_BYTES = 1 << 16 }; /* of the output: a page has megabytes */

/* Nobody else writes files at this moment: reading the mask means setting it. */
static mode_t new_file_mode(void)
{
	mode_t mask = umask(0);
	(void)umask(mask); /* cannot fail */
	return 0666 & ~mask;
}

/*
 * A file in the folder of the final one, without a name until it is whole, so that nothing is left
 * when we are killed. Where the file system knows no such files it has a hidden name.
 */
static int create_aside(struct output_file *target)
{
	const char *slash = strrchr(target->final, '/');
	int length = slash ? (int)(slash + 1 - target->final) : 0;
	char *folder = length ? xasprintf("%.*s", length, target->final) : xstrdup(".");
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	free(folder);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	target->temporary = xasprintf("%.*s.sciame-XXXXXX", length, target->final);
	fd = mkostemp(target->temporary, O_CLOEXEC);
	if (fd < 0) {
		free(target->temporary);
		target->temporary = NULL;
	}
	return fd;
}

static int open_aside(struct output_file *target, mode_t mode, struct error *err)
{
	int fd = create_aside(target);
	if (fd < 0)
		return error_errno(err, ERROR_IO, "write %s", target->path);
	if (fchmod(fd, mode)) {
		(void)close(fd); /* empty */
		return error_errno(err, ERROR_IO, "set the mode of %s", target->path);
	}
	target->out = fdopen(fd, "w");
	if (target->out) {
		/* without room it stays at what stdio has by itself */
		(void)setvbuf(target->out, NULL, _IOFBF, BUFFER_BYTES);
		return 0;
	}
	(void)close(fd); /* empty */
	return error_errno(err, ERROR_IO, "write %s", target->path);
}

/* Gives the file without a name a hidden one; linkat never replaces, so that is not the last. */
static int give_name(struct output_file *target, int fd, struct error *err)
{
	const char *slash = strrchr(target->final, '/');
	int length = slash ? (int)(slash + 1 - target->final) : 0;
	char link[64];
	uint64_t number;
	random_bytes(&number, sizeof(number));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	target->temporary = xasprintf("%.*s.sciame-%016" PRIx64, length, target->final, number);
	if (linkat(AT_FDCWD, link, AT_FDCWD, target->temporary, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	(void)error_errno(err, ERROR_IO, "write %s", target->path);
	free(target->temporary);
	target->temporary = NULL;
	return -1;
}

int output_file_open_shared(struct output_file *target, const char *path, struct error *err)
{
	struct stat before;
	*target = (struct output_file) { .path = xstrdup(path), .final = xstrdup(path) };
	if (lstat(path, &before) == 0 && (!S_ISREG(before.st_mode) || before.st_uid != geteuid()))
		return error_set(
			err, ERROR_USAGE, "%s is not yours; name another file with --output", path);
	return open_aside(target, 0600, err);
}

int output_file_open(struct output_file *target, const char *path, struct error *err)
{
	char resolved[PATH_MAX];
	struct stat before;
	*target = (struct output_file) { .path = xstrdup(path) };
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
	return open_aside(target, is_there ? before.st_mode & 0777 : new_file_mode(), err);
}

int output_file_commit(struct output_file *target, bool sync, struct error *err)
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
	int status = target->final && !target->temporary ? give_name(target, fileno(out), err) : 0;
	if (fclose(out) && status == 0)
		status = error_errno(err, ERROR_IO, "write %s", target->path);
	if (status || !target->final)
		return status;
	if (rename(target->temporary, target->final))
		return error_errno(err, ERROR_IO, "write %s", target->path);
	free(target->temporary);
	target->temporary = NULL;
	return 0;
}

void output_file_discard(struct output_file *target)
{
	if (target->out && !target->is_stdout)
		(void)fclose(target->out); /* not wanted any more */
	if (target->temporary)
		(void)unlink(target->temporary); /* hidden, and named as ours */
	free(target->temporary);
	free(target->final);
	free(target->path);
	*target = (struct output_file) { 0 };
}
