/* SPDX-License-Identifier: MIT */
/* Numbers that are found by keys which are hashes: 12 bytes a slot, of which three
 * quarters are taken at most. */
#ifndef AT_CORPUS_TALLY_H
#define AT_CORPUS_TALLY_H

#include "base/memory.h"
#include "base/memory_limit.h"

/* Zeroed = empty. */
typedef struct at_tally {
    const at_memory_limit *limit; /* NULL: none; borrowed */
    const char *what;             /* that it counts, for messages */
    uint64_t *keys;               /* [n_slots] 0: the slot is free */
    uint32_t *counts;             /* [n_slots] */
    size_t n_slots;               /* a power of 2, or 0 */
    size_t n;                     /* slots that are taken */
} at_tally;

/* The number of a key, 0 where it is new; ERANGE where more of them are not within the
 * limit; *out is valid until the next call. */
attrib_status at_tally_at(at_tally *tally,
                          uint64_t key,
                          uint32_t **out,
                          attrib_error *err);
void at_tally_free(at_tally *tally);

#endif
