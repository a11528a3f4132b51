/* SPDX-License-Identifier: MIT */
/* The documents of a run ranked anew: by another number, or only some of them. */
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "run/run.h"
#include "run/top.h"

/* A ranking on its way, a slice of documents at a time. */
typedef struct walk {
    attrib_run *run;
    attrib_rank_options options;
    size_t i_setting;
    const attrib_answer *answer;   /* NULL where self-influences rank alone */
    const attrib_result **results; /* [n_results] that were reported, by document */
    size_t n_results, i_result;    /* i_result: the next that the walk comes by */
    double *values, *self;         /* [AT_SLICE_DOCUMENTS] */
    at_top top;
    size_t n_ranked;
} walk;

void attrib_rank_options_init(attrib_rank_options *options, size_t size)
{
    const attrib_rank_options standard = {.n_top = 10, .n_bottom = 10};
    at_sized_fill(&standard, sizeof standard, options, size);
}

/* 1. What is ranked */

static int compare_results(const void *a, const void *b)
{
    const attrib_result *const *x = a;
    const attrib_result *const *y = b;
    size_t i = (*x)->document.index;
    size_t k = (*y)->document.index;
    return (i > k) - (i < k);
}

/* Collect the documents that were reported for the answer. */
static attrib_status collect_results(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    self->n_results = answer->n_top + answer->n_bottom;
    AT_TRY(at_array(self->n_results, sizeof *self->results, &self->results, err));
    for (size_t i = 0; i < self->n_results; i++) {
        self->results[i] =
            i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
    }
    qsort(self->results, self->n_results, sizeof *self->results, compare_results);
done:
    return status;
}

static attrib_status check_options(const walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = self->run;
    const attrib_rank_options *options = &self->options;
    bool is_self = options->by == ATTRIB_BY_SELF;
    AT_CHECK(options->by == ATTRIB_BY_SCORE || at_run_holds(run, AT_SELF), ATTRIB_EINVAL,
             "a run without self-influences, which %s need: score with --self",
             is_self ? "such rankings" : "cosines");
    AT_CHECK(is_self || options->i_answer < run->info.n_answers, ATTRIB_EINVAL,
             "answer %zu of %zu", options->i_answer, run->info.n_answers);
    AT_CHECK(!is_self || options->i_setting < run->options.n_settings, ATTRIB_EINVAL,
             "setting %zu of %zu", options->i_setting, run->options.n_settings);
    AT_CHECK(!options->tag == !options->tag_value, ATTRIB_EINVAL,
             "a tag without a value, or a value without a tag");
    AT_CHECK(options->n_top > 0 || options->n_bottom > 0, ATTRIB_EINVAL,
             "a ranking without a document");
done:
    return status;
}

static attrib_status open_walk(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = self->run;
    bool is_self = self->options.by == ATTRIB_BY_SELF;
    AT_TRY(check_options(self, err));
    self->i_setting =
        is_self ? self->options.i_setting : self->options.i_answer / run->info.n_queries;
    if (!is_self) {
        self->answer = &run->answers[self->options.i_answer];
        AT_CHECK(self->options.by != ATTRIB_BY_COSINE || self->answer->self_influence > 0,
                 ATTRIB_ENUMERIC, "query \"%.80s\": a gradient of 0 has no cosine",
                 self->answer->query.id);
        AT_TRY(collect_results(self, err));
    }
    AT_TRY(at_array(AT_SLICE_DOCUMENTS, sizeof *self->values, &self->values, err));
    AT_TRY(at_array(AT_SLICE_DOCUMENTS, sizeof *self->self, &self->self, err));
    AT_TRY(at_top_new(at_smaller(at_larger(self->options.n_top, self->options.n_bottom),
                                 run->info.n_documents),
                      &self->top, err));
done:
    return status;
}

static void close_walk(walk *self)
{
    free(self->results);
    free(self->values);
    free(self->self);
    at_top_free(&self->top);
}

/* 2. Numbers of documents */

/* The score as it stands in answers: exact for a document that was reported. */
static double score_of(walk *self, size_t document, double score)
{
    while (self->i_result < self->n_results &&
           self->results[self->i_result]->document.index < document) {
        self->i_result++;
    }
    bool is_reported = self->i_result < self->n_results &&
                       self->results[self->i_result]->document.index == document;
    return is_reported ? self->results[self->i_result]->score : score;
}

