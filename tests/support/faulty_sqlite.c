/* SPDX-License-Identifier: MIT */
#include "tests/support/faulty_sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

static sqlite3_vfs *real_vfs;
static sqlite3_mem_methods real_memory;
static atomic_int mode;
static atomic_uint left; /* calls until one fails; 0: none will */
static atomic_bool fired;

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this one, in the same memory */
};

static bool fails(bool memory)
{
	if ((atomic_load(&mode) == FAULTY_MEMORY) != memory || atomic_load(&left) == 0)
		return false;
	if (atomic_load(&mode) == FAULTY_AFTER && atomic_load(&fired))
		return true;
	if (atomic_load(&left) == 1) {
		atomic_store(&fired, true);
		if (atomic_load(&mode) != FAULTY_AFTER)
			atomic_store(&left, 0);
		return true;
	}
	atomic_fetch_sub(&left, 1);
	return false;
}

static bool disk_fails(void)
{
	return fails(false);
}

static sqlite3_file *real(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

static int close_file(sqlite3_file *file)
{
	return real(file)->pMethods->xClose(real(file));
}

static int read_file(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
	if (disk_fails())
		return SQLITE_IOERR_READ;
	return real(file)->pMethods->xRead(real(file), bytes, size, at);
}

/* A write that fails has written half. */
static int write_file(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
	if (!disk_fails())
		return real(file)->pMethods->xWrite(real(file), bytes, size, at);
	(void)real(file)->pMethods->xWrite(real(file), bytes, size / 2, at);
	return size % 8 ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
	if (disk_fails())
		return SQLITE_IOERR_TRUNCATE;
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int sync_file(sqlite3_file *file, int flags)
{
	if (disk_fails())
		return SQLITE_IOERR_FSYNC;
	return real(file)->pMethods->xSync(real(file), flags);
}

static int size_file(sqlite3_file *file, sqlite3_int64 *size)
{
	if (disk_fails())
		return SQLITE_IOERR_FSTAT;
	return real(file)->pMethods->xFileSize(real(file), size);
}

static int lock_file(sqlite3_file *file, int lock)
{
	if (disk_fails())
		return SQLITE_IOERR_LOCK;
	return real(file)->pMethods->xLock(real(file), lock);
}

static int unlock_file(sqlite3_file *file, int lock)
{
	return real(file)->pMethods->xUnlock(real(file), lock);
}

static int check_file(sqlite3_file *file, int *reserved)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), reserved);
}

static int control_file(sqlite3_file *file, int operation, void *argument)
{
	return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int sector_file(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int characteristics_file(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int map_shared(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
	if (disk_fails())
		return SQLITE_IOERR_SHMMAP;
	return real(file)->pMethods->xShmMap(real(file), region, size, extend, memory);
}

static int lock_shared(sqlite3_file *file, int offset, int count, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) && disk_fails())
		return SQLITE_IOERR_SHMLOCK;
	return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void barrier_shared(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int unmap_shared(sqlite3_file *file, int remove)
{
	return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = close_file,
	.xRead = read_file,
	.xWrite = write_file,
	.xTruncate = truncate_file,
	.xSync = sync_file,
	.xFileSize = size_file,
	.xLock = lock_file,
	.xUnlock = unlock_file,
	.xCheckReservedLock = check_file,
	.xFileControl = control_file,
	.xSectorSize = sector_file,
	.xDeviceCharacteristics = characteristics_file,
	.xShmMap = map_shared,
	.xShmLock = lock_shared,
	.xShmBarrier = barrier_shared,
	.xShmUnmap = unmap_shared,
};

static int open_file(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct faulty_file *faulty = (struct faulty_file *)file;
	(void)vfs;
	faulty->base.pMethods = NULL; /* xClose is not to be called */
	if (disk_fails())
		return SQLITE_CANTOPEN;
	faulty->real = (sqlite3_file *)(faulty + 1);
	int status = real_vfs->xOpen(real_vfs, name, faulty->real, flags, out_flags);
	if (faulty->real->pMethods)
		faulty->base.pMethods = &methods;
	return status;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return disk_fails() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, sync);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *answer)
{
	(void)vfs;
	return disk_fails() ? SQLITE_IOERR_ACCESS
			    : real_vfs->xAccess(real_vfs, name, flags, answer);
}

static void *allocate(int size)
{
	return fails(true) ? NULL : real_memory.xMalloc(size);
}

static void *reallocate(void *old, int size)
{
	return fails(true) ? NULL : real_memory.xRealloc(old, size);
}

void faulty_sqlite_install(void)
{
	static sqlite3_vfs vfs;
	sqlite3_mem_methods memory;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory), SQLITE_OK);
	memory = real_memory;
	memory.xMalloc = allocate;
	memory.xRealloc = reallocate;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory), SQLITE_OK);
	assert_int_equal(sqlite3_initialize(), SQLITE_OK);
	real_vfs = sqlite3_vfs_find(NULL);
	assert_non_null(real_vfs);
	vfs = *real_vfs;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	vfs.xOpen = open_file;
	vfs.xDelete = delete_file;
	vfs.xAccess = access_file;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

void faulty_sqlite_arm(enum faulty_mode new_mode, unsigned n)
{
	atomic_store(&mode, (int)new_mode);
	atomic_store(&fired, false);
	atomic_store(&left, n);
}

bool faulty_sqlite_disarm(void)
{
	atomic_store(&left, 0);
	return atomic_load(&fired);
}
