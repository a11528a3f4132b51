/* SPDX-License-Identifier: MIT */
/* The documents of a run ranked anew: by another number, or only some of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "run/run.h"
#include "run/top.h"

/* The score of a document that was reported for a query, which is exact. */
typedef struct reported {
    size_t document, i_query;
    double score;
} reported;

/* A ranking on its way, a slice of documents at a time. */
typedef struct walk {
    attrib_run *run;
    attrib_rank_options options;
    size_t i_setting;
    const attrib_answer *answer; /* NULL where self-influences or aggregates rank */
    reported *results;           /* [n_results] by document and query */
    size_t n_results, i_result;  /* i_result: the next that the walk comes by */
    double *values, *self;       /* [AT_SLICE_DOCUMENTS] */
    double *scores;              /* [AT_SLICE_DOCUMENTS, Q] for an aggregate */
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
    const reported *x = a;
    const reported *y = b;
    if (x->document != y->document) {
        return x->document < y->document ? -1 : 1;
    }
    return (x->i_query > y->i_query) - (x->i_query < y->i_query);
}

/* Collect the documents that were reported for answers first .. first + n. */
static attrib_status collect_results(walk *self,
                                     size_t first,
                                     size_t n,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answers = self->run->answers + first;
    size_t n_results = 0;
    for (size_t i = 0; i < n; i++) {
        n_results += answers[i].n_top + answers[i].n_bottom;
    }
    AT_TRY(at_array(n_results, sizeof *self->results, &self->results, err));
    for (size_t i = 0; i < n; i++) {
        const attrib_answer *a = &answers[i];
        for (size_t k = 0; k < a->n_top + a->n_bottom; k++) {
            const attrib_result *result =
                k < a->n_top ? &a->top[k] : &a->bottom[k - a->n_top];
            self->results[self->n_results++] =
                (reported){result->document.index, i, result->score};
        }
    }
    qsort(self->results, n_results, sizeof *self->results, compare_results);
done:
    return status;
}

static attrib_status check_options(const walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = self->run;
    const attrib_rank_options *options = &self->options;
    bool is_self = options->by == ATTRIB_BY_SELF;
    size_t i_setting = 0;
    bool is_of_query = !is_self && options->aggregate == ATTRIB_AGGREGATE_NONE;
    AT_CHECK(options->aggregate <= ATTRIB_AGGREGATE_MAX, ATTRIB_EINVAL,
             "aggregate %d is not a value of attrib_aggregate", (int)options->aggregate);
    AT_CHECK(options->aggregate == ATTRIB_AGGREGATE_NONE ||
                 (options->by == ATTRIB_BY_SCORE && run->info.n_queries > 0),
             ATTRIB_EINVAL, "aggregates are of the scores of queries");
    AT_CHECK(options->by == ATTRIB_BY_SCORE || at_run_holds(run, AT_SELF), ATTRIB_EINVAL,
             "a run without self-influences, which %s need: score with --self",
             is_self ? "such rankings" : "cosines");
    i_setting = is_of_query ? options->i_answer / at_larger(run->info.n_queries, 1)
                            : options->i_setting;
    AT_CHECK(options->by == ATTRIB_BY_SCORE || i_setting >= run->options.n_settings ||
                 !attrib_strategy_is_baseline(run->options.settings[i_setting].strategy),
             ATTRIB_EINVAL,
             "setting %zu is a baseline, which has no self-influences and so no cosines",
             i_setting + 1);
    AT_CHECK(!is_of_query || options->i_answer < run->info.n_answers, ATTRIB_EINVAL,
             "answer %zu of %zu", options->i_answer, run->info.n_answers);
    AT_CHECK(is_of_query || options->i_setting < run->options.n_settings, ATTRIB_EINVAL,
             "setting %zu of %zu", options->i_setting, run->options.n_settings);
    AT_CHECK(!options->tag == !options->tag_value, ATTRIB_EINVAL,
             "a tag without a value, or a value without a tag");
    AT_CHECK(options->n_top > 0 || options->n_bottom > 0, ATTRIB_EINVAL,
             "a ranking without a document");
done:
    return status;
}

/* Where one query ranks: its answer, and what was reported for it. */
static attrib_status open_query(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    self->i_setting = self->options.i_answer / self->run->info.n_queries;
    self->answer = &self->run->answers[self->options.i_answer];
    AT_CHECK(self->options.by != ATTRIB_BY_COSINE || self->answer->self_influence > 0,
             ATTRIB_ENUMERIC, "query \"%.80s\": a gradient of 0 has no cosine",
             self->answer->query.id);
    AT_TRY(collect_results(self, self->options.i_answer, 1, err));
done:
    return status;
}

