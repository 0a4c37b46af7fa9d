/* SPDX-License-Identifier: MIT */
/* The kind "feeds" in its worker: what to ask for, and what follows from HTTP's answer. */
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "proto/feeds.pb-c.h"
#include "worker/fetch_kind.h"

enum {
	TIMEOUT_MS_MAX = 24 * 3600 * 1000,
	BODY_BYTES_MAX = 256 << 20,
	HTTP_NOT_MODIFIED = 304,
};

static bool is_good_status(uint32_t status)
{
	return status >= 200 && status < 300;
}

static Sciame__FeedsParameters *unpack(const struct job *job, struct error *err)
{
	Sciame__FeedsParameters *parameters =
		sciame__feeds_parameters__unpack(NULL, job->parameters_size, job->parameters);
	if (parameters && parameters->timeout_ms > 0 && parameters->timeout_ms <= TIMEOUT_MS_MAX &&
		parameters->body_bytes_max > 0 && parameters->body_bytes_max <= BODY_BYTES_MAX)
		return parameters;
	sciame__feeds_parameters__free_unpacked(parameters, NULL);
	(void)error_set(err, ERROR_PROTOCOL, "feeds: parameters out of range");
	return NULL;
}

/* Appends size bytes and a NUL to *end and moves it on; returns where they are. */
static const char *append(char **end, const void *bytes, size_t size)
{
	char *start = *end;
	if (size)
		memcpy(start, bytes, size);
	start[size] = '\0';
	*end = start + size + 1;
	return start;
}

static int plan(const struct job *job, struct fetch_plan *plan, struct error *err)
{
	Sciame__FeedsParameters *p = unpack(job, err);
	if (!p)
		return -1;
	size_t proxy = strlen(p->proxy);
	char *end = xmalloc(p->etag.len + p->last_modified.len + proxy + 3);
	*plan = (struct fetch_plan) { .memory = end, .per_host = p->per_host };
	plan->request = (struct transfer_request) {
		.url = job->source,
		.timeout_ms = p->timeout_ms,
		.body_bytes_max = p->body_bytes_max,
		.allow_private = p->allow_private,
	};
	plan->request.etag = append(&end, p->etag.data, p->etag.len);
	plan->request.last_modified = append(&end, p->last_modified.data, p->last_modified.len);
	plan->request.proxy = append(&end, p->proxy, proxy);
	sciame__feeds_parameters__free_unpacked(p, NULL);
	return 0;
}

static void write_report(const struct transfer_response *response, struct result *result)
{
	Sciame__FeedsReport report = SCIAME__FEEDS_REPORT__INIT;
	report.http_status = response->http_status;
	report.retry_after_s = response->retry_after_s;
	assert(sciame__feeds_report__get_packed_size(&report) <= sizeof(result->report));
	result->report_size = (uint32_t)sciame__feeds_report__pack(&report, result->report);
}

static const char *phrase(uint32_t status)
{
	switch (status) {
	case HTTP_NOT_MODIFIED:
		return ": not modified, but there is no copy";
	case 400:
		return ": bad request";
	case 401:
		return ": a password is needed";
	case 403:
		return ": forbidden";
	case 404:
		return ": not found";
	case 410:
		return ": gone for good";
	case 429:
		return ": asked too often";
	case 500:
		return ": error of the server";
	case 502:
	case 504:
		return ": no answer behind the server";
	case 503:
		return ": not available now";
	default:
		return "";
	}
}

static ProtobufCBinaryData bytes_of(const char *text)
{
	return (ProtobufCBinaryData) { .len = strlen(text), .data = (uint8_t *)text };
}

/* The job with the response among its parameters. */
static struct job *job_with(const struct job *job, const struct transfer_response *response)
{
	struct error err;
	struct job with = *job;
	Sciame__FeedsResponse r = SCIAME__FEEDS_RESPONSE__INIT;
	Sciame__FeedsParameters *p = unpack(job, &err);
	assert(p); /* plan could */
	r.http_status = response->http_status;
	r.url = bytes_of(response->url);
	r.content_type = bytes_of(response->content_type);
	r.etag = bytes_of(response->etag);
	r.last_modified = bytes_of(response->last_modified);
	r.moved_to = bytes_of(response->moved_to);
	p->response = &r;
	with.parameters_size = sciame__feeds_parameters__get_packed_size(p);
	uint8_t *parameters = xmalloc(with.parameters_size);
	(void)sciame__feeds_parameters__pack(p, parameters);
	with.parameters = parameters;
	struct job *copy = job_copy(&with);
	free(parameters);
	p->response = NULL;
	sciame__feeds_parameters__free_unpacked(p, NULL);
	return copy;
}

/* Whether the job asked only for what is newer than its copy. */
static bool was_conditional(const struct job *job)
{
	struct error err;
	Sciame__FeedsParameters *p = unpack(job, &err);
	assert(p); /* plan could */
	bool conditional = p->etag.len > 0 || p->last_modified.len > 0;
	sciame__feeds_parameters__free_unpacked(p, NULL);
	return conditional;
}

static struct job *fetched(
	const struct job *job, const struct transfer *transfer, struct result *result)
{
	struct error why;
	const struct transfer_response *response = &transfer->response;
	write_report(response, result);
	result->input_bytes = response->body_bytes;
	if (transfer->status) {
		result_fail(result, &transfer->error);
		return NULL;
	}
	if (response->http_status == HTTP_NOT_MODIFIED && was_conditional(job))
		return NULL;
	if (is_good_status(response->http_status) && response->body >= 0)
		return job_with(job, response);
	if (is_good_status(response->http_status))
		(void)error_set(&why, ERROR_INPUT, "the answer is empty");
	else
		(void)error_set(&why, ERROR_NETWORK, "HTTP %u%s", response->http_status,
			phrase(response->http_status));
	result_fail(result, &why);
	return NULL;
}

const struct fetch_kind fetch_kind_feeds = {
	.plan = plan,
	.fetched = fetched,
};
