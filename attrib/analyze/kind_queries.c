/* SPDX-License-Identifier: MIT */
/* Correlations between queries over all documents. Source: Ruis et al. 2024,
 * arXiv:2411.12580, section 5.1.
 *
 * 1. Products of all pairs of queries.
 * 2. Tables.
 * 3. The analysis. */
#include <math.h>
#include <stdlib.h>

#include "analyze/compare.h"
#include "analyze/ranks.h"
#include "analyze/stats.h"
#include "base/thread.h"
#include "linalg/linalg.h"

/* Pairs of more queries would take gigabytes. */
#define MAX_QUERIES ((size_t)2000)
/* Queries whose products with all before them are one block of work. */
#define TILE_QUERIES ((size_t)64)

/* 1. Products of all pairs of queries */

/* What is correlated: scores, their parts above and below 0, and their ranks. */
enum { SCORES, POSITIVE, NEGATIVE, RANKS, N_PARTS };

typedef struct products {
    const at_inquiry *inquiry;
    size_t n_queries, n_documents;
    double *means[RANKS];   /* [Q] */
    double *cross[N_PARTS]; /* [Q, Q] lower triangles: sums over documents of products
                               of what is left without the means */
    double *centred;        /* [n block, Q] */
    size_t capacity;        /* documents of `centred` */
} products;

static double part_of(double score, int part)
{
    return part == POSITIVE ? fmax(score, 0) : part == NEGATIVE ? fmin(score, 0) : score;
}

static attrib_status products_new(const at_inquiry *inquiry,
                                  products *p,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = inquiry->subject.info->n_queries;
    *p = (products){.inquiry = inquiry,
                    .n_queries = n,
                    .n_documents = inquiry->subject.info->n_documents};
    for (int part = 0; part < N_PARTS; part++) {
        AT_TRY(at_array(n * n, sizeof **p->cross, (void *)&p->cross[part], err));
    }
    for (int part = 0; part < RANKS; part++) {
        AT_TRY(at_array(n, sizeof **p->means, (void *)&p->means[part], err));
    }
done:
    return status;
}

static void products_free(products *p)
{
    for (int part = 0; part < N_PARTS; part++) {
        free(p->cross[part]);
    }
    for (int part = 0; part < RANKS; part++) {
        free(p->means[part]);
    }
    free(p->centred);
}

static attrib_status add_means(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    products *p = context;
    (void)first;
    (void)err;
    for (int part = 0; part < RANKS; part++) {
        for (size_t i = 0; i < n * p->n_queries; i++) {
            p->means[part][i % p->n_queries] +=
                part_of(scores[i], part) / (double)p->n_documents;
        }
    }
    return ATTRIB_OK;
}

/* Rows [n, Q] whose products are added to `cross`. */
typedef struct rows {
    const double *x;
    size_t n, n_queries;
    double *cross;
} rows;

static attrib_status add_tile(void *context, size_t i_worker, size_t i, attrib_error *err)
{
    const rows *r = context;
    size_t first = i * TILE_QUERIES;
    size_t n = at_smaller(TILE_QUERIES, r->n_queries - first);
    (void)i_worker;
    (void)err;
    at_gemm_add_f64(n, first + n, r->n, r->x + first, r->n_queries, r->x, r->n_queries,
                    r->cross + first * r->n_queries, r->n_queries);
    return ATTRIB_OK;
}

static attrib_status add_products(
    const products *p, int part, const double *x, size_t n, attrib_error *err)
{
    rows r = {x, n, p->n_queries, p->cross[part]};
    size_t n_tiles = (p->n_queries + TILE_QUERIES - 1) / TILE_QUERIES;
    return at_parallel_for(p->inquiry->session, n_tiles, add_tile, &r, err);
}

static attrib_status add_block(
    void *context, size_t first, size_t n, const double *scores, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    products *p = context;
    size_t n_cells = n * p->n_queries;
    (void)first;
    AT_TRY(at_grow(&p->centred, &p->capacity, n_cells, sizeof *p->centred, err));
    for (int part = 0; part < RANKS; part++) {
        for (size_t i = 0; i < n_cells; i++) {
            p->centred[i] = part_of(scores[i], part) - p->means[part][i % p->n_queries];
        }
        AT_TRY(add_products(p, part, p->centred, n, err));
    }
done:
    return status;
}

static double correlation(const products *p, int part, size_t i, size_t j)
{
    const double *c = p->cross[part];
    size_t n = p->n_queries;
    double scale = sqrt(c[i * n + i]) * sqrt(c[j * n + j]);
    double product = c[at_larger(i, j) * n + at_smaller(i, j)];
    return scale > 0 ? fmax(-1, fmin(1, product / scale)) : (double)NAN;
}

/* 2. Tables */

