/* SPDX-License-Identifier: MIT */
/*
 * sciame-lane-KIND: the program of the lanes of one kind, with the decoders of that kind and no
 * others. LANE_KIND is its name.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/kind.h"
#include "common/log.h"
#include "common/startup.h"
#include "worker/kind.h"
#include "worker/lane_main.h"

#define JOIN(a, b) a##b
#define NAME(prefix, kind) JOIN(prefix, kind)
#define THE_KIND NAME(worker_kind_, LANE_KIND)

extern const struct worker_kind THE_KIND;

/* In place of worker/kind.c, which knows them all. */
const struct worker_kind *worker_kind_find(uint32_t number)
{
	return number == NAME(KIND_, LANE_KIND) ? &THE_KIND : NULL;
}

/* "--formats": for people, not for a worker. */
static int print_formats(bool json)
{
	struct error err;
	log_open("sciame");
	if (!THE_KIND.print_formats(stdout, json, &err))
		return 0;
	log_line("%s", err.message);
	return 3;
}

int main(int argc, char **argv)
{
	startup_descriptors();
	startup_dispositions();
	bool formats = argc == 2 && THE_KIND.print_formats;
	if (formats &&
		(strcmp(argv[1], "--formats") == 0 || strcmp(argv[1], "--formats=json") == 0))
		_exit(print_formats(strcmp(argv[1], "--formats=json") == 0)); /* as below */
	log_open("sciame-worker: lane");
	if (argc != 4 || strcmp(argv[1], "--lane") != 0) {
		log_line("lanes are started by sciame-worker");
		return 2;
	}
	bool best_effort = strcmp(argv[3], "--sandbox=best-effort") == 0;
	int status = lane_main(argv[2], best_effort ? SANDBOX_BEST_EFFORT : SANDBOX_REQUIRED);
	/*
	 * Nothing is left to tidy up, and what libraries do at the end must not: the leak checker
	 * forks a tracer, which stays for ever, with the leash, when the dying worker's signal ends
	 * the lane in the middle of it.
	 */
	_exit(status);
}
