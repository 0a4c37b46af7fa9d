/* SPDX-License-Identifier: MIT */
#include "common/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/memory.h"

int folder_make(const char *path, mode_t mode, struct error *err)
{
	char *copy = xstrdup(path);
	int status = 0;
	for (char *slash = strchr(copy + 1, '/'); slash && status == 0;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* what is really wrong shows when the last one is made */
		if (mkdir(copy, mode) && errno != EEXIST && errno != EACCES && errno != EROFS)
			status = error_errno(err, ERROR_IO, "create folder %s", copy);
		*slash = '/';
	}
	free(copy);
	if (status == 0 && mkdir(path, mode) && errno != EEXIST)
		status = error_errno(err, ERROR_IO, "create folder %s", path);
	return status;
}
