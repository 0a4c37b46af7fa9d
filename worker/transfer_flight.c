/* SPDX-License-Identifier: MIT */
/* What libcurl is told, what it tells, and what is kept of that. */
#include "worker/transfer_flight.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"
#include "worker/address.h"
#include "worker/transfer_ending.h"

enum { RETRY_AFTER_S_MAX = 7 * 24 * 3600 };

/* What a feed reader can use, the best first. */
static const char accept_feeds[] =
	"application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
	"application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1";

static const char *text_info(CURL *easy, CURLINFO info)
{
	char *text = NULL;
	CURLcode code = curl_easy_getinfo(easy, info, &text);
	assert(!code); /* fails for an unknown info only */
	return text ? text : "";
}

static long number_info(CURL *easy, CURLINFO info)
{
	long number = 0;
	CURLcode code = curl_easy_getinfo(easy, info, &number);
	assert(!code);
	return number;
}

/* The options of every transfer. */
static const struct {
	CURLoption option;
	long value;
} number_options[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_QUICK_EXIT, 1 }, /* a name server that hangs must not hold up anybody */
	{ CURLOPT_CONNECTTIMEOUT_MS, TRANSFER_CONNECT_MS_MAX },
	{ CURLOPT_FOLLOWLOCATION, 1 },
	{ CURLOPT_MAXREDIRS, TRANSFER_REDIRECTS_MAX },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 }, /* a proxy's headers are not the response's */
	/* No PIPEWAIT: one feed that hangs would hold up the others of its host, and libcurl
	 * 7.88 would wait with plain HTTP, too. A connection of HTTP/2 that exists is shared. */
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
};

static const struct {
	CURLoption option;
	const char *value;
} text_options[] = {
	{ CURLOPT_PROTOCOLS_STR, "http,https" }, { CURLOPT_REDIR_PROTOCOLS_STR, "http,https" },
	{ CURLOPT_NOPROXY, "" },         /* else the environment could switch the proxy off */
	{ CURLOPT_ACCEPT_ENCODING, "" }, /* all that libcurl can decode */
};

static int refuse(struct flight *flight, const struct sockaddr *address, socklen_t size)
{
	char text[INET6_ADDRSTRLEN];
	address_text(address, size, text);
	return error_set(&flight->failure, ERROR_NETWORK,
		"address %s is not public; see --allow-private", text);
}

/* Callback: the one place where sockets come from, after each name resolution. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct flight *flight = user;
	(void)purpose;
	if (!flight->any_address && !address_is_public(&address->addr, address->addrlen)) {
		(void)refuse(flight, &address->addr, address->addrlen); /* kept for explain() */
		return CURL_SOCKET_BAD;
	}
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		(void)error_errno(&flight->failure, ERROR_NETWORK, "open a socket"); /* kept */
	return fd;
}

static bool parse_address(const char *text, struct sockaddr_storage *address)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
		memcpy(address, &in4, sizeof(in4));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(address, &in6, sizeof(in6));
	return address->ss_family != AF_UNSPEC;
}

/* How far permanent redirects alone have led, as each request is about to be sent. */
static void follow(struct flight *flight, const char *url)
{
	long redirects = number_info(flight->easy, CURLINFO_REDIRECT_COUNT);
	if (redirects == flight->redirects)
		return; /* the first request, or the same one on another connection */
	long status = number_info(flight->easy, CURLINFO_RESPONSE_CODE);
	flight->redirects = redirects;
	flight->permanent = flight->permanent && (status == 301 || status == 308);
	if (flight->permanent)
		memcpy(flight->transfer.response.moved_to, url, strlen(url) + 1);
}

/*
 * Callback: a request is about to be sent. The address is looked at again, because the connection
 * may be one that another transfer was allowed to make.
 */
static int on_request(void *user, char *remote, char *local, int remote_port, int local_port)
{
	struct flight *flight = user;
	struct sockaddr_storage address;
	(void)local, (void)remote_port, (void)local_port;
	const struct sockaddr *plain = (const struct sockaddr *)&address;
	if (!flight->any_address &&
		(!parse_address(remote, &address) || !address_is_public(plain, sizeof(address)))) {
		(void)refuse(flight, plain, sizeof(address)); /* kept for explain() */
		return CURL_PREREQFUNC_ABORT;
	}
	flight->failure.code = ERROR_NONE; /* of another address of that host */
	const char *url = text_info(flight->easy, CURLINFO_EFFECTIVE_URL);
	if (strlen(url) >= TRANSFER_URL_MAX) {
		(void)error_set(&flight->failure, ERROR_LIMIT,
			"redirected to a URL of more than %d bytes", TRANSFER_URL_MAX - 1);
		return CURL_PREREQFUNC_ABORT;
	}
	follow(flight, url);
	return CURL_PREREQFUNC_OK;
}

