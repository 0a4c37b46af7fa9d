/* SPDX-License-Identifier: MIT */
/*
 * A network that is far away, breaks connections and can be cut, on one machine and without any
 * rights: forwards TCP connections to N consecutive ports to the same number of ports elsewhere.
 *
 *     tcp_proxy --listen HOST:PORT --to HOST:PORT --ports N [--delay-ms D] ...
 *
 * Prints "ready" when it listens. Then each line on stdin is an order, answered by a line on stdout
 * when it holds: "ok", or "error: ...".
 *     cut up|down|both   hold what goes to the target, comes from it; no new connections either
 *     heal               undo it: what was held goes on, as TCP would send it again
 *     delay MS           one way, for what comes from now on
 *     reset              break a connection, chosen by chance ("error: ..." when there is none)
 *     reset all
 *     count              "ok CONNECTIONS", those that are open
 * The end of stdin, SIGTERM and SIGINT end it; what it did is told in one line on stderr.
 *
 * What it can't show: a connect is answered by this host at once, however far the target is; and
 * one that the target refuses is accepted first and reset then.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/options.h"
#include "common/startup.h"
#include "tests/cluster/link.h"
#include "tests/sim/dice.h"

enum {
	PORTS_MAX = 1100,
	LINKS_MAX = 2048, /* beyond: what is accepted is closed at once */
	EVENTS = 64,
	ACCEPTS = 16, /* of one listener in one turn */
	ORDER_MAX = 256,
	DELAY_MS_MAX = 60000,
	US_PER_MS = 1000,
	US_PER_S = 1000000,
	NS_PER_US = 1000,
	HOST_MAX = 256,
};

struct settings {
	const char *listen, *to;
	int64_t ports, delay_ms, segment, reset_ms, seed;
	int cut; /* index in cuts */
	bool help;
};

struct listener {
	struct watch watch;
	struct proxy *proxy;
	int fd;
	struct sockaddr_in target;
};

/* Where orders come from. */
struct control {
	struct watch watch;
	struct proxy *proxy;
	char text[ORDER_MAX];
	size_t size;
};

/* SIGTERM and SIGINT. */
struct stopper {
	struct watch watch;
	struct proxy *proxy;
};

struct proxy {
	struct settings settings;
	struct traffic traffic;
	struct dice dice;
	struct listener listeners[PORTS_MAX];
	struct link *links[LINKS_MAX];
	size_t links_count;
	unsigned long long accepted;
	size_t held_max;
	struct control control;
	struct stopper stopper;
	int64_t reset_us; /* when the next connection breaks; -1: never */
	bool over;
};

static const char *const cuts[] = { "none", "up", "down", "both", NULL };

static const struct option_spec specs[] = {
	{ .name = "listen",
		.argument = "HOST:PORT",
		.parse = option_string,
		.offset = offsetof(struct settings, listen),
		.help = "the first port that is listened on" },
	{ .name = "to",
		.argument = "HOST:PORT",
		.parse = option_string,
		.offset = offsetof(struct settings, to),
		.help = "where connections to the first port go" },
	{ .name = "ports",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, ports),
		.minimum = 1,
		.maximum = PORTS_MAX,
		.help = "how many ports in a row (default 1)" },
	{ .name = "delay-ms",
		.argument = "D",
		.parse = option_integer,
		.offset = offsetof(struct settings, delay_ms),
		.maximum = DELAY_MS_MAX,
		.help = "latency of each way" },
	{ .name = "segment",
		.argument = "BYTES",
		.parse = option_integer,
		.offset = offsetof(struct settings, segment),
		.maximum = INT32_MAX,
		.help = "send so many bytes at once at most (default: as they come)" },
	{ .name = "reset-every",
		.argument = "MS",
		.parse = option_integer,
		.offset = offsetof(struct settings, reset_ms),
		.maximum = INT32_MAX,
		.help = "break a connection, chosen by chance, again and again" },
	{ .name = "seed",
		.argument = "N",
		.parse = option_integer,
		.offset = offsetof(struct settings, seed),
		.maximum = INT64_MAX,
		.help = "of that chance" },
	{ .name = "cut",
		.argument = "none|up|down|both",
		.parse = option_choice,
		.choices = cuts,
		.offset = offsetof(struct settings, cut),
		.help = "begin with this direction cut" },
	{ .name = "help",
		.letter = 'h',
		.parse = option_flag,
		.value = true,
		.offset = offsetof(struct settings, help),
		.help = "print this and exit" },
	{ 0 },
};

static _Noreturn void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "tcp_proxy: %s: %s\n", what, why);
	exit(3);
}

/* "HOST:PORT", resolved now and never again. */
static struct sockaddr_in parse_address(const char *text)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	char host[HOST_MAX];
	struct addrinfo *found;
	struct sockaddr_in address;
	if (!colon || (size_t)(colon - text) >= sizeof(host))
		fail(text, "not HOST:PORT");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	int status = getaddrinfo(host, colon + 1, &hints, &found);
	if (status)
		fail(text, gai_strerror(status));
	memcpy(&address, found->ai_addr, sizeof(address));
	freeaddrinfo(found);
	return address;
}

