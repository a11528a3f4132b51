/* SPDX-License-Identifier: MIT */
/* The baselines of a run.
 *
 * 1. Among the settings.   2. Queries.   3. Scores.   4. Answers. */
#include "score/baselines.h"

#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "baseline/hidden.h"
#include "baseline/lexical.h"
#include "score/refusals.h"
#include "score/source.h"
#include "score/stream.h"

struct at_baselines {
    const at_setup *setup;
    at_prepared cases;    /* under all baselines; without maps, losses are borrowed */
    at_lexical lexical;   /* empty where there is no BM25 */
    at_hidden *hidden;    /* [n_baselines] empty where they are others */
    double *unknown_self; /* [n_cases] NaN: what has no gradient has no self-influence */
};

/* 1. Among the settings */

attrib_status at_baselines_check(const attrib_score_options *options,
                                 const attrib_model *model,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = attrib_model_describe(model)->n_layers;
    size_t n = 0;
    for (size_t s = 0; s < options->n_settings; s++) {
        const attrib_setting *setting = &options->settings[s];
        bool is_baseline = attrib_strategy_is_baseline(setting->strategy);
        AT_CHECK(is_baseline || n == 0, ATTRIB_EINVAL,
                 "settings: %s stands after a baseline, expected all baselines last",
                 attrib_strategy_name(setting->strategy));
        AT_CHECK(setting->strategy != ATTRIB_HIDDEN ||
                     setting->layer == ATTRIB_LAYER_LAST || setting->layer <= n_layers,
                 ATTRIB_EINVAL,
                 "baseline hidden: layer %zu of a model of %zu, expected 0 to %zu",
                 setting->layer, n_layers, n_layers);
        n += is_baseline;
    }
    if (n > 0) {
        AT_TRY(at_refuse_options(AT_JOB_WITH_BASELINES, options, err));
    }
    AT_CHECK(n < options->n_settings || !options->with_self, ATTRIB_EINVAL,
             "self-influences (and cosines, which need them) take gradients, which "
             "baselines do not have: name a strategy too");
done:
    return status;
}

void at_baselines_split(at_setup *setup)
{
    attrib_score_options *options = &setup->options;
    size_t n = options->n_settings;
    options->n_settings = 0;
    setup->n_baselines = 0;
    for (size_t s = 0; s < n; s++) {
        attrib_setting setting = options->settings[s];
        bool is_last =
            setting.strategy != ATTRIB_HIDDEN || setting.layer == ATTRIB_LAYER_LAST;
        if (attrib_strategy_is_baseline(setting.strategy)) {
            setup->baselines[setup->n_baselines++] = (attrib_setting){
                .strategy = setting.strategy,
                .damping = 0.1,
                .layer = is_last ? attrib_model_describe(setup->model)->n_layers
                                 : setting.layer};
        } else {
            setting.layer = ATTRIB_LAYER_LAST;
            options->settings[options->n_settings++] = setting;
        }
    }
}

void at_baselines_join(const at_setup *setup, attrib_score_options *options)
{
    for (size_t b = 0; b < setup->n_baselines; b++) {
        options->settings[options->n_settings++] = setup->baselines[b];
    }
}

/* 2. Queries */

static attrib_status prepare_queries(at_baselines *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    for (size_t b = 0; b < setup->n_baselines; b++) {
        if (setup->baselines[b].strategy == ATTRIB_HIDDEN) {
            AT_TRY(at_hidden_new(setup, setup->baselines[b].layer, self->cases.tile,
                                 &self->hidden[b], err));
        } else {
            AT_TRY(at_lexical_new(setup, AT_BM25, self->cases.tile, setup->frequencies,
                                  &self->lexical, err));
        }
    }
done:
    return status;
}

