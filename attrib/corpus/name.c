/* SPDX-License-Identifier: MIT */
/* Printable names. */
#include "corpus/name.h"

#include <string.h>

#include "format/utf8.h"

attrib_status at_append_name(at_buffer *out, const char *name, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t left = strlen(name);
    AT_TRY(at_buffer_append(out, "", 0, err));
    while (left) {
        uint32_t character = 0;
        bool is_valid = false;
        size_t length = at_utf8_next(name, left, &character, &is_valid);
        if (!is_valid || character < 0x20 || character == 0x7f) {
            length = 1;
            AT_TRY(at_buffer_print(out, err, "\\%03o", (unsigned)(unsigned char)*name));
        } else {
            AT_TRY(at_buffer_append(out, name, length, err));
        }
        name += length;
        left -= length;
    }
done:
    return status;
}

const char *at_base_name(const char *path)
{
    const char *base = path;
    for (const char *c = path; *c; c++) {
        if (*c == '/' && c[1] != '/' && c[1] != '\0') {
            base = c + 1;
        }
    }
    return base;
}

bool at_is_hidden(const char *path)
{
    for (const char *c = path; *c; c++) {
        bool begins = c == path || c[-1] == '/';
        if (begins && *c == '.' && strcspn(c, "/") > strspn(c, ".")) {
            return true;
        }
    }
    return false;
}
