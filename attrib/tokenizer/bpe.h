/* SPDX-License-Identifier: MIT */
/* The BPE model: words to ids by merging pairs, lowest rank first, leftmost first.
 *
 * Source: Sennrich et al. 2016, arXiv:1508.07909, section 3.2. */
#ifndef AT_TOKENIZER_BPE_H
#define AT_TOKENIZER_BPE_H

#include "format/json.h"
#include "tokenizer/ids.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

typedef struct at_bpe {
    const at_vocabulary *vocabulary; /* borrowed */
    bool words_are_bytes;            /* of byte-level characters, one a byte */
    bool has_byte_fallback, fuses_unknown, ignores_merges;
    char *unknown;         /* the unknown token; NULL: unknown characters are dropped */
    int32_t unknown_id;    /* -1 where the vocabulary lacks it */
    int32_t bytes[256];    /* id of a byte's byte-level character, or -1 */
    int32_t fallback[256]; /* id of <0x00> ... <0xFF>, or -1 */
    at_character_table characters; /* id of a token of one character, or -1 */
    at_pair_table merges;          /* (left id, right id) -> rank */
    int32_t *merged;               /* [n_merges] by rank: the id of the two as one */
    /* [n_merges] by rank: the lowest of the ranks that are merged alike, from left to
     * right; NULL: every rank goes alone. */
    uint32_t *order;
    /* Pairs of characters' ids that some merge brings together: between two that none
     * does, no token can lie, and a word is cut there. */
    at_pair_table neighbors;
    bool cuts_words;     /* false where merges take fallback or unknown tokens */
    at_word_cache known; /* the vocabulary's own words */
} at_bpe;

/* Read the "model" of a tokenizer.json: its vocabulary goes to *vocabulary (empty, then
 * sorted), which must outlive the model. */
attrib_status at_bpe_read(const char *name,
                          const json_t *json,
                          bool words_are_bytes,
                          at_vocabulary *vocabulary,
                          at_bpe *out,
                          attrib_error *err);
/* Finish a model whose vocabulary (sorted), options and `merged` are set: its tables
 * of characters, merges (pairs of ids with their ranks, sorted and overwritten here) and
 * words. Pairs of one rank make one token. */
attrib_status at_bpe_finish(at_bpe *bpe,
                            at_pair *pairs,
                            size_t n_pairs,
                            attrib_error *err);

/* Merges as a file lists them, from the first, whose rank is 0. */
typedef struct at_merges {
    const char *name; /* of the file, in messages */
    at_bpe *bpe;
    at_pair *pairs; /* [n] */
    size_t n;
    at_buffer joined; /* scratch */
} at_merges;

/* Begin to read at most n merges of a model whose vocabulary is sorted; add each of them
 * by its two tokens, or by a text "a b"; finish the model. EFORMAT where a token, or what
 * two of them make, is not in the vocabulary. The caller frees *out, after a failure too.
 */
attrib_status at_merges_begin(
    const char *name, at_bpe *bpe, size_t n, at_merges *out, attrib_error *err);
attrib_status at_merges_add(at_merges *merges,
                            const char *left,
                            size_t n_left,
                            const char *right,
                            size_t n_right,
                            attrib_error *err);
attrib_status at_merges_add_text(at_merges *merges,
                                 const char *text,
                                 size_t n,
                                 attrib_error *err);
attrib_status at_merges_finish(at_merges *merges, attrib_error *err);
void at_merges_free(at_merges *merges);

void at_bpe_free(at_bpe *bpe);

/* What encoding needs of one thread; zeroed = none yet. */
typedef struct at_bpe_scratch {
    int32_t *symbols; /* [n_symbols] of the stretch being merged */
    size_t n_symbols, symbol_capacity;
    uint32_t *previous, *next;
    size_t previous_capacity, next_capacity;
    uint64_t *heap;
    size_t n_heap, heap_capacity;
    at_word_cache cache;
    at_buffer text;
} at_bpe_scratch;

void at_bpe_free_scratch(at_bpe_scratch *scratch);

/* Append the ids of a word: valid UTF-8, or any bytes where words are bytes.
 * EFORMAT where the word needs an unknown token that the vocabulary lacks.
 * Cost: n log n for a word of n bytes. */
attrib_status at_bpe_encode(const at_bpe *bpe,
                            at_bpe_scratch *scratch,
                            const char *word,
                            size_t n,
                            at_ids *out,
                            attrib_error *err);

/* Encode every token's own text, so that words that are tokens need no merging later. */
attrib_status at_bpe_learn(at_bpe *bpe, attrib_error *err);

/* Merge the n symbols of the scratch in place; *n_out are left (bpe_merge.c). */
attrib_status at_bpe_merge(const at_bpe *bpe,
                           at_bpe_scratch *scratch,
                           size_t *n_out,
                           attrib_error *err);

/* Whether no merge joins the character at `left` to the one at `right`, so that a text
 * may be cut between the two and encoded in parts. False also where that is not known. */
bool at_bpe_cuts(const at_bpe *bpe, const char *left, const char *right);

#endif
