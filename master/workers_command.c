/* SPDX-License-Identifier: MIT */
/* Asks a master as a worker would, in a session that never joins. */
#include "master/workers_command.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/access.h"
#include "common/clock.h"
#include "common/endpoint.h"
#include "common/keys.h"
#include "common/memory.h"
#include "common/options.h"
#include "common/quote.h"
#include "common/random.h"
#include "common/socket.h"
#include "common/wire.h"

enum {
	ASK_MS = 300, /* asked again after this without an answer: the first may get lost */
	TIMEOUT_MS = 5000,
	TIMEOUT_MS_MAX = 3600 * 1000,
};

struct choice {
	const char *master, *keys, *key;
	int64_t timeout_ms;
	bool insecure, json, help;
};

static const struct option_spec specs[] = {
	{ .name = "master",
		.letter = 'm',
		.argument = "HOST:PORT",
		.parse = option_string,
		.offset = offsetof(struct choice, master),
		.help = "where the master listens" },
	{ .name = "keys",
		.argument = "FOLDER",
		.parse = option_string,
		.offset = offsetof(struct choice, keys),
		.help = "what 'sciame keygen' made: worker.key and master.pub are read" },
	{ .name = "key",
		.argument = "FILE",
		.parse = option_string,
		.offset = offsetof(struct choice, key),
		.help = "another key than worker.key" },
	{ .name = "insecure",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, insecure),
		.help = "ask another machine without keys" },
	{ .name = "timeout",
		.argument = "TIME",
		.parse = option_duration,
		.offset = offsetof(struct choice, timeout_ms),
		.minimum = 1,
		.maximum = TIMEOUT_MS_MAX,
		.help = "how long to wait for an answer (default 5s)" },
	{ .name = "json",
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, json),
		.help = "print a line of JSON for each worker" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct choice, help),
		.help = "print this and exit" },
	{ 0 },
};

struct asker {
	struct socket_context *context;
	struct socket *results, *state;
	struct wire_id session;
	struct wire_decoder *decoder;
	struct frame frame;
	uint64_t expected; /* the number of the next part of the answer */
};

static int secure(struct asker *a, const struct choice *choice, struct error *err)
{
	struct key_pair own;
	char master[KEYS_TEXT_SIZE];
	char *key = choice->key ? xstrdup(choice->key) : xasprintf("%s/worker.key", choice->keys);
	char *public_key = xasprintf("%s/master.pub", choice->keys);
	int status = keys_read(&own, key, err);
	if (status == 0)
		status = keys_read_public(master, public_key, err);
	if (status == 0)
		socket_context_secure(a->context, &own, master);
	keys_clear(&own);
	free(key);
	free(public_key);
	return status;
}

static int open_asker(struct asker *a, const struct choice *choice, struct error *err)
{
	uint8_t topic[SOCKET_TOPIC_MAX] = { 'W' };
	a->decoder = wire_decoder_new();
	random_bytes(&a->session, sizeof(a->session));
	memcpy(topic + 1, &a->session, sizeof(a->session));
	a->context = socket_context_open(err);
	if (!a->context || (choice->keys && secure(a, choice, err)))
		return -1;
	a->results = socket_open(a->context, SOCKET_WORKER_RESULTS, choice->master, 0, err);
	if (!a->results)
		return -1;
	a->state = socket_open(a->context, SOCKET_WORKER_STATE, choice->master, 0, err);
	return a->state ? socket_subscribe(a->state, topic, sizeof(topic), err) : -1;
}

static void close_asker(struct asker *a)
{
	socket_abandon(a->results);
	socket_abandon(a->state);
	socket_context_close(a->context);
	wire_decoder_free(a->decoder);
}

static void print_member(const struct wire_member *m)
{
	struct quote name, build, key;
	(void)printf("%-20s %8" PRIu32 " %5" PRIu32 " %7" PRIu32 " %7" PRIu32 " %9" PRIu64
		     " %6.2f %6" PRIu32 "s  %s%s%s%s\n",
		quote_name(&name, m->name), m->pid, m->lanes, m->running, m->queued, m->done,
		m->load / 100.0, m->seconds, quote_name(&build, m->build), m->key[0] ? "  " : "",
		quote_name(&key, m->key), m->draining ? "  (leaving)" : "");
}

