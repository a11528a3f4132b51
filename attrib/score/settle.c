/* SPDX-License-Identifier: MIT */
/* The first and last documents of each case, in the order of their full scores.
 *
 * Scores of whole queries in f32 are full scores, so their order stands. Of cut queries,
 * and of scores in bf16, a document's full score is only known, or taken, to lie in an
 * interval. Candidates (candidates.c) are then scored in full, round by round, until no
 * other may stand among the first or last. A limit on how many are (max_rescored) may end
 * this early. A document that is scored in full is explained by the same pass.
 *
 * 1. Pairs that stand in the tops.
 * 2. Rounds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/candidates.h"
#include "score/counted.h"
#include "score/token_kind.h"

/* Documents of one case in a round that lists `n` at each end, both ends together. */
static double documents_of(const at_setup *setup, size_t n)
{
    double k = (double)setup->options.top;
    return 2 * (at_is_settled(setup) ? fmax(k, (double)n) : k);
}

double at_first_round_documents(const at_setup *setup)
{
    return documents_of(setup, AT_FIRST_ROUND);
}

/* The pairs of a round, or of the sample, which are no more, and the pairs that were kept
 * have their shares. */
double at_settling_bytes(const at_setup *setup)
{
    double n = (double)setup->n_documents;
    double k = fmin((double)setup->options.top, n);
    double n_pairs = 2 * k;
    double of_pair =
        2 * sizeof(at_pair) + sizeof(double *) +
        sizeof(double) * (double)setup->n_tracked * (1 + setup->counted.most_sequences);
    double of_candidates = 0;
    if (at_is_settled(setup)) { /* those of a round, then those that were kept */
        n_pairs += documents_of(setup, AT_ROUND);
        of_candidates = at_candidates_bytes(setup);
    }
    n_pairs = fmin(n_pairs, 2 * n);
    return 2 * k * sizeof(at_ranked) + n_pairs * of_pair + of_candidates +
           sizeof(double) * at_tokens_of(setup, n_pairs);
}

/* 1. Pairs that stand in the tops */

static bool stands_in(const at_ranked *list, size_t n, size_t document)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].document == document) {
            return true;
        }
    }
    return false;
}

attrib_status at_settled_keep(at_settled *out,
                              at_pair *pairs,
                              size_t n_pairs,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_all = out->n_pairs + n_pairs;
    at_pair *kept = NULL;
    size_t n_kept = 0;
    AT_TRY(at_array(n_all, sizeof *kept, &kept, err));
    for (size_t k = 0; k < n_all; k++) {
        at_pair *pair = k < out->n_pairs ? &out->pairs[k] : &pairs[k - out->n_pairs];
        const at_top *top = &out->tops[pair->i_case];
        if (stands_in(top->best, top->n_best, pair->document) ||
            stands_in(top->worst, top->n_worst, pair->document)) {
            kept[n_kept++] = *pair;
        } else {
            free(pair->tokens);
            free(pair->modules);
        }
        pair->tokens = NULL;
        pair->modules = NULL;
    }
    free(out->pairs);
    out->pairs = kept;
    out->n_pairs = n_kept;
done:
    return status;
}

/* Score in full and explain pairs, which are sorted. */
static attrib_status explain(const at_settling *self,
                             at_pair *pairs,
                             size_t n_pairs,
                             double units,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_explain(self->setup, self->scores.prepared, pairs, n_pairs, units, err));
    for (size_t k = 0; k < n_pairs; k++) {
        at_pair *pair = &pairs[k];
        double scale = 0;
        attrib_document document;
        attrib_corpus_document(self->setup->corpus, pair->document, &document);
        AT_TRY(at_stream_scale(&self->scores, pair->i_case, pair->document, &scale, err));
        pair->score *= scale;
        pair->scale = scale;
        AT_CHECK(isfinite(pair->score), ATTRIB_ENUMERIC,
                 "document %zu: its score in full against query %zu is not finite",
                 pair->document,
                 self->scores.prepared->tile.first +
                     pair->i_case % self->scores.prepared->tile.n);
        for (size_t t = 0; t < document.n_tokens; t++) {
            pair->tokens[t] *= scale;
        }
        for (size_t m = 0; m < self->setup->n_tracked; m++) {
            pair->modules[m] *= scale;
        }
    }
done:
    return status;
}

/* 2. Rounds */

/* Whether the errors of scores are estimated. */
static bool is_rounded(const at_setup *setup)
{
    return setup->options.precision != ATTRIB_F32_PRODUCTS &&
           !setup->options.is_unsettled;
}

/* What a round is worth in progress: its share of all pairs that may have to be scored in
 * full, which are more than those that will be. In bf16 errors may open more. */
static double units_of_round(const at_settling *self, size_t n_pairs)
{
    double n = (double)n_pairs;
    double others = (double)at_candidates_open(self) + (is_rounded(self->setup) ? n : 0);
    return self->units * n / (n + others);
}

/* Score the pairs in full, note the largest error of their estimates, and enter them into
 * the tops. */
