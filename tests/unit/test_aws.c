/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/aws.h"
#include "common/memory.h"
#include "tests/support/tempdir.h"

static struct aws_settings settings;
static struct error err;

static const char *const variables[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
	"AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL",
	"AWS_ENDPOINT_URL_S3" };

/* A home of its own, without anything. */
static int set_up(void **state)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		(void)unsetenv(variables[i]); /* fails for no valid name */
	return tempdir_setup(state) || setenv("HOME", *state, 1);
}

static void put(const char *name, const char *text)
{
	tempdir_make(getenv("HOME"), ".aws");
	char *path = xasprintf(".aws/%s", name);
	tempdir_write(getenv("HOME"), path, text);
	free(path);
}

static void set(const char *name, const char *value)
{
	assert_int_equal(setenv(name, value, 1), 0);
}

static void test_without_anything_it_says_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_int_equal(err.code, ERROR_USAGE);
	assert_non_null(strstr(err.message, "AWS_ACCESS_KEY_ID"));
	(void)unsetenv("HOME");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_int_equal(setenv("HOME", *state, 1), 0);
}

static void test_the_environment_comes_first(void **state)
{
	(void)state;
	put("credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=G\n"
			   "aws_session_token=of-another-key\n");
	put("config", "[default]\nregion = eu-central-1\nendpoint_url = http://file:1\n");
	set("AWS_ACCESS_KEY_ID", "A");
	set("AWS_SECRET_ACCESS_KEY", "S+/=");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.access_key, "A");
	assert_string_equal(settings.secret_key, "S+/=");
	assert_string_equal(settings.session_token, "");
	assert_string_equal(settings.region, "eu-central-1");
	assert_string_equal(settings.endpoint, "http://file:1");
	set("AWS_SESSION_TOKEN", "T");
	set("AWS_DEFAULT_REGION", "us-west-2");
	set("AWS_ENDPOINT_URL", "http://all:1");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.session_token, "T");
	assert_string_equal(settings.region, "us-west-2");
	assert_string_equal(settings.endpoint, "http://all:1");
	set("AWS_REGION", "ap-south-1");
	set("AWS_ENDPOINT_URL_S3", "http://s3:1");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.region, "ap-south-1");
	assert_string_equal(settings.endpoint, "http://s3:1");
}

static void test_half_of_the_credentials_is_an_error(void **state)
{
	(void)state;
	put("credentials", "[default]\naws_access_key_id=F\naws_secret_access_key=G\n");
	set("AWS_ACCESS_KEY_ID", "A");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_non_null(strstr(err.message, "only one is set"));
	(void)unsetenv("AWS_ACCESS_KEY_ID");
	put("credentials", "[default]\naws_access_key_id=F\n");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
}

static void test_a_profile_is_found_by_its_name_in_either_file(void **state)
{
	(void)state;
	put("credentials", "# a comment\n[default]\naws_access_key_id = D\n"
			   "aws_secret_access_key = DS\n\n[ work ]\r\n"
			   "aws_access_key_id\t=\tW\r\naws_secret_access_key = W S = \r\n"
			   "aws_session_token=WT\n");
	put("config", "[default]\nregion=us-east-2\n[profile work]\nregion = eu-west-3\n"
		      "s3 =\n  region = nested\n[profile other]\nregion=x\n"
		      "aws_access_key_id=O\naws_secret_access_key=OS");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.access_key, "D");
	assert_string_equal(settings.region, "us-east-2");
	set("AWS_PROFILE", "work");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.access_key, "W");
	assert_string_equal(settings.secret_key, "W S =");
	assert_string_equal(settings.session_token, "WT");
	assert_string_equal(settings.region, "eu-west-3");
	set("AWS_PROFILE", "other");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.access_key, "O");
	assert_string_equal(settings.secret_key, "OS");
	set("AWS_PROFILE", "nobody");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_non_null(strstr(err.message, "there is no profile 'nobody'"));
}

static void test_files_may_lie_elsewhere(void **state)
{
	(void)state;
	put("elsewhere", "[default]\naws_access_key_id=E\naws_secret_access_key=ES\n");
	set("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/elsewhere");
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	assert_string_equal(settings.access_key, "E");
	assert_string_equal(settings.region, "us-east-1");
	set("AWS_CONFIG_FILE", getenv("HOME")); /* a folder */
	assert_int_equal(aws_settings_read(&settings, &err), -1);
}

static void test_other_ways_to_credentials_are_named(void **state)
{
	(void)state;
	put("config", "[default]\nrole_arn = arn:aws:iam::1:role/x\n");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_non_null(strstr(err.message, "role_arn"));
	assert_null(strstr(err.message, "arn:aws"));
}

static void test_what_can_be_no_header_is_refused_without_showing_it(void **state)
{
	char token[AWS_TOKEN_MAX + 1];
	(void)state;
	set("AWS_ACCESS_KEY_ID", "A");
	set("AWS_SECRET_ACCESS_KEY", "geheim\nX: y");
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_string_equal(err.message, "AWS_SECRET_ACCESS_KEY: a control character in it");
	set("AWS_SECRET_ACCESS_KEY", "S");
	memset(token, 't', sizeof(token));
	token[AWS_TOKEN_MAX] = '\0';
	set("AWS_SESSION_TOKEN", token);
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_non_null(strstr(err.message, "AWS_SESSION_TOKEN"));
	token[AWS_TOKEN_MAX - 1] = '\0';
	set("AWS_SESSION_TOKEN", token);
	assert_int_equal(aws_settings_read(&settings, &err), 0);
	aws_settings_clear(&settings);
	assert_string_equal(settings.secret_key, "");
}

static void test_an_endless_line_is_an_error(void **state)
{
	char *text = xmalloc(20001);
	(void)state;
	memset(text, 'x', 20000);
	text[20000] = '\0';
	put("credentials", text);
	assert_int_equal(aws_settings_read(&settings, &err), -1);
	assert_non_null(strstr(err.message, "/.aws/credentials: "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_without_anything_it_says_what_is_missing, set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_the_environment_comes_first, set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_half_of_the_credentials_is_an_error, set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(test_a_profile_is_found_by_its_name_in_either_file,
			set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_files_may_lie_elsewhere, set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_other_ways_to_credentials_are_named, set_up, tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_what_can_be_no_header_is_refused_without_showing_it, set_up,
			tempdir_teardown),
		cmocka_unit_test_setup_teardown(
			test_an_endless_line_is_an_error, set_up, tempdir_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
