/* SPDX-License-Identifier: MIT */
/*
 * sciame-list-s3: lists the objects of a bucket for the master, which reads no foreign bytes itself
 * (common/object_record.h). Only what is named on the command line is asked for; credentials come
 * from where common/aws.h says.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/aws.h"
#include "common/log.h"
#include "common/object_record.h"
#include "common/options.h"
#include "common/s3.h"
#include "common/startup.h"
#include "lister/listing.h"
#include "lister/request.h"

enum { TIMEOUT_MS_MAX = 3600 * 1000 };

struct settings {
	const char *endpoint;
	int64_t timeout_ms;
	bool help;
};

static const struct option_spec specs[] = {
	{ .name = "s3-endpoint",
		.argument = "URL",
		.parse = option_string,
		.offset = offsetof(struct settings, endpoint),
		.help = "http[s]://HOST[:PORT] of a server that is not Amazon's" },
	{ .name = "timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct settings, timeout_ms),
		.minimum = 1,
		.maximum = TIMEOUT_MS_MAX,
		.help = "how long one request may take (default 60s)" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, help),
		.help = "print this and exit" },
	{ 0 },
};

static int read_settings(struct settings *settings, int argc, char **argv,
	struct s3_location *location, struct error *err)
{
	const struct option_group groups[] = { { "Options", specs, settings }, { 0 } };
	int first;
	if (options_parse(groups, argc, argv, &first, err))
		return -1;
	if (settings->help) {
		(void)printf("usage: sciame-list-s3 [options] s3://BUCKET/PREFIX\n\n"
			     "Lists objects for sciame, which starts it.\n\n");
		options_print(stdout, groups);
		return 0;
	}
	if (argc - first != 1)
		return error_set(err, ERROR_USAGE, "one s3://BUCKET/PREFIX is needed");
	return s3_parse(location, argv[first], err);
}

static int list(const struct settings *settings, const struct s3_location *location,
	struct aws_settings *aws, struct error *err)
{
	struct s3_endpoint endpoint;
	if (aws_settings_read(aws, err) ||
		s3_endpoint_init(&endpoint, settings->endpoint ? settings->endpoint : aws->endpoint,
			aws->region, err))
		return -1;
	struct requests *requests = requests_open(&endpoint, aws, settings->timeout_ms, err);
	int status = requests ? listing_write(stdout, requests, location, err) : -1;
	requests_close(requests);
	return status;
}

/* Whoever started it is the only one who wants its output, and the only one who ends it. */
static void belong_to_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails for no valid signal */
	(void)prctl(PR_SET_DUMPABLE, 0); /* secrets are no matter for a core file; as above */
	/* Ctrl+C reaches the whole process group: the master decides what it means */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct aws_settings aws;
	struct settings settings = { .timeout_ms = REQUEST_TIMEOUT_MS };
	struct s3_location location;
	struct error err;
	log_open("sciame-list-s3");
	startup_descriptors();
	if (read_settings(&settings, argc, argv, &location, &err)) {
		log_line("%s", err.message);
		return 2;
	}
	if (settings.help)
		return 0;
	belong_to_parent();
	struct object_record last = { .type = OBJECT_RECORD_END };
	if (list(&settings, &location, &aws, &err)) {
		last.type = OBJECT_RECORD_FAILED;
		last.failure = err;
	}
	aws_settings_clear(&aws);
	object_record_write(stdout, &last);
	return fflush(stdout) || ferror(stdout) || last.type == OBJECT_RECORD_FAILED ? 3 : 0;
}
