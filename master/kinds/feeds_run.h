/* SPDX-License-Identifier: MIT */
/* One run of "feeds": the feeds and what has become of each. */
#ifndef SCIAME_MASTER_KINDS_FEEDS_RUN_H
#define SCIAME_MASTER_KINDS_FEEDS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/job.h"
#include "master/kinds/feeds_cache.h"
#include "master/kinds/feeds_ledger.h"
#include "master/kinds/feeds_list.h"
#include "master/kinds/feeds_output.h"
#include "master/output_file.h"

enum feed_outcome {
	FEED_NOT_RUN,   /* canceled before, or its host asked to be left alone */
	FEED_READ,      /* the copy in the cache is new */
	FEED_UNCHANGED, /* the host says that the copy is still right */
	FEED_FAILED,
};

struct feed {
	const struct feeds_item *item;
	char name[CACHE_NAME_SIZE]; /* of its copy */
	struct ledger_feed known;   /* before this run */
	enum feed_outcome outcome;
	uint32_t http_status;
	uint32_t duration_ms;
	uint32_t retry_after_s;
	char *error;  /* why it failed or was not asked, or NULL */
	bool settled; /* all of this is final */
};

struct feeds_settings {
	int64_t limit, since_ms, timeout_ms, per_host;
	const char *output, *proxy;
	int format; /* enum output_format */
	int sort;   /* index into the words of --sort */
	bool only_new, no_open, allow_private;
};

struct feeds_run {
	const struct feeds_settings *settings; /* borrowed */
	int64_t transfers;
	bool sync, quiet, by_date;
	int64_t now_s;
	struct feeds_list list;
	struct feed *feeds;   /* list.count, in its order */
	struct feed **by_url; /* the same, sorted */
	struct feed **order;  /* the same, in the order in which they are asked for */
	size_t next;          /* of order; the enumerator's own */
	size_t next_problem;  /* of list.problems; the enumerator's own */
	struct feeds_cache *cache;
	struct feeds_ledger *ledger; /* NULL: nothing is remembered */
	struct output_file target;
	struct output *output;
	size_t published;   /* of the list: they have been given to output */
	int publish_status; /* -1: that failed, see below */
	struct error publish_error;
	char *default_output;
	uint8_t parameters[JOB_PARAMETERS_MAX]; /* of the job that was listed last */
	char location[CACHE_NAME_SIZE + 8];
};

#endif