attrib_status at_baselines_new(const at_setup *setup,
                               const at_prepared *prepared,
                               at_baselines **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_baselines *self = NULL;
    *out = NULL;
    if (setup->n_baselines == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->setup = setup;
    self->cases = (at_prepared){.tile = prepared->tile,
                                .n_cases = setup->n_baselines * prepared->tile.n,
                                .first_setting = setup->options.n_settings,
                                .losses = prepared->losses,
                                .measured = prepared->measured};
    AT_TRY(at_array(self->cases.n_cases, sizeof *self->unknown_self, &self->unknown_self,
                    err));
    for (size_t v = 0; v < self->cases.n_cases; v++) {
        self->unknown_self[v] = (double)NAN;
    }
    self->cases.self = self->unknown_self;
    AT_TRY(at_array(setup->n_baselines, sizeof *self->hidden, &self->hidden, err));
    AT_TRY(prepare_queries(self, err));
    *out = self;
    self = NULL;
done:
    at_baselines_free(self);
    return status;
}

void at_baselines_free(at_baselines *baselines)
{
    if (!baselines) {
        return;
    }
    for (size_t b = 0; baselines->hidden && b < baselines->setup->n_baselines; b++) {
        at_hidden_free(&baselines->hidden[b]);
    }
    free(baselines->hidden);
    free(baselines->unknown_self);
    at_lexical_free(&baselines->lexical);
    free(baselines);
}

/* 3. Scores */

/* Documents that a worker counts at a time. */
#define BLOCK_DOCUMENTS ((size_t)32)

typedef struct scoring {
    const at_baselines *self;
    const at_document_list *list;
    at_bag *bags; /* [n_workers] */
    double *out;  /* [n, queries of the tile] */
} scoring;

static attrib_status score_block(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const scoring *s = context;
    const attrib_corpus *corpus = s->self->setup->corpus;
    const at_lexical *lexical = &s->self->lexical;
    size_t end = at_smaller((i_block + 1) * BLOCK_DOCUMENTS, s->list->n);
    for (size_t i = i_block * BLOCK_DOCUMENTS; i < end; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, s->list->documents[i], &document);
        AT_TRY(at_bag_fill(&s->bags[i_worker], corpus, &document, err));
        at_lexical_score(lexical, &s->bags[i_worker], s->out + i * lexical->n_queries);
    }
done:
    return status;
}

static attrib_status score_lexical(const at_baselines *self,
                                   const at_document_list *list,
                                   double *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    size_t n_blocks = (list->n + BLOCK_DOCUMENTS - 1) / BLOCK_DOCUMENTS;
    size_t n_workers = at_n_workers(setup->session, n_blocks);
    scoring s = {self, list, NULL, out};
    AT_TRY(at_array(n_workers, sizeof *s.bags, &s.bags, err));
    for (size_t w = 0; w < n_workers; w++) {
        AT_TRY(at_bag_new(setup->frequencies->n_vocabulary, &s.bags[w], err));
    }
    AT_TRY(at_parallel_for(setup->session, n_blocks, score_block, &s, err));
done:
    for (size_t w = 0; s.bags && w < n_workers; w++) {
        at_bag_free(&s.bags[w]);
    }
    free(s.bags);
    return status;
}

/* Put the scores of a baseline, [n, queries], into its columns of a slice. */
static void put_scores(const at_baselines *self,
                       size_t i_baseline,
                       const at_document_list *list,
                       const double *from,
                       at_slice *slice)
{
    size_t n_queries = self->cases.tile.n;
    size_t column = (self->cases.first_setting + i_baseline) * n_queries;
    double *scores = slice->arrays[AT_SCORES];
    for (size_t i = 0; i < list->n; i++) {
        size_t d = list->documents[i] - slice->first;
        for (size_t q = 0; q < n_queries; q++) {
            scores[d * slice->counts.n_cases + column + q] = from[i * n_queries + q];
        }
    }
}

/* Self-influences of baselines are not known. */
static void put_self(const at_baselines *self, at_slice *slice)
{
    double *numbers = slice->arrays[AT_SELF];
    for (size_t d = 0; numbers && d < slice->counts.n_documents; d++) {
        for (size_t b = 0; b < self->setup->n_baselines; b++) {
            numbers[d * slice->counts.n_settings + self->cases.first_setting + b] =
                (double)NAN;
        }
    }
}

attrib_status at_baselines_score(const at_baselines *baselines,
                                 at_slice *slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = baselines->setup;
    size_t n = slice->counts.n_documents;
    at_scored scored = {0};
    double *scores = NULL;
    at_document_list list = {0};
    AT_TRY(at_scored_list(setup, slice->first, n, &scored, err));
    AT_TRY(at_array(n * baselines->cases.tile.n, sizeof *scores, &scores, err));
    list = (at_document_list){scored.documents, scored.n_documents};
    for (size_t b = 0; b < setup->n_baselines; b++) {
        if (setup->baselines[b].strategy == ATTRIB_HIDDEN) {
            AT_TRY(at_hidden_score(&baselines->hidden[b], &list, scores, err));
        } else {
            AT_TRY(score_lexical(baselines, &list, scores, err));
        }
        put_scores(baselines, b, &list, scores, slice);
    }
    put_self(baselines, slice);
done:
    at_scored_free(&scored);
    free(scores);
    return status;
}

