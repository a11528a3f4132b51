/* SPDX-License-Identifier: MIT */
/* Words seen before, with their ids: one slot a hash, overwritten by whatever comes last,
 * so that no text makes it slow. A slot is a cache line. */
#ifndef AT_TOKENIZER_WORD_CACHE_H
#define AT_TOKENIZER_WORD_CACHE_H

#include "base/memory.h"

#define AT_SLOT_KEY ((size_t)26) /* bytes of the longest word that is kept */
#define AT_SLOT_IDS 8

typedef struct at_word_slot {
    uint32_t hash;
    uint8_t n_key, n_ids; /* n_key 0: empty */
    char key[AT_SLOT_KEY];
    int32_t ids[AT_SLOT_IDS];
} at_word_slot;

/* Zeroed = no cache: nothing is found, and nothing kept. */
typedef struct at_word_cache {
    at_word_slot *slots; /* [n_slots] */
    size_t n_slots;      /* a power of two, or 0 */
} at_word_cache;

/* Make a cache of about n_words slots, as a text's of 16 n_words bytes; `most` bounds it.
 */
attrib_status at_word_cache_open(at_word_cache *cache,
                                 size_t n_words,
                                 size_t most,
                                 attrib_error *err);
void at_word_cache_free(at_word_cache *cache);

/* The most slots of a text's cache, 1 MiB: what a core's own cache holds. */
#define AT_TEXT_SLOTS ((size_t)16384)

/* A word's look-up: the slot that holds it, or else the one that may be filled. */
typedef struct at_word_lookup {
    const at_word_slot *found;
    at_word_slot *spare;
    uint32_t hash;
} at_word_lookup;

/* Look a word [n] up in a cache, then among words that are always known. */
at_word_lookup at_word_find(const at_word_cache *cache,
                            const at_word_cache *known,
                            const char *word,
                            size_t n);

/* Keep a word's ids in the spare slot of its look-up, where it has one and they fit. */
void at_word_keep(const at_word_lookup *lookup,
                  const char *word,
                  size_t n,
                  const int32_t *ids,
                  size_t n_ids);

#endif
