/* SPDX-License-Identifier: MIT */
/* Records are name NUL reason NUL: neither holds a zero byte. */
#include "master/failures.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/memory.h"
#include "common/quote.h"

struct failures {
	FILE *file; /* NULL: could not be had, or writing failed */
	uint64_t count;
};

struct failures *failures_open(void)
{
	struct failures *f = xcalloc(1, sizeof(*f));
	f->file = tmpfile();
	if (f->file)
		(void)fcntl(fileno(f->file), F_SETFD, FD_CLOEXEC); /* fails for no open file */
	return f;
}

void failures_close(struct failures *f)
{
	if (!f)
		return;
	if (f->file)
		(void)fclose(f->file); /* it goes away with this */
	free(f);
}

static void lose_file(struct failures *f)
{
	if (f->file)
		(void)fclose(f->file); /* it has failed already */
	f->file = NULL;
	log_line("no room in the temporary folder: failures are not listed again at the end");
}

void failures_add(struct failures *f, const char *name, const char *reason)
{
	struct quote quote;
	f->count++;
	if (name[0])
		log_line("%s: %s", quote_name(&quote, name), reason);
	else
		log_line("%s", reason);
	if (f->file && fprintf(f->file, "%s%c%s%c", name, 0, reason, 0) >= 0 && !ferror(f->file))
		return;
	if (f->file || f->count == 1)
		lose_file(f);
}

uint64_t failures_count(const struct failures *f)
{
	return f->count;
}

void failures_each(struct failures *f,
	void (*each)(void *context, const char *name, const char *reason), void *context)
{
	char *name = NULL, *reason = NULL;
	size_t name_size = 0, reason_size = 0;
	if (!f->file)
		return;
	/* what is still in the buffer may be more than there is room for */
	if (fflush(f->file)) {
		lose_file(f);
		return;
	}
	rewind(f->file);
	while (getdelim(&name, &name_size, 0, f->file) > 0 &&
		getdelim(&reason, &reason_size, 0, f->file) > 0)
		each(context, name, reason);
	free(name);
	free(reason);
	(void)fseek(f->file, 0, SEEK_END); /* for further failures */
}