/* Where all queries of a setting rank together. */
static attrib_status open_aggregate(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = self->run->info.n_queries;
    const attrib_answer *answers = self->run->answers + self->i_setting * n_queries;
    size_t n = 0;
    for (size_t q = 0; q < n_queries; q++) {
        AT_CHECK(self->options.aggregate != ATTRIB_AGGREGATE_NATS || answers[q].loss > 0,
                 ATTRIB_ENUMERIC, "query \"%.80s\": a loss of 0 divides no score",
                 answers[q].query.id);
    }
    AT_TRY(at_mul(AT_SLICE_DOCUMENTS, n_queries, &n, err));
    AT_TRY(at_array(n, sizeof *self->scores, &self->scores, err));
    AT_TRY(collect_results(self, self->i_setting * n_queries, n_queries, err));
done:
    return status;
}

static attrib_status open_walk(walk *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_options(self, err));
    self->i_setting = self->options.i_setting;
    if (self->options.aggregate != ATTRIB_AGGREGATE_NONE) {
        AT_TRY(open_aggregate(self, err));
    } else if (self->options.by != ATTRIB_BY_SELF) {
        AT_TRY(open_query(self, err));
    }
    AT_TRY(at_array(AT_SLICE_DOCUMENTS, sizeof *self->values, &self->values, err));
    AT_TRY(at_array(AT_SLICE_DOCUMENTS, sizeof *self->self, &self->self, err));
    AT_TRY(at_top_new(at_smaller(at_larger(self->options.n_top, self->options.n_bottom),
                                 self->run->info.n_documents),
                      &self->top, err));
done:
    return status;
}

static void close_walk(walk *self)
{
    free(self->results);
    free(self->scores);
    free(self->values);
    free(self->self);
    at_top_free(&self->top);
}

/* 2. Numbers of documents */

/* Put the scores as they stand in answers, exact for documents that were reported, into
 * those of documents first .. first + n for so many queries: scores [n, n_queries]. */
static void set_reported(
    walk *self, size_t first, size_t n, size_t n_queries, double *scores)
{
    for (; self->i_result < self->n_results; self->i_result++) {
        const reported *result = &self->results[self->i_result];
        if (result->document >= first + n) {
            break;
        }
        scores[(result->document - first) * n_queries + result->i_query] = result->score;
    }
}

/* What is made of a document's scores for all queries [Q]. */
static double aggregate_of(const walk *self, const double *scores)
{
    size_t n_queries = self->run->info.n_queries;
    const attrib_answer *answers = self->run->answers + self->i_setting * n_queries;
    bool is_per_nat = self->options.aggregate == ATTRIB_AGGREGATE_NATS &&
                      self->run->options.normalize != ATTRIB_NORMALIZE_NATS;
    double sum = 0;
    double most = -HUGE_VAL;
    size_t n = 0;
    for (size_t q = 0; q < n_queries; q++) {
        if (isnan(scores[q])) { /* a filter left the document out for this query */
            continue;
        }
        n++;
        sum += is_per_nat ? scores[q] / answers[q].loss : scores[q];
        most = scores[q] > most ? scores[q] : most;
    }
    if (n == 0) {
        return (double)NAN;
    }
    return self->options.aggregate == ATTRIB_AGGREGATE_MAX ? most : sum;
}

static attrib_status read_aggregates(walk *self,
                                     size_t first,
                                     size_t n,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = self->run->info.n_queries;
    size_t i_plane = self->i_setting * (1 + self->run->info.n_groups);
    AT_TRY(attrib_run_scores(self->run, i_plane, first, n, self->scores, err));
    set_reported(self, first, n, n_queries, self->scores);
    for (size_t d = 0; d < n; d++) {
        self->values[d] = aggregate_of(self, self->scores + d * n_queries);
    }
done:
    return status;
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
    if (self->options.aggregate != ATTRIB_AGGREGATE_NONE) {
        AT_TRY(read_aggregates(self, first, n, err));
        goto done;
    }
    AT_TRY(at_run_query_scores(self->run, self->options.i_answer, first, n, self->values,
                               err));
    set_reported(self, first, n, 1, self->values);
    for (size_t d = 0; d < n && self->options.by == ATTRIB_BY_COSINE; d++) {
        self->values[d] = cosine_of(self, self->values[d], self->self[d]);
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
        if (isnan(self->values[d])) { /* a filter left it out */
            continue;
        }
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
