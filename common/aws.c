/* SPDX-License-Identifier: MIT */
#include "common/aws.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

enum {
	LINE_MAX_BYTES = AWS_TOKEN_MAX + 64, /* of a file, with the NUL */
	LINES_MAX = 100000,
};

/* What one profile says in one file. */
struct profile {
	struct aws_settings settings;
	bool found;
	char other_way[AWS_REGION_MAX]; /* the name of what asks for credentials elsewhere, or "" */
};

/* The names of what is read from files. */
static const struct entry {
	const char *name;
	size_t offset, size;
} entries[] = {
	{ "aws_access_key_id", offsetof(struct aws_settings, access_key), AWS_KEY_MAX },
	{ "aws_secret_access_key", offsetof(struct aws_settings, secret_key), AWS_KEY_MAX },
	{ "aws_session_token", offsetof(struct aws_settings, session_token), AWS_TOKEN_MAX },
	{ "region", offsetof(struct aws_settings, region), AWS_REGION_MAX },
	{ "endpoint_url", offsetof(struct aws_settings, endpoint), AWS_ENDPOINT_MAX },
};

/* Ways to get credentials that are not ours. */
static const char *const other_ways[] = { "role_arn", "sso_session", "sso_start_url",
	"credential_process", "credential_source", "web_identity_token_file" };

/* Copies what may stand in a header: -1 and *err for control characters, or too much. */
static int copy(char *to, size_t size, const char *from, struct error *err)
{
	size_t length = strlen(from);
	if (length >= size)
		return error_set(err, ERROR_USAGE, "more than %zu bytes", size - 1);
	for (const char *byte = from; *byte; byte++) {
		if ((unsigned char)*byte < ' ' || *byte == '\x7f')
			return error_set(err, ERROR_USAGE, "a control character in it");
	}
	memcpy(to, from, length + 1);
	return 0;
}

/* Without the blanks around it; text is changed. */
static char *trim(char *text)
{
	static const char blanks[] = " \t\r\n";
	text += strspn(text, blanks);
	for (size_t length = strlen(text); length > 0 && strchr(blanks, text[length - 1]);)
		text[--length] = '\0';
	return text;
}

/* Whether "[...]" is the profile's; in the config file it is "[profile NAME]" or "[default]". */
static bool is_section(char *line, const char *profile, bool config)
{
	static const char word[] = "profile";
	size_t length = strlen(line);
	if (length < 2 || line[length - 1] != ']')
		return false;
	line[length - 1] = '\0';
	char *name = trim(line + 1);
	if (config && strncmp(name, word, strlen(word)) == 0 &&
		strspn(name + strlen(word), " \t") > 0)
		name = trim(name + strlen(word));
	else if (config && strcmp(name, "default") != 0)
		return false;
	return strcmp(name, profile) == 0;
}

/* One line "name = value" of the profile. */
static int take(struct profile *profile, char *line, struct error *err)
{
	char *equals = strchr(line, '=');
	if (!equals)
		return 0;
	*equals = '\0';
	const char *name = trim(line), *value = trim(equals + 1);
	for (size_t i = 0; i < sizeof(other_ways) / sizeof(*other_ways); i++) {
		if (strcmp(name, other_ways[i]) == 0)
			(void)snprintf(profile->other_way, sizeof(profile->other_way), "%s",
				name); /* fits */
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		char *to = (char *)&profile->settings + entries[i].offset;
		if (strcmp(name, entries[i].name) == 0 && copy(to, entries[i].size, value, err))
			return error_wrap(err, name);
	}
	return 0;
}

