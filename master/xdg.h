/* SPDX-License-Identifier: MIT */
/* Where a user's files go by the XDG Base Directory Specification. */
#ifndef SCIAME_MASTER_XDG_H
#define SCIAME_MASTER_XDG_H

#include "common/error.h"

enum xdg_kind { XDG_CACHE, XDG_CONFIG, XDG_STATE, XDG_KINDS };

/*
 * The absolute path of name in one of the folders; the caller frees it. NULL and *err when
 * neither its variable nor HOME says where that is. Nothing is created.
 */
char *xdg_path(enum xdg_kind kind, const char *name, struct error *err);

#endif
