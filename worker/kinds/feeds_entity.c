/* SPDX-License-Identifier: MIT */
/*
 * References of HTML. libxml2 knows the 253 names of HTML 4 but searches them one after the other,
 * so its answers are kept, and a feed of nothing but unknown names is soon left alone.
 */
#include "worker/kinds/feeds_entity.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/HTMLparser.h>

#include "worker/kinds/feeds_utf8.h"

struct entity {
	const char *name;
	uint32_t character;
};

/*
 * What HTML 5 has beyond HTML 4 and feeds use: Latin letters and punctuation, sorted by strcmp
 * (HTML, named character references).
 */
static const struct entity added[] = {
	{ "AMP", 0x0026 },
	{ "Abreve", 0x0102 },
	{ "Amacr", 0x0100 },
	{ "Aogon", 0x0104 },
	{ "COPY", 0x00A9 },
	{ "Cacute", 0x0106 },
	{ "Ccaron", 0x010C },
	{ "Ccirc", 0x0108 },
	{ "Cdot", 0x010A },
	{ "Cedilla", 0x00B8 },
	{ "CenterDot", 0x00B7 },
	{ "CloseCurlyDoubleQuote", 0x201D },
	{ "CloseCurlyQuote", 0x2019 },
	{ "Dcaron", 0x010E },
	{ "DiacriticalAcute", 0x00B4 },
	{ "Dot", 0x00A8 },
	{ "DoubleDot", 0x00A8 },
	{ "Dstrok", 0x0110 },
	{ "ENG", 0x014A },
	{ "Ecaron", 0x011A },
	{ "Edot", 0x0116 },
	{ "Emacr", 0x0112 },
	{ "Eogon", 0x0118 },
	{ "GT", 0x003E },
	{ "Gbreve", 0x011E },
	{ "Gcedil", 0x0122 },
	{ "Gcirc", 0x011C },
	{ "Gdot", 0x0120 },
	{ "Hat", 0x005E },
	{ "Hcirc", 0x0124 },
	{ "Hstrok", 0x0126 },
	{ "IJlig", 0x0132 },
	{ "Idot", 0x0130 },
	{ "Imacr", 0x012A },
	{ "Iogon", 0x012E },
	{ "Itilde", 0x0128 },
	{ "Jcirc", 0x0134 },
	{ "Kcedil", 0x0136 },
	{ "LT", 0x003C },
	{ "Lacute", 0x0139 },
	{ "Lcaron", 0x013D },
	{ "Lcedil", 0x013B },
	{ "Lmidot", 0x013F },
	{ "Lstrok", 0x0141 },
	{ "Nacute", 0x0143 },
	{ "Ncaron", 0x0147 },
	{ "Ncedil", 0x0145 },
	{ "NewLine", 0x000A },
	{ "NoBreak", 0x2060 },
	{ "NonBreakingSpace", 0x00A0 },
	{ "Odblac", 0x0150 },
	{ "Omacr", 0x014C },
	{ "OpenCurlyDoubleQuote", 0x201C },
	{ "OpenCurlyQuote", 0x2018 },
	{ "PlusMinus", 0x00B1 },
	{ "QUOT", 0x0022 },
	{ "REG", 0x00AE },
	{ "Racute", 0x0154 },
	{ "Rcaron", 0x0158 },
	{ "Rcedil", 0x0156 },
	{ "Sacute", 0x015A },
	{ "Scedil", 0x015E },
	{ "Scirc", 0x015C },
	{ "TRADE", 0x2122 },
	{ "Tab", 0x0009 },
	{ "Tcaron", 0x0164 },
	{ "Tcedil", 0x0162 },
	{ "Tstrok", 0x0166 },
	{ "Ubreve", 0x016C },
	{ "Udblac", 0x0170 },
	{ "Umacr", 0x016A },
	{ "UnderBar", 0x005F },
	{ "Uogon", 0x0172 },
	{ "Uring", 0x016E },
	{ "Utilde", 0x0168 },
	{ "Vert", 0x2016 },
	{ "Wcirc", 0x0174 },
	{ "Ycirc", 0x0176 },
	{ "Zacute", 0x0179 },
	{ "Zcaron", 0x017D },
	{ "Zdot", 0x017B },
	{ "ZeroWidthSpace", 0x200B },
	{ "abreve", 0x0103 },
	{ "amacr", 0x0101 },
	{ "angst", 0x00C5 },
	{ "aogon", 0x0105 },
	{ "apos", 0x0027 },
	{ "approx", 0x2248 },
	{ "ast", 0x002A },
	{ "bigstar", 0x2605 },
	{ "blacksquare", 0x25AA },
	{ "breve", 0x02D8 },
	{ "bsol", 0x005C },
	{ "bullet", 0x2022 },
	{ "cacute", 0x0107 },
	{ "caron", 0x02C7 },
	{ "ccaron", 0x010D },
	{ "ccirc", 0x0109 },
	{ "cdot", 0x010B },
	{ "centerdot", 0x00B7 },
	{ "check", 0x2713 },
	{ "circledR", 0x00AE },
	{ "colon", 0x003A },
	{ "comma", 0x002C },
	{ "commat", 0x0040 },
	{ "copysr", 0x2117 },
	{ "cross", 0x2717 },
	{ "dash", 0x2010 },
	{ "dblac", 0x02DD },
	{ "dcaron", 0x010F },
	{ "die", 0x00A8 },
	{ "div", 0x00F7 },
	{ "dollar", 0x0024 },
	{ "dot", 0x02D9 },
	{ "dstrok", 0x0111 },
	{ "ecaron", 0x011B },
	{ "edot", 0x0117 },
	{ "emacr", 0x0113 },
	{ "eng", 0x014B },
	{ "eogon", 0x0119 },
	{ "epsi", 0x03B5 },
	{ "equals", 0x003D },
	{ "excl", 0x0021 },
	{ "female", 0x2640 },
	{ "flat", 0x266D },
	{ "frac13", 0x2153 },
	{ "frac15", 0x2155 },
	{ "frac18", 0x215B },
	{ "frac23", 0x2154 },
	{ "frac38", 0x215C },
	{ "frac58", 0x215D },
	{ "frac78", 0x215E },
	{ "gbreve", 0x011F },
	{ "gcirc", 0x011D },
	{ "gdot", 0x0121 },
	{ "geq", 0x2265 },
	{ "grave", 0x0060 },
	{ "hairsp", 0x200A },
	{ "half", 0x00BD },
	{ "hbar", 0x210F },
	{ "hcirc", 0x0125 },
	{ "horbar", 0x2015 },
	{ "hstrok", 0x0127 },
	{ "ijlig", 0x0133 },
	{ "imacr", 0x012B },
	{ "imath", 0x0131 },
	{ "incare", 0x2105 },
	{ "inodot", 0x0131 },
	{ "iogon", 0x012F },
	{ "itilde", 0x0129 },
	{ "jcirc", 0x0135 },
	{ "kcedil", 0x0137 },
	{ "kgreen", 0x0138 },
	{ "lacute", 0x013A },
	{ "lbrace", 0x007B },
	{ "lbrack", 0x005B },
	{ "lcaron", 0x013E },
	{ "lcedil", 0x013C },
	{ "lcub", 0x007B },
	{ "ldquor", 0x201E },
	{ "leftarrow", 0x2190 },
	{ "leq", 0x2264 },
	{ "lmidot", 0x0140 },
	{ "lowbar", 0x005F },
	{ "lpar", 0x0028 },
	{ "lsqb", 0x005B },
	{ "lsquor", 0x201A },
	{ "lstrok", 0x0142 },
	{ "male", 0x2642 },
	{ "midast", 0x002A },
	{ "mldr", 0x2026 },
	{ "nacute", 0x0144 },
	{ "napos", 0x0149 },
	{ "natural", 0x266E },
	{ "ncaron", 0x0148 },
	{ "ncedil", 0x0146 },
	{ "nldr", 0x2025 },
	{ "num", 0x0023 },
	{ "numero", 0x2116 },
	{ "numsp", 0x2007 },
	{ "odblac", 0x0151 },
	{ "ogon", 0x02DB },
	{ "ohm", 0x03A9 },
	{ "omacr", 0x014D },
	{ "percnt", 0x0025 },
	{ "period", 0x002E },
	{ "phiv", 0x03D5 },
	{ "phone", 0x260E },
	{ "plus", 0x002B },
	{ "pm", 0x00B1 },
	{ "puncsp", 0x2008 },
	{ "quest", 0x003F },
	{ "racute", 0x0155 },
	{ "rbrace", 0x007D },
	{ "rbrack", 0x005D },
	{ "rcaron", 0x0159 },
	{ "rcedil", 0x0157 },
	{ "rcub", 0x007D },
	{ "rdquor", 0x201D },
	{ "rightarrow", 0x2192 },
	{ "ring", 0x02DA },
	{ "rpar", 0x0029 },
	{ "rsqb", 0x005D },
	{ "rsquor", 0x2019 },
	{ "sacute", 0x015B },
	{ "scedil", 0x015F },
	{ "scirc", 0x015D },
	{ "semi", 0x003B },
	{ "sharp", 0x266F },
	{ "sol", 0x002F },
	{ "squ", 0x25A1 },
	{ "square", 0x25A1 },
	{ "star", 0x2606 },
	{ "starf", 0x2605 },
	{ "straightphi", 0x03D5 },
	{ "strns", 0x00AF },
	{ "sung", 0x266A },
	{ "tcaron", 0x0165 },
	{ "tcedil", 0x0163 },
	{ "thetav", 0x03D1 },
	{ "tstrok", 0x0167 },
	{ "ubreve", 0x016D },
	{ "udblac", 0x0171 },
	{ "umacr", 0x016B },
	{ "uogon", 0x0173 },
	{ "uring", 0x016F },
	{ "utilde", 0x0169 },
	{ "varepsilon", 0x03F5 },
	{ "verbar", 0x007C },
	{ "vert", 0x007C },
	{ "wcirc", 0x0175 },
	{ "ycirc", 0x0177 },
	{ "zacute", 0x017A },
	{ "zcaron", 0x017E },
	{ "zdot", 0x017C },
};