static double cosine_of(const walk *self, double score, double document_self)
{
    const attrib_answer *answer = self->answer;
    switch (self->run->options.normalize) {
    case ATTRIB_NORMALIZE_UNIT:
        return score;
    case ATTRIB_NORMALIZE_NATS:
        score *= answer->loss;
        break;
    case ATTRIB_NORMALIZE_NONE:
        break;
    }
    return score * at_score_scale(ATTRIB_NORMALIZE_UNIT, answer->loss,
                                  answer->self_influence, document_self);
}

static attrib_status read_values(walk *self, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (self->options.by != ATTRIB_BY_SCORE) {
        AT_TRY(attrib_run_self(self->run, self->i_setting, first, n, self->self, err));
    }
    if (self->options.by == ATTRIB_BY_SELF) {
        memcpy(self->values, self->self, n * sizeof *self->values);
        goto done;
    }
    AT_TRY(at_run_query_scores(self->run, self->options.i_answer, first, n, self->values,
                               err));
    for (size_t d = 0; d < n; d++) {
        double score = score_of(self, first + d, self->values[d]);
        self->values[d] = self->options.by == ATTRIB_BY_COSINE
                              ? cosine_of(self, score, self->self[d])
                              : score;
    }
done:
    return status;
}

/* 3. Ranking */

/* Whether a document has the tag that is asked for. */
static bool has_tag(const attrib_rank_options *options, const attrib_document *document)
{
    for (size_t i = 0; options->tag && i < document->n_tags; i++) {
        if (strcmp(document->tags[i].key, options->tag) == 0) {
            return strcmp(document->tags[i].value, options->tag_value) == 0;
        }
    }
    return !options->tag;
}

static attrib_status rank_slice(walk *self, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_values(self, first, n, err));
    for (size_t d = 0; d < n; d++) {
        attrib_document document;
        if (self->options.where || self->options.tag) {
            AT_TRY(attrib_run_document(self->run, first + d, &document, err));
            if (!attrib_where_holds(self->options.where, &document) ||
                !has_tag(&self->options, &document)) {
                continue;
            }
        }
        at_top_add(&self->top, first + d, self->values[d]);
        self->n_ranked++;
    }
done:
    return status;
}

static attrib_status keep_end(const at_ranked *from,
                              size_t n,
                              attrib_ranked **out,
                              size_t *n_out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(n, sizeof **out, out, err));
    for (size_t i = 0; i < n; i++) {
        (*out)[i] = (attrib_ranked){from[i].document, from[i].score};
    }
    *n_out = n;
done:
    return status;
}

/* Take the ends that are wanted. The first ones are best, and the others worst. */
static attrib_status keep_ranking(walk *self, attrib_ranking *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_top *top = &self->top;
    attrib_ranking ranking = {.n_ranked = self->n_ranked};
    top->n_best = at_smaller(top->n_best, self->options.n_top);
    at_top_separate(top);
    AT_TRY(keep_end(top->best, top->n_best, &ranking.top, &ranking.n_top, err));
    AT_TRY(keep_end(top->worst, at_smaller(top->n_worst, self->options.n_bottom),
                    &ranking.bottom, &ranking.n_bottom, err));
    *out = ranking;
    ranking = (attrib_ranking){0};
done:
    attrib_ranking_free(&ranking);
    return status;
}

attrib_status attrib_run_rank(attrib_run *run,
                              const attrib_rank_options *options,
                              attrib_ranking *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    walk self = {.run = run};
    attrib_rank_options_default(&self.options);
    AT_TRY(at_sized_take(options, "rank_options", &self.options, err));
    AT_TRY(open_walk(&self, err));
    for (size_t first = 0; first < run->info.n_documents; first += AT_SLICE_DOCUMENTS) {
        size_t n = at_smaller(run->info.n_documents - first, AT_SLICE_DOCUMENTS);
        AT_TRY(rank_slice(&self, first, n, err));
    }
    AT_TRY(keep_ranking(&self, out, err));
done:
    close_walk(&self);
    return status;
}

void attrib_ranking_free(attrib_ranking *ranking)
{
    free(ranking->top);
    free(ranking->bottom);
    *ranking = (attrib_ranking){0};
}
