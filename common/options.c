/* SPDX-License-Identifier: MIT */
/*
 * getopt_long over the table. getopt finds the options and moves the operands; every message is
 * ours, because getopt's own go to stderr and don't say what to do instead.
 */
#include "common/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONG_FIRST = UCHAR_MAX + 1, /* getopt's value of entry 0; smaller ones are letters */
	NAME_MAX_SUGGESTED = 40,    /* longer unknown names get no suggestion */
	CANDIDATES_MAX = 4,         /* named for an ambiguous abbreviation */
	FRACTION_DIGITS_MAX = 9,    /* of a time, so that 64 bits are enough */
	LIST_MAX = 256,             /* bytes of a list of words in a message */
	HELP_WIDTH = 80,
	HELP_COLUMN_MAX =
		34, /* where texts start at the latest; a longer option has its own line */
	HELP_GAP = 2,
};

struct entry {
	const struct option_spec *spec;
	void *settings;
};

/* All groups as one table, in the two forms that getopt takes. */
struct table {
	struct entry entries[OPTIONS_MAX];
	size_t count;
	struct option longs[OPTIONS_MAX + 1];
	char letters[1 + 2 * OPTIONS_MAX + 1];
};

static void table_add(struct table *table, const struct option_spec *spec, void *settings)
{
	assert(table->count < OPTIONS_MAX);
	assert(spec->parse);
	table->entries[table->count] = (struct entry) { spec, settings };
	table->longs[table->count] = (struct option) {
		.name = spec->name,
		.has_arg = spec->argument ? required_argument : no_argument,
		.val = LONG_FIRST + (int)table->count,
	};
	table->count++;
	if (spec->letter) {
		size_t end = strlen(table->letters);
		table->letters[end++] = spec->letter;
		if (spec->argument)
			table->letters[end] = ':';
	}
}

static void table_init(struct table *table, const struct option_group *groups)
{
	memset(table, 0, sizeof(*table));
	table->letters[0] = ':'; /* a missing argument is told apart from an unknown option */
	for (size_t i = 0; groups[i].specs; i++)
		for (const struct option_spec *spec = groups[i].specs; spec->name; spec++)
			table_add(table, spec, groups[i].settings);
}

/* The entry behind a value that getopt returned or left in optopt, or NULL. */
static const struct entry *table_find(const struct table *table, int value)
{
	if (value >= LONG_FIRST)
		return &table->entries[value - LONG_FIRST];
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].spec->letter && table->entries[i].spec->letter == value)
			return &table->entries[i];
	return NULL;
}

/* A list of words in a fixed buffer; what does not fit is left out. */
struct list {
	char text[LIST_MAX];
	size_t length;
};

static void list_add(struct list *list, const char *before, const char *word, size_t size)
{
	size_t before_size = strlen(before);
	if (list->length + before_size + size >= sizeof(list->text))
		return;
	memcpy(list->text + list->length, before, before_size);
	memcpy(list->text + list->length + before_size, word, size);
	list->length += before_size + size;
	list->text[list->length] = '\0';
}

/* "N|WxH" becomes "N or WxH", "a|b|c" becomes "a, b or c". */
static void list_alternatives(struct list *list, const char *argument)
{
	const char *before = "";
	for (const char *word = argument; word;) {
		const char *bar = strchr(word, '|');
		size_t size = bar ? (size_t)(bar - word) : strlen(word);
		list_add(list, before, word, size);
		word = bar ? bar + 1 : NULL;
		before = word && strchr(word, '|') ? ", " : " or ";
	}
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * How many letters must be changed, left out, put in or swapped with their neighbour to make b
 * from a (the "optimal string alignment" distance). Both have at most NAME_MAX_SUGGESTED bytes.
 */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[NAME_MAX_SUGGESTED + 1][NAME_MAX_SUGGESTED + 1];
	for (size_t i = 0; i <= a_size; i++)
		rows[i][0] = i;
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		for (size_t j = 1; j <= b_size; j++) {
			size_t changed = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			size_t shifted = smaller(rows[i - 1][j], rows[i][j - 1]) + 1;
			rows[i][j] = smaller(changed, shifted);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_size][b_size];
}

/* The name of the listed option that was most likely meant, or NULL when none is close. */
static const char *suggestion(const struct table *table, const char *name, size_t size)
{
	if (size > NAME_MAX_SUGGESTED)
		return NULL;
	const char *best = NULL;
	size_t best_distance = size <= 3 ? 1 : 2; /* one more typo than that is another word */
	for (size_t i = 0; i < table->count; i++) {
		const struct option_spec *spec = table->entries[i].spec;
		size_t spec_size = strlen(spec->name);
		if (!spec->help || spec_size > NAME_MAX_SUGGESTED)
			continue;
		size_t changes = distance(name, size, spec->name, spec_size);
		if (changes < best_distance || (changes == best_distance && !best)) {
			best = spec->name;
			best_distance = changes;
		}
	}
	return best;
}

