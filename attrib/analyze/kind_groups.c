/* SPDX-License-Identifier: MIT */
/* Which groups of documents help or hinder which groups of queries.
 *
 * 1. Sums over documents.
 * 2. Lists and tests.
 * 3. What is found of a pair of groups.
 * 4. The table. */
#include <math.h>
#include <stdlib.h>

#include "analyze/analyze.h"
#include "analyze/groups.h"
#include "analyze/permute.h"
#include "analyze/stats.h"
#include "run/top.h"

/* 1. Sums over documents */

typedef struct sums {
    const at_inquiry *inquiry;
    size_t n_queries;
    at_grouping documents, queries;
    double *all;      /* [G, Q] sums of scores over the documents of a group */
    double *positive; /* [G, Q] of those above 0 */
    double *total;    /* [Q] of those above 0 over all documents */
    at_top *tops;     /* [Q] */
    at_listed *listed;
    size_t n_listed, listed_capacity;
    size_t *counts; /* [sides, G, H] */
    double *p;      /* [sides, G, H] */
    double *rates;  /* [sides, G, H] */
    attrib_permute kind;
} sums;

static void sums_free(sums *s)
{
    for (size_t q = 0; s->tops && q < s->n_queries; q++) {
        at_top_free(&s->tops[q]);
    }
    at_grouping_free(&s->documents);
    at_grouping_free(&s->queries);
    free(s->all);
    free(s->positive);
    free(s->total);
    free(s->tops);
    free(s->listed);
    free(s->counts);
    free(s->p);
    free(s->rates);
}

static attrib_status sums_new(const at_inquiry *inquiry, sums *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = inquiry->subject.info;
    size_t k = at_smaller(inquiry->options.top, info->n_documents);
    size_t n = 0;
    s->inquiry = inquiry;
    s->n_queries = info->n_queries;
    AT_TRY(
        at_group_documents(inquiry, inquiry->options.document_tag, &s->documents, err));
    AT_TRY(at_group_queries(inquiry, &s->queries, err));
    AT_TRY(at_mul(s->documents.n_groups, s->n_queries, &n, err));
    AT_TRY(at_array(n, sizeof *s->all, (void *)&s->all, err));
    AT_TRY(at_array(n, sizeof *s->positive, (void *)&s->positive, err));
    AT_TRY(at_array(s->n_queries, sizeof *s->total, (void *)&s->total, err));
    AT_TRY(at_array(s->n_queries, sizeof *s->tops, (void *)&s->tops, err));
    for (size_t q = 0; q < s->n_queries; q++) {
        AT_TRY(at_top_new(k, &s->tops[q], err));
    }
done:
    return status;
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    sums *s = context;
    const at_grouping *g = &s->documents;
    (void)err;
    for (size_t d = first; d < first + n; d++, scores += s->n_queries) {
        for (size_t i = g->first[d]; i < g->first[d + 1]; i++) {
            double *all = s->all + g->groups[i] * s->n_queries;
            double *positive = s->positive + g->groups[i] * s->n_queries;
            for (size_t q = 0; q < s->n_queries; q++) {
                all[q] += scores[q];
                positive[q] += fmax(scores[q], 0);
            }
        }
        for (size_t q = 0; q < s->n_queries; q++) {
            s->total[q] += fmax(scores[q], 0);
            at_top_add(&s->tops[q], d, scores[q]);
        }
    }
    return ATTRIB_OK;
}

/* 2. Lists and tests */

static attrib_status list_end(sums *s,
                              size_t query,
                              size_t side,
                              const at_ranked *ranked,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&s->listed, &s->listed_capacity, s->n_listed + n, sizeof *s->listed,
                   err));
    for (size_t i = 0; i < n; i++) {
        s->listed[s->n_listed++] = (at_listed){ranked[i].document, query, side};
    }
done:
    return status;
}

static at_listing listing_of(const sums *s)
{
    return (at_listing){s->inquiry, &s->documents, &s->queries, s->listed, s->n_listed};
}

/* The p of a cell of one query is exact: its list is a draw without putting back. */
static void test_single_queries(sums *s)
{
    const at_listing listing = listing_of(s);
    size_t k = s->tops[0].k;
    for (size_t h = 0; h < s->queries.n_groups; h++) {
        for (size_t i = 0; s->queries.sizes[h] == 1 && i < AT_N_SIDES; i++) {
            for (size_t g = 0; g < s->documents.n_groups; g++) {
                size_t cell = at_cell_of(&listing, i, g, h);
                s->p[cell] = at_hypergeometric_p(s->counts[cell], s->documents.n_items,
                                                 s->documents.sizes[g], k);
            }
        }
    }
}

