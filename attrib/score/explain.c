/* SPDX-License-Identifier: MIT */
/* Shares of tokens and maps in the scores of reported documents.
 *
 *     share(t) = sum over maps ds_t' P_q a_t,   share(map) = sum_t ds_t' P_q a_t
 *
 * Position t predicts token t + 1, and that is the token which gets the share: the last
 * position of a sequence predicts nothing and has ds = 0, so nothing is lost. Source:
 * Grosse et al. 2023, section 3.3.
 *
 * The last bits of products depend on the rows that are multiplied together. A document
 * is in blocks of its own, so that its full score and its shares do not depend on which
 * others are explained with it: on shards, and on the order in which documents are
 * settled. */
#include <stdlib.h>

#include "base/load.h"
#include "linalg/cost.h"
#include "linalg/linalg.h"
#include "score/explain.h"
#include "score/taps.h"

struct at_explaining {
    const at_setup *setup;
    const at_prepared *prepared;
    at_pair *pairs; /* [n_pairs] sorted by document */
    size_t n_pairs;
    size_t *sequences; /* [n_sequences] of the pairs' documents, ascending: the source */
    size_t n_sequences;
    double **shares; /* [n_pairs] of [n_sequences of the document, n_tracked] */
};

int at_compare_pairs(const void *left, const void *right)
{
    const at_pair *a = left;
    const at_pair *b = right;
    if (a->document != b->document) {
        return a->document < b->document ? -1 : 1;
    }
    return (a->i_case > b->i_case) - (a->i_case < b->i_case);
}

void at_pairs_free(at_pair *pairs, size_t n_pairs)
{
    for (size_t k = 0; pairs && k < n_pairs; k++) {
        free(pairs[k].tokens);
        free(pairs[k].differences);
        free(pairs[k].modules);
    }
    free(pairs);
}

static void get_listed(const void *context, size_t i, attrib_sequence *out)
{
    const at_explaining *tap = context;
    attrib_corpus_sequence(tap->setup->corpus, tap->sequences[i], out);
}

/* A document begins a block. */
static bool begins_document(const void *context, size_t i)
{
    attrib_sequence last;
    attrib_sequence next;
    get_listed(context, i - 1, &last);
    get_listed(context, i, &next);
    return last.document != next.document;
}

/* The first pair of a document. */
static size_t find_pair(const at_explaining *tap, size_t document)
{
    size_t low = 0;
    size_t high = tap->n_pairs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tap->pairs[middle].document < document) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Add the shares of sequence s's rows to its document's tokens, and return their sum. */
static double add_shares(
    const attrib_visit *visit, size_t s, const float *y, const float *a, double *tokens)
{
    const attrib_sequence *sequence = &visit->block->sequences[s];
    size_t in_dim = visit->module->in_dim;
    size_t first = visit->first_row[s];
    double sum = 0;
    for (size_t k = 0; k < visit->first_row[s + 1] - first; k++) {
        size_t t = visit->rows ? visit->rows[first + k] - visit->block->first_row[s] : k;
        if (t + 1 < sequence->n_tokens) {
            double share = at_dot(y + k * in_dim, a + k * in_dim, in_dim);
            tokens[sequence->offset + t + 1] += share;
            sum += share;
        }
    }
    return sum;
}

/* Sequence s of a block; y [T, I] = ds P_q. */
static void explain_sequence(const at_explaining *tap,
                             const attrib_visit *visit,
                             size_t s,
                             float *y)
{
    const at_setup *setup = tap->setup;
    const attrib_sequence *sequence = &visit->block->sequences[s];
    const at_prepared_map *map = &tap->prepared->maps[visit->i_tracked];
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t n_rows = visit->first_row[s + 1] - visit->first_row[s];
    const float *a = visit->a + visit->first_row[s] * i;
    const float *ds = visit->ds + visit->first_row[s] * o;
    attrib_document document;
    attrib_corpus_document(setup->corpus, sequence->document, &document);
    size_t i_sequence =
        tap->sequences[visit->block->first_sequence + s] - document.first_sequence;
    for (size_t k = find_pair(tap, sequence->document);
         k < tap->n_pairs && tap->pairs[k].document == sequence->document; k++) {
        const float *p = map->p + tap->pairs[k].i_case * o * i;
        at_gemm(AT_PLAIN, AT_PLAIN, n_rows, i, o, 1.0F, ds, o, p, i, 0.0F, y, i);
        tap->shares[k][i_sequence * setup->n_tracked + visit->i_tracked] =
            add_shares(visit, s, y, a, tap->pairs[k].tokens);
    }
}

static attrib_status deal_products(const at_explaining *tap,
                                   size_t i_tracked,
                                   size_t longest,
                                   attrib_bank *bank,
                                   float **y,
                                   attrib_error *err)
{
    const at_setup *setup = tap->setup;
    const attrib_module *module = at_setup_module(setup, i_tracked);
    return attrib_bank_deal(bank, longest, module->in_dim, sizeof **y, y, err);
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    float *y = NULL;
    return deal_products(context, i_tracked, size->longest, bank, &y, err);
}

