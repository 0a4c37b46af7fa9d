/* SPDX-License-Identifier: MIT */
#include "common/s3_request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* What is signed. */
struct signed_headers {
	struct sigv4_pair pairs[S3_REQUEST_HEADERS_MAX];
	size_t count;
};

static void add(struct signed_headers *headers, const char *name, const char *value)
{
	assert(headers->count < S3_REQUEST_HEADERS_MAX);
	headers->pairs[headers->count++] = (struct sigv4_pair) { name, value };
}

static void add_line(struct s3_request *request, const char *name, const char *value)
{
	assert(request->headers_count < S3_REQUEST_HEADERS_MAX);
	request->headers[request->headers_count++] = xasprintf("%s: %s", name, value);
}

void s3_request_init(struct s3_request *request, const struct s3_demand *demand,
	const struct s3_endpoint *endpoint, const struct aws_settings *settings, int64_t wall_s)
{
	char date[SIGV4_DATE_SIZE];
	struct s3_address address;
	struct signed_headers headers = { 0 };
	char *query = sigv4_query(demand->query, demand->query_count);
	*request = (struct s3_request) { 0 };
	s3_address_init(&address, endpoint, demand->location);
	sigv4_date(date, wall_s);
	add(&headers, "host", address.host);
	if (demand->type)
		add(&headers, "content-type", demand->type);
	add(&headers, "x-amz-content-sha256", demand->payload);
	add(&headers, "x-amz-date", date);
	if (*settings->session_token)
		add(&headers, "x-amz-security-token", settings->session_token);
	const struct sigv4_request what = { demand->method, address.path, query, headers.pairs,
		headers.count, demand->payload };
	const struct sigv4_signer who = { settings->access_key, settings->secret_key,
		settings->region };
	char *authorization = sigv4_authorization(&what, &who, date);
	for (size_t i = 0; i < headers.count; i++)
		add_line(request, headers.pairs[i].name, headers.pairs[i].value);
	add_line(request, "Authorization", authorization);
	request->url = xasprintf("%s%s%s", address.url, *query ? "?" : "", query);
	free(authorization);
	free(query);
	s3_address_release(&address);
}

void s3_request_release(struct s3_request *request)
{
	for (size_t i = 0; i < request->headers_count; i++) {
		explicit_bzero(request->headers[i], strlen(request->headers[i]));
		free(request->headers[i]);
	}
	free(request->url);
	*request = (struct s3_request) { 0 };
}
