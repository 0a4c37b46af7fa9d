/* SPDX-License-Identifier: MIT */
#include "common/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "common/folder.h"
#include "common/memory.h"
#include "common/random.h"
#include "common/temporary.h"

#define MASTER "master"
#define LIST "allowed"

enum {
	FILE_MAX = 1 << 20,  /* bytes of a file of keys or of a list */
	PAIR_TEXT_MAX = 320, /* bytes of NAME.key with the NUL: a line with a name, two with keys */
	KEY_LENGTH = KEYS_TEXT_SIZE - 1,
	KEY_BYTES = 32,
	/* of a secret; Kubernetes gives one to a process by its group, which so may read it */
	SECRET_FORBIDDEN = 0037,
	PUBLIC_FORBIDDEN = 0002, /* of a list: whoever may write it lets himself in */
};

struct allowed_key {
	char key[KEYS_TEXT_SIZE];
	char name[KEYS_NAME_MAX];
};

struct allowed_keys {
	size_t count;
	struct allowed_key keys[KEYS_ALLOWED_MAX];
};

void keys_clear(struct key_pair *pair)
{
	explicit_bzero(pair, sizeof(*pair));
}

static int check_mode(const char *path, const struct stat *status, bool secret, struct error *err)
{
	unsigned mode = status->st_mode & 07777;
	if (!S_ISREG(status->st_mode) || status->st_size > FILE_MAX)
		return error_set(err, ERROR_USAGE, "key %s: not a file of keys", path);
	if (!secret && mode & PUBLIC_FORBIDDEN)
		return error_set(err, ERROR_USAGE,
			"key %s may be changed by anybody (mode %04o): chmod 644 it", path, mode);
	if (!secret)
		return 0;
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return error_set(err, ERROR_USAGE, "key %s belongs to somebody else", path);
	if (mode & SECRET_FORBIDDEN)
		return error_set(err, ERROR_USAGE,
			"key %s may be read or changed by others (mode %04o): chmod 600 it", path,
			mode);
	return 0;
}

static int read_all(int fd, char *text, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = read(fd, text + done, size - done);
		if (got == 0 || (got < 0 && errno != EINTR))
			return (int)got;
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static void wipe(char *text, size_t size)
{
	explicit_bzero(text, size);
	free(text);
}

/* The whole of a small file as text; the caller frees it, and wipes it before if it is secret. */
static char *read_file(const char *path, bool secret, struct error *err)
{
	struct stat status;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		(void)error_errno(err, ERROR_USAGE, "key %s", path);
		return NULL;
	}
	if (fstat(fd, &status)) {
		(void)error_errno(err, ERROR_IO, "key %s", path);
	} else if (check_mode(path, &status, secret, err) == 0) {
		size_t size = (size_t)status.st_size;
		text = xcalloc(1, size + 1);
		bool failed = read_all(fd, text, size) != 0;
		if (failed)
			(void)error_errno(err, ERROR_IO, "read key %s", path);
		else if (strlen(text) != size) /* a NUL, or it has just become shorter */
			(void)error_set(err, ERROR_USAGE, "key %s: not a file of keys", path);
		if (failed || strlen(text) != size) {
			wipe(text, size);
			text = NULL;
		}
	}
	(void)close(fd); /* only read */
	return text;
}

static bool is_key(const char *text)
{
	uint8_t bytes[KEY_BYTES];
	bool good = strlen(text) == KEY_LENGTH && zmq_z85_decode(bytes, text) != NULL;
	explicit_bzero(bytes, sizeof(bytes));
	return good;
}

/* The key on the first line "LABEL KEY"; what else stands in the file does not matter. */
static int find_key(const char *text, const char *label, char key[KEYS_TEXT_SIZE])
{
	size_t length = strlen(label);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, label, length) != 0)
			continue;
		if (strcspn(line + length, " \t\r\n") != KEY_LENGTH)
			return -1;
		memcpy(key, line + length, KEY_LENGTH);
		key[KEY_LENGTH] = '\0';
		return is_key(key) ? 0 : -1;
	}
	return -1;
}

