/* SPDX-License-Identifier: MIT */
#include "lister/request.h"

#include <assert.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/random.h"
#include "common/s3_answer.h"
#include "lister/page.h"

enum { HTTP_OK = 200, BODY_AT_ONCE = 1 << 16 };

struct requests {
	const struct s3_endpoint *endpoint;
	const struct aws_settings *settings;
	CURL *easy;
	char *body;
	size_t size, room;
	bool too_large;
	char words[CURL_ERROR_SIZE];
};

static const struct {
	CURLoption option;
	long value;
} number_options[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_CONNECTTIMEOUT_MS, REQUEST_CONNECT_MS },
	{ CURLOPT_FOLLOWLOCATION, 0 }, /* a signature is for one host */
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_PATH_AS_IS, 1 }, /* what was signed is what is sent */
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
};

static const struct {
	CURLoption option;
	const char *value;
} text_options[] = {
	{ CURLOPT_PROTOCOLS_STR, "http,https" },
	{ CURLOPT_PROXY, "" }, /* whatever the environment says */
	{ CURLOPT_USERAGENT, "sciame/" SCIAME_VERSION },
};

/* Callback: a piece of the body. */
static size_t on_body(char *bytes, size_t one, size_t size, void *user)
{
	struct requests *r = user;
	(void)one;
	r->too_large = size > PAGE_BYTES_MAX - r->size;
	if (r->too_large)
		return CURL_WRITEFUNC_ERROR;
	if (size > r->room - r->size) {
		r->room = 2 * r->room + size + BODY_AT_ONCE;
		r->body = xreallocarray(r->body, r->room, 1);
	}
	memcpy(r->body + r->size, bytes, size);
	r->size += size;
	return size;
}

static CURLcode set_options(struct requests *r, int64_t timeout_ms)
{
	CURLcode bad = CURLE_OK;
	for (size_t i = 0; !bad && i < sizeof(number_options) / sizeof(*number_options); i++)
		bad = curl_easy_setopt(r->easy, number_options[i].option, number_options[i].value);
	for (size_t i = 0; !bad && i < sizeof(text_options) / sizeof(*text_options); i++)
		bad = curl_easy_setopt(r->easy, text_options[i].option, text_options[i].value);
	bad = bad ? bad : curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	bad = bad ? bad : curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->words);
	bad = bad ? bad : curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, on_body);
	return bad ? bad : curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
}

struct requests *requests_open(const struct s3_endpoint *endpoint,
	const struct aws_settings *settings, int64_t timeout_ms, struct error *err)
{
	struct requests *r = xcalloc(1, sizeof(*r));
	r->endpoint = endpoint;
	r->settings = settings;
	bool good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	r->easy = good ? curl_easy_init() : NULL;
	if (r->easy && set_options(r, timeout_ms) == CURLE_OK)
		return r;
	requests_close(r);
	(void)error_set(err, ERROR_START, "libcurl can't start");
	return NULL;
}

void requests_close(struct requests *r)
{
	if (!r)
		return;
	curl_easy_cleanup(r->easy);
	curl_global_cleanup();
	free(r->body);
	free(r);
}

/* What libcurl says, which may hold words from outside: *err cleans them. */
static int explain(struct requests *r, CURLcode code, struct error *err)
{
	const char *words = *r->words ? r->words : curl_easy_strerror(code);
	if (r->too_large)
		return error_set(
			err, ERROR_LIMIT, "an answer of more than %d MiB", PAGE_BYTES_MAX >> 20);
	bool lasting = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_URL_MALFORMAT ||
		       code == CURLE_UNSUPPORTED_PROTOCOL;
	(void)error_set(err, lasting ? ERROR_IO : ERROR_NETWORK, "%s: %s", r->endpoint->host,
		words); /* always -1 */
	for (char *byte = err->message; *byte; byte++) {
		if ((unsigned char)*byte < ' ' || *byte == '\x7f')
			*byte = '?';
	}
	return -1;
}

static int judge(struct requests *r, const struct s3_location *location, struct error *err)
{
	struct curl_header *region;
	long status = 0;
	CURLcode bad = curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	assert(!bad); /* fails for an unknown info only */
	if (status == HTTP_OK)
		return 0;
	bool said = !curl_easy_header(r->easy, "x-amz-bucket-region", 0, CURLH_HEADER, -1, &region);
	const struct s3_answer answer = { (uint32_t)status, said ? region->value : "", r->body,
		r->size };
	return s3_answer_explain(&answer, location, err);
}

/* One try. ERROR_NETWORK: another one may do better. */
static int get(struct requests *r, const struct s3_demand *demand, struct error *err)
{
	struct s3_request request;
	struct curl_slist *headers = NULL;
	s3_request_init(&request, demand, r->endpoint, r->settings, clock_wall_s());
	for (size_t i = 0; i < request.headers_count; i++) {
		struct curl_slist *longer = curl_slist_append(headers, request.headers[i]);
		assert(longer); /* else out of memory */
		headers = longer;
	}
	r->size = 0;
	r->too_large = false;
	*r->words = '\0';
	CURLcode bad = curl_easy_setopt(r->easy, CURLOPT_URL, request.url);
	bad = bad ? bad : curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, headers);
	assert(!bad); /* else out of memory */
	bad = curl_easy_perform(r->easy);
	int status = bad ? explain(r, bad, err) : judge(r, demand->location, err);
	CURLcode forgotten = curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, NULL);
	assert(!forgotten); /* nothing to allocate */
	curl_slist_free_all(headers);
	s3_request_release(&request);
	return status;
}

/* Many listers may have been turned away at once: chance spreads them. */
static void pause_before(int retry)
{
	uint32_t chance, most = (uint32_t)REQUEST_PAUSE_MS << retry;
	random_bytes(&chance, sizeof(chance));
	(void)poll(
		NULL, 0, (int)(most / 2 + chance % (most / 2))); /* cut short by a signal: fine */
}

int requests_get(struct requests *r, const struct s3_demand *demand, const char **body,
	size_t *size, struct error *err)
{
	int status = get(r, demand, err);
	for (int retry = 0; status && err->code == ERROR_NETWORK && retry < REQUEST_RETRIES;
		retry++) {
		pause_before(retry);
		status = get(r, demand, err);
	}
	*body = r->body;
	*size = r->size;
	return status;
}
