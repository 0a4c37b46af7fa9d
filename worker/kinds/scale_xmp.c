/* SPDX-License-Identifier: MIT */
/*
 * A property stands in one of three forms: an attribute of rdf:Description, an element with text
 * (or rdf:resource), an element with a list of rdf:li. Only the properties of the picture itself
 * are looked at, not those of its ingredients, which lie deeper.
 */
#include "worker/kinds/scale_xmp.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "common/memory.h"

enum { NUMBER_BYTES = 12 }; /* of a dimension in digits, with its NUL */

#define NS_RDF "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
#define NS_DC "http://purl.org/dc/elements/1.1/"
#define NS_RIGHTS "http://ns.adobe.com/xap/1.0/rights/"
#define NS_PHOTOSHOP "http://ns.adobe.com/photoshop/1.0/"
#define NS_TIFF "http://ns.adobe.com/tiff/1.0/"
#define NS_EXIF "http://ns.adobe.com/exif/1.0/"
#define NS_XMP "http://ns.adobe.com/xap/1.0/"

/* How a property that is written stands there. */
enum shape {
	SHAPE_TEXT,
	SHAPE_ALTERNATIVES, /* by language */
	SHAPE_SEQUENCE,
};

static const struct property {
	const char *space;
	const char *prefix;
	const char *name;
	enum shape shape;
} properties[RIGHTS] = {
	[RIGHT_CREATOR] = { NS_DC, "dc", "creator", SHAPE_SEQUENCE },
	[RIGHT_COPYRIGHT] = { NS_DC, "dc", "rights", SHAPE_ALTERNATIVES },
	[RIGHT_CREDIT] = { NS_PHOTOSHOP, "photoshop", "Credit", SHAPE_TEXT },
	[RIGHT_MARKED] = { NS_RIGHTS, "xmpRights", "Marked", SHAPE_TEXT },
	[RIGHT_STATEMENT] = { NS_RIGHTS, "xmpRights", "WebStatement", SHAPE_TEXT },
	[RIGHT_TERMS] = { NS_RIGHTS, "xmpRights", "UsageTerms", SHAPE_ALTERNATIVES },
};

static bool is(const xmlNs *space, const xmlChar *name, const char *href, const char *local)
{
	return space && space->href && strcmp((const char *)space->href, href) == 0 &&
	       strcmp((const char *)name, local) == 0;
}

static bool is_element(const xmlNode *node, const char *href, const char *local)
{
	return node->type == XML_ELEMENT_NODE && is(node->ns, node->name, href, local);
}

static void add(struct rights *rights, enum right right, xmlChar *text)
{
	if (text)
		rights_add(rights, right, text, strlen((const char *)text));
	xmlFree(text);
}

/* Of alternatives by language the default, which is the first if none is called so. */
static const xmlNode *choose(const xmlNode *list)
{
	const xmlNode *chosen = NULL;
	for (const xmlNode *item = list->children; item; item = item->next) {
		if (!is_element(item, NS_RDF, "li"))
			continue;
		xmlChar *language = xmlGetNsProp(item, BAD_CAST "lang", XML_XML_NAMESPACE);
		bool is_default = language && strcmp((const char *)language, "x-default") == 0;
		xmlFree(language);
		if (is_default)
			return item;
		if (!chosen)
			chosen = item;
	}
	return chosen;
}

static void add_list(struct rights *rights, enum right right, const xmlNode *list)
{
	if (is_element(list, NS_RDF, "Alt")) {
		const xmlNode *item = choose(list);
		if (item)
			add(rights, right, xmlNodeGetContent(item));
		return;
	}
	for (const xmlNode *item = list->children; item; item = item->next) {
		if (is_element(item, NS_RDF, "li"))
			add(rights, right, xmlNodeGetContent(item));
	}
}

static void add_element(struct rights *rights, enum right right, const xmlNode *element)
{
	xmlNode *list = xmlFirstElementChild((xmlNode *)element);
	if (list) {
		add_list(rights, right, list);
		return;
	}
	xmlChar *resource = xmlGetNsProp(element, BAD_CAST "resource", BAD_CAST NS_RDF);
	add(rights, right, resource ? resource : xmlNodeGetContent(element));
}

