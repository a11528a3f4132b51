/* SPDX-License-Identifier: MIT */
/* Where a field of a row is: a key, or a path into what stands there. */
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"
#include "format/json.h"

#define MAX_KEY 256 /* bytes of a part of a path */

/* The member of an object, or the element of an array, that a part of a path names. */
static const json_t *step_into(const json_t *value, const char *part)
{
    char *end = NULL;
    if (!json_is_array(value)) {
        return json_object_get(value, part);
    }
    unsigned long long i = strtoull(part, &end, 10);
    return *part >= '0' && *part <= '9' && !*end ? json_array_get(value, (size_t)i)
                                                 : NULL;
}

/* Copy the next part of a path, "~1" and "~0" being "/" and "~" in those that begin with
 * a slash; what follows it, or NULL where the part is too long for a key. */
static const char *next_part(const char *path, char separator, char part[MAX_KEY])
{
    size_t n = 0;
    for (; *path && *path != separator; path++) {
        bool is_escape = separator == '/' && *path == '~' && (path[1] | 1) == '1';
        if (n + 1 >= MAX_KEY) {
            return NULL;
        }
        path += is_escape;
        part[n++] = (char)(is_escape ? (*path == '1' ? '/' : '~') : *path);
    }
    part[n] = '\0';
    return path;
}

const json_t *at_row_at(const json_t *row, const char *field)
{
    char part[MAX_KEY];
    const json_t *value = json_object_get(row, field);
    const char separator = *field == '/' ? '/' : '.';
    if (value || !strchr(field, separator)) {
        return value;
    }
    value = row;
    field += separator == '/';
    while (value && field) {
        field = next_part(field, separator, part);
        value = field ? step_into(value, part) : NULL;
        if (!field || !*field) {
            return value;
        }
        field++;
    }
    return NULL;
}
