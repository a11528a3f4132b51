/* SPDX-License-Identifier: MIT */
/* The cache of words: hashing, finding, keeping. */
#include "tokenizer/word_cache.h"

#include <stdlib.h>
#include <string.h>

#define MIN_SLOTS ((size_t)64)

attrib_status at_word_cache_open(at_word_cache *cache,
                                 size_t n_words,
                                 size_t most,
                                 attrib_error *err)
{
    size_t n_slots = MIN_SLOTS;
    while (n_slots < most && n_slots < n_words) {
        n_slots *= 2;
    }
    attrib_status status = at_array(n_slots, sizeof *cache->slots, &cache->slots, err);
    cache->n_slots = status == ATTRIB_OK ? n_slots : 0;
    return status;
}

void at_word_cache_free(at_word_cache *cache)
{
    free(cache->slots);
    *cache = (at_word_cache){0};
}

static uint32_t hash_word(const char *word, size_t n)
{
    const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t hash = n * odd;
    while (n) {
        uint64_t part = 0;
        size_t step = n < 8 ? n : 8;
        memcpy(&part, word, step);
        hash = (hash ^ part) * odd;
        hash ^= hash >> 29;
        word += step;
        n -= step;
    }
    return (uint32_t)(hash >> 32);
}

static bool holds(const at_word_slot *slot, uint32_t hash, const char *word, size_t n)
{
    return slot->hash == hash && slot->n_key == n && memcmp(slot->key, word, n) == 0;
}

at_word_lookup at_word_find(const at_word_cache *cache,
                            const at_word_cache *known,
                            const char *word,
                            size_t n)
{
    at_word_lookup l = {0};
    if (!cache->n_slots || n == 0 || n > AT_SLOT_KEY) {
        return l;
    }
    l.hash = hash_word(word, n);
    l.spare = &cache->slots[l.hash & (cache->n_slots - 1)];
    if (holds(l.spare, l.hash, word, n)) {
        l.found = l.spare;
    } else if (known->n_slots) {
        const at_word_slot *slot = &known->slots[l.hash & (known->n_slots - 1)];
        l.found = holds(slot, l.hash, word, n) ? slot : NULL;
    }
    return l;
}

void at_word_keep(const at_word_lookup *lookup,
                  const char *word,
                  size_t n,
                  const int32_t *ids,
                  size_t n_ids)
{
    at_word_slot *slot = lookup->spare;
    if (!slot || n_ids > AT_SLOT_IDS) {
        return;
    }
    slot->hash = lookup->hash;
    slot->n_key = (uint8_t)n;
    slot->n_ids = (uint8_t)n_ids;
    memcpy(slot->key, word, n);
    if (n_ids) {
        memcpy(slot->ids, ids, n_ids * sizeof *ids);
    }
}
