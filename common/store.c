/* SPDX-License-Identifier: MIT */
/* Files below named roots. Nothing outside a root is touched, whatever a job's path says. */
#include "common/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/naming.h"
#include "common/random.h"
#include "common/store_folders.h"
#include "common/temporary.h"

enum { NS_PER_S = 1000000000 };

struct root {
	char name[STORE_ROOT_NAME_MAX];
	char *path;
	int fd;
};

struct store {
	struct store_options options;
	uint64_t tag; /* of this process's temporaries */
	size_t roots_count;
	struct root roots[STORE_ROOTS_MAX];
	struct store_folders folders;
};

struct store *store_new(const struct store_options *options)
{
	struct store *store = xcalloc(1, sizeof(*store));
	store->options = *options;
	random_bytes(&store->tag, sizeof(store->tag));
	return store;
}

bool store_spare(struct store *store)
{
	return store_folders_spare(&store->folders);
}

void store_free(struct store *store)
{
	if (!store)
		return;
	(void)store_spare(store);                   /* whether there was one does not matter */
	store_folders_check_empty(&store->folders); /* else an output is still in work */
	for (size_t i = 0; i < store->roots_count; i++) {
		(void)close(store->roots[i].fd); /* opened with O_PATH */
		free(store->roots[i].path);
	}
	free(store);
}

