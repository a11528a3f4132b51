/* SPDX-License-Identifier: MIT */
/* The files that a path names: itself, or those of a folder, in name order. */
#ifndef AT_CORPUS_WALK_H
#define AT_CORPUS_WALK_H

#include "base/error.h"

typedef struct at_visitor {
    void *context;
    /* A file to read; is_named: it is the path itself. A status other than ATTRIB_OK ends
     * the walk. */
    attrib_status (*visit)(void *context,
                           const char *path,
                           bool is_named,
                           attrib_error *err);
    /* Something in a folder that is not read: hidden, a link to a folder (so that no loop
     * is walked), a link to nothing, a device. */
    attrib_status (*skip)(void *context, const char *path, attrib_error *err);
} at_visitor;

/* EIO "PATH: reason" for what is missing or unreadable. */
attrib_status at_walk(const char *path, const at_visitor *visitor, attrib_error *err);

#endif
