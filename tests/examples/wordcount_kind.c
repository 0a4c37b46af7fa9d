/* SPDX-License-Identifier: MIT */
/* A kind of one's own: counts the words of its source. Executed in lanes, in their cage. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <sciame/kind.h>

static int execute(struct sciame_task *task, struct sciame_error *err)
{
	unsigned long long words = 0;
	char bytes[65536];
	int inside = 0;
	ssize_t got;
	while ((got = read(task->input, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			int letter = !isspace((unsigned char)bytes[i]);
			words += letter && !inside;
			inside = letter;
		}
	}
	if (got < 0) {
		*err = (struct sciame_error) { SCIAME_SYSTEM, errno, "read the text" };
		return -1;
	}
	memcpy(task->report, &words, sizeof(words));
	task->report_size = sizeof(words);
	return 0;
}

extern const struct sciame_kind worker_kind;
const struct sciame_kind worker_kind = {
	.abi = SCIAME_KIND_ABI,
	.name = "wordcount",
	.execute = execute,
};
