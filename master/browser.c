/* SPDX-License-Identifier: MIT */
/* A process in between starts the browser and ends: so init, not we, reaps what is started. */
#include "master/browser.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"

extern char **environ;

enum {
	WORDS_MAX = 32,   /* of one command */
	TRIED_BYTES = 256 /* for names in an error */
};

/* One command of $BROWSER, split into words. */
struct command {
	char *words[WORDS_MAX + 2]; /* the page may be added, and NULL */
	size_t count;
};

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value && value[0] != '\0';
}

bool browser_is_possible(void)
{
	if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
		return false;
	if (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
		return true;
	/* what $BROWSER shows over there, nobody sees here */
	return is_set("BROWSER") && !is_set("SSH_CONNECTION") && !is_set("SSH_TTY");
}

/* RFC 8089, with all but RFC 3986's unreserved characters and '/' encoded. The caller frees it. */
static char *page_address(const char *path, struct error *err)
{
	static const char digits[] = "0123456789ABCDEF";
	char *whole = realpath(path, NULL);
	if (!whole) {
		(void)error_errno(err, ERROR_IO, "open %s in a browser", path);
		return NULL;
	}
	char *address = xmalloc(sizeof("file://") + 3 * strlen(whole));
	char *end = stpcpy(address, "file://");
	for (const char *c = whole; *c; c++) {
		unsigned char byte = (unsigned char)*c;
		if (byte < 0x80 && (isalnum(byte) || strchr("-._~/", byte))) {
			*end++ = *c;
		} else {
			*end++ = '%';
			*end++ = digits[byte >> 4];
			*end++ = digits[byte & 15];
		}
	}
	*end = '\0';
	free(whole);
	return address;
}

/* Reads one word up to an unquoted blank or the end of the command; moves *text behind it. */
static char *read_word(const char **text, const char *end, const char *page, bool *has_page)
{
	char quote = '\0', *word = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&word, &size);
	if (!out)
		abort(); /* out of memory */
	for (; *text < end && (quote || !isblank((unsigned char)**text)); ++*text) {
		char c = **text, next = *text + 1 < end ? (*text)[1] : '\0';
		if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c == '%' && next == 's') {
			(void)fputs(page, out); /* fclose tells */
			*has_page = true;
			++*text;
		} else {
			(void)fputc(c, out); /* fclose tells */
			*text += c == '%' && next == '%' ? 1 : 0;
		}
	}
	if (fclose(out))
		abort(); /* out of memory */
	return word;
}

static void command_release(struct command *command)
{
	while (command->count > 0)
		free(command->words[--command->count]);
}

/* text up to end; a command of more words than there is room for is cut. */
static void command_parse(
	struct command *command, const char *text, const char *end, const char *page)
{
	bool has_page = false;
	*command = (struct command) { 0 };
	while (command->count < WORDS_MAX) {
		while (text < end && isblank((unsigned char)*text))
			text++;
		if (text == end)
			break;
		command->words[command->count++] = read_word(&text, end, page, &has_page);
	}
	/* a shell's "in the background", which Python's webbrowser knows too */
	if (command->count > 1 && strcmp(command->words[command->count - 1], "&") == 0) {
		free(command->words[--command->count]);
		command->words[command->count] = NULL;
	}
	if (command->count > 0 && !has_page)
		command->words[command->count++] = xstrdup(page);
}

/* Ctrl+C ends all of our session; of what is ours, the browser gets the environment only. */
static int set_attributes(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions)
{
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	int status = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!status)
		status = posix_spawnattr_setsigmask(attributes, &none);
	if (!status)
		status = posix_spawnattr_setsigdefault(attributes, &all);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && !status; fd++)
		status = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	if (!status)
		status = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return status;
}

/* As posix_spawnp, but without leaving a child. An errno fits an exit status. */
static int spawn_orphan(char **words, const posix_spawnattr_t *attributes,
	const posix_spawn_file_actions_t *actions)
{
	int status;
	pid_t child = fork(), orphan;
	if (child < 0)
		return errno;
	if (child == 0)
		_exit(posix_spawnp(&orphan, words[0], actions, attributes, words, environ));
	/* this waits for the browser to be executed, not for what it does */
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

/* Returns 0 when the program runs, or the reason why it does not, as errno. */
static int start(char **words)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int status = posix_spawnattr_init(&attributes);
	if (status)
		return status;
	status = posix_spawn_file_actions_init(&actions);
	if (!status) {
		status = set_attributes(&attributes, &actions);
		if (!status)
			status = spawn_orphan(words, &attributes, &actions);
		(void)posix_spawn_file_actions_destroy(&actions); /* always succeeds */
	}
	(void)posix_spawnattr_destroy(&attributes); /* always succeeds */
	return status;
}

/* Tries the commands in turn. 0, or the last one's errno, and in tried the names of all. */
static int start_first(const char *commands, const char *page, char *tried, size_t size)
{
	int status = ENOENT;
	while (*commands && status) {
		const char *end = strchrnul(commands, ':');
		struct command command;
		command_parse(&command, commands, end, page);
		if (command.count > 0) {
			size_t length = strlen(tried);
			(void)snprintf(tried + length, size - length, "%s%s", length ? ", " : "",
				command.words[0]); /* a cut list is fine */
			status = start(command.words);
		}
		command_release(&command);
		commands = *end ? end + 1 : end;
	}
	return status;
}

int browser_open(const char *path, struct error *err)
{
	char tried[TRIED_BYTES] = "";
	char *page = page_address(path, err);
	if (!page)
		return -1;
	int status = is_set("BROWSER") ? start_first(getenv("BROWSER"), page, tried, sizeof(tried))
				       : ENOENT;
	if (status)
		status = start_first("xdg-open", page, tried, sizeof(tried));
	free(page);
	if (status)
		return error_set(err, ERROR_START, "start a browser (%s): %s", tried,
			strerrordesc_np(status));
	return 0;
}