enum { KNOWN = 256 }; /* names whose answer is kept; a power of two */

/* One lane reads one feed at a time, and an answer is the same for all of them. */
static struct {
	char name[ENTITY_NAME_MAX + 1];
	uint32_t character;
} known[KNOWN];

static int compare_names(const void *key, const void *entry)
{
	return strcmp(key, ((const struct entity *)entry)->name);
}

static uint32_t look_up(const char *name)
{
	const struct entity *found =
		bsearch(name, added, sizeof(added) / sizeof(*added), sizeof(*added), compare_names);
	if (found != NULL)
		return found->character;
	const htmlEntityDesc *entity = htmlEntityLookup((const xmlChar *)name);
	return entity == NULL ? 0 : entity->value;
}

uint32_t feeds_entity_named(const char *name, size_t size)
{
	if (size == 0 || size > ENTITY_NAME_MAX)
		return 0;
	char text[ENTITY_NAME_MAX + 1];
	memcpy(text, name, size);
	text[size] = '\0';
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	hash = (hash ^ hash >> 16) % KNOWN;
	if (strcmp(known[hash].name, text) != 0) {
		known[hash].character = look_up(text);
		memcpy(known[hash].name, text, size + 1);
	}
	return known[hash].character;
}

size_t feeds_entity_name(const char *text, size_t size)
{
	size_t length = 0;
	while (length < size && length <= ENTITY_NAME_MAX && isalnum((unsigned char)text[length]))
		length++;
	return length;
}

/* What a number means in a document. */
static uint32_t character_of(uint32_t number)
{
	if (number < 0x20)
		return number == '\t' || number == '\n' || number == '\r' ? number : 0;
	if (number == 0x7F || (number & 0xFFFE) == 0xFFFE)
		return 0;
	if (number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
		return UTF8_REPLACEMENT;
	return feeds_utf8_windows_1252(number);
}

size_t feeds_entity_numeric(const char *text, size_t size, uint32_t *character)
{
	size_t at = 2;
	bool hex = at < size && (text[at] | 0x20) == 'x';
	if (hex)
		at++;
	size_t start = at;
	uint32_t number = 0;
	for (; at < size; at++) {
		unsigned char digit = (unsigned char)text[at];
		if (!(hex ? isxdigit(digit) : isdigit(digit)))
			break;
		uint32_t value =
			isdigit(digit) ? digit - (uint32_t)'0' : (digit | 0x20u) - 'a' + 10;
		if (number <= 0x10FFFF)
			number = number * (hex ? 16 : 10) + value;
	}
	if (at == start)
		return 0;
	*character = character_of(number);
	return at < size && text[at] == ';' ? at + 1 : at;
}
