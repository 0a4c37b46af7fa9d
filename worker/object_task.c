/* SPDX-License-Identifier: MIT */
#include "worker/object_task.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/s3_answer.h"
#include "worker/object_type.h"

#define PICTURES "image/*, */*;q=0.1"

enum {
	HTTP_OK = 200,
	HTTP_OK_END = 300,
	HTTP_NOT_FOUND = 404,
	HTTP_TOO_MANY = 429,
	HTTP_SERVER_ERRORS = 500,
	NUMBER_MAX = 16,
	QUERY_MAX = 2,
};

static struct object_task *task_new(const char *name)
{
	struct object_task *task = xcalloc(1, sizeof(*task) + strlen(name) + 1);
	memcpy(task->name, name, strlen(name) + 1);
	task->fd = task->list = -1;
	return task;
}

static int set_location(struct object_task *task, struct error *err)
{
	if (s3_parse(&task->location, task->name, err) == 0 &&
		s3_check_key(task->location.key, err) == 0)
		return 0;
	err->code = ERROR_INPUT; /* a job's, not the command line's */
	return -1;
}

struct object_task *object_task_get(
	const char *location, int fd, uint64_t bytes_max, struct error *err)
{
	struct object_task *task = task_new(location);
	task->fd = fd;
	task->bytes = bytes_max;
	task->state = s3_is_location(location) ? OBJECT_GETTING : OBJECT_FETCHING;
	if (task->state == OBJECT_GETTING && set_location(task, err)) {
		object_task_free(task);
		return NULL;
	}
	return task;
}

struct object_task *object_task_put(const char *location, int fd, uint64_t bytes, struct error *err)
{
	struct object_task *task = task_new(location);
	uint64_t parts = (bytes + OBJECT_PART_BYTES - 1) / OBJECT_PART_BYTES;
	task->fd = fd;
	task->bytes = bytes;
	task->parts = (size_t)parts;
	task->state = parts > 1 ? OBJECT_CREATING : OBJECT_PUTTING;
	int status = set_location(task, err);
	if (status == 0 && parts > OBJECT_PARTS_MAX)
		status = error_set(
			err, ERROR_LIMIT, "%" PRIu64 " bytes are too large for S3", bytes);
	if (status) {
		object_task_free(task);
		return NULL;
	}
	if (parts > 1)
		task->etags = xcalloc(task->parts, sizeof(*task->etags));
	return task;
}

static void close_list(struct object_task *task)
{
	if (task->list >= 0)
		(void)close(task->list); /* memory: nothing to flush */
	task->list = -1;
}

void object_task_free(struct object_task *task)
{
	if (!task)
		return;
	close_list(task);
	free(task->etags);
	free(task);
}

bool object_task_is_signed(const struct object_task *task)
{
	return task->state != OBJECT_FETCHING;
}

/* ETags are printable; those of strange servers must not become markup. */
static void write_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>", *text))
			(void)fprintf(out, "&#%d;", *text); /* the caller looks at ferror() */
		else
			(void)fputc(*text, out);
	}
}

