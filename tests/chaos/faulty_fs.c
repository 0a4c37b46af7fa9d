/* SPDX-License-Identifier: MIT */
/*
 * A folder that shows another one and fails on demand, for tests only: faulty_fs FOLDER MOUNTPOINT
 * CONTROL. CONTROL is a file of struct control that the test maps as well: it says how often which
 * call fails with which error, and is told how often it did. With a fourth word, "fold", names that
 * differ only in case are one. Ends when it is unmounted.
 */
#define FUSE_USE_VERSION 31

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum call {
	CALL_OPEN,
	CALL_CREATE,
	CALL_READ,
	CALL_WRITE,
	CALL_RENAME,
	CALL_FSYNC,
	CALL_MKDIR,
	CALL_UNLINK,
	CALLS, /* how many there are */
};

/* The same layout is in disks.py. There is no lock: each word has one writer. */
struct fault {
	volatile uint32_t one_in; /* calls fail, by chance; 0: none, 1: all. The test's */
	volatile uint32_t error;  /* errno. The test's */
	volatile uint64_t calls, failed;
};

struct control {
	uint64_t seed;
	struct fault faults[CALLS];
};

static struct control *control;
static int root = -1; /* the folder that is shown */
static bool folds;    /* names that differ only in case are one, of small letters */

/* xorshift64* (Vigna 2016): the same faults for the same seed and the same calls. */
static uint64_t dice(void)
{
	uint64_t x = control->seed;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	control->seed = x;
	return x * 2685821657736338717U;
}

/* 0, or the negative errno that the call is to fail with. */
static int fault(enum call call)
{
	struct fault *f = &control->faults[call];
	uint32_t one_in = f->one_in;
	f->calls++;
	if (one_in == 0 || (dice() >> 32) % one_in != 0)
		return 0;
	f->failed++;
	return -(int)f->error;
}

static int result(int status)
{
	return status < 0 ? -errno : 0;
}

/* Below the root; valid until the second call from now, for rename has two. */
static const char *relative(const char *path)
{
	static char folded[2][PATH_MAX];
	static size_t turn;
	if (!path[1])
		return ".";
	if (!folds)
		return path + 1;
	char *to = folded[turn++ % 2];
	size_t i = 0;
	for (; path[i + 1] && i < PATH_MAX - 1; i++)
		to[i] = (char)tolower((unsigned char)path[i + 1]);
	to[i] = '\0';
	return to;
}

static int fs_getattr(const char *path, struct stat *status, struct fuse_file_info *file)
{
	if (file)
		return result(fstat((int)file->fh, status));
	return result(fstatat(root, relative(path), status, AT_SYMLINK_NOFOLLOW));
}

static int fs_access(const char *path, int mask)
{
	return result(faccessat(root, relative(path), mask, 0));
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
	struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
	(void)offset;
	(void)file;
	(void)flags;
	int fd = openat(root, relative(path), O_RDONLY | O_DIRECTORY);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (!list)
		return -errno;
	for (struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
		if (fill(buffer, entry->d_name, NULL, 0, 0))
			break;
	}
	(void)closedir(list); /* only read */
	return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
	int failed = fault(CALL_MKDIR);
	return failed ? failed : result(mkdirat(root, relative(path), mode));
}

static int fs_unlink(const char *path)
{
	int failed = fault(CALL_UNLINK);
	return failed ? failed : result(unlinkat(root, relative(path), 0));
}

static int fs_rmdir(const char *path)
{
	return result(unlinkat(root, relative(path), AT_REMOVEDIR));
}

static int fs_rename(const char *from, const char *to, unsigned int flags)
{
	int failed = fault(CALL_RENAME);
	if (failed)
		return failed;
	return result(renameat2(root, relative(from), root, relative(to), flags));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *file)
{
	(void)file;
	return result(fchmodat(root, relative(path), mode, 0));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
	if (file)
		return result(ftruncate((int)file->fh, size));
	int fd = openat(root, relative(path), O_WRONLY);
	if (fd < 0)
		return -errno;
	int status = result(ftruncate(fd, size));
	(void)close(fd); /* nothing was written through it */
	return status;
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
	(void)file;
	return result(utimensat(root, relative(path), times, AT_SYMLINK_NOFOLLOW));
}

static int keep(int fd, struct fuse_file_info *file)
{
	if (fd < 0)
		return -errno;
	file->fh = (uint64_t)fd;
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *file)
{
	int failed = fault(CALL_OPEN);
	return failed ? failed : keep(openat(root, relative(path), file->flags), file);
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
	int failed = fault(CALL_CREATE);
	if (failed)
		return failed;
	return keep(openat(root, relative(path), file->flags | O_CREAT, mode), file);
}

static int fs_read(
	const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	int failed = fault(CALL_READ);
	ssize_t got = failed ? failed : pread((int)file->fh, buffer, size, offset);
	return got < 0 && !failed ? -errno : (int)got;
}

static int fs_write(
	const char *path, const char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
	(void)path;
	int failed = fault(CALL_WRITE);
	ssize_t put = failed ? failed : pwrite((int)file->fh, data, size, offset);
	return put < 0 && !failed ? -errno : (int)put;
}

static int fs_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	int failed = fault(CALL_FSYNC);
	if (failed)
		return failed;
	return result(data_only ? fdatasync((int)file->fh) : fsync((int)file->fh));
}

static int fs_release(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(close((int)file->fh));
}

static int fs_statfs(const char *path, struct statvfs *status)
{
	(void)path;
	return result(fstatvfs(root, status));
}

/* Nothing is cached: each call of the program under test gets here as it is. */
static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->entry_timeout = 0;
	config->attr_timeout = 0;
	config->negative_timeout = 0;
	config->use_ino = 1;
	config->hard_remove = 1; /* else unlink of an open file is a rename */
	return NULL;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.access = fs_access,
	.readdir = fs_readdir,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.rename = fs_rename,
	.chmod = fs_chmod,
	.truncate = fs_truncate,
	.utimens = fs_utimens,
	.open = fs_open,
	.create = fs_create,
	.read = fs_read,
	.write = fs_write,
	.fsync = fs_fsync,
	.release = fs_release,
	.statfs = fs_statfs,
};

static bool map_control(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *memory =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		(void)close(fd); /* the mapping stays */
	if (memory == MAP_FAILED)
		return false;
	control = memory;
	return true;
}

int main(int argc, char **argv)
{
	folds = argc == 5 && strcmp(argv[4], "fold") == 0;
	if (argc != 4 && !folds) {
		(void)fprintf(stderr, "usage: faulty_fs FOLDER MOUNTPOINT CONTROL [fold]\n");
		return 2;
	}
	root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || !map_control(argv[3])) {
		perror("faulty_fs");
		return 3;
	}
	/* in the foreground, one thread, open to the user who is under test */
	char *arguments[] = { argv[0], "-f", "-s", "-o", "allow_other,default_permissions",
		argv[2] };
	return fuse_main(sizeof(arguments) / sizeof(arguments[0]), arguments, &operations, NULL);
}
