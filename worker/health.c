/* SPDX-License-Identifier: MIT */
#include "worker/health.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"

int health_open(struct health *health, const char *path, int64_t now_ms, struct error *err)
{
	*health = (struct health) { .fd = -1, .touch_at_ms = -1 };
	if (!path)
		return 0;
	/* not through a link that somebody else has put into a shared folder */
	health->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	if (health->fd < 0)
		return error_errno(err, ERROR_START, "open %s", path);
	health->path = path;
	health->touch_at_ms = now_ms;
	return 0;
}

void health_close(struct health *health)
{
	if (!health->path)
		return;
	(void)unlink(health->path); /* what stays is too old within seconds */
	(void)close(health->fd);    /* nothing was written */
	*health = (struct health) { .fd = -1, .touch_at_ms = -1 };
}

void health_tick(struct health *health, int64_t now_ms)
{
	if (health->touch_at_ms < 0 || now_ms < health->touch_at_ms)
		return;
	health->touch_at_ms = now_ms + HEALTH_TOUCH_MS;
	if (futimens(health->fd, NULL) == 0)
		return;
	struct error err;
	(void)error_errno(&err, ERROR_IO, "touch %s", health->path);
	log_line("%s", err.message);
	health->touch_at_ms = -1;
}

int64_t health_deadline_ms(const struct health *health)
{
	return health->touch_at_ms;
}

int health_check(const char *path, int64_t wall_s, struct error *err)
{
	struct stat now;
	if (stat(path, &now))
		return error_errno(err, ERROR_IO, "look at %s", path);
	int64_t age_s = wall_s - now.st_mtim.tv_sec;
	/* after a jump of the clock a file may be of the future, which is no better for it */
	if (age_s > HEALTH_AGE_MAX_S || age_s < -HEALTH_AGE_MAX_S)
		return error_set(
			err, ERROR_IO, "%s was not touched for %lld s", path, (long long)age_s);
	return 0;
}
