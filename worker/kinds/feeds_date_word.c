/* SPDX-License-Identifier: MIT */
/*
 * Words of dates. A word is first folded: lower case, Latin and Greek letters without accents. The
 * tables hold folded words; "mar" stands for March, mars, marzo and Maerz alike.
 */
#include "worker/kinds/feeds_date_word.h"

#include <stdint.h>
#include <string.h>

enum {
	WORD_MAX = 48,  /* bytes of a folded word; what is longer is cut, no entry is as long */
	EXACT_MAX = 2,  /* shorter names of days are no beginnings: "do" is not "domenica" */
	KOREA = 9 * 60, /* feeds from Korea give the time there and no zone */
};

struct entry {
	int value;
	const char *words; /* separated by spaces */
};

/* A word belongs to the longest word of a table that it starts with. */
static const struct entry months[] = {
	{ 1, "jan ene gen oca sty led ιαν янв січ яну tammi sijec" },
	{ 2, "feb fev sub lut uno φεβ фев лют helmi velj" },
	{ 3, "mar mrz maer maa bre μαρ мар бер mrt ozu" },
	{ 4, "apr abr avr nis kwi dub απρ апр кві huhti trav" },
	{ 5, "may mai maj mei mag kve μαι май мая тра touko svib" },
	{ 6, "jun juin giu haz cze cer cvn ιουν ιον июн чер юни kesa lipnja lipanj" },
	{ 7, "jul juil lug tem lip cervenec cervence cvc ιουλ ιολ июл лип юли heina "
	     "srpanj" },
	{ 8, "aug ago aou avg agu sie srp αυγ авг сер elo kolov" },
	{ 9, "sep set eyl wrz zar σεπ сен вер syys сеп ruj szep" },
	{ 10, "oct okt out ott eki paz rij οκτ окт жов loka" },
	{ 11, "nov kas lis νοε ноя ное marras stud noi" },
	{ 12, "dec dez dic des ara gru pro δεκ дек гру joulu pros" },
	{ 0, NULL },
};

/* Also there to keep "martedi" from being taken for March. */
static const struct entry weekdays[] = {
	{ 0, "sun son dim dom zon so zo κυρ вс" },
	{ 1, "mon lun maan mo ma pon seg δευ пн" },
	{ 2, "tue die mardi marte din di ter τρι вт" },
	{ 3, "wed mit mer mie woe mi wo qua τετ ср" },
	{ 4, "thu don jeu jue gio do qui πεμ чт" },
	{ 5, "fri fre ven vie vri fr vr sex παρ пт" },
	{ 6, "sat sam sab zat sa za lor σαβ сб" },
	{ 0, NULL },
};

/* Where one name is used in several places, the one that feeds come from: CST is Chicago. */
static const struct entry zones[] = {
	{ -600, "hst hast" },
	{ -540, "akst" },
	{ -480, "pst akdt" },
	{ -420, "mst pdt" },
	{ -360, "cst mdt" },
	{ -300, "est cdt pet" },
	{ -240, "edt ast clt" },
	{ -210, "nst" },
	{ -180, "adt brt art clst" },
	{ -150, "ndt" },
	{ -120, "brst" },
	{ 0, "ut utc gmt z uct zulu wet" },
	{ 60, "west bst cet met mez wat" },
	{ 120, "cest mest mesz eet cat sast" },
	{ 180, "eest msk trt idt eat" },
	{ 240, "msd" },
	{ 300, "pkt" },
	{ 330, "ist" },
	{ 345, "npt" },
	{ 420, "ict wib" },
	{ 480, "hkt sgt myt pht awst" },
	{ 540, "jst kst" },
	{ 570, "acst" },
	{ 600, "aest" },
	{ 630, "acdt" },
	{ 660, "aedt" },
	{ 720, "nzst" },
	{ 780, "nzdt" },
	{ 0, NULL },
};

/*
 * The letters with the signs that RFC 822 (5.1) gives them. RFC 1123 calls them backwards, but
 * what writes them today follows either of the two or means UTC; Z is above.
 */