static attrib_status settle_round(at_settling *self,
                                  at_pair *pairs,
                                  size_t n_pairs,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &self->scores.run->info;
    qsort(pairs, n_pairs, sizeof *pairs, at_compare_pairs);
    double units = units_of_round(self, n_pairs);
    self->units -= units;
    AT_TRY(explain(self, pairs, n_pairs, units, err));
    for (size_t k = 0; k < n_pairs; k++) {
        double error = fabs(pairs[k].score - pairs[k].estimate);
        info->largest_error = error > info->largest_error ? error : info->largest_error;
        if (is_rounded(self->setup)) {
            AT_TRY(at_error_add(&self->cases[pairs[k].i_case], &pairs[k], err));
        }
        at_top_add(&self->out->tops[pairs[k].i_case], pairs[k].document, pairs[k].score);
    }
    info->n_rescored += n_pairs;
    AT_TRY(at_settled_keep(self->out, pairs, n_pairs, err));
done:
    return status;
}

/* Score the listed pairs in full, round by round, until none is left. */
static attrib_status settle_listed(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair_list round = {0};
    do {
        at_pairs_free(round.pairs, round.n);
        round = (at_pair_list){0};
        AT_TRY(at_candidates_list_round(self, &round, err));
        if (round.n) {
            AT_TRY(settle_round(self, round.pairs, round.n, err));
        }
    } while (round.n);
done:
    at_pairs_free(round.pairs, round.n);
    return status;
}

/* The errors of a first sample of scores in bf16. */
static attrib_status settle_sample(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair_list sample = {0};
    bool has_grown = false;
    AT_TRY(at_sample_list(self, &sample, err));
    AT_TRY(settle_round(self, sample.pairs, sample.n, err));
    at_errors_assume(self, &has_grown);
done:
    at_pairs_free(sample.pairs, sample.n);
    return status;
}

/* In bf16 the errors of the documents that were scored in full may be larger than what
 * was assumed: then candidates are found again. Errors that are assumed never shrink, and
 * grow only where more documents were scored in full, so this ends. */
static attrib_status settle_candidates(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_grown = false;
    AT_TRY(at_settled_open(&self->scores, self->k, self->out, err));
    AT_TRY(at_array(self->out->n_cases, sizeof *self->cases, &self->cases, err));
    if (is_rounded(self->setup)) {
        AT_TRY(settle_sample(self, err));
    }
    do {
        AT_TRY(at_candidates_find(self, err));
        AT_TRY(settle_listed(self, err));
        at_errors_assume(self, &has_grown);
    } while (has_grown);
    at_candidates_close(self);
    at_stage_skip(self->setup->session, "explain", self->units);
done:
    return status;
}

/* The tops by their scores in f32, in place of those in bf16 that chose them. */
static void take_scores(const at_settling *self)
{
    attrib_run_info *info = &self->scores.run->info;
    const at_settled *out = self->out;
    for (size_t v = 0; v < out->n_cases; v++) {
        at_top *top = &out->tops[v];
        top->n_best = 0;
        top->n_worst = 0;
        for (size_t k = 0; k < out->n_pairs; k++) {
            const at_pair *pair = &out->pairs[k];
            if (pair->i_case == v) {
                (pair->is_best ? at_top_add_best : at_top_add_worst)(top, pair->document,
                                                                     pair->score);
                info->largest_error =
                    fmax(info->largest_error, fabs(pair->score - pair->estimate));
                info->n_rescored++;
            }
        }
    }
}

/* Scores order the documents, the first and last of which are explained. In bf16 these
 * are reported with their scores in f32. */
static attrib_status settle_whole(at_settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled *out = self->out;
    AT_TRY(at_settle_tops(&self->scores, self->k, out, err));
    AT_TRY(explain(self, out->pairs, out->n_pairs, self->units, err));
    if (self->setup->options.precision != ATTRIB_F32_PRODUCTS) {
        take_scores(self);
    }
done:
    return status;
}

attrib_status at_settle(const at_setup *setup,
                        const at_prepared *prepared,
                        attrib_run *run,
                        size_t i_tile,
                        at_settled *out,
                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled settled = {0};
    at_settling self = {setup,
                        {prepared, run, i_tile},
                        &settled,
                        NULL,
                        setup->options.top,
                        (1 - at_token_kinds_share(setup)) * (double)prepared->tile.n};
    self.k = at_smaller(self.k, run->info.n_documents);
    if (!at_is_settled(setup)) {
        AT_TRY(settle_whole(&self, err));
    } else {
        AT_TRY(settle_candidates(&self, err));
        for (size_t v = 0; v < settled.n_cases; v++) {
            at_top_separate(&settled.tops[v]);
        }
        AT_TRY(at_settled_keep(&settled, NULL, 0, err));
        qsort(settled.pairs, settled.n_pairs, sizeof *settled.pairs, at_compare_pairs);
    }
    AT_TRY(at_drawn_find(&self.scores, setup->candidates, &settled.drawn, err));
    AT_TRY(at_token_kinds(setup, prepared, settled.pairs, settled.n_pairs, err));
    *out = settled;
    settled = (at_settled){0};
done:
    at_open_cases_free(&self);
    at_settled_free(&settled);
    return status;
}
