/* SPDX-License-Identifier: MIT */
/* Only what is needed to tell URLs apart: what is wrong further on, the fetcher will say. */
#include "master/kinds/feeds_list_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "master/kinds/feeds_list.h"

static bool starts(const char *text, size_t size, const char *prefix)
{
	size_t length = strlen(prefix);
	return size >= length && strncasecmp(text, prefix, length) == 0;
}

/* Bytes of "http://" or "https://", 0 if url has neither. */
static size_t scheme_size(const char *url)
{
	size_t size = strlen(url);
	return starts(url, size, "http://") ? 7 : starts(url, size, "https://") ? 8 : 0;
}

/* Bytes before the path: the part that has no case. */
static size_t place_size(const char *url)
{
	size_t scheme = scheme_size(url);
	return scheme + strcspn(url + scheme, "/?#\\");
}

/* The host and port of a URL without user and password. *size: its bytes. */
static const char *find_host(const char *url, size_t *size)
{
	const char *start = url + scheme_size(url);
	const char *end = url + place_size(url);
	const char *at = memrchr(start, '@', (size_t)(end - start));
	if (at != NULL)
		start = at + 1;
	*size = (size_t)(end - start);
	return start;
}

bool feeds_list_is_url(const char *text, size_t size)
{
	return starts(text, size, "http://") || starts(text, size, "https://") ||
	       starts(text, size, "feed://") || starts(text, size, "feed:http");
}

bool feeds_list_has_scheme(const char *text, size_t size)
{
	size_t i = 0;
	while (i < size && (isalnum((unsigned char)text[i]) || memchr("+-.", text[i], 3) != NULL))
		i++;
	return i > 0 && size - i >= 3 && memcmp(text + i, "://", 3) == 0;
}

static bool has_space(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F)
			return true;
	}
	return false;
}

char *feeds_list_url(const char *text, size_t size, const char **problem)
{
	while (size > 0 && isspace((unsigned char)*text)) {
		text++;
		size--;
	}
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		size--;
	*problem = feeds_list_has_scheme(text, size) ? "is not http or https" : "is no URL";
	if (!feeds_list_is_url(text, size))
		return NULL;
	const char *scheme = "";
	if (starts(text, size, "feed:")) {
		bool whole = !starts(text, size, "feed://");
		scheme = whole ? "" : "http://";
		text += whole ? strlen("feed:") : strlen("feed://");
		size -= whole ? strlen("feed:") : strlen("feed://");
		if (whole && !feeds_list_is_url(text, size))
			return NULL;
	}
	*problem = "has white space or control characters in it";
	if (has_space(text, size))
		return NULL;
	*problem = "is longer than a URL may be";
	if (size + strlen(scheme) > FEEDS_URL_MAX)
		return NULL;
	char *url = xasprintf("%s%.*s", scheme, (int)size, text);
	size_t host = 0;
	*problem = "names no host";
	if (*find_host(url, &host) != ':' && host > 0)
		return url;
	free(url);
	return NULL;
}

/* FNV-1a; chance is enough, since equal hashes are compared. */
uint64_t feeds_list_url_hash(const char *url)
{
	uint64_t hash = 14695981039346656037U;
	size_t place = place_size(url);
	for (size_t i = 0; url[i] != '\0'; i++) {
		unsigned char c = (unsigned char)url[i];
		hash = (hash ^ (uint64_t)(i < place ? tolower(c) : c)) * 1099511628211U;
	}
	return hash != 0 ? hash : 1;
}

bool feeds_list_url_same(const char *a, const char *b)
{
	size_t place = place_size(a);
	return place == place_size(b) && strncasecmp(a, b, place) == 0 &&
	       strcmp(a + place, b + place) == 0;
}

char *feeds_list_host(const char *url)
{
	size_t scheme = scheme_size(url);
	size_t size = 0;
	const char *start = find_host(url, &size);
	if (scheme == 0)
		return xstrdup("");
	char *host = xasprintf("%.*s", (int)size, start);
	for (char *p = host; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	/* The port that the scheme means anyway is the same server. */
	char *port = strrchr(host, ':');
	if (port != NULL && (port[1] == '\0' || strcmp(port, scheme == 7 ? ":80" : ":443") == 0))
		*port = '\0';
	return host;
}
