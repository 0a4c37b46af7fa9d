/* SPDX-License-Identifier: MIT */
/* What makes a transfer a call of an interface such as S3's: method, headers and a body to send. */
#ifndef SCIAME_WORKER_TRANSFER_CALL_H
#define SCIAME_WORKER_TRANSFER_CALL_H

#include <stdint.h>

#include <curl/curl.h>

#include "worker/transfer.h"

struct call {
	struct transfer_upload upload;
	uint64_t sent;
};

/*
 * Sets what such a request has, or takes back what an earlier use of the handle had. *call must
 * live as long as the transfer.
 */
CURLcode call_aim(struct call *call, CURL *easy, const struct transfer_request *request);

/* Adds the request's own headers to the list, which is owned by the caller, and may be NULL. */
struct curl_slist *call_headers(struct curl_slist *list, const struct transfer_request *request);

#endif
