/* SPDX-License-Identifier: MIT */
/* No code here is one that lets a job be tried again (common/error.c): the retry is done. */
#include "worker/transfer_ending.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "worker/transfer.h"

/* What users are told when nothing but libcurl's code is known. */
static const struct {
	CURLcode code;
	enum error_code error;
	const char *words;
} reasons[] = {
	{ CURLE_COULDNT_RESOLVE_PROXY, ERROR_NETWORK, "no such host as the proxy's" },
	{ CURLE_PROXY, ERROR_NETWORK, "the proxy refused" },
	{ CURLE_URL_MALFORMAT, ERROR_INPUT, "broken URL" },
	{ CURLE_LOGIN_DENIED, ERROR_INPUT, "redirected to a URL with a user name" },
	{ CURLE_GOT_NOTHING, ERROR_NETWORK, "connection closed without an answer" },
	{ CURLE_SEND_ERROR, ERROR_NETWORK, "connection dropped" },
	{ CURLE_RECV_ERROR, ERROR_NETWORK, "connection dropped" },
	{ CURLE_HTTP2, ERROR_NETWORK, "connection dropped" },
	{ CURLE_HTTP2_STREAM, ERROR_NETWORK, "connection dropped" },
	{ CURLE_PARTIAL_FILE, ERROR_NETWORK, "connection closed before the end" },
	{ CURLE_BAD_CONTENT_ENCODING, ERROR_INPUT, "broken or unknown compression" },
	{ CURLE_WEIRD_SERVER_REPLY, ERROR_INPUT, "the answer is not HTTP" },
};

int error_too_large(struct error *err, const char *subject, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB" };
	size_t unit = 0;
	for (; unit < 3 && bytes > 0 && bytes % 1024 == 0; unit++)
		bytes /= 1024;
	return error_set(err, ERROR_LIMIT, "%slarger than %llu %s", subject,
		(unsigned long long)bytes, units[unit]);
}

/* libcurl's words hold some from outside, such as names in certificates. */
static int use_words(const struct ending *ending, struct error *err, const char *subject)
{
	static const char *const beginnings[] = { "SSL certificate problem: ", "SSL: " };
	const char *words = *ending->words ? ending->words : curl_easy_strerror(ending->code);
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++) {
		size_t length = strlen(beginnings[i]);
		if (strncmp(words, beginnings[i], length) == 0)
			words += length;
	}
	(void)error_set(err, ERROR_NETWORK, "%s%s", subject, words);
	for (char *byte = err->message; *byte; byte++) {
		if (iscntrl((unsigned char)*byte))
			*byte = '?';
	}
	return -1;
}

static int explain_host(const struct ending *ending, struct error *err)
{
	char *host = NULL;
	CURLU *url = curl_url();
	if (url && curl_url_set(url, CURLUPART_URL, ending->url, 0) == CURLUE_OK)
		(void)curl_url_get(url, CURLUPART_HOST, &host, 0); /* host stays NULL */
	(void)error_set(err, ERROR_NETWORK, "no such host %s", host ? host : "");
	curl_free(host);
	curl_url_cleanup(url);
	return -1;
}

static int explain_connect(const struct ending *ending, struct error *err)
{
	const char *why = ending->number ? strerrordesc_np(ending->number) : NULL;
	(void)error_set(err, ERROR_NETWORK, "%s", why ? why : "can't connect");
	err->number = ending->number;
	err->message[0] = (char)tolower((unsigned char)err->message[0]);
	return -1;
}

static int explain_protocol(const struct ending *ending, struct error *err)
{
	const char *url = ending->url;
	if (strncmp(url, "http:", 5) == 0 || strncmp(url, "https:", 6) == 0)
		return error_set(err, ERROR_INPUT, "the answer is not HTTP");
	return error_set(err, ERROR_INPUT, "redirected to %.*s:, which is neither http nor https",
		(int)strcspn(url, ":"), url);
}

bool ending_is_dropped(const struct ending *ending)
{
	switch ((int)ending->code) {
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return true;
	case CURLE_SSL_CONNECT_ERROR: /* whatever happens in a handshake has this code */
		return strstr(ending->words, strerrordesc_np(ECONNRESET)) != NULL;
	default:
		return false;
	}
}

static int explain_code(const struct ending *ending, struct error *err)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (reasons[i].code == ending->code)
			return error_set(err, reasons[i].error, "%s", reasons[i].words);
	}
	return use_words(ending, err, "");
}

int ending_explain(const struct ending *ending, struct error *err)
{
	switch ((int)ending->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return explain_host(ending, err);
	case CURLE_COULDNT_CONNECT:
		return explain_connect(ending, err);
	case CURLE_OPERATION_TIMEDOUT: /* transfer.c ends all that takes too long but this */
		if (ending->stalled)
			return error_set(err, ERROR_NETWORK, "nothing came any more");
		return error_set(err, ERROR_NETWORK, "no connection within %d s",
			TRANSFER_CONNECT_MS_MAX / 1000);
	case CURLE_UNSUPPORTED_PROTOCOL:
		return explain_protocol(ending, err);
	case CURLE_TOO_MANY_REDIRECTS:
		return error_set(
			err, ERROR_INPUT, "redirected more than %d times", TRANSFER_REDIRECTS_MAX);
	case CURLE_PEER_FAILED_VERIFICATION:
		return use_words(ending, err, "TLS certificate: ");
	case CURLE_SSL_CONNECT_ERROR:
		if (ending_is_dropped(ending))
			return error_set(err, ERROR_NETWORK, "connection dropped");
		return use_words(ending, err, "TLS: ");
	case CURLE_FILESIZE_EXCEEDED:
		return error_too_large(err, "", ending->body_bytes_max);
	case CURLE_OUT_OF_MEMORY: /* also what libcurl says of one endless header field */
		return error_too_large(err, "headers ", TRANSFER_HEADERS_MAX);
	default:
		return explain_code(ending, err);
	}
}
