/* SPDX-License-Identifier: MIT */
/*
 * One reader for all forms, since real dates mix them: the text is cut into numbers, words and
 * signs; a time, a zone and names are known by themselves, and up to three numbers are left over.
 * Nothing is looked at twice but a few bytes ahead, so the work is linear.
 */
#include "worker/kinds/feeds_date_parts.h"

#include <string.h>

#include "worker/kinds/feeds_date_word.h"

enum {
	DIGITS_MAX = 14, /* YYYYMMDDhhmmss */
	PIVOT_YEAR = 69, /* two digits below it are of this century (POSIX strptime, %y) */
	MINUTE_S = 60,
	HOUR_S = 3600,
};

enum token {
	TOKEN_OTHER,
	TOKEN_NUMBER, /* of the date */
	TOKEN_TIME,   /* or what belongs to it: half of the day, name of the zone */
	TOKEN_MARK,   /* the T before a time */
};

enum zone {
	ZONE_NONE,
	ZONE_HERE, /* where the language is spoken */
	ZONE_NAMED,
	ZONE_NUMBER, /* more exact than a name, whatever comes first */
};

struct reader {
	const char *at, *end;
	enum token last;
	enum zone zone;
	bool month_late; /* the month's name came after a number, so it is none of a day */
	struct feeds_date_parts parts;
};

static bool is_digit(const char *at, const char *end)
{
	return at < end && *at >= '0' && *at <= '9';
}

static bool is_letter(const char *at, const char *end)
{
	return at < end &&
	       ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') || (*at & 0x80) != 0);
}

/* Bytes of the white space at the reader: ASCII, no-break, typographic, ideographic, BOM. */
static size_t space_size(const struct reader *r)
{
	static const char *const spaces[] = { " ", "\t", "\n", "\r", "\f", "\v", "\u00A0", "\u2002",
		"\u2003", "\u2009", "\u200A", "\u200B", "\u200E", "\u200F", "\u202F", "\u3000",
		"\uFEFF" };
	for (size_t i = 0; i < sizeof(spaces) / sizeof(*spaces); i++) {
		size_t size = strlen(spaces[i]);
		if ((size_t)(r->end - r->at) >= size && memcmp(r->at, spaces[i], size) == 0)
			return size;
	}
	return 0;
}

/* Bytes of "am", "p.m." or "p. m." at the place, 0 if there is none. *half: 1 for pm. */
static size_t half_size(const char *at, const char *end, int *half)
{
	const char *p = at;
	if (p == end || (*p != 'a' && *p != 'A' && *p != 'p' && *p != 'P'))
		return 0;
	*half = *p == 'p' || *p == 'P';
	p++;
	if (p < end && *p == '.')
		p++;
	if (p < end && p[-1] == '.' && *p == ' ')
		p++;
	if (p == end || (*p != 'm' && *p != 'M'))
		return 0;
	p++;
	if (is_letter(p, end))
		return 0;
	return (size_t)(p - at) + (p < end && *p == '.');
}

/* Reads at most max digits. Returns how many there were. */
static size_t read_digits(struct reader *r, size_t max, int64_t *value)
{
	const char *start = r->at;
	for (*value = 0; is_digit(r->at, r->end) && (size_t)(r->at - start) < max; r->at++)
		*value = *value * 10 + (*r->at - '0');
	return (size_t)(r->at - start);
}

static bool date_complete(const struct reader *r)
{
	return (r->parts.day != FEEDS_DATE_NONE && r->parts.month != FEEDS_DATE_NONE) ||
	       r->parts.day_of_year != FEEDS_DATE_NONE || r->parts.week != FEEDS_DATE_NONE ||
	       r->parts.count == FEEDS_DATE_NUMBERS_MAX ||
	       (r->parts.month != FEEDS_DATE_NONE && r->parts.count == FEEDS_DATE_NUMBERS_MAX - 1);
}