/* Callback: one header field, of whatever response. */
static size_t on_header(char *bytes, size_t one, size_t size, void *user)
{
	struct flight *flight = user;
	(void)bytes, (void)one;
	flight->header_bytes += size;
	if (flight->header_bytes <= TRANSFER_HEADERS_MAX)
		return size;
	(void)error_too_large(&flight->failure, "headers ", TRANSFER_HEADERS_MAX); /* kept */
	return 0;
}

static int write_all(int fd, const char *bytes, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t written = pwrite(fd, bytes, size, (off_t)offset);
		if (written < 0 && errno != EINTR)
			return -1;
		bytes += written < 0 ? 0 : written;
		offset += written < 0 ? 0 : (uint64_t)written;
		size -= written < 0 ? 0 : (size_t)written;
	}
	return 0;
}

/*
 * Whether the bodies leave no room for size bytes more. One flight may always go on, or all would
 * wait for each other; the others wait until its body has been read and freed.
 */
static bool must_wait(struct flight *flight, size_t size)
{
	struct flight_bodies *bodies = flight->bodies;
	if (bodies->bytes + size <= bodies->bytes_max)
		return false;
	if (!bodies->beyond)
		bodies->beyond = flight;
	return bodies->beyond != flight;
}

/* Callback: decoded bytes of the body of the last response. */
static size_t on_body(char *bytes, size_t one, size_t size, void *user)
{
	struct flight *flight = user;
	struct transfer_response *response = &flight->transfer.response;
	(void)one;
	if (size > flight->body_bytes_max - response->body_bytes) {
		(void)error_too_large(&flight->failure, "", flight->body_bytes_max); /* kept */
		return CURL_WRITEFUNC_ERROR;
	}
	if (must_wait(flight, size)) {
		flight->bodies->held += flight->held ? 0 : 1;
		flight->held = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (response->body < 0)
		response->body = flight->into >= 0
					 ? flight->into
					 : memfd_create("feed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (response->body < 0 || write_all(response->body, bytes, size, response->body_bytes)) {
		(void)error_errno(&flight->failure, ERROR_IO, "keep the body in memory");
		return CURL_WRITEFUNC_ERROR;
	}
	response->body_bytes += size;
	flight->bodies->bytes += size;
	return size;
}

/*
 * Where a file holds all certificates (CAINFO), libcurl 7.88 keeps them in memory unless there is a
 * folder besides; Debian's has both, and would read the file for each connection (openssl.c,
 * cache_criteria_met).
 */
static CURLcode keep_certificates(CURL *easy)
{
	if (!curl_version_info(CURLVERSION_NOW)->cainfo)
		return CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

CURL *easy_new(const char *user_agent)
{
	CURL *easy = curl_easy_init();
	CURLcode bad = easy ? CURLE_OK : CURLE_FAILED_INIT;
	for (size_t i = 0; !bad && i < sizeof(number_options) / sizeof(*number_options); i++)
		bad = curl_easy_setopt(easy, number_options[i].option, number_options[i].value);
	for (size_t i = 0; !bad && i < sizeof(text_options) / sizeof(*text_options); i++)
		bad = curl_easy_setopt(easy, text_options[i].option, text_options[i].value);
	bad = bad ? bad : keep_certificates(easy);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (!bad)
		return easy;
	curl_easy_cleanup(easy);
	return NULL;
}

/* Says why text is no URL that is fetched, or nothing. */
static int judge_url(CURLUcode bad, const char *scheme, const char *url, struct error *err)
{
	if (bad == CURLUE_USER_NOT_ALLOWED)
		return error_set(err, ERROR_INPUT, "a URL with a user name is not fetched");
	bool is_web = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	if (bad == CURLUE_BAD_SCHEME || bad == CURLUE_UNSUPPORTED_SCHEME || (!bad && !is_web))
		return error_set(err, ERROR_INPUT, "neither http nor https");
	if (bad)
		return error_set(err, ERROR_INPUT, "broken URL: %s", curl_url_strerror(bad));
	if (strlen(url) >= TRANSFER_URL_MAX)
		return error_set(
			err, ERROR_LIMIT, "URL of more than %d bytes", TRANSFER_URL_MAX - 1);
	return 0;
}

/* The URL as libcurl writes it, or as it is, for curl_free; NULL: it is none that is fetched. */
static char *clean_url(const char *text, bool as_is, struct error *err)
{
	const unsigned flags = CURLU_DISALLOW_USER |
			       (as_is ? CURLU_PATH_AS_IS : CURLU_URLENCODE | CURLU_ALLOW_SPACE);
	char *scheme = NULL, *whole = NULL;
	CURLU *url = curl_url();
	assert(url); /* else out of memory */
	CURLUcode bad = curl_url_set(url, CURLUPART_URL, text, flags);
	bad = bad ? bad : curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
	bad = bad ? bad : curl_url_get(url, CURLUPART_URL, &whole, 0);
	if (judge_url(bad, scheme, whole, err)) {
		curl_free(whole);
		whole = NULL;
	}
	curl_free(scheme);
	curl_url_cleanup(url);
	return whole;
}

/* "example.org." is the same host as "example.org". */
static size_t length_without_dot(const char *name)
{
	size_t length = strlen(name);
	return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

void transfer_host(const char *text, char *host, size_t size)
{
	char *name = NULL, *port = NULL;
	CURLU *url = curl_url();
	assert(url); /* else out of memory */
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE | CURLU_ALLOW_SPACE) ||
		curl_url_get(url, CURLUPART_HOST, &name, 0) ||
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		(void)snprintf(host, size, "%s", text); /* it will fail by itself */
	else
		(void)snprintf(host, size, "%.*s:%s", (int)length_without_dot(name), name, port);
	for (char *byte = host; *byte; byte++)
		*byte = (char)tolower((unsigned char)*byte);
	curl_free(name);
	curl_free(port);
	curl_url_cleanup(url);
}

static void add_field(struct curl_slist **list, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	for (const char *byte = value; *byte; byte++) {
		if (iscntrl((unsigned char)*byte)) /* would begin a field of its own */
			return;
	}
	char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(*list, line);
	assert(longer); /* else out of memory */
	*list = longer;
	free(line);
}

static void add_headers(struct flight *flight, const struct transfer_request *request)
{
	if (request->method) {
		flight->headers = call_headers(NULL, request);
		return;
	}
	add_field(&flight->headers, "Accept", request->accept ? request->accept : accept_feeds);
	add_field(&flight->headers, "If-None-Match", request->etag);
	add_field(&flight->headers, "If-Modified-Since", request->last_modified);
}

/* What belongs to one transfer: all of it is set again when the handle is used again. */
static CURLcode aim(struct flight *flight, const struct transfer_request *request, const char *url)
{
	CURL *easy = flight->easy;
	/* stops early what says how large it is; 0: no limit. As compressed bodies are smaller
	 * than decoded ones, none is refused that on_body would let pass. */
	curl_off_t bytes_max =
		request->body_bytes_max <= INT64_MAX ? (curl_off_t)request->body_bytes_max : 0;
	const char *proxy = request->proxy ? request->proxy : ""; /* NULL: the environment's */
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_URL, url);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight->headers);
	bad = bad ? bad : call_aim(&flight->call, easy, request);
	bad = bad ? bad
		  : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, request->stall_s ? 1L : 0L);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)request->stall_s);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, bytes_max);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, flight->words);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, flight);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_PREREQDATA, flight);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_HEADERDATA, flight);
	return bad ? bad : curl_easy_setopt(easy, CURLOPT_WRITEDATA, flight);
}

