/* SPDX-License-Identifier: MIT */
/* Bags of tokens, and document frequencies.
 *
 * 1. Tokens of a document.   2. Bags.   3. Document frequencies. */
#include "baseline/bag.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/thread.h"

/* 1. Tokens of a document */

void at_each_token(const attrib_corpus *corpus,
                   const attrib_document *document,
                   at_token_fn fn,
                   void *context)
{
    size_t next = 0; /* the first token that was not visited */
    for (size_t s = 0; s < document->n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document->first_sequence + s, &sequence);
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            if (sequence.offset + t >= next) {
                fn(context, sequence.offset + t, sequence.ids[t]);
            }
        }
        next = at_larger(next, sequence.offset + sequence.n_tokens);
    }
}

/* 2. Bags */

attrib_status at_bag_new(size_t n_vocabulary, at_bag *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bag bag = {.n_vocabulary = n_vocabulary};
    AT_TRY(at_array(n_vocabulary, sizeof *bag.counts, &bag.counts, err));
    *out = bag;
done:
    return status;
}

void at_bag_free(at_bag *bag)
{
    free(bag->counts);
    free(bag->tokens);
    *bag = (at_bag){0};
}

/* A bag while it is filled: an id that is outside the vocabulary is kept for the message.
 */
typedef struct filling {
    at_bag *bag;
    bool is_outside;
    size_t at;
    int32_t id;
} filling;

static void add_token(void *context, size_t i_token, int32_t id)
{
    filling *self = context;
    at_bag *bag = self->bag;
    if (id < 0 || (size_t)id >= bag->n_vocabulary) {
        *self = (filling){bag, true, i_token, id};
        return;
    }
    if (bag->counts[id]++ == 0) {
        bag->tokens[bag->n++] = id;
    }
    bag->n_tokens++;
}

attrib_status at_bag_fill(at_bag *bag,
                          const attrib_corpus *corpus,
                          const attrib_document *document,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    filling self = {.bag = bag};
    for (size_t i = 0; i < bag->n; i++) {
        bag->counts[bag->tokens[i]] = 0;
    }
    bag->n = 0;
    bag->n_tokens = 0;
    AT_TRY(at_grow(&bag->tokens, &bag->capacity,
                   at_smaller(document->n_tokens, bag->n_vocabulary), sizeof *bag->tokens,
                   err));
    at_each_token(corpus, document, add_token, &self);
    AT_CHECK(!self.is_outside, ATTRIB_ERANGE,
             "document %zu: token %zu: id %d is outside the vocabulary of %zu",
             document->index, self.at, (int)self.id, bag->n_vocabulary);
done:
    return status;
}

/* 3. Document frequencies */

/* Documents that a worker counts at a time. */
#define BLOCK_DOCUMENTS ((size_t)256)

typedef struct counting {
    const attrib_corpus *corpus;
    size_t n_documents, n_workers;
    at_bag *bags;    /* [n_workers] */
    size_t **counts; /* [n_workers] of [V]: sums of whole numbers do not depend on who
                        adds them */
} counting;

static attrib_status count_block(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const counting *self = context;
    at_bag *bag = &self->bags[i_worker];
    size_t first = i_block * BLOCK_DOCUMENTS;
    size_t end = at_smaller(first + BLOCK_DOCUMENTS, self->n_documents);
    for (size_t i = first; i < end; i++) {
        attrib_document document;
        attrib_corpus_document(self->corpus, i, &document);
        AT_TRY(at_bag_fill(bag, self->corpus, &document, err));
        for (size_t k = 0; k < bag->n; k++) {
            self->counts[i_worker][bag->tokens[k]]++;
        }
    }
done:
    return status;
}

static attrib_status open_counting(counting *self, size_t n_vocabulary, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(self->n_workers, sizeof *self->bags, &self->bags, err));
    AT_TRY(at_array(self->n_workers, sizeof *self->counts, (void *)&self->counts, err));
    for (size_t w = 0; w < self->n_workers; w++) {
        AT_TRY(at_bag_new(n_vocabulary, &self->bags[w], err));
        AT_TRY(at_array(n_vocabulary, sizeof **self->counts, &self->counts[w], err));
    }
done:
    return status;
}

static void close_counting(counting *self)
{
    for (size_t w = 0; w < self->n_workers; w++) {
        if (self->bags) {
            at_bag_free(&self->bags[w]);
        }
        if (self->counts) {
            free(self->counts[w]);
        }
    }
    free(self->bags);
    free((void *)self->counts);
}

attrib_status at_frequencies_count(attrib_session *session,
                                   const attrib_corpus *corpus,
                                   size_t n_vocabulary,
                                   at_frequencies *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    size_t n_blocks = (summary.n_documents + BLOCK_DOCUMENTS - 1) / BLOCK_DOCUMENTS;
    at_frequencies made = {.n_vocabulary = n_vocabulary,
                           .n_documents = summary.n_documents,
                           .mean_tokens =
                               (double)summary.n_tokens / (double)summary.n_documents};
    counting self = {.corpus = corpus,
                     .n_documents = summary.n_documents,
                     .n_workers = at_n_workers(session, n_blocks)};
    AT_TRY(open_counting(&self, n_vocabulary, err));
    AT_TRY(at_array(n_vocabulary, sizeof *made.documents, &made.documents, err));
    AT_TRY(at_parallel_for(session, n_blocks, count_block, &self, err));
    for (size_t w = 0; w < self.n_workers; w++) {
        for (size_t id = 0; id < n_vocabulary; id++) {
            made.documents[id] += self.counts[w][id];
        }
    }
    *out = made;
    made = (at_frequencies){0};
done:
    close_counting(&self);
    at_frequencies_free(&made);
    return status;
}

void at_frequencies_free(at_frequencies *frequencies)
{
    free(frequencies->documents);
    *frequencies = (at_frequencies){0};
}

double at_inverse_frequency(const at_frequencies *frequencies, int32_t id)
{
    double n = (double)frequencies->documents[id];
    double all = (double)frequencies->n_documents;
    return log((all - n + 0.5) / (n + 0.5) + 1);
}