/* Whether the number of so many digits that was just read starts a time. */
static bool starts_time(const struct reader *r, size_t digits)
{
	if (r->parts.timed || digits > 6)
		return false;
	if (r->last == TOKEN_MARK)
		return true;
	bool more = is_digit(r->at + (r->at < r->end), r->end);
	char next = '\0';
	if (r->at < r->end)
		next = *r->at;
	/* Not the year of 02/Jan/2006:15:04:05. */
	if (next == ':' && more && digits <= 2)
		return true;
	if ((next == 'h' || next == 'H') && digits <= 2 && !is_letter(r->at + 1, r->end))
		return true;
	if (date_complete(r) && (digits == 4 || digits == 6 || (next == '.' && more)))
		return true;
	int half;
	const char *p = r->at;
	while (p < r->end && *p == ' ' && p - r->at < 2)
		p++;
	return half_size(p, r->end, &half) > 0;
}

static void skip_fraction(struct reader *r)
{
	if (r->at == r->end || (*r->at != '.' && *r->at != ','))
		return;
	if (!is_digit(r->at + 1, r->end))
		return;
	for (r->at++; is_digit(r->at, r->end); r->at++)
		continue;
}

/* The rest of a time after its first number. */
static void read_time(struct reader *r, struct feeds_date_number first)
{
	int64_t parts[3] = { first.value, 0, 0 };
	if (first.digits > 4) {
		parts[2] = parts[0] % 100;
		parts[0] /= 100;
	}
	if (first.digits > 2) {
		parts[1] = parts[0] % 100;
		parts[0] /= 100;
	}
	char separator = '\0';
	for (size_t i = 1; i < 3 && first.digits <= 2 && r->at < r->end; i++) {
		char next = *r->at;
		bool fits = next == ':' || next == '.' || (i == 1 && (next == 'h' || next == 'H'));
		if (!fits || (separator == ':' && next == '.'))
			break;
		if (next == 'h' || next == 'H' || is_digit(r->at + 1, r->end))
			r->at++;
		(void)read_digits(r, 2, &parts[i]); /* none: 15h */
		separator = next;
	}
	skip_fraction(r);
	r->parts.timed = true;
	r->parts.seconds = parts[0] * HOUR_S + parts[1] * MINUTE_S + parts[2];
	r->last = TOKEN_TIME;
}

int feeds_date_year(int64_t value, size_t digits)
{
	if (digits <= 2)
		return (int)value + (value < PIVOT_YEAR ? 2000 : 1900);
	/* Three digits are years since 1900 (RFC 5322, 4.3), from programs of before 2000. */
	return (int)value + (digits == 3 ? 1900 : 0);
}

/*
 * A number that holds more than one part: dates without separators, or seconds since 1970, which
 * have 9 digits from 1973 and 10 from 2001 on. false: they are negative.
 */
static bool split_number(struct reader *r, struct feeds_date_number n)
{
	if (n.digits == 9 || n.digits == 10 || n.digits == 13) {
		r->parts.unix = true;
		r->parts.seconds = n.digits == 13 ? n.value / 1000 : n.value;
		skip_fraction(r);
		return !r->parts.minus;
	}
	if (n.digits > 10) {
		struct feeds_date_number time = { n.value % (n.digits == 12 ? 10000 : 1000000),
			n.digits == 12 ? 4 : 6 };
		read_time(r, time);
		n.value /= n.digits == 12 ? 10000 : 1000000;
		n.digits = 8;
	}
	bool ordinal = n.digits == 5 || n.digits == 7;
	int64_t scale = ordinal ? 1000 : 10000;
	r->parts.year = feeds_date_year(n.value / scale, n.digits - (ordinal ? 3 : 4));
	if (ordinal) {
		r->parts.day_of_year = (int)(n.value % scale);
		return true;
	}
	r->parts.month = (int)(n.value % scale / 100);
	r->parts.day = (int)(n.value % 100);
	return true;
}

/* The zone of a language's country; 0: it has none. */
static void set_zone_here(struct reader *r, int zone_min)
{
	if (r->zone == ZONE_NONE && zone_min != 0) {
		r->zone = ZONE_HERE;
		r->parts.zone_min = zone_min;
	}
}