struct flight *flight_new(const struct transfer_request *request, CURL *easy,
	struct flight_bodies *bodies, struct error *err)
{
	char *url = clean_url(request->url, request->method != NULL, err);
	if (!url)
		return NULL;
	struct flight *flight = xcalloc(1, sizeof(*flight));
	flight->transfer.response.body = -1;
	flight->into = request->into ? *request->into : -1;
	flight->easy = easy;
	flight->bodies = bodies;
	bodies->count++;
	flight->body_bytes_max = request->body_bytes_max;
	flight->any_address = request->allow_private || (request->proxy && *request->proxy);
	flight->permanent = true;
	add_headers(flight, request);
	CURLcode bad = aim(flight, request, url);
	assert(!bad); /* else out of memory: easy_new has shown that the options are known */
	curl_free(url);
	return flight;
}

/* Gives up what has come of the body. */
static void drop_body(struct flight *flight)
{
	struct transfer_response *response = &flight->transfer.response;
	struct flight_bodies *bodies = flight->bodies;
	if (bodies) {
		bodies->bytes -= response->body_bytes;
		bodies->held -= flight->held ? 1 : 0;
		if (bodies->beyond == flight)
			bodies->beyond = NULL;
	}
	flight->held = false;
	if (response->body >= 0 && flight->into < 0)
		(void)close(response->body); /* memory: nothing to flush */
	response->body = -1;
	response->body_bytes = 0;
}

/* Nobody can change it from here on, and reading starts at its beginning. */
static void seal_body(int body)
{
	int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int status = fcntl(body, F_ADD_SEALS, seals);
	assert(status == 0); /* fails for other files, and for mapped ones */
	off_t offset = lseek(body, 0, SEEK_SET);
	assert(offset == 0);
}

/* An earlier attempt may have left more in it than the last one brought. */
static void cut_file(int file, uint64_t bytes)
{
	int status = ftruncate(file, (off_t)bytes);
	assert(status == 0); /* it was just written, or is memory */
}

