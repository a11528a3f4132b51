/* SPDX-License-Identifier: MIT */
/* Questions that an index answers: what else they take is what the index was made from.
 */
#ifndef CLI_INDEXED_H
#define CLI_INDEXED_H

#include "cli/ranking.h"
#include "cli/readings.h"

/* An index that is open, and what it gives where nothing else was named. */
typedef struct indexed {
    attrib_index *index; /* NULL without --index */
    path_list corpus;    /* its paths; owned */
    path_list where;     /* conditions of both, where the index has some; owned */
} indexed;

/* Open the index of --index, and take from its record the model, the factors, the corpus
 * and the options of reading it that were not given. */
attrib_status indexed_open(source_options *source,
                           ranking_options *ranking,
                           indexed *out,
                           attrib_error *err);
void indexed_close(indexed *self);

#endif