/* A number before a sign such as that for "year". */
static void set_unit(struct reader *r, struct feeds_date_number n, int unit)
{
	if (unit == 'y')
		r->parts.year = feeds_date_year(n.value, n.digits);
	if (unit == 'm')
		r->parts.month = (int)n.value;
	if (unit == 'd')
		r->parts.day = (int)n.value;
	if (unit == 'h' || unit == 'i' || unit == 's') {
		r->parts.timed = true;
		r->last = TOKEN_TIME;
		r->parts.seconds += n.value * (unit == 'h' ? HOUR_S : unit == 'i' ? MINUTE_S : 1);
	}
}

/* false: no date has such a number. */
static bool take_number(struct reader *r)
{
	struct feeds_date_number n = { 0, 0 };
	n.digits = read_digits(r, DIGITS_MAX, &n.value);
	if (is_digit(r->at, r->end) || n.digits == 11)
		return false;
	struct feeds_date_word sign;
	size_t size = feeds_date_sign(r->at, (size_t)(r->end - r->at), &sign);
	if (size > 0 && sign.kind == FEEDS_DATE_UNIT && n.digits <= 4) {
		r->at += size;
		r->last = TOKEN_NUMBER;
		set_zone_here(r, sign.zone);
		set_unit(r, n, sign.value);
		return true;
	}
	if (starts_time(r, n.digits)) {
		read_time(r, n);
		return true;
	}
	r->last = TOKEN_NUMBER;
	if (n.digits > 4)
		return r->parts.count > 0 || r->parts.unix || r->parts.year != FEEDS_DATE_NONE ||
		       split_number(r, n);
	if (r->parts.count < FEEDS_DATE_NUMBERS_MAX)
		r->parts.numbers[r->parts.count++] = n;
	return true;
}

/* What follows "2003-W": two digits of the week, one of the day. */
static void take_week(struct reader *r)
{
	int64_t week = 0;
	int64_t day = 1;
	if (read_digits(r, 2, &week) < 2)
		return;
	if (r->at < r->end && *r->at == '-' && is_digit(r->at + 1, r->end))
		r->at++;
	if (read_digits(r, 1, &day) == 0)
		day = 1;
	r->parts.week = (int)week;
	r->parts.day = (int)day;
}

static void take_known(struct reader *r, const struct feeds_date_word *word)
{
	r->last = TOKEN_OTHER;
	switch (word->kind) {
	case FEEDS_DATE_MONTH:
		/* "mar. 1 dec.": what came before all numbers may have been a day's name. */
		if (r->parts.month == FEEDS_DATE_NONE ||
			(!r->month_late && r->parts.year == FEEDS_DATE_NONE)) {
			r->parts.month = word->value;
			r->month_late = r->parts.count > 0;
		}
		break;
	case FEEDS_DATE_WEEKDAY:
		r->parts.weekday = word->value;
		break;
	case FEEDS_DATE_MILITARY:
	case FEEDS_DATE_ZONE:
		if (r->zone < ZONE_NAMED && (r->parts.timed || word->kind == FEEDS_DATE_ZONE)) {
			r->zone = ZONE_NAMED;
			r->parts.zone_min = word->value;
		}
		r->last = TOKEN_TIME;
		break;
	case FEEDS_DATE_HALF:
		r->parts.half = word->value;
		set_zone_here(r, word->zone);
		r->last = TOKEN_TIME;
		break;
	case FEEDS_DATE_UNIT:
		break;
	}
}

static void take_word(struct reader *r)
{
	struct feeds_date_word word = { .kind = FEEDS_DATE_HALF };
	size_t size = half_size(r->at, r->end, &word.value);
	if (size == 0)
		size = feeds_date_sign(r->at, (size_t)(r->end - r->at), &word);
	if (size > 0) {
		r->at += size;
		take_known(r, &word);
		return;
	}
	const char *start = r->at;
	while (is_letter(r->at, r->end) || ((*start & 0x80) == 0 && r->at < r->end &&
						   *r->at == '.' && is_letter(r->at + 1, r->end)))
		r->at++;
	size = (size_t)(r->at - start);
	bool number_next = is_digit(r->at, r->end);
	if (size == 1 && (*start == 'T' || *start == 't') && number_next && !r->parts.timed) {
		r->last = TOKEN_MARK;
		return;
	}
	if (size == 1 && *start == 'W' && number_next && r->parts.count == 1) {
		take_week(r);
		return;
	}
	r->last = TOKEN_OTHER;
	if (feeds_date_word(start, size, &word))
		take_known(r, &word);
	else if (r->parts.count == 1 && r->parts.month == FEEDS_DATE_NONE)
		r->parts.strange = true;
}

