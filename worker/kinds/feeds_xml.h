/* SPDX-License-Identifier: MIT */
/* Repaired XML -> a feed, by libxml2's SAX interface: no tree, no entity, no DTD, no network. */
#ifndef SCIAME_WORKER_KINDS_FEEDS_XML_H
#define SCIAME_WORKER_KINDS_FEEDS_XML_H

#include "worker/kinds/feeds_draft.h"
#include "worker/kinds/feeds_repair.h"

/*
 * Fills *draft from what feeds_repair() made, whose xml is released as soon as libxml2 has a copy.
 * url: the base of relative links.
 */
void feeds_xml_read(struct feeds_draft *draft, struct feeds_repair *repair, const char *url);

#endif
