/* SPDX-License-Identifier: MIT */
/* Limits on processors: the parsers on strings, and whole trees of /proc and /sys in a folder. */
#include "common/cpus.h"

#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { MANY = 64 };

static void test_cpus_max_is_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(cpus_parse_max("200000 100000\n"), 2);
	assert_int_equal(cpus_parse_max("150000 100000\n"), 2);
	assert_int_equal(cpus_parse_max("100001 100000"), 2);
	assert_int_equal(cpus_parse_max("1000 100000\n"), 1);
	assert_int_equal(cpus_parse_max("9223372036854775807 1\n"), 65536);
}

static void test_cpus_max_without_limit_or_sense_is_none(void **state)
{
	(void)state;
	const char *const none[] = { "max 100000\n", "max", "", "\n", "200000", "200000 \n",
		"200000 0\n", "0 100000\n", "-1 100000\n", "x 100000\n", "200000 100000 3\n",
		"200000 100000x\n", "99999999999999999999 100000\n", " 200000 100000\n" };
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(cpus_parse_max(none[i]), 0);
}

static void test_cpus_quota_of_version_1(void **state)
{
	(void)state;
	assert_int_equal(cpus_parse_quota("250000\n", "100000\n"), 3);
	assert_int_equal(cpus_parse_quota("-1\n", "100000\n"), 0);
	assert_int_equal(cpus_parse_quota("", ""), 0);
	assert_int_equal(cpus_parse_quota("250000\n", "0\n"), 0);
	assert_int_equal(cpus_parse_quota("250000\n", "100000 2\n"), 0);
}

static void test_cpus_cgroup_line_is_found(void **state)
{
	(void)state;
	static const char mixed[] = "12:cpuset:/sets\n11:blkio:/\n4:cpu,cpuacct:/docker/abc:d\n"
				    "1:name=systemd:/x\n0::/user.slice/a.scope\n";
	char path[64];
	assert_true(cpus_parse_cgroup(mixed, "", path, sizeof(path)));
	assert_string_equal(path, "/user.slice/a.scope");
	assert_true(cpus_parse_cgroup(mixed, "cpu", path, sizeof(path)));
	assert_string_equal(path, "/docker/abc:d");
	assert_true(cpus_parse_cgroup(mixed, "cpuacct", path, sizeof(path)));
	assert_true(cpus_parse_cgroup("3:cpuacct,cpu:/", "cpu", path, sizeof(path)));
	assert_string_equal(path, "/");
}

static void test_cpus_cgroup_line_is_refused(void **state)
{
	(void)state;
	char path[8];
	const char *const none[] = { "", "\n\n", "0", "0:", "0:/a", "0:cpu:/a\n", "0::a\n", "0::\n",
		"0::/../b\n", "0::/a/..\n", "0::/eightby\n" };
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_false(cpus_parse_cgroup(none[i], "", path, sizeof(path)));
	assert_true(cpus_parse_cgroup("0::/seven7\n", "", path, sizeof(path)));
	assert_true(cpus_parse_cgroup("0::/a/..b\n", "", path, sizeof(path)));
	assert_false(cpus_parse_cgroup("1:cpuset:/a\n", "cpu", path, sizeof(path)));
}

/* A folder of its own for each test that asks for one. */
static int tree_new(void **state)
{
	char *root = strdup("/tmp/sciame-cpus-XXXXXX");
	*state = root;
	return root && mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static int tree_free(void **state)
{
	int result = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return result;
}

/* Writes root/path with the folders that it needs. */
static void tree_add(const char *root, const char *path, const char *text)
{
	char name[PATH_MAX];
	(void)snprintf(name, sizeof(name), "%s%s", root, path);
	for (char *slash = name + strlen(root); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(name, 0700); /* it may be there; fopen tells if it is not */
		*slash = '/';
	}
	FILE *file = fopen(name, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_cpus_without_files_are_the_affinity(void **state)
{
	assert_int_equal(cpus_usable_at(*state, 3), 3);
	assert_int_equal(cpus_usable_at(*state, 0), 1);
	tree_add(*state, "/proc/self/cgroup", "0::/gone\n");
	assert_int_equal(cpus_usable_at(*state, 3), 3);
}

static void test_cpus_smallest_limit_of_the_path_holds(void **state)
{
	const char *root = *state;
	tree_add(root, "/proc/self/cgroup", "0::/a/b/c\n");
	tree_add(root, "/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), MANY);
	tree_add(root, "/sys/fs/cgroup/other/cpu.max", "100000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), MANY);
	tree_add(root, "/sys/fs/cgroup/cpu.max", "900000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 9);
	tree_add(root, "/sys/fs/cgroup/a/cpu.max", "350000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 4);
	tree_add(root, "/sys/fs/cgroup/a/b/cpu.max", "500000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 4);
	tree_add(root, "/sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 1);
	assert_int_equal(cpus_usable_at(root, 1), 1);
}

static void test_cpus_container_limit_is_at_the_mounted_top(void **state)
{
	const char *root = *state;
	tree_add(root, "/proc/self/cgroup", "0::/../../host/path\n");
	tree_add(root, "/sys/fs/cgroup/cpu.max", "200000 100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 2);
}

static void test_cpus_version_1_is_read_too(void **state)
{
	const char *root = *state;
	tree_add(root, "/proc/self/cgroup", "4:cpu,cpuacct:/docker/x\n0::/\n");
	tree_add(root, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
	tree_add(root, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), MANY);
	tree_add(root, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "450000\n");
	tree_add(root, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 5);
	tree_add(root, "/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "50000\n");
	tree_add(root, "/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "25000\n");
	assert_int_equal(cpus_usable_at(root, MANY), 2);
}

static void test_cpus_usable_is_within_the_affinity(void **state)
{
	(void)state;
	cpu_set_t all, one;
	unsigned usable = cpus_usable();
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_in_range(usable, 1, (unsigned)CPU_COUNT(&all));
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(cpus_usable(), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus_max_is_rounded_up),
		cmocka_unit_test(test_cpus_max_without_limit_or_sense_is_none),
		cmocka_unit_test(test_cpus_quota_of_version_1),
		cmocka_unit_test(test_cpus_cgroup_line_is_found),
		cmocka_unit_test(test_cpus_cgroup_line_is_refused),
		cmocka_unit_test_setup_teardown(
			test_cpus_without_files_are_the_affinity, tree_new, tree_free),
		cmocka_unit_test_setup_teardown(
			test_cpus_smallest_limit_of_the_path_holds, tree_new, tree_free),
		cmocka_unit_test_setup_teardown(
			test_cpus_container_limit_is_at_the_mounted_top, tree_new, tree_free),
		cmocka_unit_test_setup_teardown(
			test_cpus_version_1_is_read_too, tree_new, tree_free),
		cmocka_unit_test(test_cpus_usable_is_within_the_affinity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