attrib_status at_baselines_bytes(const at_setup *setup,
                                 size_t n_queries,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_model_info *model = attrib_model_describe(setup->model);
    double of_slice = (double)at_smaller(setup->n_documents, AT_SLICE_DOCUMENTS) *
                      (double)n_queries * sizeof(double);
    *out = 0;
    for (size_t b = 0; b < setup->n_baselines; b++) {
        double bytes =
            (double)setup->n_workers * (double)model->n_vocabulary * sizeof(uint32_t);
        if (setup->baselines[b].strategy == ATTRIB_HIDDEN) {
            double n_sums = (double)n_queries + (double)AT_SLICE_DOCUMENTS;
            AT_TRY(at_hidden_bytes(setup, &bytes, err));
            bytes = bytes * (double)setup->n_workers +
                    n_sums * (double)model->width * sizeof(double);
        }
        *out = fmax(*out, bytes + of_slice);
    }
done:
    return status;
}

/* 4. Answers */

/* Fill the shares of tokens of pairs under one baseline, [n] of [n tokens]. */
static attrib_status share_lexical(const at_baselines *self,
                                   at_pair *pairs,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_corpus *corpus = self->setup->corpus;
    at_bag bag = {0};
    AT_TRY(at_bag_new(self->setup->frequencies->n_vocabulary, &bag, err));
    for (size_t k = 0; k < n; k++) {
        attrib_document document;
        attrib_corpus_document(corpus, pairs[k].document, &document);
        AT_TRY(at_bag_fill(&bag, corpus, &document, err));
        at_lexical_shares(&self->lexical, &bag, corpus, &document,
                          pairs[k].i_case % self->cases.tile.n, pairs[k].tokens);
    }
done:
    at_bag_free(&bag);
    return status;
}

static attrib_status share_hidden(const at_baselines *self,
                                  const at_hidden *hidden,
                                  at_pair *pairs,
                                  size_t n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *documents = NULL;
    at_hidden_pair *shares = NULL;
    at_document_list list = {0};
    AT_TRY(at_array(n, sizeof *documents, &documents, err));
    AT_TRY(at_array(n, sizeof *shares, &shares, err));
    for (size_t k = 0; k < n; k++) {
        if (list.n == 0 || documents[list.n - 1] != pairs[k].document) {
            documents[list.n++] = pairs[k].document;
        }
        shares[k] = (at_hidden_pair){list.n - 1, pairs[k].i_case % self->cases.tile.n,
                                     pairs[k].tokens};
    }
    list.documents = documents;
    AT_TRY(at_hidden_shares(hidden, &list, shares, n, err));
done:
    free(documents);
    free(shares);
    return status;
}

/* Fill the shares of tokens of all pairs, which are sorted by document. */
static attrib_status share(const at_baselines *self,
                           at_settled *settled,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    at_pair *some = NULL; /* those of one baseline; their shares are the settled ones' */
    AT_TRY(at_array(settled->n_pairs, sizeof *some, &some, err));
    for (size_t k = 0; k < settled->n_pairs; k++) {
        attrib_document document;
        attrib_corpus_document(setup->corpus, settled->pairs[k].document, &document);
        AT_TRY(
            at_array(document.n_tokens, sizeof(double), &settled->pairs[k].tokens, err));
    }
    for (size_t b = 0; b < setup->n_baselines; b++) {
        size_t n = 0;
        for (size_t k = 0; k < settled->n_pairs; k++) {
            if (settled->pairs[k].i_case / self->cases.tile.n == b) {
                some[n++] = settled->pairs[k];
            }
        }
        AT_TRY(setup->baselines[b].strategy == ATTRIB_HIDDEN
                   ? share_hidden(self, &self->hidden[b], some, n, err)
                   : share_lexical(self, some, n, err));
    }
done:
    free(some);
    return status;
}

attrib_status at_baselines_answer(const at_baselines *baselines,
                                  attrib_run *run,
                                  size_t i_tile,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled settled = {0};
    at_stream scores = {&baselines->cases, run, i_tile};
    AT_TRY(at_settle_tops(&scores, baselines->setup->options.top, &settled, err));
    AT_TRY(at_drawn_find(&scores, baselines->setup->candidates, &settled.drawn, err));
    AT_TRY(share(baselines, &settled, err));
    AT_TRY(at_answers_build(run, baselines->setup, &baselines->cases, &settled, err));
done:
    at_settled_free(&settled);
    return status;
}