static void print_json(const struct wire_member *m)
{
	(void)fputs("{\"host\": ", stdout);
	json_string(stdout, m->name, strlen(m->name));
	(void)printf(", \"process\": %" PRIu32 ", \"lanes\": %" PRIu32 ", \"running\": %" PRIu32
		     ", \"waiting\": %" PRIu32 ", \"done\": %" PRIu64
		     ", \"load\": %.2f, \"seconds\": %" PRIu32 ", \"version\": ",
		m->pid, m->lanes, m->running, m->queued, m->done, m->load / 100.0, m->seconds);
	json_string(stdout, m->build, strlen(m->build));
	(void)fputs(", \"key\": ", stdout);
	json_string(stdout, m->key, strlen(m->key));
	(void)printf(", \"leaving\": %s}\n", m->draining ? "true" : "false");
}

/* What was received: 1 it was the last part of the answer. */
static int on_answer(struct asker *a, const struct choice *choice)
{
	struct message m;
	struct error strike;
	/* what is not the next part of an answer is of no use, and an answer is asked for again */
	if (wire_unpack(a->decoder, &a->frame, &m, &strike) || m.type != MESSAGE_MEMBERS ||
		m.number != a->expected)
		return 0;
	if (a->expected++ == 1 && !choice->json)
		(void)printf("%-20s %8s %5s %7s %7s %9s %6s %7s  %s  %s\n", "HOST", "PROCESS",
			"LANES", "RUNNING", "WAITING", "DONE", "LOAD", "HERE", "VERSION", "KEY");
	for (size_t i = 0; i < m.count; i++)
		(choice->json ? print_json : print_member)(&m.members[i]);
	return m.last;
}

static int ask(struct asker *a, const struct choice *choice, struct error *err)
{
	struct message question = { .type = MESSAGE_ASK, .header.session = a->session };
	int64_t start_ms = clock_ms(), ask_at_ms = start_ms;
	a->expected = 1;
	for (;;) {
		int64_t now_ms = clock_ms();
		if (now_ms - start_ms >= choice->timeout_ms)
			return error_set(err, ERROR_NETWORK, "no master answers at %s within %g s",
				choice->master, (double)choice->timeout_ms / 1000.0);
		if (now_ms >= ask_at_ms && a->expected == 1) {
			ask_at_ms = now_ms + ASK_MS;
			(void)wire_pack(
				&a->frame, &question); /* no batch: the count says nothing */
			if (socket_send(a->results, &a->frame, err) < 0)
				return -1;
		}
		struct poll_item item = { .socket = a->state };
		if (socket_poll(&item, 1, ASK_MS / 10, err))
			return -1;
		int got = socket_receive(a->state, &a->frame, err);
		while (got > 0) {
			if (on_answer(a, choice))
				return 0;
			got = socket_receive(a->state, &a->frame, err);
		}
		if (got < 0)
			return -1;
	}
}

static void print_help(const struct option_group *groups)
{
	(void)printf(
		"usage: sciame workers --master HOST:PORT [options]\n\n"
		"Lists the workers of the run that listens there: host, process, lanes, jobs "
		"that run\nand that wait with it, jobs done, load of its host, how long it has "
		"been here.\n\n");
	options_print(stdout, groups);
	(void)printf("\nExit status: 0 all done; 2 called wrongly; 3 no master answered.\n");
}

int workers_command(int argc, char **argv, struct error *err)
{
	struct choice choice = { .timeout_ms = TIMEOUT_MS };
	struct asker asker = { 0 };
	const struct option_group groups[] = { { "Options", specs, &choice }, { 0 } };
	int first;
	if (options_parse(groups, argc, argv, &first, err))
		return -1;
	if (choice.help) {
		print_help(groups);
		return 0;
	}
	if (first < argc)
		return error_set(
			err, ERROR_USAGE, "workers: '%s' is not expected; see --help", argv[first]);
	if (!choice.master)
		return error_set(err, ERROR_USAGE, "workers: --master is missing; see --help");
	if (choice.key && !choice.keys)
		return error_set(err, ERROR_USAGE, "workers: --key is for use with --keys");
	if (endpoint_check(choice.master, 0, err) ||
		access_check(choice.master, choice.keys != NULL, choice.insecure, err))
		return -1;
	int status = open_asker(&asker, &choice, err);
	if (status == 0)
		status = ask(&asker, &choice, err);
	close_asker(&asker);
	return status;
}
