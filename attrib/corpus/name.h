/* SPDX-License-Identifier: MIT */
/* Names of files and members, fit to be shown. */
#ifndef AT_CORPUS_NAME_H
#define AT_CORPUS_NAME_H

#include "base/memory.h"

/* Append a file's or member's name as UTF-8 of one line: control characters and bytes
 * that are no UTF-8 become a backslash and three octal digits. */
attrib_status at_append_name(at_buffer *out, const char *name, attrib_error *err);

/* The part of a path after its last slash; slashes at the end do not count. Borrowed. */
const char *at_base_name(const char *path);

/* Whether a part of a path begins with a dot, but for "." and "..". */
bool at_is_hidden(const char *path);

#endif
