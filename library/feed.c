/* SPDX-License-Identifier: MIT */
#include "sciame/feed.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "library/error.h"
#include "proto/feeds.pb-c.h"

enum { FEED_BYTES_MAX = 64 << 20 }; /* more than lanes write */

struct sciame_feed {
	Sciame__Feed *content;
};

/* All of it; the caller frees it. NULL and *err. */
static uint8_t *read_file(int fd, const char *path, size_t *size, enum sciame_status *status,
	struct sciame_error *err)
{
	struct stat file;
	*status = SCIAME_SYSTEM;
	if (fstat(fd, &file)) {
		*status = library_errno(err, "read %s", path);
		return NULL;
	}
	if (file.st_size > FEED_BYTES_MAX) {
		*status = library_error(
			err, SCIAME_LIMIT, "%s: a feed has at most %d bytes", path, FEED_BYTES_MAX);
		return NULL;
	}
	uint8_t *bytes = xmalloc((size_t)file.st_size + 1);
	ssize_t got = 1;
	for (*size = 0; *size < (size_t)file.st_size && got > 0; *size += (size_t)got) {
		got = read(fd, bytes + *size, (size_t)file.st_size - *size);
		if (got < 0) {
			*status = library_errno(err, "read %s", path);
			free(bytes);
			return NULL;
		}
	}
	return bytes;
}

enum sciame_status sciame_feed_read(
	struct sciame_feed **feed, const char *path, struct sciame_error *err)
{
	enum sciame_status status;
	size_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return library_errno(err, "open %s", path);
	uint8_t *bytes = read_file(fd, path, &size, &status, err);
	(void)close(fd); /* only read */
	if (!bytes)
		return status;
	Sciame__Feed *content = sciame__feed__unpack(NULL, size, bytes);
	free(bytes);
	if (!content)
		return library_error(
			err, SCIAME_PROTOCOL, "%s is not what a feed's job writes", path);
	*feed = xmalloc(sizeof(**feed));
	(*feed)->content = content;
	return SCIAME_OK;
}

const char *sciame_feed_title(const struct sciame_feed *feed)
{
	return feed->content->title;
}

const char *sciame_feed_link(const struct sciame_feed *feed)
{
	return feed->content->link;
}

size_t sciame_feed_count(const struct sciame_feed *feed)
{
	return feed->content->n_entries;
}

struct sciame_entry sciame_feed_entry(const struct sciame_feed *feed, size_t index)
{
	assert(index < feed->content->n_entries);
	const Sciame__FeedEntry *e = feed->content->entries[index];
	return (struct sciame_entry) {
		.id = e->id,
		.title = e->title,
		.link = e->link,
		.author = e->author,
		.summary = e->summary,
		.dated = e->dated,
		.published_s = e->published_s,
	};
}

void sciame_feed_close(struct sciame_feed *feed)
{
	if (!feed)
		return;
	sciame__feed__free_unpacked(feed->content, NULL);
	free(feed);
}
