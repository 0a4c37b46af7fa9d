/* SPDX-License-Identifier: MIT */
/*
 * Links are followed, as the worker of a run on one's own host follows them. The master only looks
 * at names that it has listed itself; what is read is only ever hashed.
 */
#include "master/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/memory.h"
#include "master/kind.h"
#include "master/ledger_outputs.h"

enum { NS_PER_S = 1000000000 };

struct root {
	char *name;
	int fd;
};

struct resume {
	struct ledger *ledger;
	bool retry_failed, update, digest, described;
	size_t roots_count;
	struct root roots[KIND_ROOTS_MAX];
	char why[RESUME_WHY_MAX];
};

_Static_assert((int)JOB_DIGEST_SIZE == (int)HASH_SHA256_SIZE, "the digest of a job is SHA-256");

/* The root of a location and *path below it, or NULL: it is a URL, or empty. */
static const struct root *find_root(const struct resume *r, const char *location, const char **path)
{
	const char *colon = strchr(location, ':');
	size_t length = colon ? (size_t)(colon - location) : 0;
	for (size_t i = 0; colon && i < r->roots_count; i++) {
		const struct root *root = &r->roots[i];
		if (strlen(root->name) == length && memcmp(root->name, location, length) == 0) {
			*path = colon + 1;
			return root;
		}
	}
	return NULL;
}

int resume_root(const struct resume *r, const char *location, const char **path)
{
	const struct root *root = find_root(r, location, path);
	return root ? root->fd : -1;
}

/* 0, or -1 and errno; ENOENT for what is no file below a root. */
static int look(const struct resume *r, const char *location, struct stat *status)
{
	const char *path;
	const struct root *root = find_root(r, location, &path);
	errno = ENOENT;
	return root ? fstatat(root->fd, path, status, 0) : -1;
}

