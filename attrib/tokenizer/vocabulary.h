/* SPDX-License-Identifier: MIT */
/* The vocabulary: tokens by id and by text, characters by id, and tables of pairs of ids.
 */
#ifndef AT_TOKENIZER_VOCABULARY_H
#define AT_TOKENIZER_VOCABULARY_H

#include "base/memory.h"

/* The largest id + 1 that is read: arrays go by id, and a small file may name any id. */
#define AT_MAX_TOKENS ((size_t)1 << 22)

/* 1. Tokens */

/* A token's text: bytes of the bank, or absent (an id that no token has). */
typedef struct at_token_text {
    size_t offset; /* in the vocabulary's bank */
    uint32_t n_bytes;
    bool is_there;
    bool is_of_model; /* of the model's own vocabulary */
    bool is_added;    /* an added token; may be of the model too */
    bool is_special;
} at_token_text;

typedef struct at_vocabulary {
    at_token_text *tokens; /* [n_tokens] by id */
    size_t n_tokens, capacity;
    at_buffer bank;
    int32_t *by_text; /* [n_sorted] ids in the order of their bytes */
    size_t n_sorted;
} at_vocabulary;

void at_vocabulary_free(at_vocabulary *vocabulary);

/* Add a token. EFORMAT where the id is taken, ERANGE from AT_MAX_TOKENS on. It is found
 * by text only after at_vocabulary_sort(). */
attrib_status at_vocabulary_add(at_vocabulary *vocabulary,
                                const char *name,
                                size_t id,
                                const char *text,
                                size_t n_bytes,
                                attrib_error *err);
/* EFORMAT where two ids have one text. */
attrib_status at_vocabulary_sort(at_vocabulary *vocabulary,
                                 const char *name,
                                 attrib_error *err);

/* The id of a text, or -1. */
int32_t at_vocabulary_find(const at_vocabulary *vocabulary, const char *text, size_t n);

/* The ids of the tokens <0x00> to <0xFF>, -1 for those that are not there. */
void at_vocabulary_find_bytes(const at_vocabulary *vocabulary, int32_t ids[256]);

/* Whether an id has a token. */
bool at_vocabulary_has(const at_vocabulary *vocabulary, int64_t id);

/* A token's text, valid until the next token is added; NULL where the id has none. */
const char *at_vocabulary_text(const at_vocabulary *vocabulary, int32_t id, size_t *n);

/* 2. Characters */

/* From character to id: pages of 256, absent where no character of the page has one. */
#define AT_N_PAGES 0x1100

typedef struct at_character_table {
    int32_t *pages[AT_N_PAGES];
} at_character_table;

attrib_status at_character_table_add(at_character_table *table,
                                     uint32_t character,
                                     int32_t id,
                                     attrib_error *err);
void at_character_table_free(at_character_table *table);

static inline int32_t at_character_id(const at_character_table *table, uint32_t character)
{
    const int32_t *page = table->pages[character >> 8];
    return page ? page[character & 255] : -1;
}

/* 3. Pairs of ids */

typedef struct at_pair {
    uint32_t first, second, value;
} at_pair;

/* Values of pairs (first, second): row `first` holds its seconds in increasing order.
 * Sorted, not hashed: no file can make it slow. */
typedef struct at_pair_table {
    uint32_t *starts; /* [n_rows + 1] in entries */

    struct at_pair_entry {
        uint32_t second, value;
    } * entries;

    size_t n_rows;
} at_pair_table;

#define AT_NO_PAIR UINT32_MAX

/* Make a table of n pairs, firsts < n_rows; sorts `pairs`. Where pairs are equal, the
 * largest value stays. */
attrib_status at_pair_table_make(
    at_pair *pairs, size_t n, size_t n_rows, at_pair_table *out, attrib_error *err);
void at_pair_table_free(at_pair_table *table);

/* The value of a pair of ids that are >= 0, or AT_NO_PAIR. */
static inline uint32_t at_pair_find(const at_pair_table *table,
                                    int32_t first,
                                    int32_t second)
{
    uint32_t low = table->starts[first];
    uint32_t high = table->starts[first + 1];
    uint32_t wanted = (uint32_t)second;
    while (high - low > 8) {
        uint32_t middle = low + (high - low) / 2;
        if (table->entries[middle].second <= wanted) {
            low = middle;
        } else {
            high = middle;
        }
    }
    for (; low < high; low++) {
        if (table->entries[low].second == wanted) {
            return table->entries[low].value;
        }
    }
    return AT_NO_PAIR;
}

#endif
