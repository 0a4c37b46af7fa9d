/* SPDX-License-Identifier: MIT */
/* A browser that is a script: what it gets, and that nothing ties it to us. */
#include "master/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/memory.h"
#include "tests/support/deadline.h"
#include "tests/support/tempdir.h"

enum {
	REPORT_BYTES = 4096,
	SIGNALS = 31, /* that have a name */
};

/* Writes what it was called with into a file, which appears whole. */
#define SCRIPT_ARGUMENTS                                                                           \
	"#!/bin/sh\nprintf '[%s]' \"$@\" >'FOLDER/part'; mv 'FOLDER/part' 'FOLDER/report'\n"

/* Makes an executable; FOLDER in its text becomes the folder's path. */
static void make_script(const char *folder, const char *name, const char *text)
{
	char *whole = xstrdup("");
	for (const char *place; (place = strstr(text, "FOLDER")); text = place + strlen("FOLDER")) {
		char *longer = xasprintf("%s%.*s%s", whole, (int)(place - text), text, folder);
		free(whole);
		whole = longer;
	}
	char *script = xasprintf("%s%s", whole, text);
	tempdir_write(folder, name, script);
	assert_int_equal(chmod(tempdir_path(folder, name), 0700), 0);
	free(script);
	free(whole);
}

static int setup(void **state)
{
	(void)tempdir_setup(state);
	make_script(*state, "browser", SCRIPT_ARGUMENTS);
	tempdir_write(*state, "page.html", "");
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(unsetenv("BROWSER"), 0);
	return tempdir_teardown(state);
}

/* $BROWSER; FOLDER in it becomes the folder's path. */
static void set_browser(const char *folder, const char *before, const char *after)
{
	char *value = xasprintf("%s%s%s", before, folder, after);
	assert_int_equal(setenv("BROWSER", value, 1), 0);
	free(value);
}

static void open_page(const char *folder, const char *name)
{
	struct error err = { 0 };
	if (browser_open(tempdir_path(folder, name), &err))
		fail_msg("%s", err.message);
}