static const struct entry military[] = {
	{ -240, "at d" },
	{ -300, "et e" },
	{ -360, "ct f" },
	{ -420, "mt g" },
	{ -480, "pt h" },
	{ -60, "a" },
	{ -120, "b" },
	{ -180, "c" },
	{ -540, "i" },
	{ -600, "k" },
	{ -660, "l" },
	{ -720, "m" },
	{ 60, "n" },
	{ 120, "o" },
	{ 180, "p" },
	{ 240, "q" },
	{ 300, "r" },
	{ 360, "s" },
	{ 420, "t" },
	{ 480, "u" },
	{ 540, "v" },
	{ 600, "w" },
	{ 660, "x" },
	{ 720, "y" },
	{ 0, NULL },
};

static const struct sign {
	const char *text;
	struct feeds_date_word word;
} signs[] = {
	{ "年", { FEEDS_DATE_UNIT, 'y', 0 } },
	{ "년", { FEEDS_DATE_UNIT, 'y', KOREA } },
	{ "月", { FEEDS_DATE_UNIT, 'm', 0 } },
	{ "월", { FEEDS_DATE_UNIT, 'm', KOREA } },
	{ "日", { FEEDS_DATE_UNIT, 'd', 0 } },
	{ "일", { FEEDS_DATE_UNIT, 'd', KOREA } },
	{ "号", { FEEDS_DATE_UNIT, 'd', 0 } },
	{ "時", { FEEDS_DATE_UNIT, 'h', 0 } },
	{ "时", { FEEDS_DATE_UNIT, 'h', 0 } },
	{ "点", { FEEDS_DATE_UNIT, 'h', 0 } },
	{ "시", { FEEDS_DATE_UNIT, 'h', KOREA } },
	{ "分", { FEEDS_DATE_UNIT, 'i', 0 } },
	{ "분", { FEEDS_DATE_UNIT, 'i', KOREA } },
	{ "秒", { FEEDS_DATE_UNIT, 's', 0 } },
	{ "초", { FEEDS_DATE_UNIT, 's', KOREA } },
	{ "午前", { FEEDS_DATE_HALF, 0, 0 } },
	{ "上午", { FEEDS_DATE_HALF, 0, 0 } },
	{ "午後", { FEEDS_DATE_HALF, 1, 0 } },
	{ "下午", { FEEDS_DATE_HALF, 1, 0 } },
	{ "오전", { FEEDS_DATE_HALF, 0, KOREA } },
	{ "오후", { FEEDS_DATE_HALF, 1, KOREA } },
};

/* U+00C0 to U+00FF without accents; a space: leave it. */
static const char latin_1[] = "aaaaaaaceeeeiiiidnooooo ouuuuy saaaaaaaceeeeiiiidnooooo ouuuuy y";

/* U+0100 to U+017F likewise. */
static const char latin_a[] =
	"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiijjjjkkk"
	"llllllllllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

_Static_assert(sizeof(latin_1) == 64 + 1 && sizeof(latin_a) == 128 + 1, "a letter is missing");

/* Greek letters with accents and those without, pairs. */
static const uint16_t greek[][2] = {
	{ 0x386, 0x3B1 },
	{ 0x388, 0x3B5 },
	{ 0x389, 0x3B7 },
	{ 0x38A, 0x3B9 },
	{ 0x38C, 0x3BF },
	{ 0x38E, 0x3C5 },
	{ 0x38F, 0x3C9 },
	{ 0x390, 0x3B9 },
	{ 0x3AA, 0x3B9 },
	{ 0x3AC, 0x3B1 },
	{ 0x3AD, 0x3B5 },
	{ 0x3AE, 0x3B7 },
	{ 0x3AF, 0x3B9 },
	{ 0x3B0, 0x3C5 },
	{ 0x3CA, 0x3B9 },
	{ 0x3CB, 0x3C5 },
	{ 0x3CC, 0x3BF },
	{ 0x3CD, 0x3C5 },
	{ 0x3CE, 0x3C9 },
};