static int read_lines(
	FILE *file, struct profile *profile, const char *name, bool config, struct error *err)
{
	char line[LINE_MAX_BYTES];
	bool ours = false;
	int status = 0;
	for (int i = 0; status == 0 && fgets(line, sizeof(line), file); i++) {
		if (i == LINES_MAX || (!strchr(line, '\n') && !feof(file)))
			status = error_set(err, ERROR_USAGE, "too many lines, or too long ones");
		/* lines that begin with a blank belong to a setting of other programs */
		else if (line[0] == '[')
			ours = is_section(trim(line), name, config);
		else if (ours && !strchr(" \t#;\r\n", line[0]))
			status = take(profile, line, err);
		profile->found |= ours;
	}
	explicit_bzero(line, sizeof(line));
	if (status == 0 && ferror(file))
		status = error_errno(err, ERROR_IO, "read");
	return status;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/* The file that a variable names, or its usual place; NULL: there is no home. */
static char *find_file(const char *variable_name, const char *usual)
{
	const char *path = variable(variable_name), *home = variable("HOME");
	if (*path && strncmp(path, "~/", 2) != 0)
		return xstrdup(path);
	return *home ? xasprintf("%s/%s", home, *path ? path + 2 : usual) : NULL;
}

/* A file that is missing says nothing. */
static int read_file(
	struct profile *profile, const char *path, const char *name, bool config, struct error *err)
{
	FILE *file = path ? fopen(path, "re") : NULL;
	if (!file && path && errno != ENOENT && errno != ENOTDIR)
		return error_errno(err, ERROR_USAGE, "open %s", path);
	if (!file)
		return 0;
	int status = read_lines(file, profile, name, config, err);
	(void)fclose(file); /* only read */
	return status ? error_wrap(err, path) : 0;
}

static int read_files(struct profile profiles[2], const char *name, struct error *err)
{
	char *credentials = find_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
	char *config = find_file("AWS_CONFIG_FILE", ".aws/config");
	int status = read_file(&profiles[0], credentials, name, false, err);
	if (status == 0)
		status = read_file(&profiles[1], config, name, true, err);
	free(credentials);
	free(config);
	return status;
}

/* Where `to` is empty it becomes `from`, which fits. */
static void fill(char *to, const char *from)
{
	if (*to == '\0')
		memcpy(to, from, strlen(from) + 1);
}

/* What the environment says beats what files say. */
static int read_variable(char *to, size_t size, const char *name, struct error *err)
{
	const char *value = variable(name);
	if (*to != '\0' || *value == '\0')
		return 0;
	return copy(to, size, value, err) ? error_wrap(err, name) : 0;
}

static int read_environment(struct aws_settings *s, struct error *err)
{
	if (read_variable(s->access_key, AWS_KEY_MAX, "AWS_ACCESS_KEY_ID", err) ||
		read_variable(s->secret_key, AWS_KEY_MAX, "AWS_SECRET_ACCESS_KEY", err) ||
		read_variable(s->session_token, AWS_TOKEN_MAX, "AWS_SESSION_TOKEN", err) ||
		read_variable(s->region, AWS_REGION_MAX, "AWS_REGION", err) ||
		read_variable(s->region, AWS_REGION_MAX, "AWS_DEFAULT_REGION", err) ||
		read_variable(s->endpoint, AWS_ENDPOINT_MAX, "AWS_ENDPOINT_URL_S3", err) ||
		read_variable(s->endpoint, AWS_ENDPOINT_MAX, "AWS_ENDPOINT_URL", err))
		return -1;
	if (!*s->access_key != !*s->secret_key)
		return error_set(err, ERROR_USAGE,
			"of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
	if (!*s->access_key)
		*s->session_token = '\0'; /* it belongs to keys that are not there */
	return 0;
}

/* Keys and token belong together: all of them come from the same place. */
static void fill_credentials(struct aws_settings *settings, const struct aws_settings *from)
{
	if (*settings->access_key || !*from->access_key || !*from->secret_key)
		return;
	fill(settings->access_key, from->access_key);
	fill(settings->secret_key, from->secret_key);
	fill(settings->session_token, from->session_token);
}

static int judge(const struct aws_settings *settings, const char *name, bool named,
	const struct profile profiles[2], struct error *err)
{
	if (*settings->access_key)
		return 0;
	if (named && !profiles[0].found && !profiles[1].found)
		return error_set(err, ERROR_USAGE, "AWS_PROFILE: there is no profile '%s'", name);
	for (int i = 0; i < 2; i++) {
		if (*profiles[i].other_way)
			return error_set(err, ERROR_USAGE,
				"the profile '%s' gets its credentials by %s, which is not "
				"supported; put them into the environment",
				name, profiles[i].other_way);
	}
	return error_set(err, ERROR_USAGE,
		"no credentials for S3: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor a "
		"profile '%s' has them",
		name);
}

int aws_settings_read(struct aws_settings *settings, struct error *err)
{
	struct profile *profiles = xcalloc(2, sizeof(*profiles));
	bool named = *variable("AWS_PROFILE") != '\0';
	const char *name = named ? variable("AWS_PROFILE") : "default";
	*settings = (struct aws_settings) { 0 };
	int status = read_environment(settings, err);
	if (status == 0)
		status = read_files(profiles, name, err);
	for (int i = 0; status == 0 && i < 2; i++) {
		fill_credentials(settings, &profiles[i].settings);
		fill(settings->region, profiles[i].settings.region);
		fill(settings->endpoint, profiles[i].settings.endpoint);
	}
	fill(settings->region, "us-east-1");
	if (status == 0)
		status = judge(settings, name, named, profiles, err);
	explicit_bzero(profiles, 2 * sizeof(*profiles));
	free(profiles);
	if (status)
		aws_settings_clear(settings);
	return status ? -1 : 0;
}

void aws_settings_clear(struct aws_settings *settings)
{
	explicit_bzero(settings, sizeof(*settings));
}
