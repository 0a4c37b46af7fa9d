/* SPDX-License-Identifier: MIT */
/* sciame-worker: takes jobs from a master and has its lanes execute them. */
#include <stdio.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/startup.h"
#include "worker/health.h"
#include "worker/loop.h"
#include "worker/own_kinds.h"
#include "worker/settings.h"

int main(int argc, char **argv)
{
	struct settings settings;
	struct error err;
	startup_descriptors();
	startup_dispositions();
	log_open("sciame-worker");
	if (settings_parse(&settings, argc, argv, &err)) {
		log_line("%s", err.message);
		return 2;
	}
	if (settings.help) {
		settings_print_help();
		return 0;
	}
	if (settings.version) {
		(void)printf("sciame-worker %s\n", SCIAME_VERSION);
		return 0;
	}
	if (settings.check) {
		if (health_check(settings.check, clock_wall_s(), &err) == 0)
			return 0;
		log_line("%s", err.message);
		return 1;
	}
	for (size_t i = 0; i < settings.kinds_count; i++) {
		if (own_kinds_add(&settings.own, settings.kinds[i], &err)) {
			log_line("%s", err.message);
			return 2;
		}
	}
	int status = loop_run(&settings, &err);
	own_kinds_release(&settings.own);
	if (status) {
		log_line("%s", err.message);
		return 3;
	}
	return 0;
}
