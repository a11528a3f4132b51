/* SPDX-License-Identifier: MIT */
/* How the scores of each answer are spread over all documents: counted in one reading of
 * the run, in memory that does not grow with the number of documents. */
#include <math.h>
#include <stdlib.h>

#include "export/html.h"

/* Sums for Pearson's correlation of two settings' scores of one query. */
typedef struct moments {
    double n; /* documents that are scored */
    double sum[ATTRIB_MAX_SETTINGS];
    double product[ATTRIB_MAX_SETTINGS][ATTRIB_MAX_SETTINGS];
} moments;

/* The reported documents hold the least and the largest score of all. */
static void set_range(at_spread *spread, const attrib_answer *answer)
{
    double least = 0;
    double most = 0;
    if (answer->n_top) {
        most = fmax(0, answer->top[0].score);
        least = fmin(0, answer->top[answer->n_top - 1].score);
    }
    if (answer->n_bottom) {
        least = fmin(least, answer->bottom[0].score);
    }
    /* Two bins are left for the parts of one at both ends. */
    spread->width = (most - least) / (AT_SPREAD_BINS - 2);
    spread->first = spread->width > 0 ? (int64_t)floor(least / spread->width) : 0;
    spread->largest = fmax(most, -least);
}

static size_t clamp(double place, size_t n)
{
    return place < 0 ? 0 : place < (double)n ? (size_t)place : n - 1;
}

/* Scores of cut queries may lie a little beyond the reported ones, which are exact: they
 * count in the last bins. */
static void count_score(at_spread *spread, double score)
{
    double place = spread->width > 0 ? floor(score / spread->width) : 0;
    spread->bins[clamp(place - (double)spread->first, AT_SPREAD_BINS)]++;
    if (score != 0 && spread->largest > 0) {
        size_t step = clamp(4 * log2(spread->largest / fabs(score)), AT_SPREAD_STEPS);
        spread->steps[score < 0][step]++;
        spread->sums[score < 0][step] += fabs(score);
    }
}

static void add_moments(moments *self, const double *scores, size_t n)
{
    self->n++;
    for (size_t s = 0; s < n; s++) {
        self->sum[s] += scores[s];
        for (size_t t = 0; t <= s; t++) {
            self->product[s][t] += scores[s] * scores[t];
        }
    }
}

/* r = (sum xy - sum x sum y / N) / sqrt((sum xx - ...) (sum yy - ...)) */
static double correlate(const moments *self, size_t s, size_t t)
{
    double n_documents = self->n;
    double cross = self->product[s > t ? s : t][s > t ? t : s] -
                   self->sum[s] * self->sum[t] / n_documents;
    double first = self->product[s][s] - self->sum[s] * self->sum[s] / n_documents;
    double second = self->product[t][t] - self->sum[t] * self->sum[t] / n_documents;
    return first > 0 && second > 0 ? cross / sqrt(first * second) : (double)NAN;
}

/* Count a block of scores [n, Q] of each setting. */
static void count_block(const at_shown *shown,
                        const double *block,
                        size_t n,
                        at_spread *spreads,
                        moments *sums)
{
    const size_t n_queries = shown->info->n_queries;
    const size_t n_settings = shown->n_settings;
    for (size_t d = 0; d < n; d++) {
        for (size_t q = 0; q < n_queries; q++) {
            double scores[ATTRIB_MAX_SETTINGS];
            for (size_t s = 0; s < n_settings; s++) {
                scores[s] = block[(s * n + d) * n_queries + q];
                if (!isnan(scores[s])) { /* a filter left others out */
                    count_score(&spreads[s * n_queries + q], scores[s]);
                }
            }
            if (n_settings > 1 && !isnan(scores[0])) {
                add_moments(&sums[q], scores, n_settings);
            }
        }
    }
}

static attrib_status read_block(
    const at_shown *shown, size_t first, size_t n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t s = 0; s < shown->n_settings; s++) {
        at_shown_setting setting = at_shown_setting_of(shown, s);
        size_t n_planes = 1 + attrib_run_describe(setting.run)->n_groups;
        AT_TRY(attrib_run_scores(setting.run, setting.i_setting * n_planes, first, n,
                                 out + s * n * shown->info->n_queries, err));
    }
done:
    return status;
}

static void set_correlations(const at_shown *shown,
                             const moments *sums,
                             at_spread *spreads)
{
    const size_t n_queries = shown->info->n_queries;
    const size_t n_settings = shown->n_settings;
    for (size_t i = 0; i < n_settings * n_queries; i++) {
        for (size_t t = 0; t < n_settings; t++) {
            spreads[i].correlation[t] = correlate(&sums[i % n_queries], i / n_queries, t);
        }
    }
}

attrib_status at_spreads_count(const at_shown *shown, at_spread **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = shown->info;
    const size_t n_settings = shown->n_settings;
    size_t n_block = at_larger(at_block_documents(info) / n_settings, 1);
    at_spread *spreads = NULL;
    moments *sums = NULL;
    double *block = NULL;
    AT_TRY(at_array(shown->n_answers, sizeof *spreads, &spreads, err));
    AT_TRY(at_array(info->n_queries, sizeof *sums, &sums, err));
    n_block = at_smaller(n_block, info->n_documents);
    AT_TRY(at_array(n_block * n_settings * info->n_queries, sizeof *block, &block, err));
    for (size_t i = 0; i < shown->n_answers; i++) {
        set_range(&spreads[i], at_shown_answer(shown, i));
    }
    for (size_t first = 0; first < info->n_documents; first += n_block) {
        size_t n = at_smaller(n_block, info->n_documents - first);
        AT_TRY(read_block(shown, first, n, block, err));
        count_block(shown, block, n, spreads, sums);
    }
    set_correlations(shown, sums, spreads);
    *out = spreads;
    spreads = NULL;
done:
    free(spreads);
    free(sums);
    free(block);
    return status;
}