static bool has_pooled_queries(const at_grouping *queries)
{
    for (size_t h = 0; h < queries->n_groups; h++) {
        if (queries->sizes[h] > 1) {
            return true;
        }
    }
    return false;
}

static attrib_status test_lists(sums *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cells = s->documents.n_groups * s->queries.n_groups;
    at_listing listing = {0};
    for (size_t q = 0; q < s->n_queries; q++) {
        AT_TRY(list_end(s, q, 0, s->tops[q].best, s->tops[q].n_best, err));
        AT_TRY(list_end(s, q, 1, s->tops[q].worst, s->tops[q].n_worst, err));
    }
    listing = listing_of(s);
    AT_TRY(at_array(AT_N_SIDES * n_cells, sizeof *s->counts, (void *)&s->counts, err));
    AT_TRY(at_array(AT_N_SIDES * n_cells, sizeof *s->p, (void *)&s->p, err));
    AT_TRY(at_array(AT_N_SIDES * n_cells, sizeof *s->rates, (void *)&s->rates, err));
    at_count_listed(&listing, s->counts);
    if (has_pooled_queries(&s->queries)) {
        AT_TRY(at_permutation_test(&listing, s->p, &s->kind, err));
    }
    test_single_queries(s);
    for (size_t i = 0; i < AT_N_SIDES * n_cells; i++) {
        s->rates[i] = s->p[i];
    }
    for (size_t side = 0; side < AT_N_SIDES; side++) {
        AT_TRY(at_discovery_rates(s->rates + side * n_cells, n_cells, err));
    }
done:
    return status;
}

/* 3. What is found of a pair of groups */

/* Numbers of the queries of a group, and room for resampling. */
typedef struct scratch {
    double *means;      /* [Q] of the scores of a group of documents */
    double *replicates; /* [replicates] */
} scratch;

typedef struct pair {
    size_t g, h;
    double sum, mean, per_nat, lift;
    at_interval interval; /* of the mean */
    double expected;      /* documents in the lists of one side */
} pair;

/* What a score is divided by to be of a nat of the query's loss; NAN where it makes no
 * sense. */
static double nats_of(const sums *s, size_t q)
{
    double loss = at_subject_answer(&s->inquiry->subject, q)->loss;
    switch (s->inquiry->subject.info->options->normalize) {
    case ATTRIB_NORMALIZE_NATS:
        return 1;
    case ATTRIB_NORMALIZE_NONE:
        return loss > 0 ? loss : (double)NAN;
    default:
        return (double)NAN;
    }
}

static pair find_pair(const sums *s, size_t g, size_t h, const scratch *room)
{
    const attrib_analyze_options *options = &s->inquiry->options;
    pair out = {.g = g, .h = h};
    double n_documents = (double)s->documents.sizes[g];
    double n_queries = (double)s->queries.sizes[h];
    double share = n_documents / (double)s->documents.n_items;
    size_t n = 0;
    for (size_t q = 0; q < s->n_queries; q++) {
        size_t cell = g * s->n_queries + q;
        bool is_member = false;
        for (size_t i = s->queries.first[q]; i < s->queries.first[q + 1]; i++) {
            is_member |= s->queries.groups[i] == h;
        }
        if (is_member) {
            room->means[n] = s->all[cell] / n_documents;
            out.sum += s->all[cell];
            out.mean += room->means[n] / n_queries;
            out.per_nat += room->means[n] / nats_of(s, q) / n_queries;
            out.lift += s->positive[cell] / s->total[q] / share / n_queries;
            n++;
        }
    }
    out.interval =
        at_bootstrap_mean(room->means, n, options->seed, g * s->queries.n_groups + h,
                          options->replicates, room->replicates);
    out.expected = share * n_queries * (double)s->tops[0].k;
    return out;
}

/* 4. The table */

static const attrib_column columns[] = {
    {"documents", "text", "group of documents", false},
    {"queries", "text", "group of queries", false},
    {"n_documents", "documents", "of the group", false},
    {"n_queries", "queries", "of the group", true},
    {"sum", "score", "over all pairs of a document and a query", true},
    {"mean", "score", "of a document for a query", false},
    {"mean_low", "score", "95 % by bootstrap over queries", false},
    {"mean_high", "score", "95 % by bootstrap over queries", false},
    {"per_nat", "score", "mean, scores divided by the query's loss", true},
    {"lift", "factor", "share of the positive influence over share of documents", false},
    {"top", "documents", "among the first of each query", true},
    {"expected", "documents", "among the first or last, by chance", true},
    {"enrichment", "factor", "among the first: top / expected", false},
    {"p", "probability", "of as many among the first by chance", true},
    {"rate", "probability", "false discovery rate of p", false},
    {"bottom", "documents", "among the last of each query", true},
    {"opposing", "factor", "among the last: bottom / expected", false},
    {"opposing_p", "probability", "of as many among the last by chance", true},
    {"opposing_rate", "probability", "false discovery rate of opposing_p", false},
};

