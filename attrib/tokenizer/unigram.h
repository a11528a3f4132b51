/* SPDX-License-Identifier: MIT */
/* The unigram model: a word is cut into the tokens whose scores (log-probabilities) have
 * the largest sum.
 *
 * Source: Kudo 2018, arXiv:1804.10959, section 3.2; the treatment of characters without a
 * token is that of SentencePiece and of Hugging Face's tokenizers. */
#ifndef AT_TOKENIZER_UNIGRAM_H
#define AT_TOKENIZER_UNIGRAM_H

#include "format/json.h"
#include "tokenizer/ids.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_cache.h"

/* Bytes of the longest token that is read: every place of a text is tried with tokens up
 * to the longest. */
#define AT_UNIGRAM_MAX_TOKEN 1024

/* A node of the trie of all tokens. Its children lie side by side, by label. */
typedef struct at_trie_node {
    uint32_t first_child;
    int32_t id; /* of the token that ends here, or -1 */
    uint16_t n_children;
    uint8_t label; /* the byte that leads here */
} at_trie_node;

typedef struct at_unigram {
    const at_vocabulary *vocabulary; /* borrowed */
    double *scores;                  /* [n_scores] by id, nats */
    size_t n_scores;
    double unknown_score; /* of a character without a token */
    int32_t unknown_id;   /* -1: the model has none */
    bool has_byte_fallback;
    int32_t fallback[256]; /* id of <0x00> ... <0xFF>, or -1 */
    at_trie_node *nodes;   /* [n_nodes], the root first */
    size_t n_nodes, capacity;
} at_unigram;

/* Read the "model" of a tokenizer.json: its vocabulary goes to *vocabulary (empty, then
 * sorted), which must outlive the model. */
attrib_status at_unigram_read(const char *name,
                              const json_t *json,
                              at_vocabulary *vocabulary,
                              at_unigram *out,
                              attrib_error *err);

/* Finish a model whose vocabulary (sorted), scores and options are set: the
 * trie, the fallback tokens, the score of unknown characters. */
attrib_status at_unigram_finish(at_unigram *unigram, const char *name, attrib_error *err);
void at_unigram_free(at_unigram *unigram);

/* The best way to a place of the word. */
typedef struct at_unigram_place {
    double score;
    uint32_t start; /* of the last token on it; UINT32_MAX: no way yet */
    int32_t id;
} at_unigram_place;

/* What encoding needs of one thread; zeroed = none yet. */
typedef struct at_unigram_scratch {
    at_unigram_place *places; /* [bytes of the word + 1] */
    size_t capacity;
    at_word_cache cache;
    at_ids reversed; /* starts of tokens, last first */
} at_unigram_scratch;

void at_unigram_free_scratch(at_unigram_scratch *scratch);

/* Append the ids of a word of valid UTF-8. EFORMAT where it needs an unknown token and
 * the model has none; ERANGE for a word of 2 GiB or more.
 * Cost: n times the length of the longest token that fits, for a word of n bytes. */
attrib_status at_unigram_encode(const at_unigram *unigram,
                                at_unigram_scratch *scratch,
                                const char *word,
                                size_t n,
                                at_ids *out,
                                attrib_error *err);

#endif
