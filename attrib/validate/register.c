/* SPDX-License-Identifier: MIT */
#include "validate/register.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const at_registered *a = left;
    const at_registered *b = right;
    int order = strcmp(a->text, b->text);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

attrib_status at_register_index(const char *const *texts,
                                size_t n,
                                at_register *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_registered *sorted = NULL;
    AT_TRY(at_array(n, sizeof *sorted, (void *)&sorted, err));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (at_registered){texts[i], i};
    }
    qsort(sorted, n, sizeof *sorted, compare);
    *out = (at_register){sorted, n};
done:
    return status;
}

size_t at_register_find(const at_register *names, const char *text, bool *is_twice)
{
    size_t first = 0;
    size_t end = names->n;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (strcmp(names->sorted[middle].text, text) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    if (first == names->n || strcmp(names->sorted[first].text, text) != 0) {
        return SIZE_MAX;
    }
    if (is_twice) {
        *is_twice =
            first + 1 < names->n && strcmp(names->sorted[first + 1].text, text) == 0;
    }
    return names->sorted[first].place;
}

const at_registered *at_register_twice(const at_register *names)
{
    for (size_t i = 1; i < names->n; i++) {
        if (strcmp(names->sorted[i - 1].text, names->sorted[i].text) == 0) {
            return &names->sorted[i];
        }
    }
    return NULL;
}

void at_register_free(at_register *names)
{
    free(names->sorted);
    *names = (at_register){0};
}