int keys_read(struct key_pair *pair, const char *path, struct error *err)
{
	char expected[KEYS_TEXT_SIZE];
	char *text = read_file(path, true, err);
	int status = -1;
	if (!text)
		return -1;
	if (find_key(text, "public ", pair->public_key) ||
		find_key(text, "secret ", pair->secret_key))
		(void)error_set(err, ERROR_USAGE, "key %s: holds no key of sciame keygen", path);
	else if (zmq_curve_public(expected, pair->secret_key) ||
		 strcmp(expected, pair->public_key) != 0)
		(void)error_set(
			err, ERROR_USAGE, "key %s: its two halves don't belong together", path);
	else
		status = 0;
	if (status)
		keys_clear(pair);
	wipe(text, strlen(text));
	return status;
}

int keys_read_public(char key[KEYS_TEXT_SIZE], const char *path, struct error *err)
{
	char *text = read_file(path, false, err);
	if (!text)
		return -1;
	int status = find_key(text, "public ", key);
	if (status)
		(void)error_set(err, ERROR_USAGE, "key %s: holds no public key", path);
	free(text);
	return status;
}

static bool name_is_plain(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && length < KEYS_NAME_MAX && name[0] != '.' && name[0] != '-' &&
	       strcmp(name, MASTER) != 0 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789._-") == length;
}

int keys_check_name(const char *name, struct error *err)
{
	if (name_is_plain(name))
		return 0;
	return error_set(err, ERROR_USAGE,
		"'%s' can't be a worker's name: up to %d letters, digits and ._- make one, the "
		"first neither . nor -, and '" MASTER "' is taken",
		name, KEYS_NAME_MAX - 1);
}

static const struct allowed_key *find_allowed(const struct allowed_keys *allowed, const char *key)
{
	for (size_t i = 0; i < allowed->count; i++) {
		if (strcmp(allowed->keys[i].key, key) == 0)
			return &allowed->keys[i];
	}
	return NULL;
}

/* One line of a list: "KEY NAME", a comment, or nothing. No key begins with '#': the first of
 * each five characters is at most '%' (255 * 2^24 in base 85). */
static int add_line(struct allowed_keys *allowed, char *line, struct error *err)
{
	char *rest = NULL;
	const char *key = strtok_r(line, " \t\r", &rest);
	const char *name = key ? strtok_r(NULL, " \t\r", &rest) : NULL;
	if (!key || key[0] == '#')
		return 0;
	if (!name || strtok_r(NULL, " \t\r", &rest))
		return error_set(err, ERROR_USAGE, "a line is PUBLIC-KEY NAME");
	if (!is_key(key))
		return error_set(err, ERROR_USAGE, "not a public key");
	if (keys_check_name(name, err))
		return -1;
	if (find_allowed(allowed, key) || allowed_keys_have(allowed, name))
		return error_set(err, ERROR_USAGE, "'%s' or its key stands there twice", name);
	if (allowed->count == KEYS_ALLOWED_MAX)
		return error_set(err, ERROR_LIMIT, "more than %d keys", KEYS_ALLOWED_MAX);
	struct allowed_key *entry = &allowed->keys[allowed->count++];
	memcpy(entry->key, key, KEYS_TEXT_SIZE);
	memcpy(entry->name, name, strlen(name) + 1);
	return 0;
}

struct allowed_keys *allowed_keys_read(const char *path, struct error *err)
{
	char where[ERROR_MESSAGE_MAX];
	char *text = read_file(path, false, err);
	if (!text)
		return NULL;
	struct allowed_keys *allowed = xcalloc(1, sizeof(*allowed));
	char *rest = text;
	for (unsigned number = 1; rest; number++) {
		char *line = strsep(&rest, "\n");
		if (add_line(allowed, line, err) == 0)
			continue;
		(void)snprintf(where, sizeof(where), "%s, line %u", path, number);
		(void)error_wrap(err, where);
		allowed_keys_free(allowed);
		allowed = NULL;
		break;
	}
	free(text);
	return allowed;
}

void allowed_keys_free(struct allowed_keys *allowed)
{
	free(allowed);
}

const char *allowed_keys_find(const struct allowed_keys *allowed, const char *key)
{
	const struct allowed_key *found = find_allowed(allowed, key);
	return found ? found->name : NULL;
}

bool allowed_keys_have(const struct allowed_keys *allowed, const char *name)
{
	for (size_t i = 0; i < allowed->count; i++) {
		if (strcmp(allowed->keys[i].name, name) == 0)
			return true;
	}
	return false;
}

/* The folder that keys_make works in. */
struct place {
	const char *folder;
	int fd;
	uint64_t tag; /* of its temporary files */
};

