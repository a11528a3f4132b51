/* SPDX-License-Identifier: MIT */
#include "corpus/tally.h"

#include <stdlib.h>

#define FIRST_SLOTS ((size_t)1 << 10)
#define SLOT_BYTES  (sizeof(uint64_t) + sizeof(uint32_t))

/* The slot of a key, or the free one that it will take. Keys are hashes, so their own
 * bits choose it. */
static size_t find_slot(const at_tally *tally, uint64_t key)
{
    size_t slot = (size_t)key & (tally->n_slots - 1);
    while (tally->keys[slot] && tally->keys[slot] != key) {
        slot = (slot + 1) & (tally->n_slots - 1);
    }
    return slot;
}

static attrib_status grow(at_tally *tally, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tally wider = {.limit = tally->limit, .what = tally->what, .n = tally->n};
    wider.n_slots = tally->n_slots ? 2 * tally->n_slots : FIRST_SLOTS;
    AT_TRY(
        at_memory_take(wider.limit, (double)wider.n_slots * SLOT_BYTES, wider.what, err));
    AT_TRY(at_array(wider.n_slots, sizeof *wider.keys, &wider.keys, err));
    AT_TRY(at_array(wider.n_slots, sizeof *wider.counts, &wider.counts, err));
    for (size_t i = 0; i < tally->n_slots; i++) {
        if (tally->keys[i]) {
            size_t slot = find_slot(&wider, tally->keys[i]);
            wider.keys[slot] = tally->keys[i];
            wider.counts[slot] = tally->counts[i];
        }
    }
    at_tally_free(tally);
    *tally = wider;
    wider = (at_tally){0};
done:
    at_tally_free(&wider);
    return status;
}

attrib_status at_tally_at(at_tally *tally,
                          uint64_t key,
                          uint32_t **out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t slot = 0;
    key += key == 0; /* 0 is a free slot */
    if (4 * (tally->n + 1) > 3 * tally->n_slots) {
        AT_TRY(grow(tally, err));
    }
    slot = find_slot(tally, key);
    tally->n += tally->keys[slot] == 0;
    tally->keys[slot] = key;
    *out = &tally->counts[slot];
done:
    return status;
}

void at_tally_free(at_tally *tally)
{
    free(tally->keys);
    free(tally->counts);
    *tally = (at_tally){0};
}