/* The cost of one query. A document is explained once for each query that reports it. */
static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_setup *setup = ((const at_explaining *)context)->setup;
    const attrib_module *module = at_setup_module(setup, i_tracked);
    double in = (double)module->in_dim;
    double out = (double)module->out_dim;
    (void)n_sequences;
    at_load_product(load, (at_product_size){AT_PLAIN, n_rows, in, out}, 1);
    load->elements += n_rows * in * AT_UNITS_SUM;
    load->bytes += sizeof(float) * in * out; /* P of the query is read */
}

static attrib_status explain_map(void *context,
                                 void *scratch,
                                 const attrib_visit *visit,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_explaining *tap = context;
    size_t longest = 0;
    attrib_bank desk = visit->desk;
    float *y = NULL;
    (void)scratch;
    for (size_t s = 0; s < visit->block->n_sequences; s++) {
        size_t n = visit->first_row[s + 1] - visit->first_row[s];
        longest = n > longest ? n : longest;
    }
    AT_TRY(deal_products(tap, visit->i_tracked, longest, &desk, &y, err));
    for (size_t s = 0; s < visit->block->n_sequences; s++) {
        explain_sequence(tap, visit, s, y);
    }
done:
    return status;
}

attrib_tap at_explain_tap(at_explaining *explaining)
{
    return (attrib_tap){.name = "explain",
                        .context = explaining,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = explain_map};
}

attrib_status at_explaining_outline(const at_setup *setup,
                                    at_explaining **out,
                                    attrib_error *err)
{
    attrib_status status = at_array(1, sizeof **out, out, err);
    if (status == ATTRIB_OK) {
        (*out)->setup = setup;
    }
    return status;
}

/* List the sequences of every document that stands in a pair, each once. */
static attrib_status list_sequences(at_explaining *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    for (size_t k = 0; k < tap->n_pairs; k++) {
        attrib_document document;
        if (k > 0 && tap->pairs[k].document == tap->pairs[k - 1].document) {
            continue;
        }
        attrib_corpus_document(tap->setup->corpus, tap->pairs[k].document, &document);
        AT_TRY(at_grow(&tap->sequences, &capacity,
                       tap->n_sequences + document.n_sequences, sizeof *tap->sequences,
                       err));
        for (size_t s = 0; s < document.n_sequences; s++) {
            tap->sequences[tap->n_sequences++] = document.first_sequence + s;
        }
    }
done:
    return status;
}

static attrib_status allocate(at_explaining *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_tracked = tap->setup->n_tracked;
    AT_TRY(at_array(tap->n_pairs, sizeof *tap->shares, &tap->shares, err));
    for (size_t k = 0; k < tap->n_pairs; k++) {
        at_pair *pair = &tap->pairs[k];
        attrib_document document;
        attrib_corpus_document(tap->setup->corpus, pair->document, &document);
        AT_TRY(at_array(document.n_tokens, sizeof(double), &pair->tokens, err));
        AT_TRY(at_array(n_tracked, sizeof(double), &pair->modules, err));
        AT_TRY(at_array(document.n_sequences * n_tracked, sizeof(double), &tap->shares[k],
                        err));
    }
done:
    return status;
}

/* Sum the shares of each map over the sequences of a document, in their order, and sum
 * these sums to its score. */
static void sum_shares(at_explaining *tap)
{
    size_t n_tracked = tap->setup->n_tracked;
    for (size_t k = 0; k < tap->n_pairs; k++) {
        attrib_document document;
        attrib_corpus_document(tap->setup->corpus, tap->pairs[k].document, &document);
        for (size_t s = 0; s < document.n_sequences; s++) {
            for (size_t m = 0; m < n_tracked; m++) {
                tap->pairs[k].modules[m] += tap->shares[k][s * n_tracked + m];
            }
        }
        for (size_t m = 0; m < n_tracked; m++) {
            tap->pairs[k].score += tap->pairs[k].modules[m];
        }
    }
}

static void release(at_explaining *tap)
{
    for (size_t k = 0; tap->shares && k < tap->n_pairs; k++) {
        free(tap->shares[k]);
    }
    free(tap->shares);
    free(tap->sequences);
}

at_pass at_explaining_pass(const at_setup *setup)
{
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, "explain");
    pass.skips_uncounted = true;
    pass.layers_limit = setup->layers_limit[AT_RUN_EXPLAIN];
    return pass;
}

attrib_status at_explain(const at_setup *setup,
                         const at_prepared *prepared,
                         at_pair *pairs,
                         size_t n_pairs,
                         double units,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_explaining explaining = {
        .setup = setup, .prepared = prepared, .pairs = pairs, .n_pairs = n_pairs};
    attrib_tap tap = at_explain_tap(&explaining);
    at_pass pass = at_explaining_pass(setup);
    at_source source = {0};
    pass.units = units;
    AT_TRY(list_sequences(&explaining, err));
    source = (at_source){.context = &explaining,
                         .n_sequences = explaining.n_sequences,
                         .get = get_listed,
                         .begins = begins_document};
    AT_TRY(allocate(&explaining, err));
    AT_TRY(at_pass_run(&pass, &source, &tap, 1, err));
    sum_shares(&explaining);
done:
    release(&explaining);
    return status;
}