/* What the script has written so far. */
static const char *read_report(const char *folder)
{
	static char report[REPORT_BYTES];
	FILE *file = fopen(tempdir_path(folder, "report"), "re");
	report[0] = '\0';
	if (!file)
		return report;
	report[fread(report, 1, sizeof(report) - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	return report;
}

/* Waits for the whole of it. */
static const char *wait_for_report(const char *folder)
{
	int64_t end = deadline_start();
	while (!tempdir_exists(folder, "report")) {
		deadline_check(end);
		(void)poll(NULL, 0, DEADLINE_STEP_MS);
	}
	return read_report(folder);
}

static void assert_report(const char *folder, const char *before, const char *after)
{
	char *expected = xasprintf("%s%s%s", before, folder, after);
	assert_string_equal(wait_for_report(folder), expected);
	free(expected);
}

static void test_browser_gets_address_of_page(void **state)
{
	set_browser(*state, "", "/browser");
	open_page(*state, "page.html");
	assert_report(*state, "[file://", "/page.html]");
}

static void test_browser_gets_odd_names_encoded(void **state)
{
	set_browser(*state, "", "/browser --new \"a b\"");
	tempdir_write(*state, "50% #1?\"'&;$(x)\n\xC3\xA9.html", "");
	open_page(*state, "50% #1?\"'&;$(x)\n\xC3\xA9.html");
	assert_report(*state, "[--new][a b][file://",
		"/50%25%20%231%3F%22%27%26%3B%24%28x%29%0A%C3%A9.html]");
}

static void test_browser_gets_whole_path_of_relative_one(void **state)
{
	struct error err = { 0 };
	char *folder = getcwd(NULL, 0);
	set_browser(*state, "", "/browser");
	assert_int_equal(chdir(*state), 0);
	assert_int_equal(browser_open("page.html", &err), 0);
	assert_int_equal(chdir(folder), 0);
	free(folder);
	assert_report(*state, "[file://", "/page.html]");
}

static void test_browser_command_may_hold_page_and_percent(void **state)
{
	set_browser(*state, "", "/browser '--at=<%s>' 100%% %d \"\" &");
	open_page(*state, "page.html");
	assert_report(*state, "[--at=<file://", "/page.html>][100%][%d][]");
}

static void test_browser_that_is_missing_gives_way_to_next(void **state)
{
	set_browser(*state, "no-such-browser -x:: :", "/browser");
	open_page(*state, "page.html");
	assert_report(*state, "[file://", "/page.html]");
}

/* With only this folder to find programs in. */
static void with_path(const char *folder, void (*act)(const char *folder))
{
	char *before = xstrdup(getenv("PATH"));
	assert_int_equal(setenv("PATH", folder, 1), 0);
	act(folder);
	assert_int_equal(setenv("PATH", before, 1), 0);
	free(before);
}

static void open_without_any(const char *folder)
{
	struct error err = { 0 };
	assert_int_equal(setenv("BROWSER", "lynks:/no/such/firefox", 1), 0);
	assert_int_equal(browser_open(tempdir_path(folder, "page.html"), &err), -1);
	assert_string_equal(err.message, "start a browser (lynks, /no/such/firefox, xdg-open): "
					 "No such file or directory");
}

static void test_browser_error_names_those_that_are_missing(void **state)
{
	with_path(*state, open_without_any);
}

static void open_by_xdg(const char *folder)
{
	assert_int_equal(unsetenv("BROWSER"), 0);
	open_page(folder, "page.html");
	assert_int_equal(setenv("BROWSER", "", 1), 0);
	open_page(folder, "page.html");
}

static void test_browser_is_xdg_open_without_other(void **state)
{
	make_script(*state, "xdg-open", "#!/bin/sh\necho \"$@\" >>'FOLDER/log'\n");
	with_path(*state, open_by_xdg);
	char *expected = xasprintf(
		"file://%s/page.html\nfile://%s/page.html\n", (char *)*state, (char *)*state);
	int64_t end = deadline_start();
	while (!tempdir_holds(*state, "log", expected)) {
		deadline_check(end);
		(void)poll(NULL, 0, DEADLINE_STEP_MS);
	}
	free(expected);
}

static void test_browser_needs_a_page(void **state)
{
	struct error err = { 0 };
	set_browser(*state, "", "/browser");
	assert_int_equal(browser_open(tempdir_path(*state, "no.html"), &err), -1);
	assert_non_null(strstr(err.message, "no.html in a browser: No such file or directory"));
}

static void test_browser_that_is_slow_holds_nobody_up(void **state)
{
	/* it goes on only when it is let go, which comes after */
	assert_int_equal(mkfifo(tempdir_path(*state, "gate"), 0600), 0);
	make_script(*state, "slow",
		"#!/bin/sh\nread line <'FOLDER/gate'\necho $line >'FOLDER/part'\n"
		"mv 'FOLDER/part' 'FOLDER/report'\n");
	set_browser(*state, "", "/slow");
	open_page(*state, "page.html");
	/* nor is there a child to wait for, dead or alive */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	FILE *gate = fopen(tempdir_path(*state, "gate"), "we");
	assert_non_null(gate);
	assert_true(fputs("go\n", gate) >= 0);
	assert_int_equal(fclose(gate), 0);
	assert_string_equal(wait_for_report(*state), "go\n");
}

static void test_browser_inherits_no_descriptor_of_ours(void **state)
{
	/* not O_CLOEXEC, as what we have inherited, and of a number that no shell uses */
	int leaked = fcntl(STDERR_FILENO, F_DUPFD, 50);
	assert_true(leaked >= 0);
	make_script(*state, "nosy",
		"#!/bin/sh\nfiles=$(for n in 0 1 2 $1; do readlink /proc/$$/fd/$n; done)\n"
		"{ echo $files\ncut -d ' ' -f 6 /proc/self/stat\n"
		"} >'FOLDER/part'\nmv 'FOLDER/part' 'FOLDER/report'\n");
	char *arguments = xasprintf("/nosy %d", leaked);
	set_browser(*state, "", arguments);
	open_page(*state, "page.html");
	const char *report = wait_for_report(*state);
	assert_int_equal(strncmp(report, "/dev/null /dev/null /dev/null\n", 30), 0);
	char *session = xasprintf("\n%d\n", (int)getsid(0));
	assert_null(strstr(report, session));
	free(session);
	free(arguments);
	assert_int_equal(close(leaked), 0);
}

static void test_browser_inherits_no_signal_setting_of_ours(void **state)
{
	sigset_t set, before;
	unsigned long long blocked, ignored;
	const char *signals = NULL;
	/* no script: a shell resets some of it */
	set_browser(*state, "cp --suffix=%s /proc/self/status ", "/report");
	(void)signal(SIGINT, SIG_IGN);
	(void)sigfillset(&set);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &before), 0);
	open_page(*state, "page.html");
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	(void)signal(SIGINT, SIG_DFL);
	for (int64_t end = deadline_start(); !signals; deadline_check(end))
		signals = strstr(read_report(*state), "SigBlk:");
	assert_int_equal(sscanf(signals, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	/* the C library ignores two of its own in every program that it spawns */
	assert_int_equal(ignored & ((1ULL << SIGNALS) - 1), 0);
}

/* In a child with a terminal where wanted: its exit status is the answer. */
static bool is_possible(bool out_is_terminal, bool err_is_terminal, const char *const *variables)
{
	static const char *const names[] = { "DISPLAY", "WAYLAND_DISPLAY", "BROWSER",
		"SSH_CONNECTION", "SSH_TTY" };
	int master, terminal, status;
	assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			(void)unsetenv(names[i]);
		for (; *variables; variables++)
			(void)putenv((char *)*variables);
		(void)dup2(out_is_terminal ? terminal : null, STDOUT_FILENO);
		(void)dup2(err_is_terminal ? terminal : null, STDERR_FILENO);
		_exit(browser_is_possible());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(master);
	(void)close(terminal);
	return WEXITSTATUS(status);
}

#define VARIABLES(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void test_browser_is_possible_only_where_it_is_seen(void **state)
{
	(void)state;
	assert_true(is_possible(true, true, VARIABLES("DISPLAY=:0")));
	assert_true(is_possible(true, true, VARIABLES("WAYLAND_DISPLAY=wayland-0")));
	assert_true(is_possible(true, true, VARIABLES("BROWSER=x")));
	assert_true(is_possible(true, true, VARIABLES("SSH_TTY=x", "DISPLAY=:10")));
	assert_false(is_possible(false, true, VARIABLES("DISPLAY=:0")));
	assert_false(is_possible(true, false, VARIABLES("DISPLAY=:0", "BROWSER=x")));
	assert_false(is_possible(true, true, VARIABLES("DISPLAY=", "BROWSER=")));
	assert_false(is_possible(true, true, VARIABLES("SSH_CONNECTION=x", "BROWSER=x")));
	assert_false(is_possible(true, true, VARIABLES("SSH_TTY=x", "BROWSER=x")));
}

#define BROWSER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BROWSER_TEST(test_browser_gets_address_of_page),
		BROWSER_TEST(test_browser_gets_odd_names_encoded),
		BROWSER_TEST(test_browser_gets_whole_path_of_relative_one),
		BROWSER_TEST(test_browser_command_may_hold_page_and_percent),
		BROWSER_TEST(test_browser_that_is_missing_gives_way_to_next),
		BROWSER_TEST(test_browser_error_names_those_that_are_missing),
		BROWSER_TEST(test_browser_is_xdg_open_without_other),
		BROWSER_TEST(test_browser_needs_a_page),
		BROWSER_TEST(test_browser_that_is_slow_holds_nobody_up),
		BROWSER_TEST(test_browser_inherits_no_descriptor_of_ours),
		BROWSER_TEST(test_browser_inherits_no_signal_setting_of_ours),
		BROWSER_TEST(test_browser_is_possible_only_where_it_is_seen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
