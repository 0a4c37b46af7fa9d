/* SPDX-License-Identifier: MIT */
/* The words in the dates of feeds, in the languages that feeds are written in. Pure tables. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_DATE_WORD_H
#define SCIAME_WORKER_KINDS_FEEDS_DATE_WORD_H

#include <stdbool.h>
#include <stddef.h>

enum feeds_date_kind {
	FEEDS_DATE_MONTH,    /* value: 1 to 12 */
	FEEDS_DATE_WEEKDAY,  /* 0 Sunday to 6 */
	FEEDS_DATE_ZONE,     /* minutes east of UTC */
	FEEDS_DATE_MILITARY, /* the same, of one letter or of a word that means other things too */
	FEEDS_DATE_HALF,     /* of the day: 0 before noon, 1 after */
	FEEDS_DATE_UNIT,     /* what the number before it counts: one of y m d h i s */
};

struct feeds_date_word {
	enum feeds_date_kind kind;
	int value;
	int zone; /* minutes east of UTC where this language is spoken; 0 where nobody can say */
};

/*
 * Looks up a word of letters (ASCII or UTF-8, no white space), without regard to case and accents.
 * Names of months and days are known by their beginnings. false: not in the tables.
 */
bool feeds_date_word(const char *text, size_t size, struct feeds_date_word *word);

/*
 * The sign of a script that puts no space between words, such as those for year, month and day.
 * Returns the bytes that it takes of size, 0 for none.
 */
size_t feeds_date_sign(const char *text, size_t size, struct feeds_date_word *word);

#endif
