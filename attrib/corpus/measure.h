/* SPDX-License-Identifier: MIT */
/* What the row of a query says that is measured. */
#ifndef AT_CORPUS_MEASURE_H
#define AT_CORPUS_MEASURE_H

#include "corpus/direction.h"

/* The fields of a row that say what it measures. Zeroed: log p(completion | prompt). */
typedef struct at_measuring {
    attrib_measure measure;
    json_t *against; /* a text, or {ids, mask}; owned; NULL: there is no other side */
    at_direction direction;
} at_measuring;

/* Take the fields out of a row, so that none of them is a tag or a completion; paths
 * begin in `folder`, or where the process runs where that is NULL. ESHAPE for fields that
 * contradict each other, EFORMAT for values that they cannot have. */
attrib_status at_measuring_take(const char *name,
                                json_t *row,
                                const char *folder,
                                at_measuring *out,
                                attrib_error *err);
void at_measuring_free(at_measuring *measuring);

#endif