static int64_t nanoseconds(struct timespec time)
{
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* What has no file says what it is when it is listed. */
static bool is_described(const struct job *job)
{
	return job->source_size != 0 || job->source_mtime_ns != 0;
}

/* The same of the source of a job. */
static int look_at_source(const struct resume *r, const struct job *job, struct stat *status)
{
	if (!is_described(job))
		return look(r, job->source, status);
	*status = (struct stat) { .st_size = (off_t)job->source_size };
	status->st_mtim.tv_sec = job->source_mtime_ns / NS_PER_S;
	status->st_mtim.tv_nsec = job->source_mtime_ns % NS_PER_S;
	status->st_ctim = status->st_mtim;
	return 0;
}

static bool has_content(
	const struct resume *r, const char *location, const uint8_t digest[JOB_DIGEST_SIZE])
{
	const char *path;
	uint8_t now[HASH_SHA256_SIZE];
	const struct root *root = find_root(r, location, &path);
	int fd = root ? openat(root->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	if (fd < 0)
		return false;
	int status = hash_sha256_file(fd, now);
	(void)close(fd); /* only read */
	return status == 0 && memcmp(now, digest, sizeof(now)) == 0;
}

/* Formats the reason why a job is done again. */
static const char *reason(struct resume *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *reason(struct resume *r, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	(void)vsnprintf(r->why, sizeof(r->why), format, list); /* for people: cut is fine */
	va_end(list);
	return r->why;
}

/* An identity of zeroes was never seen: the source could not be opened, or nobody lived to tell. */
static bool is_identified(const struct ledger_entry *entry)
{
	return entry->source_size != 0 || entry->source_mtime_ns != 0;
}

/* NULL: the source is what it was; else how it has changed. */
static const char *change_of(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	struct stat now;
	if (look_at_source(r, job, &now))
		return reason(r, "changed: %s", strerrordesc_np(errno));
	if ((uint64_t)now.st_size != entry->source_size)
		return reason(r, "changed: %" PRIu64 " bytes, now %" PRIu64, entry->source_size,
			(uint64_t)now.st_size);
	if (r->digest && entry->has_digest && !is_described(job))
		return has_content(r, entry->source, entry->digest) ? NULL : "changed: its content";
	if (nanoseconds(now.st_mtim) != entry->source_mtime_ns)
		return "changed: its time";
	return NULL;
}

/*
 * The same of an outcome that says nothing of the source. One that failed could not be opened then:
 * it is left alone as long as it can't be found at all, and tried again when it is there. One that
 * was quarantined killed everybody who might have told: it is the same unless it is younger than
 * that. What is no file (a URL) has no identity and never changes within a run.
 */
static const char *change_of_unidentified(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	struct stat now;
	const char *path;
	if (!find_root(r, entry->source, &path) && !is_described(job))
		return NULL;
	bool there = look_at_source(r, job, &now) == 0;
	if (entry->outcome == LEDGER_QUARANTINED)
		return there && now.st_mtim.tv_sec > entry->settled_s ? "changed: its time" : NULL;
	if (entry->outcome == LEDGER_FAILED)
		return there ? "it could not be opened" : NULL;
	return "its size and time are not known";
}

static const char *source_change(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	return is_identified(entry) ? change_of(r, job, entry)
				    : change_of_unidentified(r, job, entry);
}

/* NULL: the output is there as it was written; else what is wrong with it. */
static const char *file_change(struct resume *r, const char *location, uint64_t bytes)
{
	struct stat now;
	const char *path;
	if (!find_root(r, location, &path))
		return NULL; /* it has none */
	if (look(r, location, &now))
		return errno == ENOENT ? "its output is missing" : "its output can't be read";
	if (!S_ISREG(now.st_mode))
		return "its output is no file";
	if ((uint64_t)now.st_size != bytes)
		return reason(r, "its output has %" PRIu64 " bytes instead of %" PRIu64,
			(uint64_t)now.st_size, bytes);
	return NULL;
}

/* Whether an output was made again, under the same name, by a later one of the same job. */
static bool is_replaced(const struct ledger_outputs *outputs, size_t number)
{
	for (size_t i = number + 1; i < outputs->count; i++) {
		if (strcmp(outputs->list[i].location, outputs->list[number].location) == 0)
			return true;
	}
	return false;
}

/* The same of all outputs of a job that says more than its target. */
static const char *files_change(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	struct ledger_outputs outputs;
	const char *why = NULL;
	if (!entry->outputs || ledger_outputs_unpack(&outputs, entry->outputs, entry->outputs_size))
		return "its outputs are not known";
	if (outputs.count != job_outputs(job))
		why = "it has other outputs";
	for (size_t i = 0; i < outputs.count && !why; i++) {
		const struct ledger_output *output = &outputs.list[i];
		if (r->described && !output->produced.has_digest)
			why = "its outputs are not described";
		else if (!is_replaced(&outputs, i))
			why = file_change(r, output->location, output->produced.bytes);
	}
	ledger_outputs_release(&outputs);
	return why;
}

static const char *output_change(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	if (strcmp(job->target, entry->target) != 0)
		return "its output has another name";
	return job->labels_count || r->described ? files_change(r, job, entry)
						 : file_change(r, job->target, entry->output_bytes);
}

static const char *command_change(const struct ledger_entry *entry)
{
	if (entry->same_command)
		return NULL;
	return entry->same_program ? "other options" : "another version";
}

static enum resume_verdict judge_done(
	struct resume *r, const struct job *job, const struct ledger_entry *entry, const char **why)
{
	*why = source_change(r, job, entry);
	if (!*why)
		*why = output_change(r, job, entry);
	return *why ? RESUME_DO : RESUME_DONE;
}

static enum resume_verdict judge_failed(
	struct resume *r, const struct job *job, const struct ledger_entry *entry, const char **why)
{
	*why = r->retry_failed ? "it failed" : source_change(r, job, entry);
	return *why ? RESUME_DO : RESUME_FAILED;
}

static enum resume_verdict judge_quarantined(
	struct resume *r, const struct job *job, const struct ledger_entry *entry, const char **why)
{
	*why = r->retry_failed ? "it was quarantined" : command_change(entry);
	if (!*why)
		*why = source_change(r, job, entry);
	return *why ? RESUME_DO : RESUME_QUARANTINED;
}

/* What has changed since an ended run, in the words of --update. */
static const char *change_since(
	struct resume *r, const struct job *job, const struct ledger_entry *entry)
{
	char what[RESUME_WHY_MAX];
	if (!entry->same_program)
		return "program changed";
	if (!entry->same_command)
		return "parameters changed";
	const char *change = source_change(r, job, entry);
	if (change) {
		bool says_so = strncmp(change, "changed: ", strlen("changed: ")) == 0;
		(void)snprintf(what, sizeof(what), "%s", change); /* it may stand in r->why */
		return reason(r, "source changed: %s", says_so ? what + strlen("changed: ") : what);
	}
	change = output_change(r, job, entry);
	if (!change)
		return NULL;
	if (strcmp(change, "its output is missing") == 0)
		return "output missing";
	return change + strlen("its ");
}

static enum resume_verdict judge_earlier(
	struct resume *r, const struct job *job, const struct ledger_entry *entry, const char **why)
{
	if (!entry->same_place)
		*why = "new";
	else if (entry->outcome == LEDGER_DONE)
		*why = change_since(r, job, entry);
	else
		*why = "failed before";
	return *why ? RESUME_DO : RESUME_UNCHANGED;
}

/* Deaths count against the file that caused them, not against one that has taken its place. */
static void take_blames(struct resume *r, struct job *job, const struct ledger_entry *entry)
{
	if (!source_change(r, job, entry) || !is_identified(entry))
		job->blames = entry->blames;
}

/* A source without an outcome is new when it came after the run had begun; else just not done. */
static const char *why_unknown(const struct resume *r, const struct job *job)
{
	struct stat now;
	const struct ledger_past *past = ledger_past(r->ledger);
	bool is_new = past->resuming && look_at_source(r, job, &now) == 0 &&
		      now.st_ctim.tv_sec >= past->started_s;
	return is_new ? "new" : NULL;
}

static enum resume_verdict judge(
	struct resume *r, struct job *job, const struct ledger_entry *entry, const char **why)
{
	if (entry->outcome == LEDGER_QUARANTINED)
		return judge_quarantined(r, job, entry, why);
	if (!entry->this_run)
		return r->update ? judge_earlier(r, job, entry, why) : RESUME_DO;
	switch (entry->outcome) {
	case LEDGER_DONE:
		return judge_done(r, job, entry, why);
	case LEDGER_FAILED:
		return judge_failed(r, job, entry, why);
	case LEDGER_BLAMED:
		take_blames(r, job, entry);
		return RESUME_DO;
	case LEDGER_QUARANTINED:
		break;
	}
	return RESUME_DO; /* an outcome that this version does not know is done again */
}

void resume_identify(const struct resume *r, const char *source, uint64_t *size, int64_t *mtime_ns)
{
	struct stat now;
	bool there = look(r, source, &now) == 0;
	*size = there ? (uint64_t)now.st_size : 0;
	*mtime_ns = there ? nanoseconds(now.st_mtim) : 0;
}

static int open_root(struct resume *r, const char *text, struct error *err)
{
	const char *folder = strchr(text, '=');
	if (!folder || r->roots_count == KIND_ROOTS_MAX)
		return error_set(err, ERROR_USAGE, "not a root: %s", text);
	struct root *root = &r->roots[r->roots_count];
	root->fd = open(folder + 1, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0)
		return error_errno(err, ERROR_IO, "open folder %s", folder + 1);
	root->name = xasprintf("%.*s", (int)(folder - text), text);
	r->roots_count++;
	return 0;
}

int resume_open(struct resume **resume, const struct resume_options *options, struct error *err)
{
	struct resume *r = xcalloc(1, sizeof(*r));
	r->ledger = options->ledger;
	r->retry_failed = options->retry_failed;
	r->update = options->update;
	r->digest = options->digest;
	r->described = options->described;
	*resume = NULL;
	for (size_t i = 0; i < options->roots_count; i++) {
		if (open_root(r, options->roots[i], err)) {
			resume_close(r);
			return -1;
		}
	}
	*resume = r;
	return 0;
}

void resume_close(struct resume *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->roots_count; i++) {
		(void)close(r->roots[i].fd); /* opened with O_PATH */
		free(r->roots[i].name);
	}
	free(r);
}

int resume_judge(struct resume *r, struct job *job, struct ledger_entry *entry, const char **why,
	struct error *err)
{
	const struct ledger_past *past = ledger_past(r->ledger);
	*why = NULL;
	if (!past->resuming && !past->any_quarantined && !r->update)
		return RESUME_DO;
	int found = ledger_find(r->ledger, job->source, entry, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		*why = r->update ? "new" : why_unknown(r, job);
		return RESUME_DO;
	}
	return (int)judge(r, job, entry, why);
}