/* The first wins: a property that comes twice is an error of the writer. */
static void add_property(struct rights *rights, const xmlNs *space, const xmlNode *node)
{
	for (int right = 0; right < RIGHTS; right++) {
		if (!is(space, node->name, properties[right].space, properties[right].name) ||
			rights->text[right][0] != '\0')
			continue;
		if (node->type == XML_ATTRIBUTE_NODE)
			add(rights, (enum right)right, xmlNodeGetContent(node));
		else
			add_element(rights, (enum right)right, node);
	}
}

static bool holds(const uint8_t *packet, size_t size, const char *word)
{
	return memmem(packet, size, word, strlen(word)) != NULL;
}

/* XMP in pictures is UTF-8, whatever the packet says of itself. */
static xmlDoc *parse(const uint8_t *packet, size_t size)
{
	if (size == 0 || size > XMP_READ_MAX || holds(packet, size, "<!DOCTYPE") ||
		holds(packet, size, "<!ENTITY"))
		return NULL;
	while (size > 0 && packet[size - 1] == '\0') /* some pad it so */
		size--;
	int options =
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC;
	return xmlReadMemory((const char *)packet, (int)size, NULL, "UTF-8", options);
}

/* The rdf:RDF of a document, which may be its root. */
static xmlNode *find_rdf(xmlDoc *document)
{
	xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
	if (!root || is_element(root, NS_RDF, "RDF"))
		return root;
	xmlNode *child = root->children;
	while (child && !is_element(child, NS_RDF, "RDF"))
		child = child->next;
	return child;
}

const uint8_t *xmp_find(const uint8_t *bytes, size_t size, size_t *packet_size)
{
	static const char first[] = "<x:xmpmeta";
	static const char last[] = "</x:xmpmeta>";
	const uint8_t *start = memmem(bytes, size, first, strlen(first));
	if (!start)
		return NULL;
	const uint8_t *end = memmem(start, size - (size_t)(start - bytes), last, strlen(last));
	*packet_size = end ? (size_t)(end - start) + strlen(last) : 0;
	return end ? start : NULL;
}

void xmp_read(const uint8_t *packet, size_t size, struct rights *rights)
{
	xmlDoc *document = parse(packet, size);
	xmlNode *rdf = find_rdf(document);
	for (xmlNode *about = rdf ? rdf->children : NULL; about; about = about->next) {
		if (!is_element(about, NS_RDF, "Description"))
			continue;
		for (xmlAttr *attribute = about->properties; attribute; attribute = attribute->next)
			add_property(rights, attribute->ns, (xmlNode *)attribute);
		for (xmlNode *child = about->children; child; child = child->next) {
			if (child->type == XML_ELEMENT_NODE)
				add_property(rights, child->ns, child);
		}
	}
	xmlFreeDoc(document);
}

static bool is_dimension(const xmlNs *space, const xmlChar *name, bool *is_width)
{
	*is_width = is(space, name, NS_TIFF, "ImageWidth") ||
		    is(space, name, NS_EXIF, "PixelXDimension");
	return *is_width || is(space, name, NS_TIFF, "ImageLength") ||
	       is(space, name, NS_EXIF, "PixelYDimension");
}

static void correct_property(const xmlNs *space, xmlNode *node, struct size picture)
{
	bool is_width;
	uint32_t value = 1;
	if (is_dimension(space, node->name, &is_width))
		value = is_width ? picture.width : picture.height;
	else if (!is(space, node->name, NS_TIFF, "Orientation"))
		return;
	char digits[NUMBER_BYTES];
	(void)snprintf(digits, sizeof(digits), "%u", value); /* ten digits at most */
	if (node->type == XML_ATTRIBUTE_NODE)
		(void)xmlSetNsProp(node->parent, (xmlNs *)space, node->name, BAD_CAST digits);
	else
		xmlNodeSetContent(node, BAD_CAST digits);
}

static void correct_description(xmlNode *about, struct size picture)
{
	xmlAttr *next_attribute;
	for (xmlAttr *attribute = about->properties; attribute; attribute = next_attribute) {
		next_attribute = attribute->next;
		correct_property(attribute->ns, (xmlNode *)attribute, picture);
	}
	xmlNode *next;
	for (xmlNode *child = about->children; child; child = next) {
		next = child->next;
		if (is_element(child, NS_XMP, "Thumbnails")) {
			xmlUnlinkNode(child);
			xmlFreeNode(child);
		} else if (child->type == XML_ELEMENT_NODE) {
			correct_property(child->ns, child, picture);
		}
	}
}