/* A field of the last response, or "" when there is none or it is too long. */
static void keep_field(struct flight *flight, const char *name, char *field)
{
	struct curl_header *header;
	*field = '\0';
	if (curl_easy_header(flight->easy, name, 0, CURLH_HEADER, -1, &header))
		return;
	size_t size = strlen(header->value) + 1;
	if (size <= TRANSFER_FIELD_MAX)
		memcpy(field, header->value, size);
}

static uint32_t retry_after_s(struct flight *flight)
{
	char field[TRANSFER_FIELD_MAX];
	curl_off_t seconds = 0;
	keep_field(flight, "Retry-After", field);
	if (!*field) /* else libcurl's number would be that of a redirect */
		return 0;
	CURLcode code = curl_easy_getinfo(flight->easy, CURLINFO_RETRY_AFTER, &seconds);
	assert(!code);
	if (seconds > RETRY_AFTER_S_MAX)
		return RETRY_AFTER_S_MAX;
	return seconds > 0 ? (uint32_t)seconds : 0;
}

static void keep_response(struct flight *flight)
{
	struct transfer_response *response = &flight->transfer.response;
	const char *url = text_info(flight->easy, CURLINFO_EFFECTIVE_URL);
	char region[TRANSFER_FIELD_MAX];
	if (strlen(url) < sizeof(response->url)) /* else it is an error, and never fetched */
		memcpy(response->url, url, strlen(url) + 1);
	response->http_status = (uint32_t)number_info(flight->easy, CURLINFO_RESPONSE_CODE);
	if (response->http_status == 0)
		return;
	keep_field(flight, "Content-Type", response->content_type);
	keep_field(flight, "ETag", response->etag);
	keep_field(flight, "x-amz-bucket-region", region);
	if (strlen(region) < sizeof(response->region))
		memcpy(response->region, region, strlen(region) + 1);
	keep_field(flight, "Last-Modified", response->last_modified);
	response->retry_after_s = retry_after_s(flight);
}

static struct ending ending_of(const struct flight *flight, CURLcode code)
{
	curl_off_t connected = 0;
	CURLcode bad = curl_easy_getinfo(flight->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	assert(!bad); /* fails for an unknown info only */
	return (struct ending) {
		.code = code,
		.number = (int)number_info(flight->easy, CURLINFO_OS_ERRNO),
		.words = flight->words,
		.url = text_info(flight->easy, CURLINFO_EFFECTIVE_URL),
		.body_bytes_max = flight->body_bytes_max,
		.stalled = connected > 0,
	};
}

bool flight_is_dropped(const struct flight *flight, CURLcode code)
{
	struct ending ending = ending_of(flight, code);
	return !flight->failure.code && ending_is_dropped(&ending);
}

void flight_explain(struct flight *flight, CURLcode code)
{
	struct ending ending = ending_of(flight, code);
	if (flight->failure.code)
		flight->transfer.error = flight->failure;
	else
		(void)ending_explain(&ending, &flight->transfer.error); /* always -1 */
}

void flight_go_on(struct flight *flight)
{
	struct flight_bodies *bodies = flight->bodies;
	if (!flight->held || (bodies->bytes >= bodies->bytes_max && bodies->beyond))
		return;
	flight->held = false;
	bodies->held--;
	/* on_body may be called from within, and hold it up again; errors end the transfer */
	(void)curl_easy_pause(flight->easy, CURLPAUSE_CONT);
}

void flight_restart(struct flight *flight)
{
	CURLcode code = curl_easy_setopt(flight->easy, CURLOPT_FRESH_CONNECT, 1L);
	assert(!code); /* easy_new's handles know it */
	drop_body(flight);
	*flight->transfer.response.moved_to = '\0';
	*flight->words = '\0';
	flight->failure.code = ERROR_NONE;
	flight->redirects = 0;
	flight->permanent = true;
	flight->header_bytes = 0;
	flight->call.sent = 0;
}

CURL *flight_land(struct flight *flight)
{
	CURL *easy = flight->easy;
	bool failed = flight->transfer.error.code != ERROR_NONE;
	flight->transfer.status = failed ? -1 : 0;
	keep_response(flight);
	if (failed)
		drop_body(flight);
	else if (flight->into >= 0)
		cut_file(flight->into, flight->transfer.response.body_bytes);
	else if (flight->transfer.response.body >= 0)
		seal_body(flight->transfer.response.body);
	/* the handle lives on, these do not */
	CURLcode bad = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	assert(!bad); /* nothing to allocate */
	curl_slist_free_all(flight->headers);
	flight->headers = NULL;
	flight->easy = NULL;
	return easy;
}

void flight_free(struct flight *flight)
{
	assert(!flight->easy && !flight->list);
	drop_body(flight);
	if (flight->bodies)
		flight->bodies->count--;
	free(flight);
}