/* The body of the request that makes an object of the parts. */
static int write_list(struct object_task *task, struct error *err)
{
	close_list(task);
	task->list = memfd_create("parts", MFD_CLOEXEC);
	int copy = task->list < 0 ? -1 : dup(task->list);
	FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
	if (!out && copy >= 0)
		(void)close(copy); /* nothing was written */
	if (!out)
		return error_errno(err, ERROR_IO, "list the parts");
	(void)fputs("<CompleteMultipartUpload>", out); /* looked at below */
	for (size_t i = 0; i < task->parts; i++) {
		(void)fprintf(out, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
		write_escaped(out, task->etags[i]);
		(void)fputs("</ETag></Part>", out);
	}
	(void)fputs("</CompleteMultipartUpload>", out);
	bool failed = ferror(out) != 0;
	failed |= fclose(out) != 0;
	return failed ? error_errno(err, ERROR_IO, "list the parts") : 0;
}

static const char *method_of(enum object_state state)
{
	switch (state) {
	case OBJECT_PUTTING:
	case OBJECT_SENDING:
		return "PUT";
	case OBJECT_CREATING:
	case OBJECT_COMPLETING:
		return "POST";
	case OBJECT_ABORTING:
		return "DELETE";
	case OBJECT_FETCHING:
	case OBJECT_GETTING:
	case OBJECT_ENDED:
		break;
	}
	return "GET";
}

/* What is sent, if anything is. */
static int set_upload(struct object_task *task, struct object_request *request, struct error *err)
{
	struct transfer_upload *upload = &request->upload;
	uint64_t offset = (uint64_t)task->part * OBJECT_PART_BYTES;
	if (task->state == OBJECT_GETTING || task->state == OBJECT_ABORTING)
		return 0;
	request->transfer.upload = upload;
	*upload = (struct transfer_upload) { .fd = task->fd };
	if (task->state == OBJECT_PUTTING)
		upload->bytes = task->bytes;
	if (task->state == OBJECT_SENDING) {
		upload->offset = offset;
		upload->bytes = task->bytes - offset < OBJECT_PART_BYTES ? task->bytes - offset
									 : OBJECT_PART_BYTES;
	}
	if (task->state != OBJECT_COMPLETING)
		return 0;
	if (write_list(task, err))
		return -1;
	upload->fd = task->list;
	upload->bytes = (uint64_t)lseek(task->list, 0, SEEK_END); /* memory: it can't fail */
	return 0;
}

static size_t set_query(
	const struct object_task *task, struct sigv4_pair query[QUERY_MAX], char number[NUMBER_MAX])
{
	switch (task->state) {
	case OBJECT_CREATING:
		query[0] = (struct sigv4_pair) { "uploads", "" };
		return 1;
	case OBJECT_SENDING:
		(void)snprintf(number, NUMBER_MAX, "%zu", task->part + 1); /* at most 10,000 */
		query[0] = (struct sigv4_pair) { "partNumber", number };
		query[1] = (struct sigv4_pair) { "uploadId", task->upload };
		return 2;
	case OBJECT_COMPLETING:
	case OBJECT_ABORTING:
		query[0] = (struct sigv4_pair) { "uploadId", task->upload };
		return 1;
	case OBJECT_FETCHING:
	case OBJECT_GETTING:
	case OBJECT_PUTTING:
	case OBJECT_ENDED:
		break;
	}
	return 0;
}

/* Said by the request that begins an object. */
static const char *type_of(const struct object_task *task)
{
	char head[OBJECT_TYPE_BYTES];
	if (task->state != OBJECT_PUTTING && task->state != OBJECT_CREATING)
		return NULL;
	ssize_t size = pread(task->fd, head, sizeof(head), 0);
	return size > 0 ? object_type(head, (size_t)size) : NULL;
}

static int sign(struct object_task *task, const struct object_access *access, int64_t wall_s,
	struct object_request *request, struct error *err)
{
	struct sigv4_pair query[QUERY_MAX];
	char number[NUMBER_MAX], payload[SIGV4_DIGEST_SIZE] = SIGV4_EMPTY;
	uint8_t digest[HASH_SHA256_SIZE];
	if (set_upload(task, request, err))
		return -1;
	const struct transfer_upload *upload = request->transfer.upload;
	if (upload && upload->bytes > 0) {
		if (hash_sha256_part(upload->fd, upload->offset, upload->bytes, digest))
			return error_errno(err, ERROR_IO, "read the output");
		hash_hex(payload, digest, sizeof(digest));
	}
	struct s3_demand demand = {
		.method = method_of(task->state),
		.location = &task->location,
		.query = query,
		.query_count = set_query(task, query, number),
		.type = type_of(task),
		.payload = payload,
	};
	s3_request_init(
		&request->signed_request, &demand, &access->endpoint, &access->settings, wall_s);
	request->transfer.method = demand.method;
	request->transfer.url = request->signed_request.url;
	request->transfer.headers = request->signed_request.headers;
	request->transfer.headers_count = request->signed_request.headers_count;
	return 0;
}

int object_task_request(struct object_task *task, const struct object_access *access,
	int64_t wall_s, struct object_request *request, struct error *err)
{
	bool reads = task->state == OBJECT_FETCHING || task->state == OBJECT_GETTING;
	assert(task->state != OBJECT_ENDED);
	*request = (struct object_request) { 0 };
	request->transfer = (struct transfer_request) {
		.timeout_ms = OBJECT_TIMEOUT_MS,
		.stall_s = OBJECT_STALL_S,
		.body_bytes_max = reads ? task->bytes : OBJECT_ANSWER_MAX,
		.into = reads ? &task->fd : NULL,
	};
	if (task->state != OBJECT_FETCHING)
		return sign(task, access, wall_s, request, err);
	request->transfer.url = task->name;
	request->transfer.accept = PICTURES;
	return 0;
}

void object_request_release(struct object_request *request)
{
	s3_request_release(&request->signed_request);
}

/* What can be read of the body: the beginning is enough for an error. */
static size_t read_body(const struct transfer *transfer, char *text, size_t size)
{
	ssize_t got =
		transfer->response.body < 0 ? 0 : pread(transfer->response.body, text, size, 0);
	return got > 0 ? (size_t)got : 0;
}

static int explain_status(uint32_t status, struct error *err)
{
	bool passes = status == HTTP_TOO_MANY || status >= HTTP_SERVER_ERRORS;
	return error_set(err, passes ? ERROR_NETWORK : ERROR_IO, "the server says %u", status);
}

static int explain(
	const struct object_task *task, const struct s3_answer *answer, struct error *err)
{
	(void)s3_answer_explain(answer, &task->location, err); /* always -1 */
	if (err->code == ERROR_TARGET && task->state == OBJECT_GETTING)
		err->code = ERROR_IO; /* it is the source that is gone */
	return -1;
}

/* -1 and *err when the answer is none that was hoped for; 0 and for CREATING the upload's name. */
static int judge(struct object_task *task, const struct transfer *transfer, struct error *err)
{
	char body[OBJECT_ANSWER_MAX], code[S3_CODE_MAX] = "";
	const struct transfer_response *response = &transfer->response;
	bool good = response->http_status >= HTTP_OK && response->http_status < HTTP_OK_END;
	bool is_gone = task->state == OBJECT_ABORTING && response->http_status == HTTP_NOT_FOUND;
	bool speaks = task->state == OBJECT_CREATING || task->state == OBJECT_COMPLETING;
	if (transfer->status) {
		*err = transfer->error;
		return -1;
	}
	if (task->state == OBJECT_FETCHING)
		return good ? 0 : explain_status(response->http_status, err);
	if ((good && !speaks) || is_gone)
		return 0;
	const struct s3_answer answer = { response->http_status, response->region, body,
		read_body(transfer, body, sizeof(body)) };
	s3_answer_code(&answer, code);
	if (!good || *code)
		return explain(task, &answer, err);
	if (task->state != OBJECT_CREATING)
		return 0;
	s3_answer_text(&answer, "UploadId", task->upload, sizeof(task->upload));
	return *task->upload
		       ? 0
		       : error_set(err, ERROR_PROTOCOL, "the server's answer names no upload");
}

static void describe(struct object_task *task, const struct transfer_response *response)
{
	struct tm utc = { 0 };
	/* the one form of a date that servers may send (RFC 9110, 5.6.7) */
	bool said = strptime(response->last_modified, "%a, %d %b %Y %H:%M:%S GMT", &utc) != NULL;
	task->bytes = response->body_bytes;
	task->mtime_ns = said ? (int64_t)timegm(&utc) * 1000000000 : 0;
}

/* After a request that was answered well. */
static bool advance(struct object_task *task, const struct transfer_response *response)
{
	task->retries = 0;
	switch (task->state) {
	case OBJECT_CREATING:
		task->state = OBJECT_SENDING;
		return true;
	case OBJECT_SENDING:
		(void)snprintf(task->etags[task->part], OBJECT_ETAG_MAX, "%.*s",
			OBJECT_ETAG_MAX - 1, response->etag); /* a cut one is refused later */
		if (++task->part == task->parts)
			task->state = OBJECT_COMPLETING;
		return true;
	case OBJECT_FETCHING:
	case OBJECT_GETTING:
		describe(task, response);
		break;
	case OBJECT_PUTTING:
	case OBJECT_COMPLETING:
	case OBJECT_ABORTING:
	case OBJECT_ENDED:
		break;
	}
	task->state = OBJECT_ENDED;
	return false;
}

bool object_task_give_up(struct object_task *task, const struct error *why)
{
	bool begun = task->state == OBJECT_SENDING || task->state == OBJECT_COMPLETING;
	if (!task->error.code)
		task->error = *why;
	task->retries = 0;
	task->state = begun ? OBJECT_ABORTING : OBJECT_ENDED;
	return begun;
}

static bool fail(struct object_task *task, const struct error *why)
{
	if (why->code == ERROR_NETWORK && task->retries < OBJECT_RETRIES) {
		task->retries++;
		task->passing = *why;
		return true;
	}
	return object_task_give_up(task, why);
}

bool object_task_answer(struct object_task *task, const struct transfer *transfer)
{
	struct error err;
	return judge(task, transfer, &err) ? fail(task, &err) : advance(task, &transfer->response);
}
