/* SPDX-License-Identifier: MIT */
/*
 * Many HTTP transfers at once, in the worker's own loop: libcurl's multi interface behind one
 * descriptor. Never reads what it fetches, never opens a file by name.
 *
 *     transfers_add(t, request)   ... poll transfers_fd until transfers_deadline_ms ...
 *     transfers_step(t, now_ms);  while ((done = transfers_take(t))) { ... transfer_free(done) }
 *
 * Only http and https, in the request and after each redirect. The address that is really
 * connected to is checked after name resolution (worker/address.h), so no name can point inside;
 * a proxy is the user's explicit trust and is not checked. TLS certificates are verified.
 */
#ifndef SCIAME_WORKER_TRANSFER_H
#define SCIAME_WORKER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum {
	TRANSFER_URL_MAX = 4096,   /* bytes of a URL with the NUL */
	TRANSFER_FIELD_MAX = 1024, /* bytes of a kept header field with the NUL; longer: dropped */
	TRANSFER_REGION_MAX = 64,  /* bytes of a region's name with the NUL */
	TRANSFER_HEADERS_MAX = 65536, /* bytes of all headers of one transfer, redirects included */
	TRANSFER_REDIRECTS_MAX = 5,
	TRANSFER_BODIES_MAX = 64 << 20, /* bytes of all bodies, see transfers_body_bytes */
};

/* What is sent: bytes of a file, read as they are needed. */
struct transfer_upload {
	int fd; /* borrowed until the transfer has ended */
	uint64_t offset, bytes;
};

struct transfer_request {
	const char *url;
	const char *etag, *last_modified; /* of the copy at hand; NULL or empty: none */
	const char *accept;               /* media types; NULL: what a feed reader can use */
	const char *proxy;       /* URL; NULL or empty: none, whatever the environment says */
	uint32_t timeout_ms;     /* for everything: redirects, the retry, its pause */
	uint32_t stall_s;        /* so long without a byte in either direction; 0: no limit */
	uint64_t body_bytes_max; /* decoded */
	bool allow_private;
	/*
	 * A request of an interface such as S3's: the URL is sent as it is, no redirect is
	 * followed, and the headers are these ("Name: value") besides libcurl's own.
	 */
	const char *method; /* NULL: an ordinary GET, and the rest of this is not used */
	char *const *headers;
	size_t headers_count;
	const struct transfer_upload *upload; /* NULL: no body */
	const int *into; /* the file that takes the body, borrowed until the end; NULL: a memfd */
};

struct transfer_response {
	uint32_t http_status;   /* of the last response; 0: none came */
	uint32_t retry_after_s; /* 0: not said. Both forms of RFC 9110, 10.2.3; at most a week */
	char url[TRANSFER_URL_MAX];
	char moved_to
		[TRANSFER_URL_MAX]; /* where permanent redirects (301, 308) alone lead, or "" */
	char content_type[TRANSFER_FIELD_MAX];
	char region[TRANSFER_REGION_MAX]; /* of S3: where a bucket is; "": not said */
	char etag[TRANSFER_FIELD_MAX], last_modified[TRANSFER_FIELD_MAX]; /* as sent, or "" */
	uint64_t body_bytes;                                              /* decoded */
	/* memfd, read from offset 0; -1 when there is none. Owned by the transfer but for `into` */
	int body;
};

/* One transfer that has ended. */
struct transfer {
	void *owner;        /* the caller's */
	int status;         /* 0: a response with any HTTP status; -1: see error */
	struct error error; /* names what went wrong, not the URL: "timed out after 20 s" */
	struct transfer_response response; /* as far as it came */
	uint32_t duration_us;
};

/*
 * The host of a URL and its port as one key, however they are spelled: "127.1" and "0x7f.0.0.1:80"
 * are "127.0.0.1:80". Cut to size bytes with the NUL. A URL that is none is its own key.
 */
void transfer_host(const char *url, char *host, size_t size);

struct transfers;

/* NULL and *err when libcurl can't start. user_agent is copied. */
struct transfers *transfers_open(const char *user_agent, struct error *err);
/* Ends what still runs. */
void transfers_close(struct transfers *t);

/* Starts one; request is copied. -1 and *err when it can't be started (a URL of another scheme). */
int transfers_add(struct transfers *t, const struct transfer_request *request, void *owner,
	struct error *err);

/* In work, not yet taken. */
size_t transfers_count(const struct transfers *t);
/* All that are not freed: in work, ended, taken. Each has a socket or a body, or both. */
size_t transfers_alive(const struct transfers *t);
/*
 * Bytes of bodies in memory, of all that are not freed. Beyond TRANSFER_BODIES_MAX only one
 * transfer goes on, until its body is freed; the others wait, and their time runs.
 */
uint64_t transfers_body_bytes(const struct transfers *t);

/* Readable when transfers_step has something to do; and when it has so by the clock, or -1. */
int transfers_fd(const struct transfers *t);
int64_t transfers_deadline_ms(const struct transfers *t);
int transfers_step(struct transfers *t, int64_t now_ms, struct error *err);

/* The next one that has ended, or NULL. The caller frees it with transfer_free. */
struct transfer *transfers_take(struct transfers *t);
void transfer_free(struct transfer *transfer);

/* Ends the one of this owner and frees it, if it was not taken yet. */
void transfers_drop(struct transfers *t, const void *owner);

/* Ends all that run as ERROR_CANCELED; they are then there to be taken. */
void transfers_cancel(struct transfers *t);

#endif
