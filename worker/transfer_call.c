/* SPDX-License-Identifier: MIT */
#include "worker/transfer_call.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* Callback: libcurl wants up to `size` bytes of what is sent. */
static size_t on_read(char *bytes, size_t one, size_t size, void *user)
{
	struct call *call = user;
	uint64_t left = call->upload.bytes - call->sent;
	size_t want = size * one < left ? size * one : (size_t)left;
	ssize_t got;
	if (want == 0)
		return 0;
	do {
		got = pread(
			call->upload.fd, bytes, want, (off_t)(call->upload.offset + call->sent));
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return CURL_READFUNC_ABORT; /* the file was cut: nothing else makes pread fail */
	call->sent += (uint64_t)got;
	return (size_t)got;
}

/* Callback: the request has to be sent again, on another connection. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct call *call = user;
	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->upload.bytes)
		return CURL_SEEKFUNC_FAIL;
	call->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static CURLcode aim_upload(struct call *call, CURL *easy)
{
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_off_t size = (curl_off_t)call->upload.bytes;
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_READDATA, call);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	return bad ? bad : curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
}

CURLcode call_aim(struct call *call, CURL *easy, const struct transfer_request *request)
{
	bool special = request->method != NULL;
	*call = (struct call) { .upload.fd = -1 };
	/* what was signed is what is sent, and to nobody else */
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, special ? 1L : 0L);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, special ? 0L : 1L);
	/* an object is its bytes, whatever somebody said of their encoding */
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, special ? NULL : "");
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L); /* takes UPLOAD back */
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (bad || !special || !request->upload)
		return bad;
	call->upload = *request->upload;
	return aim_upload(call, easy);
}

struct curl_slist *call_headers(struct curl_slist *list, const struct transfer_request *request)
{
	/* libcurl would ask first whether the body is welcome, and wait a second */
	static const char no_question[] = "Expect:";
	for (size_t i = 0; i <= request->headers_count; i++) {
		const char *line = i < request->headers_count ? request->headers[i] : no_question;
		struct curl_slist *longer = curl_slist_append(list, line);
		assert(longer); /* else out of memory */
		list = longer;
	}
	return list;
}