/* A long name that getopt refused: unknown, or the beginning of several. */
static int refuse_name(const struct table *table, const char *name, struct error *err)
{
	int size = (int)strcspn(name, "=");
	struct list candidates = { .length = 0 };
	size_t matches = 0;
	for (size_t i = 0; i < table->count; i++) {
		const char *candidate = table->entries[i].spec->name;
		if (strncmp(candidate, name, (size_t)size) != 0)
			continue;
		if (matches < CANDIDATES_MAX)
			list_add(
				&candidates, matches ? ", --" : "--", candidate, strlen(candidate));
		matches++;
	}
	if (matches > 1)
		return error_set(err, ERROR_USAGE, "option '--%.*s' is ambiguous: %s%s", size, name,
			candidates.text, matches > CANDIDATES_MAX ? ", ..." : "");
	const char *meant = suggestion(table, name, (size_t)size);
	if (meant)
		return error_set(err, ERROR_USAGE,
			"unknown option '--%.*s'; did you mean '--%s'? see --help", size, name,
			meant);
	return error_set(err, ERROR_USAGE, "unknown option '--%.*s'; see --help", size, name);
}

/* What getopt answered with '?'. */
static int refuse(const struct table *table, char **argv, struct error *err)
{
	if (optopt >= LONG_FIRST)
		return error_set(err, ERROR_USAGE, "--%s takes no argument",
			table_find(table, optopt)->spec->name);
	if (optopt == 0)
		return refuse_name(table, argv[optind - 1] + strlen("--"), err);
	if (optopt > ' ' && optopt <= '~')
		return error_set(err, ERROR_USAGE, "unknown option '-%c'; see --help", optopt);
	return error_set(err, ERROR_USAGE, "unknown option '-\\x%02X'; see --help",
		(unsigned)(unsigned char)optopt);
}

static int refuse_missing(const struct table *table, struct error *err)
{
	const struct option_spec *spec = table_find(table, optopt)->spec;
	struct list words = { .length = 0 };
	list_alternatives(&words, spec->argument);
	return error_set(err, ERROR_USAGE, "--%s needs an argument: %s", spec->name, words.text);
}

static void store(const struct option_spec *spec, void *settings, const void *value, size_t size)
{
	memcpy((char *)settings + spec->offset, value, size);
}

int option_flag(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	(void)value; /* there is none */
	(void)err;   /* nothing can be wrong */
	bool flag = spec->value != 0;
	store(spec, settings, &flag, sizeof(flag));
	return 0;
}

int option_string(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_USAGE, "--%s can't be empty", spec->name);
	store(spec, settings, &value, sizeof(value));
	return 0;
}

/* Decimal digits with an optional minus and nothing else; strtoll alone takes " +1". */
static bool integer_read(const char *text, int64_t *number)
{
	const char *digits = text + (*text == '-');
	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	errno = 0;
	*number = strtoll(text, NULL, 10);
	return errno == 0;
}

int option_integer(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	assert(spec->minimum < spec->maximum);
	int64_t number;
	if (integer_read(value, &number) && number >= spec->minimum && number <= spec->maximum) {
		store(spec, settings, &number, sizeof(number));
		return 0;
	}
	if (spec->maximum == INT64_MAX)
		return error_set(err, ERROR_USAGE,
			"--%s takes a whole number of at least %lld, not '%s'", spec->name,
			(long long)spec->minimum, value);
	return error_set(err, ERROR_USAGE, "--%s takes a whole number from %lld to %lld, not '%s'",
		spec->name, (long long)spec->minimum, (long long)spec->maximum, value);
}

/* Milliseconds in a unit of time, or 0 for an unknown one. */
static int64_t unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		{ "d", 24 * 3600000 }, { "w", 7 * 24 * 3600000 } };
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].ms;
	return 0;
}

/* ".25" of a unit in whole milliseconds, without doubles: 0.1 has no exact one. */
static bool fraction_read(const char *digits, size_t count, int64_t unit, int64_t *ms)
{
	if (count > FRACTION_DIGITS_MAX)
		return false;
	int64_t numerator = 0, denominator = 1;
	for (size_t i = 0; i < count; i++) {
		numerator = numerator * 10 + (digits[i] - '0');
		denominator *= 10;
	}
	*ms = numerator * unit / denominator;
	return numerator * unit % denominator == 0;
}

static bool duration_read(const char *text, int64_t *ms)
{
	const char *rest = text + strspn(text, "0123456789");
	const char *digits = *rest == '.' ? rest + 1 : rest;
	size_t digits_count = *rest == '.' ? strspn(digits, "0123456789") : 0;
	if (rest == text || (*rest == '.' && digits_count == 0))
		return false;
	int64_t unit = unit_ms(digits + digits_count);
	errno = 0;
	int64_t whole = strtoll(text, NULL, 10);
	int64_t fraction;
	if (unit == 0 || errno != 0 || !fraction_read(digits, digits_count, unit, &fraction))
		return false;
	return !__builtin_mul_overflow(whole, unit, ms) &&
	       !__builtin_add_overflow(*ms, fraction, ms);
}

