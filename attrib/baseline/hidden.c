/* SPDX-License-Identifier: MIT */
/* Mean hidden states of queries and documents, and their cosines.
 *
 * States are summed in f64 in the order of blocks, so that sums do not depend on
 * threads. Sequences of a document that was split share a token, which counts once.
 *
 * 1. Passes that sum states.   2. Queries.   3. Documents. */
#include "baseline/hidden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "gradient/pass.h"

/* 1. Passes that sum states */

/* Sequences of several things (rows of queries, or documents), and the sums of their
 * states. */
typedef struct summing {
    const at_setup *setup;
    size_t layer, width, n_things;
    attrib_sequence *sequences; /* [n] `document` is the thing */
    size_t n, capacity;
    bool is_apart;  /* each sequence is a block of its own: what else is summed, which
                       follows from the run's queries, changes no bit of its states */
    uint8_t *mask;  /* [longest] zeros: no token counts, so the head does no work */
    double *sums;   /* [n_things, width] */
    size_t *counts; /* [n_things] tokens */
    /* Called for each token with its state [width], in order; may be NULL. */
    void (*visit)(void *context, size_t thing, size_t i_token, const float *state);
    void *context;
} summing;

static void get_sequence(const void *context, size_t i, attrib_sequence *out)
{
    *out = ((const summing *)context)->sequences[i];
}

static attrib_status add_states(void *context,
                                void *scratch,
                                const attrib_block *block,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    summing *self = context;
    (void)scratch;
    for (size_t s = 0; s < block->n_sequences; s++) {
        const attrib_sequence *sequence = &block->sequences[s];
        size_t thing = sequence->document;
        for (size_t t = 0; t < sequence->n_tokens; t++) {
            const float *state = block->states + (block->first_row[s] + t) * self->width;
            double *sum = self->sums + thing * self->width;
            if (sequence->offset + t < self->counts[thing]) {
                continue; /* the token that it shares with the sequence before */
            }
            for (size_t i = 0; i < self->width; i++) {
                AT_CHECK(isfinite(state[i]), ATTRIB_ENUMERIC,
                         "token %zu of %zu: a hidden state of layer %zu is not finite",
                         sequence->offset + t, thing, self->layer);
                sum[i] += (double)state[i];
            }
            self->counts[thing]++;
            if (self->visit) {
                self->visit(self->context, thing, sequence->offset + t, state);
            }
        }
    }
done:
    return status;
}

static attrib_tap state_tap(summing *self)
{
    return (attrib_tap){.name = "hidden",
                        .context = self,
                        .finish = add_states,
                        .wants_states = true,
                        .state_layer = self->layer};
}

/* A pass forward: no map is tracked. */
static at_pass state_pass(const at_setup *setup)
{
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, "hidden");
    pass.n_tracked = 0;
    return pass;
}

static attrib_status append_sequence(summing *self,
                                     size_t thing,
                                     const attrib_sequence *sequence,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&self->sequences, &self->capacity, self->n + 1,
                   sizeof *self->sequences, err));
    self->sequences[self->n++] = (attrib_sequence){.document = thing,
                                                   .offset = sequence->offset,
                                                   .n_tokens = sequence->n_tokens,
                                                   .ids = sequence->ids};
done:
    return status;
}

static attrib_status run_summing(summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass pass = state_pass(self->setup);
    const attrib_tap tap = state_tap(self);
    at_source source = {.context = self, .n_sequences = self->n, .get = get_sequence};
    size_t longest = 1;
    size_t n_sums = 0;
    for (size_t i = 0; i < self->n; i++) {
        longest = at_larger(longest, self->sequences[i].n_tokens);
    }
    pass.block_rows = self->is_apart ? 1 : AT_BLOCK_ROWS;
    AT_TRY(at_array(longest, 1, &self->mask, err));
    for (size_t i = 0; i < self->n; i++) {
        self->sequences[i].mask = self->mask;
    }
    AT_TRY(at_mul(self->n_things, self->width, &n_sums, err));
    AT_TRY(at_array(n_sums, sizeof *self->sums, &self->sums, err));
    AT_TRY(at_array(self->n_things, sizeof *self->counts, &self->counts, err));
    AT_TRY(at_pass_run(&pass, &source, &tap, 1, err));
done:
    return status;
}

static void free_summing(summing *self)
{
    free(self->sequences);
    free(self->mask);
    free(self->sums);
    free(self->counts);
}