static struct sockaddr_in plus(struct sockaddr_in address, int64_t number)
{
	int64_t port = ntohs(address.sin_port) + number;
	if (port > UINT16_MAX)
		fail("--ports", "too many for this address");
	address.sin_port = htons((uint16_t)port);
	return address;
}

static void watch_fd(struct proxy *p, int fd, struct watch *watch, const char *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };
	if (epoll_ctl(p->traffic.epoll, EPOLL_CTL_ADD, fd, &event))
		fail(what, strerror(errno));
}

static void add_link(struct proxy *p, int near, const struct sockaddr_in *target)
{
	p->accepted++;
	if (p->links_count == LINKS_MAX) {
		p->traffic.refused++;
		(void)close(near); /* nothing was read from it */
		return;
	}
	struct link *link = link_new(&p->traffic, near, target);
	if (link)
		p->links[p->links_count++] = link;
}

static void accept_some(struct listener *listener)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int near = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (near < 0 && errno == EAGAIN)
			return;
		/* who gave up while waiting is none of our business */
		if (near < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (near < 0)
			fail("accept", strerror(errno));
		add_link(listener->proxy, near, &listener->target);
	}
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	accept_some((struct listener *)watch);
}

static void listen_all(struct proxy *p)
{
	struct sockaddr_in mine = parse_address(p->settings.listen);
	struct sockaddr_in target = parse_address(p->settings.to);
	for (int64_t i = 0; i < p->settings.ports; i++) {
		struct listener *listener = &p->listeners[i];
		struct sockaddr_in address = plus(mine, i);
		int yes = 1;
		*listener = (struct listener) {
			.watch.ready = listener_ready,
			.proxy = p,
			.target = plus(target, i),
			.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
		};
		if (listener->fd < 0 ||
			setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
			bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) ||
			listen(listener->fd, SOMAXCONN))
			fail(p->settings.listen, strerror(errno));
		watch_fd(p, listener->fd, &listener->watch, "listen");
	}
}

/* While a direction is cut no connection comes about: its handshake needs both. */
static void set_cut(struct proxy *p, const char *which)
{
	bool both = strcmp(which, "both") == 0;
	p->traffic.cut[LINK_UP] = both || strcmp(which, "up") == 0;
	p->traffic.cut[LINK_DOWN] = both || strcmp(which, "down") == 0;
	bool any = p->traffic.cut[LINK_UP] || p->traffic.cut[LINK_DOWN];
	for (int64_t i = 0; i < p->settings.ports; i++) {
		struct listener *listener = &p->listeners[i];
		struct epoll_event event = { .events = any ? 0 : EPOLLIN,
			.data.ptr = &listener->watch };
		if (epoll_ctl(p->traffic.epoll, EPOLL_CTL_MOD, listener->fd, &event))
			fail("epoll_ctl", strerror(errno));
	}
}

static const char *order_cut(struct proxy *p, const char *argument)
{
	if (strcmp(argument, "up") != 0 && strcmp(argument, "down") != 0 &&
		strcmp(argument, "both") != 0)
		return "error: cut up, down or both";
	set_cut(p, argument);
	return "ok";
}

static const char *order_delay(struct proxy *p, const char *argument)
{
	char *end;
	long ms = strtol(argument, &end, 10);
	if (end == argument || *end || ms < 0 || ms > DELAY_MS_MAX)
		return "error: delay MS";
	p->traffic.delay_us = (int64_t)ms * US_PER_MS;
	return "ok";
}

/* Those that are over stay in the list until the turn ends. */
static const char *order_reset(struct proxy *p, const char *argument)
{
	size_t open[LINKS_MAX], count = 0;
	for (size_t i = 0; i < p->links_count; i++)
		if (!link_is_over(p->links[i]))
			open[count++] = i;
	if (strcmp(argument, "all") == 0) {
		for (size_t i = 0; i < count; i++)
			link_reset(p->links[open[i]]);
		return "ok";
	}
	if (*argument)
		return "error: reset, or reset all";
	if (count == 0)
		return "error: nothing is connected";
	link_reset(p->links[open[dice_between(&p->dice, 0, count - 1)]]);
	return "ok";
}

static void obey(struct proxy *p, char *order)
{
	char *argument = strchr(order, ' ');
	const char *answer = "error: no such order";
	if (argument)
		*argument++ = '\0';
	else
		argument = order + strlen(order);
	if (strcmp(order, "cut") == 0)
		answer = order_cut(p, argument);
	else if (strcmp(order, "delay") == 0)
		answer = order_delay(p, argument);
	else if (strcmp(order, "reset") == 0)
		answer = order_reset(p, argument);
	else if (strcmp(order, "heal") == 0) {
		set_cut(p, "none");
		answer = "ok";
	} else if (strcmp(order, "count") == 0) {
		(void)printf("ok %zu\n", p->links_count);
		return;
	}
	(void)puts(answer);
}

