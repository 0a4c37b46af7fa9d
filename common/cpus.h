/* SPDX-License-Identifier: MIT */
/*
 * How many processors this process may use: not those of the machine, but what its affinity
 * (taskset, Slurm) and its control groups (containers, systemd) leave it.
 *
 * Sources: sched_getaffinity(2); docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max";
 * docs.kernel.org/scheduler/sched-bwc.html for version 1; cgroups(7) for /proc/self/cgroup.
 */
#ifndef SCIAME_COMMON_CPUS_H
#define SCIAME_COMMON_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The smallest of the affinity's count and of the quotas of all control groups around the process,
 * at least 1. A quota counts as whole processors, rounded up: 1.5 are 2. What can't be read is
 * no limit.
 */
unsigned cpus_usable(void);

/* The same with /proc and /sys below root ("" is the real one) and affinity processors. */
unsigned cpus_usable_at(const char *root, unsigned affinity);

/* The parts, pure; their answer 0 means "no limit", which is also that to nonsense. */

/* The content of cpu.max: "QUOTA PERIOD" or "max PERIOD", in microseconds. */
unsigned cpus_parse_max(const char *text);

/* The content of cpu.cfs_quota_us (-1: no limit) and of cpu.cfs_period_us. */
unsigned cpus_parse_quota(const char *quota, const char *period);

/*
 * The path of the process in the hierarchy with this controller, out of /proc/self/cgroup, whose
 * lines are "NUMBER:CONTROLLER,CONTROLLER:PATH". controller "" is version 2. False when there is
 * none, or when the path does not fit or leads out of what is mounted ("/../x", in a namespace).
 */
bool cpus_parse_cgroup(const char *text, const char *controller, char *path, size_t path_size);

#endif
