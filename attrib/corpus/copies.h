/* SPDX-License-Identifier: MIT */
/* Documents with the same tokens of which the same count. */
#ifndef AT_CORPUS_COPIES_H
#define AT_CORPUS_COPIES_H

#include "corpus/store.h"

/* Zeroed = none. */
struct at_copies {
    size_t n;     /* documents that are copies of one before them */
    size_t *next; /* [n of the list] the next copy of the same tokens, as 1 + its place
                     in the list; 0: there is none. NULL where n is 0 */
    uint8_t *is_copy; /* [n of the list] */
};

/* Find the copies among documents: those of a list of places [n], or where it is NULL the
 * first n. ERANGE where the list of copies is not within the options' limit on memory. */
attrib_status at_copies_find(const attrib_corpus *corpus,
                             const size_t *places,
                             size_t n,
                             const attrib_corpus_options *options,
                             at_copies *out,
                             attrib_error *err);
void at_copies_free(at_copies *copies);

#endif