/* Whether what follows a sign is all of an xsd:date's zone: 05:00 and no seconds. */
static bool is_zone_of_date(const struct reader *r)
{
	const char *p = r->at + 1;
	size_t left = (size_t)(r->end - p);
	if (r->last != TOKEN_NUMBER || r->parts.timed || !date_complete(r) ||
		!is_digit(r->at - 1, r->end))
		return false;
	return left >= 5 && is_digit(p + 1, r->end) && p[2] == ':' && is_digit(p + 3, r->end) &&
	       (left == 5 || p[5] != ':');
}

/* + or -: of a zone after a time, else it separates. false: a zone of more than four digits. */
static bool take_sign(struct reader *r)
{
	bool first = r->last == TOKEN_OTHER && r->parts.count == 0 && !r->parts.timed &&
		     r->parts.month == FEEDS_DATE_NONE;
	bool zone = is_digit(r->at + 1, r->end) && r->zone != ZONE_NUMBER &&
		    (r->last == TOKEN_TIME || is_zone_of_date(r));
	int sign = *r->at == '-' ? -1 : 1;
	r->parts.minus |= first && sign < 0;
	r->at++;
	if (!zone) {
		if (r->parts.count == 1)
			r->parts.separator = '-';
		return true;
	}
	int64_t hours = 0;
	int64_t minutes = 0;
	size_t digits = read_digits(r, DIGITS_MAX, &hours);
	if (digits > 4)
		return false;
	if (digits > 2) {
		minutes = hours % 100;
		hours /= 100;
	}
	if (r->at < r->end && *r->at == ':' && is_digit(r->at + 1, r->end)) {
		r->at++;
		(void)read_digits(r, 2, &minutes); /* at least one is there */
	}
	r->zone = ZONE_NUMBER;
	r->parts.zone_min = sign * (int)(hours * 60 + minutes);
	r->last = TOKEN_TIME;
	return true;
}

/* A comment of RFC 822, nested or not; one that isn't closed goes to the end. */
static void skip_comment(struct reader *r)
{
	size_t depth = 0;
	do {
		depth += *r->at == '(';
		depth -= *r->at == ')';
		r->at++;
	} while (depth > 0 && r->at < r->end);
}

/* Reads the whole text. false: something in it is in no date. */
static bool read_all(struct reader *r)
{
	while (r->at < r->end) {
		size_t space = space_size(r);
		if (space > 0) {
			r->at += space;
		} else if (is_digit(r->at, r->end)) {
			if (!take_number(r))
				return false;
		} else if (is_letter(r->at, r->end)) {
			take_word(r);
		} else if (*r->at == '+' || *r->at == '-') {
			if (!take_sign(r))
				return false;
		} else if (*r->at == '(') {
			skip_comment(r);
		} else {
			if (r->parts.count == 1 && r->parts.separator == '\0')
				r->parts.separator = *r->at;
			r->at++;
		}
	}
	return true;
}

bool feeds_date_parts(const char *text, size_t size, struct feeds_date_parts *parts)
{
	struct reader r = { .at = text, .end = text + size };
	r.parts = (struct feeds_date_parts) {
		.year = FEEDS_DATE_NONE,
		.month = FEEDS_DATE_NONE,
		.day = FEEDS_DATE_NONE,
		.day_of_year = FEEDS_DATE_NONE,
		.week = FEEDS_DATE_NONE,
		.weekday = FEEDS_DATE_NONE,
		.half = FEEDS_DATE_NONE,
	};
	bool read = read_all(&r);
	*parts = r.parts;
	return read;
}