static attrib_status add_row(const sums *s,
                             const pair *c,
                             attrib_analysis *out,
                             attrib_error *err)
{
    const at_listing listing = listing_of(s);
    size_t top = at_cell_of(&listing, 0, c->g, c->h);
    size_t bottom = at_cell_of(&listing, 1, c->g, c->h);
    const attrib_cell row[] = {
        at_text_cell(s->documents.names[c->g]),
        at_text_cell(s->queries.names[c->h]),
        at_count_cell(s->documents.sizes[c->g]),
        at_count_cell(s->queries.sizes[c->h]),
        at_number_cell(c->sum),
        at_number_cell(c->mean),
        at_number_cell(c->interval.low),
        at_number_cell(c->interval.high),
        at_number_cell(c->per_nat),
        at_number_cell(c->lift),
        at_count_cell(s->counts[top]),
        at_number_cell(c->expected),
        at_number_cell((double)s->counts[top] / c->expected),
        at_number_cell(s->p[top]),
        at_number_cell(s->rates[top]),
        at_count_cell(s->counts[bottom]),
        at_number_cell((double)s->counts[bottom] / c->expected),
        at_number_cell(s->p[bottom]),
        at_number_cell(s->rates[bottom]),
    };
    return at_analysis_row(out, row, err);
}

/* The rows of a group of queries, the documents that help most first. */
static attrib_status add_rows(
    const sums *s, size_t h, const scratch *room, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = s->documents.n_groups;
    pair *pairs = NULL;
    at_indexed *order = NULL;
    AT_TRY(at_array(n, sizeof *pairs, (void *)&pairs, err));
    AT_TRY(at_array(n, sizeof *order, (void *)&order, err));
    for (size_t g = 0; g < n; g++) {
        pairs[g] = find_pair(s, g, h, room);
        order[g] = (at_indexed){pairs[g].mean, g};
    }
    at_sort_indexed(order, n);
    for (size_t i = 0; i < n; i++) {
        AT_TRY(add_row(s, &pairs[order[i].index], out, err));
    }
done:
    free(pairs);
    free(order);
    return status;
}

static attrib_status say_how(const sums *s, attrib_analysis *out, attrib_error *err)
{
    static const char *const traded[] = {
        [ATTRIB_PERMUTE_AUTO] = "",
        [ATTRIB_PERMUTE_DOCUMENTS] = "any two documents",
        [ATTRIB_PERMUTE_WITHIN] = "documents of the same source",
        [ATTRIB_PERMUTE_SOURCES] = "whole sources",
    };
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_analysis_say(out, err,
                           "Enrichment is of the first %zu documents of each query, and "
                           "opposing of the last.",
                           s->tops[0].k));
    if (s->kind != ATTRIB_PERMUTE_AUTO) {
        AT_TRY(at_analysis_say(out, err,
                               "Where queries are pooled, p is of %zu permutations in "
                               "which %s trade their tags; of one query it is exact.",
                               s->inquiry->options.replicates, traded[s->kind]));
    }
    AT_TRY(at_say_untagged(&s->documents, s->inquiry->options.document_tag, out, err));
    if (s->inquiry->options.query_tag) {
        AT_TRY(at_say_untagged(&s->queries, s->inquiry->options.query_tag, out, err));
    }
done:
    return status;
}

attrib_status at_analyze_groups(const at_inquiry *inquiry,
                                attrib_analysis *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sums s = {0};
    scratch room = {0};
    AT_TRY(sums_new(inquiry, &s, err));
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, &s, err));
    AT_TRY(test_lists(&s, err));
    AT_TRY(at_analysis_begin(out, "groups", "Groups of documents for groups of queries",
                             columns, AT_N_COLUMNS(columns), err));
    AT_TRY(at_array(s.n_queries, sizeof *room.means, (void *)&room.means, err));
    AT_TRY(at_array(inquiry->options.replicates, sizeof *room.replicates,
                    (void *)&room.replicates, err));
    for (size_t h = 0; h < s.queries.n_groups; h++) {
        AT_TRY(add_rows(&s, h, &room, out, err));
    }
    AT_TRY(say_how(&s, out, err));
done:
    free(room.means);
    free(room.replicates);
    sums_free(&s);
    return status;
}