enum how { WRITE_SECRET, WRITE_PUBLIC, WRITE_OVER }; /* only the last replaces what is there */

static int write_all(int fd, const char *text)
{
	size_t size = strlen(text);
	while (size > 0) {
		ssize_t done = write(fd, text, size);
		if (done < 0 && errno != EINTR)
			return -1;
		text += done > 0 ? done : 0;
		size -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* Gives the file its name, and makes the name last. */
static int publish(const struct place *place, const char *aside, const char *name, enum how how)
{
	int status = how == WRITE_OVER ? renameat(place->fd, aside, place->fd, name)
				       : linkat(place->fd, aside, place->fd, name, 0);
	if (status || fsync(place->fd) == 0)
		return status;
	return errno == EINVAL ? 0 : -1; /* some file systems can't sync folders */
}

/* The file is there whole or not at all, and what the umask takes away does not matter. */
static int write_file(const struct place *place, const char *name, const char *text, enum how how,
	struct error *err)
{
	char aside[TEMPORARY_NAME_MAX];
	int status = -1;
	temporary_name(aside, &(struct temporary_of) { .tag = place->tag });
	int fd = openat(
		place->fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, ERROR_IO, "write %s/%s", place->folder, name);
	(void)flock(fd, LOCK_EX | LOCK_NB); /* where there are no locks nothing is swept either */
	if (write_all(fd, text) || fchmod(fd, how == WRITE_SECRET ? 0600 : 0644) || fsync(fd) ||
		publish(place, aside, name, how))
		(void)error_errno(err, ERROR_IO, "write %s/%s", place->folder, name);
	else
		status = 0;
	if (status || how != WRITE_OVER)
		(void)unlinkat(place->fd, aside, 0); /* what stays is swept the next time */
	(void)close(fd);                             /* synced */
	return status;
}

/* Also for what can't be looked at: reading it tells why. */
static bool is_there(const struct place *place, const char *name)
{
	struct stat status;
	return fstatat(place->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static int write_pair(
	const struct place *place, const char *name, const struct key_pair *pair, struct error *err)
{
	char text[PAIR_TEXT_MAX]; /* not on the heap, where growing would leave copies */
	char *file = xasprintf("%s.key", name);
	(void)snprintf(text, sizeof(text),
		"# The key of '%s': keep it secret.\npublic %s\nsecret %s\n", name,
		pair->public_key, pair->secret_key); /* fits */
	int status = write_file(place, file, text, WRITE_SECRET, err);
	explicit_bzero(text, sizeof(text));
	free(file);
	return status;
}

/* NAME.key, made where it is missing; *pair is what it holds. */
static int make_pair(const struct place *place, const char *name, struct key_pair *pair,
	size_t *made, struct error *err)
{
	char *path = xasprintf("%s/%s.key", place->folder, name);
	int status = 0;
	if (is_there(place, path + strlen(place->folder) + 1)) {
		status = keys_read(pair, path, err);
	} else if (zmq_curve_keypair(pair->public_key, pair->secret_key)) {
		status = error_set(err, ERROR_START, "make a key: %s", zmq_strerror(zmq_errno()));
	} else {
		status = write_pair(place, name, pair, err);
		*made += status == 0;
	}
	free(path);
	return status;
}

static int check_public(const struct place *place, const struct key_pair *pair, struct error *err)
{
	char known[KEYS_TEXT_SIZE];
	char *path = xasprintf("%s/" MASTER ".pub", place->folder);
	int status = keys_read_public(known, path, err);
	if (status == 0 && strcmp(known, pair->public_key) != 0)
		status = error_set(err, ERROR_USAGE, "%s does not belong to " MASTER ".key", path);
	free(path);
	return status;
}

static int make_master(const struct place *place, size_t *made, struct error *err)
{
	struct key_pair pair;
	char text[PAIR_TEXT_MAX];
	bool known = is_there(place, MASTER ".pub");
	/* a worker's folder has its master's public key only; a new pair would be no use there */
	if (known && !is_there(place, MASTER ".key"))
		return error_set(err, ERROR_USAGE,
			"%s holds " MASTER ".pub, but no " MASTER ".key: it is not the master's",
			place->folder);
	int status = make_pair(place, MASTER, &pair, made, err);
	if (status == 0 && known) {
		status = check_public(place, &pair, err);
	} else if (status == 0) {
		(void)snprintf(text, sizeof(text),
			"# What workers know their master by.\npublic %s\n",
			pair.public_key); /* fits */
		status = write_file(place, MASTER ".pub", text, WRITE_PUBLIC, err);
	}
	keys_clear(&pair);
	return status;
}

static int add_to_list(
	const struct place *place, const char *path, const char *line, struct error *err)
{
	char *old = read_file(path, false, err);
	if (!old)
		return -1;
	size_t length = strlen(old);
	const char *end = length == 0 || old[length - 1] == '\n' ? "" : "\n";
	char *text = xasprintf("%s%s%s", old, end, line);
	int status = strlen(text) > FILE_MAX ? error_set(err, ERROR_LIMIT,
						       "%s: longer than %d bytes", path, FILE_MAX)
					     : write_file(place, LIST, text, WRITE_OVER, err);
	free(text);
	free(old);
	return status;
}

/* The list with one more line, if the name is not on it. */
static int allow(const struct place *place, const struct allowed_keys *allowed, const char *name,
	const char *key, struct error *err)
{
	const char *known = allowed_keys_find(allowed, key);
	if (known && strcmp(known, name) == 0)
		return 0;
	if (known)
		return error_set(err, ERROR_USAGE, "%s/" LIST ": the key of '%s' is listed as '%s'",
			place->folder, name, known);
	if (allowed_keys_have(allowed, name))
		return error_set(err, ERROR_USAGE, "%s/" LIST ": '%s' is listed with another key",
			place->folder, name);
	char *path = xasprintf("%s/" LIST, place->folder);
	char *line = xasprintf("%s %s\n", key, name);
	int status = add_to_list(place, path, line, err);
	free(line);
	free(path);
	return status;
}

/* What can be known to go wrong is known before a key is made. */
static int check_new(const struct place *place, const struct allowed_keys *allowed,
	const char *name, struct error *err)
{
	char *file = xasprintf("%s.key", name);
	bool old = is_there(place, file);
	free(file);
	if (!old && allowed_keys_have(allowed, name))
		return error_set(err, ERROR_USAGE,
			"%s/" LIST
			" names '%s', but its key is not here: strike it out there for a "
			"new one",
			place->folder, name);
	if (!allowed_keys_have(allowed, name) && allowed->count == KEYS_ALLOWED_MAX)
		return error_set(err, ERROR_LIMIT, "%s/" LIST ": no room for more than %d keys",
			place->folder, KEYS_ALLOWED_MAX);
	return 0;
}

static int make_worker(const struct place *place, const char *name, size_t *made, struct error *err)
{
	struct key_pair pair;
	char *path = xasprintf("%s/" LIST, place->folder);
	struct allowed_keys *allowed = allowed_keys_read(path, err);
	int status = allowed ? check_new(place, allowed, name, err) : -1;
	if (status == 0)
		status = make_pair(place, name, &pair, made, err);
	if (status == 0)
		status = allow(place, allowed, name, pair.public_key, err);
	keys_clear(&pair);
	allowed_keys_free(allowed);
	free(path);
	return status;
}

static int make_all(const struct place *place, char *const *names, size_t count, size_t *made,
	struct error *err)
{
	if (make_master(place, made, err))
		return -1;
	if (!is_there(place, LIST) &&
		write_file(place, LIST,
			"# Who is let in: PUBLIC-KEY NAME. Strike out whom you don't want.\n",
			WRITE_PUBLIC, err))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (make_worker(place, names[i], made, err))
			return -1;
	}
	return 0;
}

int keys_make(const char *folder, char *const *names, size_t count, size_t *made, struct error *err)
{
	struct place place = { .folder = folder };
	int status;
	*made = 0;
	for (size_t i = 0; i < count; i++) {
		if (keys_check_name(names[i], err))
			return -1;
	}
	if (folder_make(folder, 0700, err))
		return -1;
	random_bytes(&place.tag, sizeof(place.tag));
	place.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place.fd < 0)
		return error_errno(err, ERROR_IO, "folder %s", folder);
	/* NFS has no locks on folders: two at once may then lose a line of the list, which the next
	 * call with that name adds */
	if (flock(place.fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		status = error_set(err, ERROR_IO, "folder %s: another keygen works in it", folder);
	} else {
		temporary_sweep(place.fd);
		status = make_all(&place, names, count, made, err);
	}
	(void)close(place.fd); /* only read */
	return status;
}
