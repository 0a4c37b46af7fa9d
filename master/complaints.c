/* SPDX-License-Identifier: MIT */
#include "master/complaints.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

enum { PAUSE_MS = 60000, LINE_MAX = 1024 };

void complaints_malformed(struct complaints *c, const struct error *why)
{
	c->malformed++;
	c->last = *why;
}

void complaints_foreign(struct complaints *c)
{
	c->foreign++;
}

void complaints_refused(struct complaints *c, const struct gate_counts *counts)
{
	c->gate.strangers += counts->strangers;
	c->gate.misdirected += counts->misdirected;
	c->gate.broken += counts->broken;
	if (counts->last[0])
		memcpy(c->gate.last, counts->last, sizeof(c->gate.last));
}

/* ", 3 THINGS (DETAIL)" behind what stands in the line; cut where it would be too long. */
static void add(char line[LINE_MAX], uint64_t count, const char *things, const char *detail)
{
	size_t used = strlen(line);
	if (count == 0)
		return;
	(void)snprintf(line + used, LINE_MAX - used, "%s%" PRIu64 " %s%s%s%s", used ? ", " : "",
		count, things, detail[0] ? " (" : "", detail, detail[0] ? ")" : "");
}

void complaints_say(struct complaints *c, int64_t now_ms)
{
	char line[LINE_MAX] = "", last[sizeof(c->gate.last) + 8] = "";
	if (now_ms >= 0 && now_ms < c->say_at_ms)
		return;
	if (c->gate.last[0])
		(void)snprintf(last, sizeof(last), "last %s", c->gate.last); /* fits */
	add(line, c->gate.strangers, "connections without an allowed key", last);
	add(line, c->gate.misdirected, "to another one's channel", "");
	add(line, c->gate.broken, "that broke off or made no sense", "");
	add(line, c->malformed, "malformed messages", c->last.message);
	add(line, c->foreign, "messages in another one's name", "");
	if (line[0] == '\0')
		return;
	log_line("refused: %s", line);
	*c = (struct complaints) { .say_at_ms = now_ms + PAUSE_MS };
}
