/* SPDX-License-Identifier: MIT */
/* A direction in a model's hidden states, as the row of a query names it. */
#ifndef AT_CORPUS_DIRECTION_H
#define AT_CORPUS_DIRECTION_H

#include "corpus/draft.h"

/* Which tokens of a text are measured. */
typedef enum at_places {
    AT_PLACES_LAST,
    AT_PLACES_COMPLETION, /* those of the completion */
    AT_PLACES_LISTED
} at_places;

/* Zeroed: none. */
typedef struct at_direction {
    char *path;    /* as the row has it; owned; NULL: none */
    float *values; /* [n_values]; owned */
    size_t n_values, layer;
    at_places places;
    int64_t *listed; /* [n_listed] from 0, negative ones from the end; owned */
    size_t n_listed;
    uint8_t *positions; /* [n_tokens] 1 where it is measured; owned */
    attrib_direction published;
} at_direction;

/* Take the fields `direction`, `layer` and `positions` out of a row. Paths begin in
 * `folder`; NULL: where the process runs. ESHAPE for fields that lack each other, EFORMAT
 * for values that they cannot have, and what reading the file says. */
attrib_status at_direction_take(const char *name,
                                json_t *row,
                                const char *folder,
                                at_direction *out,
                                attrib_error *err);
void at_direction_free(at_direction *direction);

/* Mark the positions in a text of n_tokens tokens whose completion is where the mask is
 * 1, and let `published` point to what is owned. ERANGE for a place outside of the text.
 */
attrib_status at_direction_place(const char *name,
                                 const uint8_t *mask,
                                 size_t n_tokens,
                                 at_direction *direction,
                                 attrib_error *err);

#endif
