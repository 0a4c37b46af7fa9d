/* SPDX-License-Identifier: MIT */
#include "master/prune.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/quote.h"
#include "master/ledger.h"
#include "master/ledger_outputs.h"
#include "master/progress.h"
#include "master/resume.h"

enum { NS_PER_S = 1000000000 };

/* An output in its root. */
struct place {
	int root;
	const char *path;
};

static bool is_there(const struct run *run, const char *source)
{
	struct stat status;
	const char *path;
	int root = resume_root(run->resume, source, &path);
	if (mentions_source(run->listing.mentions, source))
		return true;
	/* an object would have been listed; of a root of other runs nothing is known */
	if (root < 0)
		return !strstr(source, "://");
	/* whatever else keeps it from being found may pass */
	return fstatat(root, path, &status, 0) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* Whether a file is the one that was made. */
static bool is_ours(
	const struct place *place, const struct ledger_entry *entry, uint64_t output_bytes)
{
	struct stat status;
	if (fstatat(place->root, place->path, &status, AT_SYMLINK_NOFOLLOW) ||
		!S_ISREG(status.st_mode) || (uint64_t)status.st_size != output_bytes)
		return false;
	int64_t mtime_ns = (int64_t)status.st_mtim.tv_sec * NS_PER_S + status.st_mtim.tv_nsec;
	return status.st_mtim.tv_sec <= entry->settled_s || mtime_ns == entry->source_mtime_ns;
}

static bool is_target(const struct run *run, const struct place *place, const char *folder)
{
	struct stat one, other;
	return fstatat(place->root, folder, &one, 0) != 0 ||
	       stat(run->kind_run.ledger_target, &other) != 0 ||
	       (one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

/* From the inside out, until one is not empty, or is the target itself. */
static void remove_folders(const struct run *run, const struct place *place)
{
	char *folder = xstrdup(place->path);
	for (char *slash = strrchr(folder, '/'); slash; slash = strrchr(folder, '/')) {
		*slash = '\0';
		if (is_target(run, place, folder) || unlinkat(place->root, folder, AT_REMOVEDIR))
			break;
	}
	free(folder);
}

static void say(const struct run *run, const char *path)
{
	struct quote quote;
	bool dry_run = run->settings->dry_run;
	if (!run->settings->verbose && !dry_run)
		return;
	progress_clear();
	/* a failing stdout is noticed at the end */
	(void)fprintf(run->settings->json ? stderr : stdout, "%s %s\n",
		dry_run ? "would delete" : "deleted", quote_name(&quote, path));
}

/* 1: it is gone, now or before; 0: it stays, as somebody else's; -1. */
static int remove_output(struct run *run, const struct ledger_entry *entry,
	const struct ledger_output *output, struct error *err)
{
	struct stat status;
	struct place place;
	bool dry_run = run->settings->dry_run;
	place.root = resume_root(run->resume, output->location, &place.path);
	if (place.root < 0)
		return 0;
	if (fstatat(place.root, place.path, &status, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return 1;
	if (!is_ours(&place, entry, output->produced.bytes))
		return 0;
	if (!dry_run && unlinkat(place.root, place.path, 0))
		return error_errno(err, ERROR_IO, "delete %s", place.path);
	if (!dry_run)
		remove_folders(run, &place);
	run->deleted++;
	say(run, place.path);
	return 1;
}

/* What a source became: of several outputs as many as it had; -1 without *err: nobody knows. */
static int outputs_of(const struct ledger_entry *entry, struct ledger_outputs *outputs)
{
	*outputs = (struct ledger_outputs) { .count = 1 };
	outputs->list[0].location = entry->target;
	outputs->list[0].produced.bytes = entry->output_bytes;
	return entry->outputs ? ledger_outputs_unpack(outputs, entry->outputs, entry->outputs_size)
			      : 0;
}

/* One source that is gone: it is forgotten when all that it became is gone, too. */
static int remove_source(struct run *run, const struct ledger_entry *entry, struct error *err)
{
	struct ledger_outputs outputs;
	if (mentions_target(run->listing.mentions, entry->target) || outputs_of(entry, &outputs))
		return 0;
	size_t gone = 0;
	int status = 0;
	/* backwards: where two have one name, the last is what is there */
	for (size_t i = outputs.count; i > 0 && status >= 0; i--) {
		status = remove_output(run, entry, &outputs.list[i - 1], err);
		gone += status > 0;
	}
	bool forgets = gone == outputs.count && !run->settings->dry_run;
	ledger_outputs_release(&outputs);
	if (status >= 0 && forgets)
		status = ledger_forget(run->ledger, entry->source, err);
	return status < 0 ? -1 : 0;
}

static int remove_all(struct run *run, struct error *err)
{
	struct ledger_entry entry;
	int status = ledger_earlier_next(run->ledger, &entry, err);
	while (status > 0) {
		if (!is_there(run, entry.source) && remove_source(run, &entry, err))
			return -1;
		status = ledger_earlier_next(run->ledger, &entry, err);
	}
	return status;
}

/* NULL: it may; else why not. */
static const char *reason_against(const struct run *run)
{
	const struct summary *summary = &run->summary;
	if (summary->canceled || summary->aborted || summary->halted || !run->ended)
		return "the run did not end";
	if (run->listed_badly)
		return "the source could not be listed completely";
	return mentions_any(run->listing.mentions) ? NULL : "there are no pictures in the source";
}

int prune(struct run *run, struct error *err)
{
	struct error later;
	if (!run->settings->deletes || !run->ledger)
		return 0;
	const char *why = reason_against(run);
	if (why) {
		progress_clear();
		log_line("nothing is deleted: %s", why);
		return 0;
	}
	if (ledger_earlier_begin(run->ledger, err))
		return -1;
	int status = remove_all(run, err);
	/* what was deleted before an error is forgotten all the same */
	if (ledger_earlier_end(run->ledger, status ? &later : err))
		status = -1;
	return status;
}
