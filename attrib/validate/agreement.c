/* SPDX-License-Identifier: MIT */
#include "validate/agreement.h"

#include <math.h>
#include <stdlib.h>

#include "validate/counted.h"

/* A matrix [Q, n] with the order of each of its rows. */
typedef struct rows {
    const double *values;
    size_t *orders; /* [Q, n] */
} rows;

typedef struct comparison {
    const at_agreement_job *job;
    rows measured, *predicted;     /* predicted [P] */
    size_t *counts, *query_counts; /* [n] and [Q] of a replicate */
    double *x, *y;                 /* [n] ranks */
    double *parts, *queries;       /* [P, R] means under draws of one of them */
    at_agreement *out;             /* [P] */
} comparison;

static attrib_status order_rows(const at_agreement_job *job,
                                const double *values,
                                rows *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    out->values = values;
    AT_TRY(at_mul(job->n_queries, job->n_parts, &n, err));
    AT_TRY(at_array(n, sizeof *out->orders, (void *)&out->orders, err));
    for (size_t q = 0; q < job->n_queries; q++) {
        AT_TRY(at_ascending_order(values + q * job->n_parts, job->n_parts,
                                  out->orders + q * job->n_parts, err));
    }
done:
    return status;
}

static void rank_row(const comparison *self, const rows *of, size_t q, double *ranks)
{
    size_t n = self->job->n_parts;
    at_counted_ranks(of->values + q * n, of->orders + q * n, self->counts, n, ranks);
}

/* The correlation of ranks x, which vary, with a prediction. */
static double correlate(const comparison *self, size_t p, size_t q)
{
    rank_row(self, &self->predicted[p], q, self->y);
    double r = at_counted_correlation(self->x, self->y, self->counts, self->job->n_parts);
    return isnan(r) ? 0 : r;
}

/* Rank what was measured of a query into x; false where all that counts is alike. */
static bool rank_measured(const comparison *self, size_t q)
{
    rank_row(self, &self->measured, q, self->x);
    return !isnan(
        at_counted_correlation(self->x, self->x, self->counts, self->job->n_parts));
}

static void find_correlations(comparison *self)
{
    const at_agreement_job *job = self->job;
    for (size_t i = 0; i < job->n_parts; i++) {
        self->counts[i] = 1;
    }
    for (size_t q = 0; q < job->n_queries; q++) {
        bool varies = rank_measured(self, q);
        for (size_t p = 0; p < job->n_predicted; p++) {
            at_agreement *out = &self->out[p];
            out->correlations[q] = varies ? correlate(self, p, q) : (double)NAN;
            out->mean += varies ? out->correlations[q] : 0;
            out->n_counted += varies;
        }
    }
    for (size_t p = 0; p < job->n_predicted; p++) {
        self->out[p].mean /= (double)self->out[p].n_counted;
    }
}

/* Draw n things of n again: how often each comes. */
static void draw(
    const at_agreement_job *job, size_t which, size_t replicate, size_t n, size_t *counts)
{
    for (size_t i = 0; i < n; i++) {
        counts[i] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        counts[at_draw(job->seed, 2 * job->stream + which, replicate * n + i, n)]++;
    }
}

/* The means over queries of one replicate. */
static void replicate(comparison *self, size_t r)
{
    const at_agreement_job *job = self->job;
    size_t n_parts = 0;
    size_t n_both = 0;
    size_t n_queries = 0;
    draw(job, 0, r, job->n_parts, self->counts);
    draw(job, 1, r, job->n_queries, self->query_counts);
    for (size_t q = 0; q < job->n_queries; q++) {
        size_t times = self->query_counts[q];
        bool varies = rank_measured(self, q);
        bool is_counted = !isnan(self->out[0].correlations[q]);
        n_parts += varies;
        n_both += varies ? times : 0;
        n_queries += is_counted ? times : 0;
        for (size_t p = 0; p < job->n_predicted; p++) {
            at_agreement *out = &self->out[p];
            size_t at = p * job->n_replicates + r;
            double correlation = varies ? correlate(self, p, q) : 0;
            self->parts[at] += correlation;
            out->replicates[r] += (double)times * correlation;
            self->queries[at] += is_counted ? (double)times * out->correlations[q] : 0;
        }
    }
    for (size_t p = 0; p < job->n_predicted; p++) {
        self->parts[p * job->n_replicates + r] /= (double)n_parts;
        self->queries[p * job->n_replicates + r] /= (double)n_queries;
        self->out[p].replicates[r] /= (double)n_both;
    }
}

