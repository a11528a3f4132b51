/* SPDX-License-Identifier: MIT */
/* Documents compared with queries by the tokens that they share.
 *
 * 1. Queries by their tokens.   2. Scores and shares. */
#include "baseline/lexical.h"

#include <stdlib.h>

#include "base/memory.h"

/* What k1 and b are where nobody says otherwise, as in rank_bm25 and bm25s. */
#define K1 1.5
#define B  0.75

/* 1. Queries by their tokens */

static int compare_postings(const void *left, const void *right)
{
    const at_posting *a = left;
    const at_posting *b = right;
    if (a->token != b->token) {
        return a->token < b->token ? -1 : 1;
    }
    return (a->i_query > b->i_query) - (a->i_query < b->i_query);
}

/* List every token of every row with its weight, repeats and all. */
static attrib_status list_tokens(const at_setup *setup,
                                 at_tile tile,
                                 at_lexical *out,
                                 size_t *capacity,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_vocabulary = out->frequencies->n_vocabulary;
    for (size_t q = 0; q < tile.n; q++) {
        size_t end = setup->asked.first[tile.first + q + 1];
        for (size_t k = setup->asked.first[tile.first + q]; k < end; k++) {
            const attrib_query *row =
                attrib_queries_get(setup->queries, setup->asked.rows[k]);
            bool is_signed = out->kind == AT_BM25;
            double weight = is_signed ? setup->asked.weights[k] : 1;
            AT_TRY(at_grow(&out->postings, capacity, out->n_postings + row->n_tokens,
                           sizeof *out->postings, err));
            for (size_t t = 0; t < row->n_tokens; t++) {
                bool is_other = t >= attrib_query_side(row) && is_signed;
                AT_CHECK(row->ids[t] >= 0 && (size_t)row->ids[t] < n_vocabulary,
                         ATTRIB_ERANGE,
                         "query %s: token %zu: id %d is outside the vocabulary of %zu",
                         row->id, t, (int)row->ids[t], n_vocabulary);
                out->postings[out->n_postings++] =
                    (at_posting){row->ids[t], q, is_other ? -weight : weight};
            }
        }
    }
done:
    return status;
}

/* Join the postings of the same token and query, and multiply them by its idf. */
static void join_postings(at_lexical *lexical)
{
    size_t n = 0;
    for (size_t k = 0; k < lexical->n_postings; k++) {
        const at_posting *next = &lexical->postings[k];
        at_posting *last = n ? &lexical->postings[n - 1] : NULL;
        if (last && compare_postings(last, next) == 0) {
            last->weight += next->weight;
        } else {
            lexical->postings[n++] = *next;
        }
    }
    lexical->n_postings = n;
    for (size_t k = 0; k < n; k++) {
        at_posting *posting = &lexical->postings[k];
        posting->weight *= at_inverse_frequency(lexical->frequencies, posting->token);
    }
}

static attrib_status find_tokens(at_lexical *lexical, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_vocabulary = lexical->frequencies->n_vocabulary;
    size_t k = 0;
    AT_TRY(at_array(n_vocabulary + 1, sizeof *lexical->first, &lexical->first, err));
    for (size_t id = 0; id <= n_vocabulary; id++) {
        lexical->first[id] = k;
        while (k < lexical->n_postings && (size_t)lexical->postings[k].token == id) {
            k++;
        }
    }
done:
    return status;
}

attrib_status at_lexical_new(const at_setup *setup,
                             at_lexical_kind kind,
                             at_tile tile,
                             const at_frequencies *frequencies,
                             at_lexical *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    at_lexical made = {.kind = kind, .frequencies = frequencies, .n_queries = tile.n};
    AT_TRY(list_tokens(setup, tile, &made, &capacity, err));
    if (made.n_postings > 0) {
        qsort(made.postings, made.n_postings, sizeof *made.postings, compare_postings);
    }
    join_postings(&made);
    AT_TRY(find_tokens(&made, err));
    *out = made;
    made = (at_lexical){0};
done:
    at_lexical_free(&made);
    return status;
}

void at_lexical_free(at_lexical *lexical)
{
    free(lexical->postings);
    free(lexical->first);
    *lexical = (at_lexical){0};
}

/* 2. Scores and shares */

/* g of a token that a document of `length` tokens has `count` times. */
static double saturated(const at_lexical *lexical, double count, double length)
{
    double norm = 1 - B + B * length / lexical->frequencies->mean_tokens;
    return lexical->kind == AT_TFIDF ? 1 : (K1 + 1) * count / (count + K1 * norm);
}

void at_lexical_score(const at_lexical *lexical, const at_bag *bag, double *out)
{
    for (size_t q = 0; q < lexical->n_queries; q++) {
        out[q] = 0;
    }
    for (size_t i = 0; i < bag->n; i++) {
        int32_t id = bag->tokens[i];
        size_t end = lexical->first[id + 1];
        double g = saturated(lexical, bag->counts[id], (double)bag->n_tokens);
        for (size_t k = lexical->first[id]; k < end; k++) {
            out[lexical->postings[k].i_query] += lexical->postings[k].weight * g;
        }
    }
}

typedef struct sharing {
    const at_lexical *lexical;
    const at_bag *bag;
    size_t i_query;
    double *out;
} sharing;

static void share_token(void *context, size_t i_token, int32_t id)
{
    const sharing *self = context;
    const at_lexical *lexical = self->lexical;
    const at_posting key = {id, self->i_query, 0};
    size_t first = lexical->first[id];
    double count = self->bag->counts[id];
    const at_posting *found =
        bsearch(&key, lexical->postings + first, lexical->first[id + 1] - first,
                sizeof key, compare_postings);
    self->out[i_token] =
        found ? found->weight * saturated(lexical, count, (double)self->bag->n_tokens) /
                    count
              : 0;
}

void at_lexical_shares(const at_lexical *lexical,
                       const at_bag *bag,
                       const attrib_corpus *corpus,
                       const attrib_document *document,
                       size_t i_query,
                       double *out)
{
    sharing self = {lexical, bag, i_query, out};
    at_each_token(corpus, document, share_token, &self);
}
