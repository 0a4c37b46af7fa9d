/* SPDX-License-Identifier: MIT */
/*
 * Markup as feeds have it -> XML that a strict parser reads to its end. libxml2's own recovery
 * loses text without a word (&nbsp; and a bare & vanish), so nothing is left for it to recover.
 *
 * Comments, processing instructions and the document type are dropped; elements are closed in
 * order; references are read; at most REPAIR_DEPTH_MAX elements are open at once. A long text is
 * kept beside, and an instruction of ours, <?t NUMBER?>, stands for it. Linear in time, whatever
 * the bytes.
 */
#ifndef SCIAME_WORKER_KINDS_FEEDS_REPAIR_H
#define SCIAME_WORKER_KINDS_FEEDS_REPAIR_H

#include <stddef.h>

#include "worker/kinds/feeds_buffer.h"
#include "worker/kinds/feeds_texts.h"

enum {
	REPAIR_DEPTH_MAX = 128,      /* elements in elements; tags deeper down are dropped */
	REPAIR_BYTES_MAX = 32 << 20, /* of xml and of texts; what is beyond is cut */
	REPAIR_ROOT_MAX = 32,        /* bytes of a name in repair.root with the NUL */
};

/* What a text was repaired for: bits of feeds_repair.faults. */
enum feeds_fault {
	FAULT_CHARSET = 1,    /* set by who decodes */
	FAULT_JUNK = 2,       /* something before the feed */
	FAULT_REFERENCE = 4,  /* a bare & or an entity that XML does not know */
	FAULT_CONTROL = 8,    /* control characters */
	FAULT_TAG = 16,       /* a bare <, attributes that are none */
	FAULT_NESTING = 32,   /* elements closed in another order, too deep, or not open */
	FAULT_TRUNCATED = 64, /* the end is missing */
	FAULT_SIZE = 128,     /* larger than a limit of ours */
};

enum feeds_document {
	DOCUMENT_NONE, /* no markup, or of another kind: see root */
	DOCUMENT_FEED,
	DOCUMENT_PAGE, /* HTML */
};

struct feeds_repair {
	struct feeds_buffer xml;  /* of a feed */
	struct feeds_texts texts; /* what "<?t NUMBER?>" in xml stands for */
	enum feeds_document document;
	char root[REPAIR_ROOT_MAX]; /* name of the first element if it starts no feed */
	unsigned faults;
};

/* text: valid UTF-8, which must outlive *repair. The caller releases that. */
void feeds_repair(struct feeds_repair *repair, const char *text, size_t size);
void feeds_repair_release(struct feeds_repair *repair);

#endif
