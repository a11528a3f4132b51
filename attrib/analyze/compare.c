/* SPDX-License-Identifier: MIT */
/* The same queries in two runs: of models, checkpoints, methods, halves of the documents
 * that factors were fitted on, or seeds.
 *
 * 1. Sums over documents.
 * 2. What is found of each query.
 * 3. Tables. */
#include "analyze/compare.h"

#include <math.h>
#include <stdlib.h>

#include "analyze/ranks.h"
#include "analyze/stats.h"
#include "run/top.h"

/* 1. Sums over documents */

/* Means and sums of squares around them, which follow each pair of numbers. */
typedef struct moments {
    double n, mean_x, mean_y, xx, yy, xy;
} moments;

static void moments_add(moments *m, double x, double y)
{
    m->n++;
    double from_x = x - m->mean_x;
    double from_y = y - m->mean_y;
    m->mean_x += from_x / m->n;
    m->mean_y += from_y / m->n;
    m->xx += from_x * (x - m->mean_x);
    m->yy += from_y * (y - m->mean_y);
    m->xy += from_x * (y - m->mean_y);
}

static double moments_correlation(const moments *m)
{
    double scale = sqrt(m->xx) * sqrt(m->yy);
    return scale > 0 ? fmax(-1, fmin(1, m->xy / scale)) : (double)NAN;
}

/* A query of both runs. */
typedef struct pair {
    size_t first, second; /* its places; second SIZE_MAX: it is in one run only */
    moments scores, positive, negative;
    size_t n_same_sign;
    at_top top_first, top_second;
} pair;

typedef struct comparison {
    const at_inquiry *inquiry;
    pair *pairs; /* [Q] */
    size_t n_pairs;
    double *scores; /* [n block, Q of the other run] */
    size_t capacity;
} comparison;

static void comparison_free(comparison *c)
{
    for (size_t i = 0; i < c->n_pairs; i++) {
        at_top_free(&c->pairs[i].top_first);
        at_top_free(&c->pairs[i].top_second);
    }
    free(c->pairs);
    free(c->scores);
}

static attrib_status comparison_new(const at_inquiry *inquiry,
                                    comparison *c,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = inquiry->subject.info->n_queries;
    size_t k = at_smaller(inquiry->options.top, inquiry->subject.info->n_documents);
    size_t *matches = NULL;
    c->inquiry = inquiry;
    AT_TRY(at_check_unfiltered(&inquiry->subject, err));
    AT_TRY(at_check_unfiltered(&inquiry->other, err));
    AT_TRY(at_match_documents(inquiry, err));
    AT_TRY(at_match_queries(inquiry, &matches, err));
    AT_TRY(at_array(n, sizeof *c->pairs, (void *)&c->pairs, err));
    for (size_t q = 0; q < n; q++) {
        if (matches[q] != SIZE_MAX) {
            pair *p = &c->pairs[c->n_pairs++];
            *p = (pair){.first = q, .second = matches[q]};
            AT_TRY(at_top_new(k, &p->top_first, err));
            AT_TRY(at_top_new(k, &p->top_second, err));
        }
    }
done:
    free(matches);
    return status;
}

static void add_document(pair *p, size_t document, double x, double y)
{
    moments_add(&p->scores, x, y);
    moments_add(&p->positive, fmax(x, 0), fmax(y, 0));
    moments_add(&p->negative, fmin(x, 0), fmin(y, 0));
    p->n_same_sign += (x > 0) == (y > 0) && (x < 0) == (y < 0);
    at_top_add(&p->top_first, document, x);
    at_top_add(&p->top_second, document, y);
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    comparison *c = context;
    const at_subject *other = &c->inquiry->other;
    size_t n_queries = c->inquiry->subject.info->n_queries;
    size_t n_others = other->info->n_queries;
    AT_TRY(at_grow(&c->scores, &c->capacity, n * n_others, sizeof *c->scores, err));
    AT_TRY(attrib_run_scores(other->run, other->i_plane, first, n, c->scores, err));
    for (size_t i = 0; i < c->n_pairs; i++) {
        pair *p = &c->pairs[i];
        for (size_t d = 0; d < n; d++) {
            double y = c->scores[d * n_others + p->second];
            AT_CHECK(isfinite(y), ATTRIB_ENUMERIC,
                     "the score of document %zu for query \"%s\" is not finite",
                     first + d, at_subject_answer(other, p->second)->query.id);
            add_document(p, first + d, scores[d * n_queries + p->first], y);
        }
    }
done:
    return status;
}

/* 2. What is found of each query */

/* Documents of both lists over those of either (Jaccard). */
static double overlap(const at_ranked *a, size_t n_a, const at_ranked *b, size_t n_b)
{
    size_t n_both = 0;
    for (size_t i = 0; i < n_a; i++) {
        for (size_t j = 0; j < n_b; j++) {
            n_both += a[i].document == b[j].document;
        }
    }
    return (double)n_both / (double)(n_a + n_b - n_both);
}

