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
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/random.h"
#include "common/temporary.h"

enum {
	CREATE_TRIES_MAX = 8, /* times that a sweeping neighbour may take a new temporary away */
	BUCKETS = 1024,       /* of the table of open folders */
};

struct root {
	char name[STORE_ROOT_NAME_MAX];
	char *path;
	int fd;
};

/* One target folder, open as long as it has outputs in work, and for a while after. */
struct folder {
	struct store *store;
	const struct root *root;
	struct folder *chain;           /* the next one in its bucket */
	struct folder *before, *behind; /* in the list of idle ones, when it has no users */
	int fd;
	unsigned users;  /* outputs in work */
	bool forgotten;  /* in no bucket: the folder is gone, its outputs end with it */
	char location[]; /* "ROOT:path" */
};

struct store {
	struct store_options options;
	uint64_t tag; /* of this process's temporaries */
	size_t roots_count;
	struct root roots[STORE_ROOTS_MAX];
	struct folder *buckets[BUCKETS];
	struct folder *oldest, *newest; /* idle folders, by when they became idle */
	size_t idle_count;
};

struct store *store_new(const struct store_options *options)
{
	struct store *store = xcalloc(1, sizeof(*store));
	store->options = *options;
	random_bytes(&store->tag, sizeof(store->tag));
	return store;
}

/* FNV-1a (draft-eastlake-fnv): short and good enough for paths that the user chose. */
static struct folder **bucket(struct store *store, const char *location, size_t length)
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)location[i]) * 16777619U;
	return &store->buckets[hash % BUCKETS];
}

static void idle_remove(struct folder *folder)
{
	struct store *store = folder->store;
	*(folder->before ? &folder->before->behind : &store->oldest) = folder->behind;
	*(folder->behind ? &folder->behind->before : &store->newest) = folder->before;
	store->idle_count--;
}

static void idle_append(struct folder *folder)
{
	struct store *store = folder->store;
	folder->before = store->newest;
	folder->behind = NULL;
	*(folder->before ? &folder->before->behind : &store->oldest) = folder;
	store->newest = folder;
	store->idle_count++;
}

static void bucket_remove(struct folder *folder)
{
	struct folder **link = bucket(folder->store, folder->location, strlen(folder->location));
	while (*link != folder)
		link = &(*link)->chain;
	*link = folder->chain;
}

static void folder_free(struct folder *folder)
{
	(void)close(folder->fd); /* opened with O_PATH: nothing to flush */
	free(folder);
}

/* An idle folder. */
static void folder_close(struct folder *folder)
{
	bucket_remove(folder);
	idle_remove(folder);
	folder_free(folder);
}

static void folder_hold(struct folder *folder)
{
	if (folder->users++ == 0)
		idle_remove(folder);
}

static void folder_release(struct folder *folder)
{
	struct store *store = folder->store;
	if (--folder->users > 0)
		return;
	if (folder->forgotten) {
		folder_free(folder);
		return;
	}
	idle_append(folder);
	if (store->idle_count > STORE_FOLDERS_MAX)
		folder_close(store->oldest);
}

/* The next use of a folder in use opens it anew. */
static void folder_forget(struct folder *folder)
{
	if (!folder->forgotten)
		bucket_remove(folder);
	folder->forgotten = true;
}