/* All top nodes, which are the packet's wrapper and its one element, without an XML declaration. */
static uint8_t *write_document(xmlDoc *document, size_t *size)
{
	xmlBuffer *buffer = xmlBufferCreate();
	for (xmlNode *node = document->children; node; node = node->next) {
		if (xmlNodeDump(buffer, document, node, 0, 0) < 0 ||
			xmlBufferAdd(buffer, BAD_CAST "\n", 1) != 0) {
			xmlBufferFree(buffer);
			return NULL;
		}
	}
	*size = (size_t)xmlBufferLength(buffer);
	uint8_t *bytes = xmalloc(*size);
	memcpy(bytes, xmlBufferContent(buffer), *size);
	xmlBufferFree(buffer);
	return bytes;
}

uint8_t *xmp_correct(const uint8_t *packet, size_t size, struct size picture, size_t *corrected)
{
	xmlDoc *document = parse(packet, size);
	xmlNode *rdf = find_rdf(document);
	for (xmlNode *about = rdf ? rdf->children : NULL; about; about = about->next) {
		if (is_element(about, NS_RDF, "Description"))
			correct_description(about, picture);
	}
	uint8_t *bytes = rdf ? write_document(document, corrected) : NULL;
	xmlFreeDoc(document);
	return bytes;
}

/* Text that grows in a buffer that is large enough for all texts of struct rights, escaped. */
struct output {
	char *text;
	size_t used;
};

static void say(struct output *output, const char *text)
{
	size_t size = strlen(text);
	assert(size < XMP_WRITTEN_MAX - output->used);
	memcpy(output->text + output->used, text, size + 1);
	output->used += size;
}

static void say_escaped(struct output *output, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		switch (text[i]) {
		case '&':
			say(output, "&amp;");
			break;
		case '<':
			say(output, "&lt;");
			break;
		case '>':
			say(output, "&gt;");
			break;
		default:
			say(output, (const char[]) { text[i], '\0' });
		}
	}
}

static void say_all(struct output *output, ...)
{
	va_list texts;
	va_start(texts, output);
	for (const char *text = va_arg(texts, const char *); text;
		text = va_arg(texts, const char *))
		say(output, text);
	va_end(texts);
}

static void say_sequence(struct output *output, const char *text)
{
	say(output, "<rdf:Seq>");
	while (*text) {
		const char *end = strstr(text, RIGHT_SEPARATOR);
		size_t size = end ? (size_t)(end - text) : strlen(text);
		say(output, "<rdf:li>");
		say_escaped(output, text, size);
		say(output, "</rdf:li>");
		text += size + (end ? strlen(RIGHT_SEPARATOR) : 0);
	}
	say(output, "</rdf:Seq>");
}

static void say_property(struct output *output, const struct property *property, const char *text)
{
	const char *prefix = property->prefix;
	say_all(output, "<", prefix, ":", property->name, ">", NULL);
	switch (property->shape) {
	case SHAPE_TEXT:
		say_escaped(output, text, strlen(text));
		break;
	case SHAPE_ALTERNATIVES:
		say(output, "<rdf:Alt><rdf:li xml:lang=\"x-default\">");
		say_escaped(output, text, strlen(text));
		say(output, "</rdf:li></rdf:Alt>");
		break;
	case SHAPE_SEQUENCE:
		say_sequence(output, text);
		break;
	}
	say_all(output, "</", prefix, ":", property->name, ">", NULL);
}

/* The namespaces of what is said, each once. */
static void say_namespaces(struct output *output, const struct rights *rights)
{
	for (int right = 0; right < RIGHTS; right++) {
		const struct property *property = &properties[right];
		bool said = false;
		for (int other = 0; other < right; other++)
			said = said ||
			       (rights->text[other][0] != '\0' &&
				       strcmp(properties[other].space, property->space) == 0);
		if (rights->text[right][0] != '\0' && !said)
			say_all(output, " xmlns:", property->prefix, "=\"", property->space, "\"",
				NULL);
	}
}

size_t xmp_write(const struct rights *rights, char text[static XMP_WRITTEN_MAX])
{
	if (!rights_any(rights))
		return 0;
	struct output output = { .text = text };
	say(&output, "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
		     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"" NS_RDF "\">"
		     "<rdf:Description rdf:about=\"\"");
	say_namespaces(&output, rights);
	say(&output, ">");
	for (int right = 0; right < RIGHTS; right++) {
		if (rights->text[right][0] != '\0')
			say_property(&output, &properties[right], rights->text[right]);
	}
	say(&output, "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>");
	return output.used;
}