static double rank_correlation(const at_rank_table *first,
                               const at_rank_table *second,
                               const pair *p)
{
    moments m = {0};
    for (size_t d = 0; d < first->n_documents; d++) {
        moments_add(&m, first->ranks[d * first->n_queries + p->first],
                    second->ranks[d * second->n_queries + p->second]);
    }
    return moments_correlation(&m);
}

/* 3. Tables */

enum {
    QUERY,
    PEARSON,
    SPEARMAN,
    POSITIVE,
    NEGATIVE,
    SAME_SIGN,
    TOP_OVERLAP,
    BOTTOM_OVERLAP,
    N_COLUMNS
};

static const attrib_column columns[N_COLUMNS] = {
    [QUERY] = {"query", "text", "id of the query", false},
    [PEARSON] = {"pearson", "correlation", "of its scores over all documents", false},
    [SPEARMAN] = {"spearman", "correlation", "of the ranks of documents", false},
    [POSITIVE] = {"positive", "correlation", "Pearson's, scores below 0 taken as 0",
                  false},
    [NEGATIVE] = {"negative", "correlation", "Pearson's, scores above 0 taken as 0",
                  false},
    [SAME_SIGN] = {"same_sign", "share", "of documents whose scores have the same sign",
                   false},
    [TOP_OVERLAP] = {"top_overlap", "share",
                     "documents among the first of both runs over those of either",
                     false},
    [BOTTOM_OVERLAP] = {"bottom_overlap", "share", "the same of the last", false},
};

static attrib_status add_pair(const comparison *c,
                              const pair *p,
                              double spearman,
                              attrib_analysis *out,
                              attrib_error *err)
{
    const at_top *a = &p->top_first;
    const at_top *b = &p->top_second;
    const attrib_cell row[N_COLUMNS] = {
        [QUERY] =
            at_text_cell(at_subject_answer(&c->inquiry->subject, p->first)->query.id),
        [PEARSON] = at_number_cell(moments_correlation(&p->scores)),
        [SPEARMAN] = at_number_cell(spearman),
        [POSITIVE] = at_number_cell(moments_correlation(&p->positive)),
        [NEGATIVE] = at_number_cell(moments_correlation(&p->negative)),
        [SAME_SIGN] = at_number_cell((double)p->n_same_sign / p->scores.n),
        [TOP_OVERLAP] = at_number_cell(overlap(a->best, a->n_best, b->best, b->n_best)),
        [BOTTOM_OVERLAP] =
            at_number_cell(overlap(a->worst, a->n_worst, b->worst, b->n_worst)),
    };
    return at_analysis_row(out, row, err);
}

/* The rows of all queries, and their means in words. */
static attrib_status add_pairs(const comparison *c,
                               const at_rank_table *first,
                               const at_rank_table *second,
                               attrib_analysis *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double pearson = 0;
    double spearman = 0;
    double top = 0;
    for (size_t i = 0; i < c->n_pairs; i++) {
        const pair *p = &c->pairs[i];
        double rank = rank_correlation(first, second, p);
        AT_TRY(add_pair(c, p, rank, out, err));
        pearson += moments_correlation(&p->scores) / (double)c->n_pairs;
        spearman += rank / (double)c->n_pairs;
        top += overlap(p->top_first.best, p->top_first.n_best, p->top_second.best,
                       p->top_second.n_best) /
               (double)c->n_pairs;
    }
    AT_TRY(at_analysis_say(out, err,
                           "Means over %zu queries: Pearson %.3f, Spearman %.3f, overlap "
                           "of the first %zu documents %.3f.",
                           c->n_pairs, pearson, spearman, c->pairs[0].top_first.k, top));
done:
    return status;
}

static attrib_status say_unmatched(const comparison *c,
                                   attrib_analysis *out,
                                   attrib_error *err)
{
    size_t n = c->inquiry->subject.info->n_queries;
    return c->n_pairs == n
               ? ATTRIB_OK
               : at_analysis_say(out, err, "%zu of %zu queries are in both runs.",
                                 c->n_pairs, n);
}

attrib_status at_compare_queries(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    comparison c = {0};
    at_rank_table first = {0};
    at_rank_table second = {0};
    AT_TRY(comparison_new(inquiry, &c, err));
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, &c, err));
    AT_TRY(at_rank_documents(inquiry, &inquiry->subject, &first, err));
    AT_TRY(at_rank_documents(inquiry, &inquiry->other, &second, err));
    AT_TRY(at_analysis_begin(out, attrib_analysis_kind(out), "Queries in both runs",
                             columns, N_COLUMNS, err));
    AT_TRY(add_pairs(&c, &first, &second, out, err));
    AT_TRY(say_unmatched(&c, out, err));
    AT_TRY(at_say_ranked(&first, out, err));
done:
    free(first.ranks);
    free(second.ranks);
    comparison_free(&c);
    return status;
}