static const attrib_column pair_columns[] = {
    {"query", "text", "id of a query", false},
    {"other", "text", "id of another", false},
    {"pearson", "correlation", "of their scores over all documents", false},
    {"spearman", "correlation", "of the ranks of documents", false},
    {"positive", "correlation", "Pearson's, scores below 0 taken as 0", false},
    {"negative", "correlation", "Pearson's, scores above 0 taken as 0", false},
};

static const attrib_column cluster_columns[] = {
    {"query", "text", "id of the query", false},
    {"cluster", "number", "from 1, in the order of the queries", false},
    {"place", "number", "in the order that puts clusters side by side", true},
};

static const char *id_of(const products *p, size_t q)
{
    return at_subject_answer(&p->inquiry->subject, q)->query.id;
}

/* All pairs, the most alike or opposed first. */
static attrib_status add_pairs(const products *p, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = p->n_queries;
    size_t n_pairs = 0;
    at_indexed *pairs = NULL;
    AT_TRY(at_array(n * (n - 1) / 2, sizeof *pairs, (void *)&pairs, err));
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            double r = fabs(correlation(p, SCORES, i, j));
            pairs[n_pairs++] = (at_indexed){isnan(r) ? -1 : r, i * n + j};
        }
    }
    at_sort_indexed(pairs, n_pairs);
    for (size_t k = 0; k < n_pairs; k++) {
        size_t i = pairs[k].index / n;
        size_t j = pairs[k].index % n;
        const attrib_cell row[] = {at_text_cell(id_of(p, i)),
                                   at_text_cell(id_of(p, j)),
                                   at_number_cell(correlation(p, SCORES, i, j)),
                                   at_number_cell(correlation(p, RANKS, i, j)),
                                   at_number_cell(correlation(p, POSITIVE, i, j)),
                                   at_number_cell(correlation(p, NEGATIVE, i, j))};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    free(pairs);
    return status;
}

static attrib_status add_clusters(const products *p,
                                  attrib_analysis *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = p->n_queries;
    double *distances = NULL;
    size_t *places = NULL; /* [3 n] cluster, order, and the place of each query in it */
    AT_TRY(at_array(n * n, sizeof *distances, (void *)&distances, err));
    AT_TRY(at_array(3 * n, sizeof *places, (void *)&places, err));
    for (size_t i = 0; i < n * n; i++) {
        distances[i] = 1 - correlation(p, SCORES, i / n, i % n);
    }
    AT_TRY(at_cluster(n, distances, 1 - p->inquiry->options.cluster_at, places,
                      places + n, err));
    for (size_t i = 0; i < n; i++) {
        places[2 * n + places[n + i]] = i;
    }
    for (size_t q = 0; q < n; q++) {
        const attrib_cell row[] = {at_text_cell(id_of(p, q)),
                                   at_count_cell(places[q] + 1),
                                   at_count_cell(places[2 * n + q] + 1)};
        AT_TRY(at_analysis_row(out, row, err));
    }
done:
    free(distances);
    free(places);
    return status;
}

/* 3. The analysis */

static attrib_status find_products(products *p, attrib_analysis *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_inquiry *inquiry = p->inquiry;
    at_rank_table table = {0};
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_means, p, err));
    AT_TRY(at_scan(inquiry, &inquiry->subject, add_block, p, err));
    AT_TRY(at_rank_documents(inquiry, &inquiry->subject, &table, err));
    AT_TRY(add_products(p, RANKS, table.ranks, table.n_documents, err));
    AT_TRY(at_say_ranked(&table, out, err));
done:
    free(table.ranks);
    return status;
}

static attrib_status correlate_pairs(const at_inquiry *inquiry,
                                     attrib_analysis *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    products p = {0};
    at_blas_single_threaded();
    AT_TRY(products_new(inquiry, &p, err));
    AT_TRY(find_products(&p, out, err));
    AT_TRY(at_analysis_begin(out, "queries", "Queries by how alike they rank documents",
                             pair_columns, AT_N_COLUMNS(pair_columns), err));
    AT_TRY(add_pairs(&p, out, err));
    AT_TRY(at_analysis_begin(out, "clusters", "Clusters of queries", cluster_columns,
                             AT_N_COLUMNS(cluster_columns), err));
    AT_TRY(add_clusters(&p, out, err));
    AT_TRY(at_analysis_say(out, err,
                           "Clusters are joined while the average of Pearson's "
                           "correlations between them is at least %g.",
                           inquiry->options.cluster_at));
done:
    products_free(&p);
    return status;
}

attrib_status at_analyze_queries(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = inquiry->subject.info->n_queries;
    if (inquiry->other.run) {
        return at_compare_queries(inquiry, out, err);
    }
    AT_CHECK(n >= 2, ATTRIB_ESHAPE, "the run has one query, which has no pair");
    AT_CHECK(n <= MAX_QUERIES, ATTRIB_ERANGE,
             "pairs of %zu queries: at most %zu are correlated (attrib score --aggregate "
             "makes one of many)",
             n, MAX_QUERIES);
    AT_TRY(correlate_pairs(inquiry, out, err));
done:
    return status;
}