bool store_spare(struct store *store)
{
	bool any = store->oldest != NULL;
	while (store->oldest)
		folder_close(store->oldest);
	return any;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	(void)store_spare(store); /* whether there was one does not matter */
	for (size_t i = 0; i < BUCKETS; i++)
		assert(!store->buckets[i]); /* else an output is still in work */
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
		.mtime_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
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

static struct folder *find_folder(struct store *store, const char *location, size_t length)
{
	struct folder *folder = *bucket(store, location, length);
	while (folder && (strncmp(folder->location, location, length) != 0 ||
				 folder->location[length] != '\0'))
		folder = folder->chain;
	return folder;
}

static int dup_root(const struct root *root, struct error *err)
{
	int fd = fcntl(root->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? error_errno(err, ERROR_IO, "open the target folder") : fd;
}

/* Opens and sweeps the folder of a location. */
static struct folder *add_folder(struct store *store, const struct place *place, struct error *err)
{
	struct folder *folder = xcalloc(1, sizeof(*folder) + place->length + 1);
	struct folder **head = bucket(store, place->location, place->length);
	memcpy(folder->location, place->location, place->length);
	folder->store = store;
	folder->root = place->root;
	char *below = folder->location + (place->path - place->location);
	folder->fd =
		*below ? open_folder(store, place->root, below, err) : dup_root(place->root, err);
	if (folder->fd < 0) {
		free(folder);
		return NULL;
	}
	temporary_sweep(folder->fd);
	folder->chain = *head;
	*head = folder;
	idle_append(folder);
	return folder;
}

/* The folder of a target, held until folder_release. */
static struct folder *get_folder(struct store *store, const struct place *place, struct error *err)
{
	struct folder *folder = find_folder(store, place->location, place->length);
	if (!folder)
		folder = add_folder(store, place, err);
	if (folder)
		folder_hold(folder);
	return folder;
}

/* Creates and locks the temporary. A sweep of another process may come between: then again. */
static int create_temporary(int folder, const char *name, struct error *err)
{
	for (int i = 0; i < CREATE_TRIES_MAX; i++) {
		struct stat status;
		int fd = openat(
			folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
		if (fd < 0)
			return error_errno(err, ERROR_IO, "create");
		/* where there are no locks nobody sweeps either */
		bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
		if (locked && fstat(fd, &status) == 0 && status.st_nlink > 0)
			return fd;
		(void)unlinkat(folder, name, 0); /* it may be gone: that is why we are here */
		(void)close(fd);                 /* nothing was written */
	}
	return error_set(
		err, ERROR_IO, "create: another process keeps removing the temporary file");
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
	int fd = create_temporary(folder->fd, output->temporary, err);
	if (fd < 0 && err->number == ENOENT)
		folder_forget(folder);
	if (fd < 0) {
		folder_release(folder);
		return -1;
	}
	output->fd = fd;
	output->name = place->name;
	output->folder = folder;
	return 0;
}

int store_create(struct store *store, const struct job *job, const struct input *input,
	struct output *output, struct error *err)
{
	struct place place;
	*output = (struct output) { .fd = -1, .source = *input };
	if (job->target[0] == '\0')
		return 0;
	if (find_place(store, job->target, &place, err))
		return -1;
	temporary_name(output->temporary, store->tag, job->id, job->attempt);
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
	folder_release(output->folder);
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

static int publish(
	const struct store *store, const struct output *output, uint64_t bytes, struct error *err)
{
	struct stat status;
	int folder = output->folder->fd;
	if (fstat(output->fd, &status))
		return error_errno(err, ERROR_IO, "read the output's status");
	if ((uint64_t)status.st_size != bytes)
		return error_set(err, ERROR_IO, "the output has %llu bytes instead of %llu",
			(unsigned long long)status.st_size, (unsigned long long)bytes);
	if (store->options.sync && fsync(output->fd))
		return error_errno(err, ERROR_IO, "sync");
	if (fstatat(folder, output->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		status.st_dev == output->source.device && status.st_ino == output->source.inode)
		return error_set(err, ERROR_INPUT, "the output would replace its source");
	if (renameat(folder, output->temporary, folder, output->name))
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
	folder_forget(folder);
	/* one that somebody removed under the output is made again by the next attempt */
	errno = ESTALE;
	if (err->code == ERROR_IO)
		(void)error_errno(err, ERROR_IO, "the output's folder was removed");
}

int store_commit(struct store *store, struct output *output, uint64_t bytes, struct error *err)
{
	if (output->fd < 0)
		return 0;
	if (publish(store, output, bytes, err)) {
		blame_folder(output->folder, err);
		store_discard(output);
		return -1;
	}
	output_close(output);
	return 0;
}
