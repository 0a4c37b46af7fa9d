/* SPDX-License-Identifier: MIT */
/*
 * One transfer as libcurl sees it: a handle with its options and callbacks, and what they keep of
 * the response. Knows nothing of the others; transfer.c says when it runs.
 *
 *     flight_new; curl_multi_add_handle(... flight->easy ...), the callbacks run;
 *     curl_multi_remove_handle; then flight_restart, or flight_land and at last flight_free
 */
#ifndef SCIAME_WORKER_TRANSFER_FLIGHT_H
#define SCIAME_WORKER_TRANSFER_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/error.h"
#include "worker/transfer.h"
#include "worker/transfer_call.h"

struct flight_list {
	struct flight *first, *last;
};

/* What all flights of one struct transfers share: the memory that their bodies take. */
struct flight_bodies {
	uint64_t bytes, bytes_max; /* kept now; beyond the latter flights are held up */
	size_t count;              /* flights that are not freed */
	size_t held;               /* of them, so many were held up and not let go on since */
	struct flight *beyond;     /* the one that may go beyond, until its body is freed */
};

struct flight {
	struct transfer transfer; /* first: a pointer to it is a pointer to the flight */

	/* transfer.c's */
	struct flight_list *list; /* NULL: in none */
	struct flight *before, *behind;
	int64_t start_us, deadline_ms;
	int64_t wake_ms; /* deadline, or end of the pause */
	uint32_t timeout_ms;
	bool pausing, retried;

	/* transfer_flight.c's */
	CURL *easy;                 /* NULL when it has landed */
	struct curl_slist *headers; /* of the request */
	struct call call;
	int into;                     /* the file that takes the body, or -1: a memfd of its own */
	struct flight_bodies *bodies; /* or NULL: they are gone */
	bool held;                    /* libcurl was told to pause */
	uint64_t body_bytes_max;
	bool any_address; /* may be connected to: because of a proxy or allow_private */
	bool permanent;   /* all redirects so far */
	long redirects;
	size_t header_bytes;
	struct error failure; /* seen by a callback: says more than libcurl's code for it */
	char words[CURL_ERROR_SIZE];
};

/* A handle with what all transfers have in common, for curl_easy_cleanup. NULL when libcurl
 * lacks an option. */
CURL *easy_new(const char *user_agent);

/*
 * Aims easy at what is requested. Owns easy until it lands; *bodies must live as long as the
 * flight, or flight->bodies be set to NULL. NULL and *err for a URL that is not fetched.
 */
struct flight *flight_new(const struct transfer_request *request, CURL *easy,
	struct flight_bodies *bodies, struct error *err);

/* Lets one that was held up go on, if there is room. */
void flight_go_on(struct flight *flight);

/* Forgets what came, for another attempt on a connection of its own. */
void flight_restart(struct flight *flight);

/* Fills transfer.error for libcurl's code; is_dropped: whether the connection broke. */
void flight_explain(struct flight *flight, CURLcode code);
bool flight_is_dropped(const struct flight *flight, CURLcode code);

/* Fills the response as far as it came; without a body if transfer.error is set. Gives back the
 * handle, which can be used for another flight. */
CURL *flight_land(struct flight *flight);

/* One that has landed, in no list. */
void flight_free(struct flight *flight);

#endif
