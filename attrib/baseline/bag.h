/* SPDX-License-Identifier: MIT */
/* Tokens of documents counted, whatever their order. Baselines and filters that go by
 * words see documents so; their words are the model's tokens. */
#ifndef AT_BASELINE_BAG_H
#define AT_BASELINE_BAG_H

#include "attrib/corpus.h"
#include "base/session.h"

/* The distinct tokens of a document. */
typedef struct at_bag {
    size_t n_vocabulary; /* V */
    uint32_t *counts;    /* [V] how often the document has each token */
    int32_t *tokens; /* [n] the distinct ones, in the order in which they come first */
    size_t n, capacity;
    size_t n_tokens; /* the length of the document: the sum of the counts */
} at_bag;

attrib_status at_bag_new(size_t n_vocabulary, at_bag *out, attrib_error *err);
void at_bag_free(at_bag *bag);

/* Count the tokens of a document in place of what was counted before. ERANGE for an id
 * outside the vocabulary. */
attrib_status at_bag_fill(at_bag *bag,
                          const attrib_corpus *corpus,
                          const attrib_document *document,
                          attrib_error *err);

/* Called for each token of a document once, in order: sequences of a document that was
 * split share a token. */
typedef void (*at_token_fn)(void *context, size_t i_token, int32_t id);
void at_each_token(const attrib_corpus *corpus,
                   const attrib_document *document,
                   at_token_fn fn,
                   void *context);

/* How many documents of a corpus have each token. */
typedef struct at_frequencies {
    size_t n_vocabulary, n_documents;
    size_t *documents;  /* [V] documents that have the token */
    double mean_tokens; /* of a document */
} at_frequencies;

/* Count them, in one pass over the tokens of all documents. */
attrib_status at_frequencies_count(attrib_session *session,
                                   const attrib_corpus *corpus,
                                   size_t n_vocabulary,
                                   at_frequencies *out,
                                   attrib_error *err);
void at_frequencies_free(at_frequencies *frequencies);

/* ln((N - n + 0.5) / (n + 0.5) + 1) for a token that n of N documents have: > 0. */
double at_inverse_frequency(const at_frequencies *frequencies, int32_t id);

#endif
