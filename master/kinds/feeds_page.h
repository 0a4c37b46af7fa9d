/* SPDX-License-Identifier: MIT */
/*
 * The style and the script of the page: feeds_page.css and feeds_page.js, put into the program when
 * it is built. The page allows nothing else to run, by the digests of exactly these texts.
 */
#ifndef SCIAME_MASTER_KINDS_FEEDS_PAGE_H
#define SCIAME_MASTER_KINDS_FEEDS_PAGE_H

extern const char page_css[], page_js[];

#endif
