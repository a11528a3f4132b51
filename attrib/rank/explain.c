/* SPDX-License-Identifier: MIT */
/* Shares of tokens and maps in the scores of reported documents.
 *
 *     share(t) = sum over maps ds_t' P_q a_t,   share(map) = sum_t ds_t' P_q a_t
 *
 * Position t predicts token t + 1, and that is the token which gets the share: the last
 * position of a sequence predicts nothing and has ds = 0, so nothing is lost. Source:
 * Grosse et al. 2023, section 3.3. */
#include <stdlib.h>

#include "linalg/linalg.h"
#include "rank/rank.h"

typedef struct explain_tap {
    const at_ranking *ranking;
    const at_prepared *prepared;
    at_pair *pairs; /* [n_pairs] sorted by document */
    size_t n_pairs;
    size_t *sequences; /* [n_sequences] of the pairs' documents, ascending: the source */
    size_t n_sequences;
    double **shares;    /* [n_pairs] of [n_sequences of the document, n_tracked] */
    at_arena **scratch; /* [n_workers] */
    size_t n_workers;
} explain_tap;

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
        free(pairs[k].modules);
    }
    free(pairs);
}

static void get_listed(const void *context, size_t i, attrib_sequence *out)
{
    const explain_tap *tap = context;
    attrib_corpus_sequence(tap->ranking->corpus, tap->sequences[i], out);
}

/* The first pair of a document. */
static size_t find_pair(const explain_tap *tap, size_t document)
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

/* Add the shares of one sequence's rows to its tokens, and return their sum. */
static double add_shares(const attrib_sequence *sequence,
                         const float *y,
                         const float *a,
                         size_t in_dim,
                         double *tokens)
{
    double sum = 0;
    for (size_t t = 0; t + 1 < sequence->n_tokens; t++) {
        double share = at_dot(y + t * in_dim, a + t * in_dim, in_dim);
        tokens[sequence->offset + t + 1] += share;
        sum += share;
    }
    return sum;
}

static attrib_status explain_sequence(const explain_tap *tap,
                                      at_arena *arena,
                                      size_t i_source,
                                      const attrib_sequence *sequence,
                                      size_t i_tracked,
                                      const float *a,
                                      const float *ds,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_ranking *ranking = tap->ranking;
    const at_prepared_map *map = &tap->prepared->maps[i_tracked];
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    size_t n_rows = sequence->n_tokens;
    float *y = NULL; /* [T, I] = ds P_q */
    attrib_document document;
    attrib_corpus_document(ranking->corpus, sequence->document, &document);
    size_t i_part = tap->sequences[i_source] - document.first_sequence;
    at_arena_reset(arena, 0);
    AT_TRY(at_arena_take(arena, n_rows * i, sizeof *y, &y, err));
    for (size_t k = find_pair(tap, sequence->document);
         k < tap->n_pairs && tap->pairs[k].document == sequence->document; k++) {
        const float *p = map->p + tap->pairs[k].i_case * o * i;
        at_gemm(AT_PLAIN, AT_PLAIN, n_rows, i, o, 1.0F, ds, o, p, i, 0.0F, y, i);
        tap->shares[k][i_part * ranking->n_tracked + i_tracked] =
            add_shares(sequence, y, a, i, tap->pairs[k].tokens);
    }
done:
    return status;
}

static attrib_status explain_block(void *context,
                                   size_t i_worker,
                                   const at_block *block,
                                   size_t i_tracked,
                                   const float *a,
                                   const float *ds,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const explain_tap *tap = context;
    const at_prepared_map *map = &tap->prepared->maps[i_tracked];
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        size_t first = block->batch.first_row[s];
        AT_TRY(explain_sequence(tap, tap->scratch[i_worker], block->first_sequence + s,
                                &block->batch.sequences[s], i_tracked,
                                a + first * map->in_dim, ds + first * map->out_dim, err));
    }
done:
    return status;
}

/* The sequences of every document that stands in a pair, once each. */
static attrib_status list_sequences(explain_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    for (size_t k = 0; k < tap->n_pairs; k++) {
        attrib_document document;
        if (k > 0 && tap->pairs[k].document == tap->pairs[k - 1].document) {
            continue;
        }
        attrib_corpus_document(tap->ranking->corpus, tap->pairs[k].document, &document);
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

static attrib_status allocate(explain_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_tracked = tap->ranking->n_tracked;
    AT_TRY(at_array(tap->n_pairs, sizeof *tap->shares, &tap->shares, err));
    for (size_t k = 0; k < tap->n_pairs; k++) {
        at_pair *pair = &tap->pairs[k];
        attrib_document document;
        attrib_corpus_document(tap->ranking->corpus, pair->document, &document);
        AT_TRY(at_array(document.n_tokens, sizeof(double), &pair->tokens, err));
        AT_TRY(at_array(n_tracked, sizeof(double), &pair->modules, err));
        AT_TRY(at_array(document.n_sequences * n_tracked, sizeof(double), &tap->shares[k],
                        err));
    }
    AT_TRY(at_array(tap->n_workers, sizeof(at_arena *), &tap->scratch, err));
    for (size_t w = 0; w < tap->n_workers; w++) {
        AT_TRY(at_arena_new(&tap->scratch[w], err));
    }
done:
    return status;
}

/* Sum the shares of maps over the sequences of each document, in their order, and those
 * sums to its score. */
static void sum_shares(explain_tap *tap)
{
    size_t n_tracked = tap->ranking->n_tracked;
    for (size_t k = 0; k < tap->n_pairs; k++) {
        attrib_document document;
        attrib_corpus_document(tap->ranking->corpus, tap->pairs[k].document, &document);
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

static void release(explain_tap *tap)
{
    for (size_t k = 0; tap->shares && k < tap->n_pairs; k++) {
        free(tap->shares[k]);
    }
    for (size_t w = 0; tap->scratch && w < tap->n_workers; w++) {
        at_arena_free(tap->scratch[w]);
    }
    free(tap->shares);
    free(tap->scratch);
    free(tap->sequences);
}

attrib_status at_explain(const at_ranking *ranking,
                         const at_prepared *prepared,
                         at_pair *pairs,
                         size_t n_pairs,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    explain_tap tap = {
        .ranking = ranking, .prepared = prepared, .pairs = pairs, .n_pairs = n_pairs};
    at_tap interface = {.context = &tap, .module = explain_block};
    at_pass pass = {ranking->session,   ranking->model, ranking->tracked,
                    ranking->n_tracked, AT_LABELS_DATA, 0,
                    AT_BLOCK_ROWS,      "explain"};
    at_source source = {0};
    AT_TRY(list_sequences(&tap, err));
    source = (at_source){&tap, tap.n_sequences, get_listed};
    AT_TRY(at_pass_n_workers(&pass, &source, &tap.n_workers, err));
    AT_TRY(allocate(&tap, err));
    AT_TRY(at_pass_run(&pass, &source, &interface, err));
    sum_shares(&tap);
done:
    release(&tap);
    return status;
}
