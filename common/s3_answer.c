/* SPDX-License-Identifier: MIT */
#include "common/s3_answer.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	TOO_MANY_REQUESTS = 429,
	SERVER_ERRORS = 500,
	REDIRECTS = 300,
	REDIRECTS_END = 400,
	TAG_MAX = 32
};

/*
 * What may pass though its status says that it was the client's fault, or nobody's. The last two
 * are of an upload in parts, which can be begun anew.
 */
static const char *const passing[] = { "RequestTimeout", "OperationAborted", "SlowDown",
	"InternalError", "ServiceUnavailable", "Throttling", "ThrottlingException",
	"RequestLimitExceeded", "BandwidthLimitExceeded", "InvalidPart", "NoSuchUpload" };

/* What users can do something about. %s: the bucket. */
static const struct {
	const char *code;
	enum error_code error;
	const char *words;
} reasons[] = {
	{ "NoSuchBucket", ERROR_TARGET, "there is no bucket %s" },
	{ "NoSuchKey", ERROR_IO, "no such object in the bucket %s" },
	{ "AccessDenied", ERROR_IO, "access denied to the bucket %s" },
	{ "AllAccessDisabled", ERROR_IO, "access denied to the bucket %s" },
	{ "InvalidAccessKeyId", ERROR_IO, "bucket %s: the access key is unknown" },
	{ "SignatureDoesNotMatch", ERROR_IO,
		"bucket %s: the signature is wrong, so probably the secret access key is" },
	{ "ExpiredToken", ERROR_IO, "bucket %s: the session token has expired" },
	{ "InvalidToken", ERROR_IO, "bucket %s: the session token is wrong" },
	{ "RequestTimeTooSkewed", ERROR_IO,
		"bucket %s: this machine's clock and the server's differ by more than 15 minutes" },
	{ "EntityTooLarge", ERROR_LIMIT, "bucket %s: too large for an object" },
};

static bool is_plain(char byte)
{
	return byte > ' ' && byte < '\x7f' && byte != '<' && byte != '>' && byte != '&';
}

void s3_answer_text(const struct s3_answer *answer, const char *name, char *text, size_t size)
{
	char tag[TAG_MAX];
	size_t length = 0;
	int tag_length = snprintf(tag, sizeof(tag), "<%s>", name);
	assert(tag_length < TAG_MAX);
	const char *end = answer->body + answer->body_size;
	const char *found =
		answer->body ? memmem(answer->body, answer->body_size, tag, (size_t)tag_length)
			     : NULL;
	text[0] = '\0';
	if (!found)
		return;
	for (found += tag_length; found < end && is_plain(*found) && length < size - 1; found++)
		text[length++] = *found;
	text[found < end && *found == '<' ? length : 0] = '\0';
}

void s3_answer_code(const struct s3_answer *answer, char code[S3_CODE_MAX])
{
	s3_answer_text(answer, "Code", code, S3_CODE_MAX);
	for (const char *byte = code; *byte; byte++) {
		if (!isalnum((unsigned char)*byte))
			code[0] = '\0';
	}
}

static bool may_pass(uint32_t status, const char *code)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		if (strcmp(code, passing[i]) == 0)
			return true;
	}
	return status == TOO_MANY_REQUESTS || status >= SERVER_ERRORS;
}

/* A bucket of another region: Amazon redirects, or says that the signature is for the wrong one. */
static bool is_elsewhere(const struct s3_answer *answer, const char *code)
{
	bool redirected = answer->status >= REDIRECTS && answer->status < REDIRECTS_END;
	return redirected || strcmp(code, "AuthorizationHeaderMalformed") == 0;
}

static int explain_region(const struct s3_answer *answer, const char *bucket, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *region = answer->region;
	bool said = *region && strspn(region, letters) == strlen(region);
	return error_set(err, ERROR_IO, "the bucket %s is in %s%s; set AWS_REGION", bucket,
		said ? "the region " : "another region", said ? region : "");
}

int s3_answer_explain(
	const struct s3_answer *answer, const struct s3_location *location, struct error *err)
{
	char code[S3_CODE_MAX];
	const char *bucket = location->bucket;
	s3_answer_code(answer, code);
	if (may_pass(answer->status, code))
		return error_set(err, ERROR_NETWORK, "the server of the bucket %s says %u%s%s",
			bucket, answer->status, *code ? " " : "", code);
	if (is_elsewhere(answer, code))
		return explain_region(answer, bucket, err);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (strcmp(code, reasons[i].code) == 0)
			return error_set(err, reasons[i].error, reasons[i].words, bucket);
	}
	return error_set(err, ERROR_IO, "the server of the bucket %s refused: %u%s%s", bucket,
		answer->status, *code ? " " : "", code);
}
