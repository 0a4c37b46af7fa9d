/* SPDX-License-Identifier: MIT */
/*
 * The keys by which master and workers know each other (CURVE: Curve25519, as Z85 text, RFC 32 of
 * ZeroMQ), and their files. A folder of keys, as `sciame keygen` makes it:
 *
 *   master.key NAME.key   secret and public key of the master and of each worker; mode 0600
 *   master.pub            the master's public key: what workers need to know of it
 *   allowed               who is let in: a line "PUBLIC-KEY NAME" for each worker; '#' begins a
 *                         comment
 */
#ifndef SCIAME_COMMON_KEYS_H
#define SCIAME_COMMON_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

enum {
	KEYS_TEXT_SIZE = 41,     /* bytes of a key as Z85 with the NUL */
	KEYS_NAME_MAX = 64,      /* bytes of a worker's name with the NUL */
	KEYS_ALLOWED_MAX = 4096, /* lines of a list */
};

struct key_pair {
	char public_key[KEYS_TEXT_SIZE], secret_key[KEYS_TEXT_SIZE];
};

/*
 * Reads NAME.key. A file that others than its owner and group may read, or others than its owner
 * may write, is refused in words, as ssh does.
 */
int keys_read(struct key_pair *pair, const char *path, struct error *err);

/* Reads master.pub into `key`. A file that anybody may write is refused. */
int keys_read_public(char key[KEYS_TEXT_SIZE], const char *path, struct error *err);

/* Wipes a secret key from memory. */
void keys_clear(struct key_pair *pair);

/* A worker's name: [A-Za-z0-9._-], not beginning with '.' or '-', not "master". */
int keys_check_name(const char *name, struct error *err);

/*
 * Makes what is missing in the folder (created 0700 where it is missing): the master's keys, and
 * those of each name, which is then allowed. Never changes a key that is there: *made says how many
 * pairs are new, also when it fails in the middle. Each file is whole or absent, and calling again
 * goes on where it failed. What does not fit together (master.pub without master.key, a listed name
 * without its key) is an error in words.
 */
int keys_make(
	const char *folder, char *const *names, size_t count, size_t *made, struct error *err);

/*
 * Who is let in. NULL and *err, which names file and line, for a list that is not as above or has a
 * name or a key twice; a file that anybody may write is refused.
 */
struct allowed_keys;
struct allowed_keys *allowed_keys_read(const char *path, struct error *err);
void allowed_keys_free(struct allowed_keys *allowed);
/* The name of the key, borrowed, or NULL. */
const char *allowed_keys_find(const struct allowed_keys *allowed, const char *key);
/* Whether any key has this name. */
bool allowed_keys_have(const struct allowed_keys *allowed, const char *name);

#endif