static void duration_write(char text[32], int64_t ms)
{
	if (ms % (24 * 3600000) == 0 && ms != 0)
		(void)snprintf(text, 32, "%lldd", (long long)(ms / (24 * 3600000)));
	else if (ms % 3600000 == 0 && ms != 0)
		(void)snprintf(text, 32, "%lldh", (long long)(ms / 3600000));
	else if (ms % 60000 == 0 && ms != 0)
		(void)snprintf(text, 32, "%lldm", (long long)(ms / 60000));
	else if (ms % 1000 == 0)
		(void)snprintf(text, 32, "%llds", (long long)(ms / 1000));
	else
		(void)snprintf(text, 32, "%lldms", (long long)ms);
}

int option_duration(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	assert(spec->minimum < spec->maximum);
	int64_t ms;
	if (duration_read(value, &ms) && ms >= spec->minimum && ms <= spec->maximum) {
		store(spec, settings, &ms, sizeof(ms));
		return 0;
	}
	char minimum[32], maximum[32];
	duration_write(minimum, spec->minimum);
	duration_write(maximum, spec->maximum);
	return error_set(err, ERROR_USAGE,
		"--%s takes a time from %s to %s, such as 500ms, 1.5s or 2m; not '%s'", spec->name,
		minimum, maximum, value);
}

int option_choice(
	const struct option_spec *spec, const char *value, void *settings, struct error *err)
{
	struct list words = { .length = 0 };
	for (int i = 0; spec->choices[i]; i++) {
		if (strcmp(spec->choices[i], value) == 0) {
			store(spec, settings, &i, sizeof(i));
			return 0;
		}
		list_add(&words, i ? ", " : "", spec->choices[i], strlen(spec->choices[i]));
	}
	return error_set(
		err, ERROR_USAGE, "--%s takes one of: %s; not '%s'", spec->name, words.text, value);
}

/* "  -s, --size N|WxH" into text; returns its width. */
static size_t heading(const struct option_spec *spec, char text[128])
{
	char letter[] = "    ";
	if (spec->letter)
		memcpy(letter, (char[]) { '-', spec->letter, ',', ' ' }, 4);
	(void)snprintf(text, 128, "  %s--%s%s%s", letter, spec->name, spec->argument ? " " : "",
		spec->argument ? spec->argument : "");
	return strlen(text);
}

/* Where the texts start so that every heading that is not too long has its text beside it. */
static size_t text_column(const struct option_group *groups)
{
	size_t column = 0;
	for (size_t i = 0; groups[i].specs; i++) {
		for (const struct option_spec *spec = groups[i].specs; spec->name; spec++) {
			char text[128];
			size_t width = heading(spec, text) + HELP_GAP;
			if (spec->help && width <= HELP_COLUMN_MAX && width > column)
				column = width;
		}
	}
	return column;
}

/* Columns of the first size bytes of UTF-8: all but continuation bytes count. */
static size_t columns(const char *text, size_t size)
{
	size_t width = 0;
	for (size_t i = 0; i < size; i++)
		width += ((unsigned char)text[i] & 0xC0) != 0x80;
	return width;
}

/* The words of text from column on; the cursor stands at column already. Ends the line. */
static void print_wrapped(FILE *out, const char *text, size_t column)
{
	size_t used = column;
	const char *word = text + strspn(text, " ");
	while (*word) {
		size_t size = strcspn(word, " ");
		size_t width = columns(word, size);
		bool first = used == column;
		if (!first && used + 1 + width > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)column, "");
			used = column;
			first = true;
		}
		fprintf(out, "%s%.*s", first ? "" : " ", (int)size, word);
		used += width + !first;
		word += size;
		word += strspn(word, " ");
	}
	fputc('\n', out);
}

static void print_option(FILE *out, const struct option_spec *spec, size_t column)
{
	char text[128];
	size_t width = heading(spec, text);
	if (width + HELP_GAP > column)
		fprintf(out, "%s\n%*s", text, (int)column, "");
	else
		fprintf(out, "%-*s", (int)column, text);
	print_wrapped(out, spec->help, column);
}

void options_print(FILE *out, const struct option_group *groups)
{
	size_t column = text_column(groups);
	for (size_t i = 0; groups[i].specs; i++) {
		if (i > 0)
			fputc('\n', out);
		if (groups[i].title)
			fprintf(out, "%s:\n", groups[i].title);
		for (const struct option_spec *spec = groups[i].specs; spec->name; spec++)
			if (spec->help)
				print_option(out, spec, column);
	}
}

int options_parse(const struct option_group *groups, int argc, char **argv, int *first_operand,
	struct error *err)
{
	struct table table;
	table_init(&table, groups);
	opterr = 0;
	optind = 0; /* not 1: only 0 makes glibc forget the last command line (getopt(3), Notes) */
	for (;;) {
		int value = getopt_long(argc, argv, table.letters, table.longs, NULL);
		if (value == -1)
			break;
		if (value == '?')
			return refuse(&table, argv, err);
		if (value == ':')
			return refuse_missing(&table, err);
		const struct entry *entry = table_find(&table, value);
		if (entry->spec->parse(entry->spec, optarg, entry->settings, err) < 0)
			return -1;
	}
	*first_operand = optind;
	return 0;
}
