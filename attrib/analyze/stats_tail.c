/* SPDX-License-Identifier: MIT */
/* Power laws of the largest values. Source: Clauset, Shalizi and Newman 2009,
 * arXiv:0706.1062, sections 3 and 4. */
#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"
#include "base/random.h"

/* The Kolmogorov-Smirnov distance of m descending values to a law with this alpha whose
 * x_min is the last of them; any number above `enough` where it is larger than that. The
 * share of smaller values is compared at each value, as the authors' own program and the
 * package powerlaw do: the same x_min is found. */
static double distance_to_law(const double *logs, size_t m, double alpha, double enough)
{
    double largest = 0;
    size_t n_smaller = 0;
    for (size_t i = m; i-- > 0 && largest <= enough;) {
        if (i + 1 < m && logs[i] > logs[i + 1]) {
            n_smaller = m - 1 - i; /* equal values have as many smaller ones */
        }
        double law = -expm1(-alpha * (logs[i] - logs[m - 1]));
        largest = fmax(largest, fabs(law - (double)n_smaller / (double)m));
    }
    return largest;
}

at_power_law at_power_law_fit(const double *x, size_t n, double *logs)
{
    at_power_law best = {
        .x_min = (double)NAN, .alpha = (double)NAN, .ks = (double)INFINITY};
    double sum = 0;
    for (size_t m = 1; m <= n; m++) {
        logs[m - 1] = log(x[m - 1]);
        sum += logs[m - 1];
        if (m < AT_MIN_TAIL || (m < n && x[m] == x[m - 1])) {
            continue; /* x_min has all values that equal it */
        }
        /* alpha = m / sum_{i <= m} ln(x_i / x_min) */
        double spread = sum - (double)m * logs[m - 1];
        if (!(spread > 0)) {
            continue;
        }
        double alpha = (double)m / spread;
        double ks = distance_to_law(logs, m, alpha, best.ks);
        if (ks < best.ks) {
            best = (at_power_law){x[m - 1], alpha, ks, m};
        }
    }
    if (best.n_tail == 0) {
        best.ks = (double)NAN;
    }
    return best;
}

double at_hill(const double *x, size_t n, size_t k)
{
    double sum = 0;
    if (k == 0 || k >= n) {
        return (double)NAN;
    }
    for (size_t i = 0; i < k; i++) {
        sum += log(x[i] / x[k]);
    }
    return sum > 0 ? (double)k / sum : (double)NAN;
}

/* Draws of one replicate: each has two streams, of where a value comes from and of what
 * it is. */
typedef struct draws {
    uint64_t seed, stream;
    size_t first;
} draws;

/* A sample of the law; values below x_min are drawn from x itself. */
static void sample_law(
    const double *x, size_t n, const at_power_law *law, const draws *d, double *out)
{
    for (size_t i = 0; i < n; i++) {
        size_t index = d->first + i;
        double value = at_uniform(d->seed, d->stream + 1, index);
        if (at_draw(d->seed, d->stream, index, n) < law->n_tail) {
            out[i] = law->x_min * pow(1 - value, -1 / law->alpha);
        } else {
            size_t n_below = n - law->n_tail;
            out[i] = x[law->n_tail +
                       at_smaller((size_t)(value * (double)n_below), n_below - 1)];
        }
    }
}

static void resample(const double *x, size_t n, const draws *d, double *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = x[at_draw(d->seed, d->stream + 2, d->first + i, n)];
    }
}

static at_power_law fit_unsorted(double *x, size_t n, double *logs)
{
    at_sort_descending(x, n);
    return at_power_law_fit(x, n, logs);
}

attrib_status at_power_law_check(const double *x,
                                 size_t n,
                                 const at_power_law *law,
                                 uint64_t seed,
                                 uint64_t stream,
                                 size_t n_replicates,
                                 at_tail_check *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *sample = NULL;
    double *logs = NULL;
    double *alphas = NULL;
    size_t n_worse = 0;
    size_t n_fits = 0;
    AT_TRY(at_array(n, sizeof *sample, (void *)&sample, err));
    AT_TRY(at_array(n, sizeof *logs, (void *)&logs, err));
    AT_TRY(at_array(n_replicates, sizeof *alphas, (void *)&alphas, err));
    for (size_t r = 0; r < n_replicates; r++) {
        draws d = {seed, stream, r * n};
        sample_law(x, n, law, &d, sample);
        n_worse += fit_unsorted(sample, n, logs).ks >= law->ks;
        resample(x, n, &d, sample);
        at_power_law fit = fit_unsorted(sample, n, logs);
        if (fit.n_tail > 0) {
            alphas[n_fits++] = fit.alpha;
        }
    }
    at_sort_ascending(alphas, n_fits);
    out->p = (double)n_worse / (double)n_replicates;
    out->alpha = n_fits ? (at_interval){at_quantile(alphas, n_fits, 0.025),
                                        at_quantile(alphas, n_fits, 0.975)}
                        : (at_interval){(double)NAN, (double)NAN};
done:
    free(alphas);
    free(logs);
    free(sample);
    return status;
}