/* The interval of the values that there are. Sorts them. */
static at_interval interval_of(double *values, size_t n)
{
    size_t n_there = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            values[n_there++] = values[i];
        }
    }
    if (n_there == 0) {
        return (at_interval){(double)NAN, (double)NAN};
    }
    at_sort_ascending(values, n_there);
    return (at_interval){at_quantile(values, n_there, 0.025),
                         at_quantile(values, n_there, 0.975)};
}

at_interval at_agreement_difference(const at_agreement *a,
                                    const at_agreement *b,
                                    double *scratch)
{
    for (size_t r = 0; r < a->n_replicates; r++) {
        scratch[r] = a->replicates[r] - b->replicates[r];
    }
    return interval_of(scratch, a->n_replicates);
}

static attrib_status find_intervals(comparison *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_agreement_job *job = self->job;
    double *scratch = NULL;
    AT_TRY(at_array(job->n_replicates, sizeof *scratch, (void *)&scratch, err));
    for (size_t r = 0; r < job->n_replicates; r++) {
        replicate(self, r);
    }
    for (size_t p = 0; p < job->n_predicted; p++) {
        at_agreement *out = &self->out[p];
        size_t first = p * job->n_replicates;
        for (size_t r = 0; r < job->n_replicates; r++) {
            scratch[r] = out->replicates[r]; /* their order is kept for differences */
        }
        out->interval = interval_of(scratch, job->n_replicates);
        out->over_parts = interval_of(self->parts + first, job->n_replicates);
        out->over_queries = interval_of(self->queries + first, job->n_replicates);
    }
done:
    free(scratch);
    return status;
}

static attrib_status take_memory(comparison *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_agreement_job *job = self->job;
    size_t n = 0;
    AT_TRY(at_mul(job->n_predicted, job->n_replicates, &n, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&self->parts, err));
    AT_TRY(at_array(n, sizeof(double), (void *)&self->queries, err));
    AT_TRY(at_array(job->n_parts, sizeof(size_t), (void *)&self->counts, err));
    AT_TRY(at_array(job->n_queries, sizeof(size_t), (void *)&self->query_counts, err));
    AT_TRY(at_array(job->n_parts, sizeof(double), (void *)&self->x, err));
    AT_TRY(at_array(job->n_parts, sizeof(double), (void *)&self->y, err));
    AT_TRY(at_array(job->n_predicted, sizeof(rows), (void *)&self->predicted, err));
    for (size_t p = 0; p < job->n_predicted; p++) {
        at_agreement *out = &self->out[p];
        *out = (at_agreement){.n_queries = job->n_queries,
                              .n_replicates = job->n_replicates};
        AT_TRY(at_array(job->n_queries, sizeof(double), (void *)&out->correlations, err));
        AT_TRY(
            at_array(job->n_replicates, sizeof(double), (void *)&out->replicates, err));
    }
done:
    return status;
}

attrib_status at_agree(const at_agreement_job *job, at_agreement *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    comparison self = {.job = job, .out = out};
    for (size_t p = 0; p < job->n_predicted; p++) {
        out[p] = (at_agreement){0};
    }
    AT_TRY(take_memory(&self, err));
    AT_TRY(order_rows(job, job->measured, &self.measured, err));
    for (size_t p = 0; p < job->n_predicted; p++) {
        AT_TRY(order_rows(job, job->predicted[p], &self.predicted[p], err));
    }
    find_correlations(&self);
    AT_TRY(find_intervals(&self, err));
done:
    for (size_t p = 0; p < job->n_predicted; p++) {
        if (self.predicted) {
            free(self.predicted[p].orders);
        }
        if (status != ATTRIB_OK) {
            at_agreement_free(&out[p]);
        }
    }
    free(self.measured.orders);
    free(self.predicted);
    free(self.counts);
    free(self.query_counts);
    free(self.x);
    free(self.y);
    free(self.parts);
    free(self.queries);
    return status;
}

void at_agreement_free(at_agreement *agreement)
{
    free(agreement->correlations);
    free(agreement->replicates);
    *agreement = (at_agreement){0};
}