static void control_ready(struct watch *watch, uint32_t events)
{
	struct control *control = (struct control *)watch;
	char *line = control->text, *end;
	(void)events;
	ssize_t size = read(
		STDIN_FILENO, control->text + control->size, sizeof(control->text) - control->size);
	if (size <= 0) {
		control->proxy->over = true;
		return;
	}
	control->size += (size_t)size;
	while ((end = memchr(line, '\n', control->size))) {
		*end = '\0';
		obey(control->proxy, line);
		control->size -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	if (control->size == sizeof(control->text))
		fail("stdin", "an order is too long");
	memmove(control->text, line, control->size);
	if (fflush(stdout))
		fail("stdout", strerror(errno));
}

static void stopper_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	((struct stopper *)watch)->proxy->over = true;
}

/* Hands on what is due, forgets what is over; when there is more to do, or -1. */
static int64_t run_links(struct proxy *p)
{
	int64_t due_us = p->reset_us, now_us = clock_us();
	size_t kept = 0;
	size_t held = 0;
	for (size_t i = 0; i < p->links_count; i++) {
		struct link *link = p->links[i];
		link_run(link, now_us);
		if (link_is_over(link)) {
			link_free(link);
			continue;
		}
		int64_t mine = link_due_us(link);
		if (mine >= 0 && (due_us < 0 || mine < due_us))
			due_us = mine;
		held += link_held(link);
		p->links[kept++] = link;
	}
	p->links_count = kept;
	p->traffic.held = held;
	p->held_max = held > p->held_max ? held : p->held_max;
	return due_us;
}

static void break_by_chance(struct proxy *p)
{
	if (p->reset_us < 0 || clock_us() < p->reset_us)
		return;
	p->reset_us += p->settings.reset_ms * US_PER_MS;
	(void)order_reset(p, ""); /* where nothing is connected nothing can break */
}

static void wait_events(struct proxy *p, int64_t due_us)
{
	struct epoll_event events[EVENTS];
	int64_t left_us = due_us - clock_us();
	left_us = left_us > 0 ? left_us : 0;
	const struct timespec left = { .tv_sec = left_us / US_PER_S,
		.tv_nsec = left_us % US_PER_S * NS_PER_US };
	int count = epoll_pwait2(p->traffic.epoll, events, EVENTS, due_us < 0 ? NULL : &left, NULL);
	if (count < 0 && errno != EINTR)
		fail("epoll_pwait2", strerror(errno));
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;
		watch->ready(watch, events[i].events);
	}
}

static void serve(struct proxy *p)
{
	while (!p->over) {
		wait_events(p, run_links(p));
		break_by_chance(p);
	}
}

static void start(struct proxy *p)
{
	struct error err;
	const struct settings *s = &p->settings;
	uint64_t files;
	if (startup_files(&files, &err))
		fail("descriptors", err.message);
	p->traffic = (struct traffic) {
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.delay_us = s->delay_ms * US_PER_MS,
		.segment = (size_t)s->segment,
	};
	if (p->traffic.epoll < 0)
		fail("epoll_create1", strerror(errno));
	dice_init(&p->dice, (uint64_t)s->seed);
	p->reset_us = s->reset_ms ? clock_us() + s->reset_ms * US_PER_MS : -1;
	int signals = startup_signals(&err);
	if (signals < 0)
		fail("signals", err.message);
	p->stopper = (struct stopper) { .watch.ready = stopper_ready, .proxy = p };
	p->control = (struct control) { .watch.ready = control_ready, .proxy = p };
	watch_fd(p, signals, &p->stopper.watch, "signals");
	watch_fd(p, STDIN_FILENO, &p->control.watch, "stdin");
	listen_all(p);
	set_cut(p, cuts[s->cut]);
	if (puts("ready") < 0 || fflush(stdout))
		fail("stdout", strerror(errno));
}

static void finish(struct proxy *p)
{
	(void)fprintf(stderr,
		"tcp_proxy: connections %llu refused %llu resets %llu up %llu down %llu held %zu\n",
		p->accepted, p->traffic.refused, p->traffic.resets, p->traffic.passed[LINK_UP],
		p->traffic.passed[LINK_DOWN], p->held_max);
	for (size_t i = 0; i < p->links_count; i++)
		link_free(p->links[i]);
	free(p);
}

int main(int argc, char **argv)
{
	struct proxy *p = xcalloc(1, sizeof(*p));
	struct error err;
	int first;
	const struct option_group groups[] = { { "Options", specs, &p->settings }, { 0 } };
	p->settings.ports = 1;
	if (options_parse(groups, argc, argv, &first, &err))
		fail("usage", err.message);
	if (p->settings.help || first < argc || !p->settings.listen || !p->settings.to) {
		(void)puts("usage: tcp_proxy --listen HOST:PORT --to HOST:PORT [OPTION]...");
		options_print(stdout, groups);
		free(p);
		return 2;
	}
	start(p);
	serve(p);
	finish(p);
	return 0;
}
