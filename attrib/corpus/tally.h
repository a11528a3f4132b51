/* SPDX-License-Identifier: MIT */
/* Numbers that are found by keys which are hashes: 12 bytes a slot, of which three
 * quarters are taken at most. */
#ifndef AT_CORPUS_TALLY_H
#define AT_CORPUS_TALLY_H

#include "base/memory.h"

/* Zeroed = empty. */
typedef struct at_tally {
    uint64_t *keys;   /* [n_slots] 0: the slot is free */
    uint32_t *counts; /* [n_slots] */
    size_t n_slots;   /* a power of 2, or 0 */
    size_t n;         /* slots that are taken */
} at_tally;

/* The number of a key, 0 where it is new; *out is valid until the next call. */
attrib_status at_tally_at(at_tally *tally,
                          uint64_t key,
                          uint32_t **out,
                          attrib_error *err);
void at_tally_free(at_tally *tally);

#endif