static double dot(const double *x, const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

attrib_status at_hidden_bytes(const at_setup *setup, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pass pass = state_pass(setup);
    summing self = {.setup = setup};
    const attrib_tap tap = state_tap(&self);
    at_pass_size size = {0};
    size_t longest = (size_t)ceil(fmax(setup->counted.longest, setup->longest_row));
    size_t rows = at_larger(longest, AT_BLOCK_ROWS);
    AT_TRY(at_pass_size_one(&(attrib_block_size){rows, rows, longest}, &size, err));
    AT_TRY(at_pass_bytes(&pass, &size, &tap, 1, out, err));
done:
    at_pass_size_free(&size);
    return status;
}

/* 2. Queries */

/* List the rows of a tile's queries: prompts and completions. */
static attrib_status list_rows(const at_setup *setup,
                               at_tile tile,
                               summing *rows,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = setup->asked.first[tile.first];
    size_t end = setup->asked.first[tile.first + tile.n];
    for (size_t k = first; k < end; k++) {
        const attrib_query *row =
            attrib_queries_get(setup->queries, setup->asked.rows[k]);
        const attrib_sequence side = {.n_tokens = attrib_query_side(row),
                                      .ids = row->ids};
        AT_TRY(append_sequence(rows, k - first, &side, err));
    }
    rows->n_things = end - first;
done:
    return status;
}

/* Sum the means of each query's rows, and scale the sum to length 1. */
static attrib_status set_directions(const at_setup *setup,
                                    at_tile tile,
                                    const summing *rows,
                                    at_hidden *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = setup->asked.first[tile.first];
    for (size_t q = 0; q < tile.n; q++) {
        double *direction = out->directions + q * out->width;
        for (size_t k = setup->asked.first[tile.first + q];
             k < setup->asked.first[tile.first + q + 1]; k++) {
            const double *sum = rows->sums + (k - first) * out->width;
            double weight = setup->asked.weights[k] / (double)rows->counts[k - first];
            for (size_t i = 0; i < out->width; i++) {
                direction[i] += weight * sum[i];
            }
        }
        double length = sqrt(dot(direction, direction, out->width));
        AT_CHECK(length > 0, ATTRIB_EINVAL,
                 "query %s: its mean hidden state of layer %zu is 0, which has no cosine",
                 at_query(setup, tile.first + q)->id, out->layer);
        for (size_t i = 0; i < out->width; i++) {
            direction[i] /= length;
        }
    }
done:
    return status;
}

attrib_status at_hidden_new(
    const at_setup *setup, size_t layer, at_tile tile, at_hidden *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hidden made = {setup, layer, attrib_model_describe(setup->model)->width, tile.n,
                      NULL};
    summing rows = {
        .setup = setup, .layer = layer, .width = made.width, .is_apart = true};
    size_t n = 0;
    AT_TRY(list_rows(setup, tile, &rows, err));
    AT_TRY(run_summing(&rows, err));
    AT_TRY(at_mul(tile.n, made.width, &n, err));
    AT_TRY(at_array(n, sizeof *made.directions, &made.directions, err));
    AT_TRY(set_directions(setup, tile, &rows, &made, err));
    *out = made;
    made = (at_hidden){0};
done:
    at_hidden_free(&made);
    free_summing(&rows);
    return status;
}

void at_hidden_free(at_hidden *hidden)
{
    free(hidden->directions);
    *hidden = (at_hidden){0};
}

/* 3. Documents */

static attrib_status list_documents(const at_hidden *hidden,
                                    const at_document_list *list,
                                    summing *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_corpus *corpus = hidden->setup->corpus;
    out->n_things = list->n;
    for (size_t i = 0; i < list->n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, list->documents[i], &document);
        for (size_t s = 0; s < document.n_sequences; s++) {
            attrib_sequence sequence;
            attrib_corpus_sequence(corpus, document.first_sequence + s, &sequence);
            AT_TRY(append_sequence(out, i, &sequence, err));
        }
    }
done:
    return status;
}

/* The length of the sum of a document's states, which is that of its mean times its
 * tokens. */
static double length_of(const summing *documents, size_t i)
{
    const double *sum = documents->sums + i * documents->width;
    return sqrt(dot(sum, sum, documents->width));
}

attrib_status at_hidden_score(const at_hidden *hidden,
                              const at_document_list *list,
                              double *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t width = hidden->width;
    summing documents = {.setup = hidden->setup, .layer = hidden->layer, .width = width};
    AT_TRY(list_documents(hidden, list, &documents, err));
    AT_TRY(run_summing(&documents, err));
    for (size_t i = 0; i < list->n; i++) {
        double length = length_of(&documents, i);
        for (size_t q = 0; q < hidden->n_queries; q++) {
            double product =
                dot(hidden->directions + q * width, documents.sums + i * width, width);
            out[i * hidden->n_queries + q] = length > 0 ? product / length : 0;
        }
    }
done:
    free_summing(&documents);
    return status;
}

typedef struct sharing {
    const at_hidden *hidden;
    const at_hidden_pair *pairs;
    size_t n_pairs;
} sharing;

/* The first pair of a document. */
static size_t find_pair(const sharing *self, size_t i_document)
{
    size_t low = 0;
    size_t high = self->n_pairs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->pairs[middle].i_document < i_document) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void share_token(void *context, size_t thing, size_t i_token, const float *state)
{
    const sharing *self = context;
    size_t width = self->hidden->width;
    for (size_t k = find_pair(self, thing);
         k < self->n_pairs && self->pairs[k].i_document == thing; k++) {
        const double *direction =
            self->hidden->directions + self->pairs[k].i_query * width;
        double product = 0;
        for (size_t i = 0; i < width; i++) {
            product += direction[i] * (double)state[i];
        }
        self->pairs[k].tokens[i_token] = product;
    }
}

attrib_status at_hidden_shares(const at_hidden *hidden,
                               const at_document_list *list,
                               const at_hidden_pair *pairs,
                               size_t n_pairs,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sharing self = {hidden, pairs, n_pairs};
    summing documents = {.setup = hidden->setup,
                         .layer = hidden->layer,
                         .width = hidden->width,
                         .is_apart = true,
                         .visit = share_token,
                         .context = &self};
    AT_TRY(list_documents(hidden, list, &documents, err));
    AT_TRY(run_summing(&documents, err));
    for (size_t k = 0; k < n_pairs; k++) {
        double length = length_of(&documents, pairs[k].i_document);
        for (size_t t = 0; t < documents.counts[pairs[k].i_document]; t++) {
            pairs[k].tokens[t] = length > 0 ? pairs[k].tokens[t] / length : 0;
        }
    }
done:
    free_summing(&documents);
    return status;
}