int store_add_root(struct store *store, const char *root, struct error *err)
{
	const char *path = strchr(root, '=');
	size_t length = path ? (size_t)(path - root) : 0;
	if (length == 0 || length >= STORE_ROOT_NAME_MAX || memchr(root, ':', length))
		return error_set(err, ERROR_USAGE, "--root takes NAME=FOLDER, not '%s'", root);
	if (store->roots_count == STORE_ROOTS_MAX)
		return error_set(err, ERROR_LIMIT, "more than %d roots", STORE_ROOTS_MAX);
	struct root *entry = &store->roots[store->roots_count];
	entry->fd = open(path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (entry->fd < 0)
		return error_errno(err, ERROR_IO, "open folder %s", path + 1);
	memcpy(entry->name, root, length);
	entry->path = xstrdup(path + 1);
	store->roots_count++;
	return 0;
}

/* No empty, "." or ".." component and no leading slash: the one form a path may have. */
static bool path_is_plain(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}

/* The root that a location names; *path is the rest. */
static struct root *find_root(
	struct store *store, const char *location, const char **path, struct error *err)
{
	const char *colon = strchr(location, ':');
	size_t length = colon ? (size_t)(colon - location) : 0;
	if (!colon || !path_is_plain(colon + 1)) {
		(void)error_set(err, ERROR_INPUT, "not a path below a root: %s", location);
		return NULL;
	}
	for (size_t i = 0; i < store->roots_count; i++) {
		struct root *root = &store->roots[i];
		if (strlen(root->name) == length && memcmp(root->name, location, length) == 0) {
			*path = colon + 1;
			return root;
		}
	}
	(void)error_set(
		err, ERROR_INPUT, "this worker serves no root '%.*s'", (int)length, location);
	return NULL;
}

/* openat that does not leave the root: not through "..", and through links only if allowed. */
static int open_beneath(const struct store *store, int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	if (!store->options.follow_links)
		how.resolve |= (uint64_t)RESOLVE_BENEATH;
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

int store_open(struct store *store, const char *location, struct input *input, struct error *err)
{
	const char *path;
	struct stat status;
	*input = (struct input) { .fd = -1 };
	if (location[0] == '\0')
		return 0;
	const struct root *root = find_root(store, location, &path, err);
	if (!root)
		return -1;
	/* without O_NONBLOCK a FIFO in the folder would stop the whole worker */
	int fd = open_beneath(store, root->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == EXDEV)
		return error_set(err, ERROR_INPUT, "a link that leads out of the served folder");
	if (fd < 0)
		return error_errno(err, ERROR_IO, "open");
	if (fstat(fd, &status)) {
		(void)close(fd); /* only read */
		return error_errno(err, ERROR_IO, "read the file's status");
	}
	if (!S_ISREG(status.st_mode)) {
		(void)close(fd); /* only read */
		return error_set(err, ERROR_INPUT, "not a regular file");
	}
	*input = (struct input) {
		.fd = fd,
		.device = status.st_dev,
		.inode = status.st_ino,
		.size = (uint64_t)status.st_size,
		.mtime_ns = (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec,
		.mode = status.st_mode & 0777,
	};
	return 0;
}

void input_close(struct input *input)
{
	if (input->fd >= 0)
		(void)close(input->fd); /* only read */
	input->fd = -1;
}

void input_describe(const struct input *input, struct result *result)
{
	result->source_size = input->size;
	result->source_mtime_ns = input->mtime_ns;
}

/* Opens a folder below root, making what is missing of it. path is changed and restored. */
static int open_folder(
	const struct store *store, const struct root *root, char *path, struct error *err)
{
	const int flags = O_PATH | O_DIRECTORY;
	int fd = open_beneath(store, root->fd, path, flags);
	if (fd >= 0)
		return fd;
	for (char *slash = path; errno == ENOENT && slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		int parent = open_beneath(store, root->fd, path, flags);
		bool missing = parent < 0 && errno == ENOENT;
		if (parent >= 0)
			(void)close(parent); /* opened with O_PATH */
		/* the parent is known to lie beneath the root: the component before was opened */
		if (missing && mkdirat(root->fd, path, 0777) && errno != EEXIST)
			return error_errno(err, ERROR_IO, "create folder");
		if (slash)
			*slash = '/';
		errno = ENOENT;
	}
	fd = open_beneath(store, root->fd, path, flags);
	if (fd < 0)
		return error_errno(err, ERROR_IO, "open folder");
	return fd;
}

/* The parts of a location "ROOT:path/name": borrowed from it. */
struct place {
	struct root *root;
	const char *location, *path, *name;
	size_t length; /* of the location without "/name" */
};

static int find_place(
	struct store *store, const char *location, struct place *place, struct error *err)
{
	place->location = location;
	place->root = find_root(store, location, &place->path, err);
	if (!place->root)
		return -1;
	const char *slash = strrchr(place->path, '/');
	place->name = slash ? slash + 1 : place->path;
	place->length = (size_t)((slash ? slash : place->path) - location);
	return 0;
}

static int dup_root(const struct root *root, struct error *err)
{
	int fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? error_errno(err, ERROR_IO, "open the target folder") : fd;
}

/* Opens and sweeps the folder of a location. */
static struct folder *add_folder(struct store *store, const struct place *place, struct error *err)
{
	size_t start = (size_t)(place->path - place->location);
	size_t length = place->length > start ? place->length - start : 0;
	char below[JOB_LOCATION_MAX];
	memcpy(below, place->path, length);
	below[length] = '\0';
	int fd = length ? open_folder(store, place->root, below, err) : dup_root(place->root, err);
	if (fd < 0)
		return NULL;
	temporary_sweep(fd);
	return store_folders_add(&store->folders, place->location, place->length, place->root, fd);
}

/* The folder of a target, held until folder_release. */
static struct folder *get_folder(struct store *store, const struct place *place, struct error *err)
{
	struct folder *folder = store_folders_find(&store->folders, place->location, place->length);
	if (!folder)
		folder = add_folder(store, place, err);
	if (folder)
		store_folder_hold(folder);
	return folder;
}

bool store_blames_target(const char *target, int number, struct error *err)
{
	int length = (int)strcspn(target, ":");
	const char *what = number == ENOSPC || number == EDQUOT ? "full" : "read-only";
	if (number != ENOSPC && number != EDQUOT && number != EROFS)
		return false;
	errno = number;
	(void)error_errno(err, ERROR_TARGET, "the %.*s is %s", length, target, what);
	return true;
}

static bool is_gone(const struct root *root)
{
	struct stat status;
	return fstat(root->fd, &status) == 0 && status.st_nlink == 0;
}

/* A root that was removed may have been made again meanwhile. */
static int find_again(struct root *root)
{
	int fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	(void)close(root->fd); /* opened with O_PATH */
	root->fd = fd;
	return 0;
}

/* Makes ERROR_TARGET of a failure that any other output below the root would meet, too. */
static void blame_root(const struct root *root, struct error *err)
{
	bool denied = err->number == EACCES || err->number == EPERM;
	if (err->code != ERROR_IO || store_blames_target(root->name, err->number, err))
		return;
	if (denied && faccessat(root->fd, ".", W_OK | X_OK, AT_EACCESS))
		(void)error_errno(err, ERROR_TARGET, "the %s is not writable", root->name);
	if (err->number == ENOENT && is_gone(root)) {
		errno = ENOENT;
		(void)error_errno(err, ERROR_TARGET, "the %s folder is gone", root->name);
	}
}

/* Opens the folder and creates the temporary in it. */
static int begin(
	struct store *store, const struct place *place, struct output *output, struct error *err)
{
	struct folder *folder = get_folder(store, place, err);
	if (!folder)
		return -1;
	int fd = temporary_create(folder->fd, output->temporary, err);
	if (fd < 0 && err->number == ENOENT)
		store_folder_forget(folder);
	if (fd < 0) {
		store_folder_release(folder);
		return -1;
	}
	output->fd = fd;
	output->folder = folder;
	return 0;
}

/*
 * The place of an output as far as it is known before it is made: of one without a name there, the
 * folder. buffer: for one that is a template.
 */
static int find_start(struct store *store, const struct output *output,
	char buffer[JOB_LOCATION_MAX], struct place *place, struct error *err)
{
	const struct job *job = output->job;
	if (job->labels_count == 0)
		return find_place(store, job->target, place, err);
	if (naming_start(job, output->number, buffer, err))
		return -1;
	size_t length = strlen(buffer);
	bool is_folder = length > 0 && (buffer[length - 1] == '/' || buffer[length - 1] == ':');
	/* its name is not known yet: any will do */
	if (is_folder && length + 1 == JOB_LOCATION_MAX)
		return error_set(err, ERROR_LIMIT, "an output's path is too long");
	if (is_folder)
		memcpy(buffer + length, "-", 2);
	return find_place(store, buffer, place, err);
}

int store_create(struct store *store, const struct store_request *request, struct output *output,
	struct error *err)
{
	struct place place = { 0 };
	char buffer[JOB_LOCATION_MAX];
	const struct job *job = request->job;
	*output = (struct output) {
		.fd = -1, .job = job, .number = request->output, .source = *request->input
	};
	if (job->target[0] == '\0')
		return 0;
	if (find_start(store, output, buffer, &place, err))
		return -1;
	temporary_name(output->temporary,
		&(struct temporary_of) { store->tag, job->id, job->attempt, request->output });
	int status = begin(store, &place, output, err);
	/* somebody removed the folder, or all of the root: what is there now may do */
	if (status && err->number == ENOENT && (!is_gone(place.root) || !find_again(place.root)))
		status = begin(store, &place, output, err);
	if (status)
		blame_root(place.root, err);
	return status;
}

/* Ends an output's use of its folder. */
static void output_close(struct output *output)
{
	(void)close(output->fd); /* errors of writing were seen by fsync, or were not asked for */
	store_folder_release(output->folder);
	output->fd = -1;
}

void store_discard(struct output *output)
{
	if (output->fd < 0)
		return;
	/* if it can't be removed now, the next run's sweep removes it */
	(void)unlinkat(output->folder->fd, output->temporary, 0);
	output_close(output);
}

/* fsync of a folder needs a descriptor that is open for reading. */
static int sync_folder(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int status = fsync(fd);
	(void)close(fd); /* synced */
	return status;
}

/* Set-user-ID and the like are not the source's to give. */
static int preserve(const struct output *output, struct error *err)
{
	const struct input *source = &output->source;
	int64_t seconds = source->mtime_ns / NS_PER_S, rest = source->mtime_ns % NS_PER_S;
	if (rest < 0) { /* before 1970 */
		seconds--;
		rest += NS_PER_S;
	}
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { seconds, rest } };
	if (source->mtime_ns && futimens(output->fd, times))
		return error_errno(err, ERROR_IO, "give the output the time of its source");
	if (source->mode && fchmod(output->fd, source->mode))
		return error_errno(err, ERROR_IO, "give the output the permissions of its source");
	return 0;
}

/* Whether all of it was written, and is where it can stay. */
static int check_whole(
	const struct store *store, const struct output *output, uint64_t bytes, struct error *err)
{
	struct stat status;
	if (fstat(output->fd, &status))
		return error_errno(err, ERROR_IO, "read the output's status");
	if ((uint64_t)status.st_size != bytes)
		return error_set(err, ERROR_IO, "the output has %llu bytes instead of %llu",
			(unsigned long long)status.st_size, (unsigned long long)bytes);
	if (output->job->preserve && preserve(output, err))
		return -1;
	if (store->options.sync && fsync(output->fd))
		return error_errno(err, ERROR_IO, "sync");
	return 0;
}

/* Gives the temporary its name in a folder, which may be another than its own. */
static int publish(const struct store *store, const struct output *output, int folder,
	const char *name, struct error *err)
{
	struct stat status;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		status.st_dev == output->source.device && status.st_ino == output->source.inode)
		return error_set(err, ERROR_INPUT, "the output would replace its source");
	if (renameat(output->folder->fd, output->temporary, folder, name))
		return error_errno(err, ERROR_IO, "rename");
	if (store->options.sync && sync_folder(folder))
		return error_errno(err, ERROR_IO, "sync the folder");
	return 0;
}

/* Why an output could not become visible, in terms of its root and its folder. */
static void blame_folder(struct folder *folder, struct error *err)
{
	blame_root(folder->root, err);
	if (err->number != ENOENT)
		return;
	store_folder_forget(folder);
	/* one that somebody removed under the output is made again by the next attempt */
	errno = ESTALE;
	if (err->code == ERROR_IO)
		(void)error_errno(err, ERROR_IO, "the output's folder was removed");
}

/* The same where the name depends on what was made, and the folder may. */
static int publish_named(struct store *store, const struct output *output,
	const struct produced *produced, struct error *err)
{
	struct place place = { 0 };
	char location[JOB_LOCATION_MAX];
	if (naming_location(output->job, output->number, produced, location, err) ||
		find_place(store, location, &place, err))
		return -1;
	struct folder *folder = get_folder(store, &place, err);
	if (!folder)
		return -1;
	int status = publish(store, output, folder->fd, place.name, err);
	if (status && folder != output->folder)
		blame_folder(folder, err);
	store_folder_release(folder);
	return status;
}

static const char *name_of(const struct job *job)
{
	const char *slash = strrchr(job->target, '/');
	return slash ? slash + 1 : strchr(job->target, ':') + 1;
}

int store_commit(struct store *store, struct output *output, const struct produced *produced,
	struct error *err)
{
	if (output->fd < 0)
		return 0;
	int status = check_whole(store, output, produced->bytes, err);
	if (status == 0 && output->job->labels_count > 0)
		status = publish_named(store, output, produced, err);
	else if (status == 0)
		status = publish(store, output, output->folder->fd, name_of(output->job), err);
	if (status) {
		blame_folder(output->folder, err);
		store_discard(output);
		return -1;
	}
	output_close(output);
	return 0;
}
