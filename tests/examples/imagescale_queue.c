/* SPDX-License-Identifier: MIT */
/* imagescale [-c CONCURRENCY] [-s SIZE] SOURCE TARGET: a joinable queue, and processes. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sciame/sciame.h>
#include <vips/vips.h>

enum { PATH_BYTES = 4096, PROCESSES_MAX = 64, STUCK_MS = 600000 };
enum { COPIED, SCALED, SKIPPED, COUNTERS };

struct job {
	char source[PATH_BYTES], target[PATH_BYTES]; /* "" ends a process */
};

struct work {
	struct sciame_queue *jobs;
	struct sciame_array *counters;
	int size;
};

static int scale(const struct job *job, int size)
{
	char *bytes;
	size_t length;
	VipsImage *image = vips_image_new_from_file(job->source, NULL), *small = NULL;
	if (!image)
		return SKIPPED;
	int fits = vips_image_get_width(image) <= size && vips_image_get_height(image) <= size;
	g_object_unref(image);
	if (fits && g_file_get_contents(job->source, &bytes, &length, NULL)) {
		fits = g_file_set_contents(job->target, bytes, (gssize)length, NULL);
		g_free(bytes);
		return fits ? COPIED : SKIPPED;
	}
	int failed = vips_thumbnail(job->source, &small, size, "height", size, NULL) ||
		     vips_image_write_to_file(small, job->target, NULL);
	if (small)
		g_object_unref(small);
	return failed ? SKIPPED : SCALED;
}

/* A process. libvips has threads, so it is started here, after the fork. */
static int serve(void *argument)
{
	struct work *work = argument;
	struct job job;
	if (VIPS_INIT("imagescale"))
		return 1;
	vips_concurrency_set(1);
	while (sciame_queue_get(work->jobs, &job, SCIAME_FOREVER, NULL) == SCIAME_OK &&
		job.source[0]) {
		int what = scale(&job, work->size);
		if (what == SKIPPED)
			(void)fprintf(stderr, "%s: %s\n", job.source, vips_error_buffer());
		vips_error_clear();
		(void)sciame_array_lock(work->counters, SCIAME_FOREVER, NULL);
		((long long *)sciame_array_items(work->counters))[what]++;
		(void)sciame_array_unlock(work->counters, NULL);
		(void)sciame_queue_task_done(work->jobs, NULL);
	}
	return sciame_queue_task_done(work->jobs, NULL); /* of what ended it */
}

static int put_all(const char *const folders[2], DIR *folder, struct work *work, int enders)
{
	struct job job = { "", "" };
	enum sciame_status status = SCIAME_OK;
	for (struct dirent *entry; !status && (entry = readdir(folder));) {
		if (entry->d_type != DT_REG)
			continue;
		(void)snprintf(job.source, PATH_BYTES, "%s/%s", folders[0], entry->d_name);
		(void)snprintf(job.target, PATH_BYTES, "%s/%s", folders[1], entry->d_name);
		status = sciame_queue_put(work->jobs, &job, STUCK_MS, NULL);
	}
	for (int i = job.source[0] = 0; i < enders && status == SCIAME_OK; i++)
		status = sciame_queue_put(work->jobs, &job, STUCK_MS, NULL);
	return status; /* SCIAME_FULL: nobody is left to take them */
}

int main(int argc, char **argv)
{
	struct sciame_process *processes[PROCESSES_MAX];
	struct work work = { .size = 400 };
	int concurrency = (int)sysconf(_SC_NPROCESSORS_ONLN), option, code, died = 0;
	while ((option = getopt(argc, argv, "c:s:")) != -1)
		*(option == 'c' ? &concurrency : &work.size) = option == '?' ? 0 : atoi(optarg);
	if (argc - optind != 2 || work.size < 1 || concurrency < 1 || concurrency > PROCESSES_MAX)
		return 2;
	const struct sciame_queue_options queue = { 64, sizeof(struct job), true };
	const struct sciame_array_options array = { 'q', COUNTERS, true };
	const struct sciame_process_options options = { "imagescale", serve, NULL, &work,
		.daemon = true };
	const char *const folders[] = { argv[optind], argv[optind + 1] };
	DIR *folder = opendir(folders[0]);
	if (!folder || sciame_queue_open(&work.jobs, &queue, NULL) ||
		sciame_array_open(&work.counters, &array, NULL))
		return 3;
	(void)mkdir(folders[1], 0777); /* may exist */
	for (int i = 0; i < concurrency; i++)
		if (sciame_process_start(&processes[i], &options, NULL))
			return 3; /* the others end with this process */
	died = put_all(folders, folder, &work, concurrency) || closedir(folder);
	for (int i = 0; i < concurrency; i++) {
		(void)sciame_process_join(processes[i], died ? 0 : SCIAME_FOREVER, NULL);
		died = !sciame_process_exit_code(processes[i], &code) || code || died;
		sciame_process_close(processes[i]);
	}
	const long long *count = sciame_array_items(work.counters);
	(void)printf("copied %lld scaled %lld ", count[COPIED], count[SCALED]);
	if (count[SKIPPED])
		(void)printf("skipped %lld ", count[SKIPPED]);
	(void)printf("using %d processes%s\n", concurrency, died ? " [a process died]" : "");
	died = died || count[SKIPPED];
	sciame_array_close(work.counters);
	sciame_queue_close(work.jobs);
	return died;
}