/* A letter of two bytes in UTF-8, folded; ASCII where an accent went. */
static unsigned fold(unsigned letter)
{
	if (letter >= 0xC0 && letter <= 0xFF && latin_1[letter - 0xC0] != ' ')
		return (unsigned char)latin_1[letter - 0xC0];
	if (letter >= 0x100 && letter <= 0x17F)
		return (unsigned char)latin_a[letter - 0x100];
	for (size_t i = 0; i < sizeof(greek) / sizeof(*greek); i++) {
		if (letter == greek[i][0])
			return greek[i][1];
	}
	if (letter >= 0x391 && letter <= 0x3A9)
		return letter + 0x20;
	if (letter >= 0x400 && letter <= 0x40F)
		return letter + 0x50;
	if (letter >= 0x410 && letter <= 0x42F)
		return letter + 0x20;
	return letter;
}

/* Fills folded, which ends with a NUL; letters of three bytes and broken ones stay as they are. */
static void fold_word(const char *text, size_t size, char folded[static WORD_MAX])
{
	size_t length = 0;
	for (size_t i = 0; i < size && length < WORD_MAX - 2; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '.')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 0x20);
		bool pair = c >= 0xC2 && c <= 0xDF && i + 1 < size && (text[i + 1] & 0xC0) == 0x80;
		if (!pair) {
			folded[length++] = (char)c;
			continue;
		}
		unsigned letter = fold((c & 0x1FU) << 6 | ((unsigned char)text[++i] & 0x3FU));
		if (letter >= 0x80)
			folded[length++] = (char)(0xC0 | letter >> 6);
		folded[length++] = (char)(letter >= 0x80 ? 0x80 | (letter & 0x3F) : letter);
	}
	folded[length] = '\0';
}

/*
 * The longest word of the table that folded starts with: its bytes, 0 for none. Words of at most
 * exact bytes must be all of folded.
 */
static size_t find(const struct entry *table, const char *folded, size_t exact, int *value)
{
	size_t best = 0;
	for (; table->words != NULL; table++) {
		const char *word = table->words;
		for (size_t size; *word != '\0'; word += size + (word[size] == ' ')) {
			size = strcspn(word, " ");
			if (size <= best || strncmp(word, folded, size) != 0)
				continue;
			if (size <= exact && folded[size] != '\0')
				continue;
			best = size;
			*value = table->value;
		}
	}
	return best;
}

size_t feeds_date_sign(const char *text, size_t size, struct feeds_date_word *word)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		size_t length = strlen(signs[i].text);
		if (length <= size && memcmp(text, signs[i].text, length) == 0) {
			*word = signs[i].word;
			return length;
		}
	}
	return 0;
}

bool feeds_date_word(const char *text, size_t size, struct feeds_date_word *word)
{
	static const struct entry halves[] = { { 0, "am" }, { 1, "pm" }, { 0, NULL } };
	char folded[WORD_MAX];
	fold_word(text, size, folded);
	*word = (struct feeds_date_word) { .kind = FEEDS_DATE_HALF };
	if (find(halves, folded, WORD_MAX, &word->value))
		return true;
	word->kind = FEEDS_DATE_ZONE;
	if (find(zones, folded, WORD_MAX, &word->value))
		return true;
	word->kind = FEEDS_DATE_MILITARY;
	if (find(military, folded, WORD_MAX, &word->value))
		return true;
	int month = 0;
	int weekday = 0;
	size_t as_month = find(months, folded, EXACT_MAX, &month);
	size_t as_weekday = find(weekdays, folded, EXACT_MAX, &weekday);
	word->kind = as_month >= as_weekday ? FEEDS_DATE_MONTH : FEEDS_DATE_WEEKDAY;
	word->value = as_month >= as_weekday ? month : weekday;
	return as_month > 0 || as_weekday > 0;
}
