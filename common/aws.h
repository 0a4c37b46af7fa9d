/* SPDX-License-Identifier: MIT */
/*
 * What a user's environment and files say about Amazon's services, as for every other program:
 *
 *   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     else the profile AWS_PROFILE (or "default") in AWS_SHARED_CREDENTIALS_FILE
 *     (~/.aws/credentials), else in AWS_CONFIG_FILE (~/.aws/config)
 *   AWS_REGION, else AWS_DEFAULT_REGION, else the profile's region, else us-east-1
 *   AWS_ENDPOINT_URL_S3, else AWS_ENDPOINT_URL, else the profile's endpoint_url
 *
 * Secrets are in these structs and nowhere else: no message, log or command line has them.
 */
#ifndef SCIAME_COMMON_AWS_H
#define SCIAME_COMMON_AWS_H

#include "common/error.h"

enum {
	AWS_KEY_MAX = 256,      /* bytes of a key with the NUL */
	AWS_TOKEN_MAX = 8192,   /* bytes of a session's token with the NUL */
	AWS_REGION_MAX = 64,    /* bytes of a region's name with the NUL */
	AWS_ENDPOINT_MAX = 512, /* bytes of a URL with the NUL */
};

struct aws_settings {
	char access_key[AWS_KEY_MAX], secret_key[AWS_KEY_MAX];
	char session_token[AWS_TOKEN_MAX]; /* "": none */
	char region[AWS_REGION_MAX];
	char endpoint[AWS_ENDPOINT_MAX]; /* "": Amazon's */
};

/*
 * -1 and ERROR_USAGE where there are no credentials, half of them, or some that would have to be
 * got from elsewhere (a role, single sign-on, another program).
 */
int aws_settings_read(struct aws_settings *settings, struct error *err);

/* Forgets the secrets. */
void aws_settings_clear(struct aws_settings *settings);

#endif
