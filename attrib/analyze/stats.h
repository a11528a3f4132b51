/* SPDX-License-Identifier: MIT */
/* Statistics on plain arrays: pure functions that know nothing of runs. All are safe with
 * threads. Random draws are functions of (seed, stream, index), see base/random.h.
 *
 * 1. Ranks and correlations.
 * 2. Distributions and tests.
 * 3. Resampling.
 * 4. Tails.
 * 5. Concentration.
 * 6. Clusters.
 * 7. Regression. */
#ifndef AT_ANALYZE_STATS_H
#define AT_ANALYZE_STATS_H

#include "base/memory.h"

/* 1. Ranks and correlations (stats_correlation.c) */

typedef struct at_indexed {
    double value;
    size_t index;
} at_indexed;

/* Sort [n] so that the largest value comes first, equal values by index. */
void at_sort_indexed(at_indexed *items, size_t n);

/* Replace x [n] by its ranks, 1 for the smallest; equal values share the mean of their
 * ranks. `scratch` [n]. */
void at_rank(double *x, size_t n, at_indexed *scratch);

/* Pearson's r of x and y [n]; NAN where either is constant. */
double at_correlation(const double *x, const double *y, size_t n);

/* 2. Distributions and tests (stats_distribution.c, stats_discovery.c) */

/* I_x(a, b), the regularised incomplete beta function; a, b > 0, 0 <= x <= 1. */
double at_incomplete_beta(double a, double b, double x);

/* P(|T| >= |t|) of Student's distribution with so many degrees of freedom. */
double at_student_p(double t, double degrees);

/* The t with P(|T| >= t) = p, 0 < p < 1. */
double at_student_quantile(double p, double degrees);

/* P(X >= x) where `drawn` of `population` things are drawn without putting them back, and
 * `marked` of all are marked, of which X are drawn. */
double at_hypergeometric_p(size_t x, size_t population, size_t marked, size_t drawn);

/* Benjamini and Hochberg 1995: p [n] becomes the false discovery rate at which each would
 * be the last that is kept. NANs are no tests and stay. */
attrib_status at_discovery_rates(double *p, size_t n, attrib_error *err);

/* 3. Resampling (stats_resample.c) */

/* The quantile 0 <= p <= 1 of ascending x [n >= 1], between neighbours linearly. */
double at_quantile(const double *x, size_t n, double p);

void at_sort_ascending(double *x, size_t n);
void at_sort_descending(double *x, size_t n);

/* Draw a whole number below n >= 1. */
size_t at_draw(uint64_t seed, uint64_t stream, uint64_t index, size_t n);

typedef struct at_interval {
    double low, high;
} at_interval;

/* The bootstrap's 95 % interval of the mean of x [n]; NANs for n < 2, where nothing can
 * be said. `scratch` [n_replicates >= 1]. */
at_interval at_bootstrap_mean(const double *x,
                              size_t n,
                              uint64_t seed,
                              uint64_t stream,
                              size_t n_replicates,
                              double *scratch);

/* 4. Tails (stats_tail.c) */

/* P(X > x) = (x / x_min)^-alpha above x_min, as Grosse et al. (2023, 5.2.1) write it; the
 * exponent of the density is alpha + 1. */
typedef struct at_power_law {
    double x_min, alpha;
    double ks;     /* the Kolmogorov-Smirnov distance of the n_tail values to the law */
    size_t n_tail; /* values at or above x_min; 0: too few for a fit */
} at_power_law;

/* The fewest values that a law is fitted to. */
#define AT_MIN_TAIL ((size_t)10)

/* Fit by Clauset, Shalizi and Newman 2009: alpha by maximum likelihood for each x_min,
 * and the x_min with the smallest distance. `x` [n] > 0, descending; `logs` [n] is
 * scratch. */
at_power_law at_power_law_fit(const double *x, size_t n, double *logs);

/* alpha of Hill 1975 from the k < n largest: k / sum_{i <= k} ln(x_i / x_(k+1)). */
double at_hill(const double *x, size_t n, size_t k);

typedef struct at_tail_check {
    double p;          /* share of replicates that fit worse; small: no power law */
    at_interval alpha; /* 95 % by bootstrap, x_min fitted anew each time */
} at_tail_check;

/* Compare a fit of x [n] with n_replicates samples of the law, whose values below x_min
 * are drawn from x (Clauset 2009, section 4.1), and with as many resamplings of x. */
attrib_status at_power_law_check(const double *x,
                                 size_t n,
                                 const at_power_law *law,
                                 uint64_t seed,
                                 uint64_t stream,
                                 size_t n_replicates,
                                 at_tail_check *out,
                                 attrib_error *err);

/* 5. Concentration (stats_concentration.c) */

/* How n numbers are shared out, those below 0 counting as 0 but for participation. NANs
 * where no number is above 0. */
typedef struct at_concentration {
    double sum;           /* of the numbers above 0 */
    double top_share;     /* of the sum, of the largest 1 % of all n, rounded up */
    double gini;          /* 0: all alike, 1: one has all */
    double participation; /* (sum |x|)^2 / (n sum x^2): the share of n that is as good as
                             all, were they alike */
    size_t n_positive, n50; /* n50: the fewest that have half the sum */
} at_concentration;

/* `x` [n], descending. */
at_concentration at_concentrate(const double *x, size_t n);

/* 6. Clusters (stats_cluster.c) */

/* Join what is most alike, by average linkage (UPGMA), until no two clusters have an
 * average distance of at most `cut`. `distances` [n, n], symmetric, becomes scratch; NAN
 * is as far as can be. cluster [n] counts from 0 in order of first members; order [n]
 * puts neighbours of the whole tree side by side. */
attrib_status at_cluster(size_t n,
                         double *distances,
                         double cut,
                         size_t *cluster,
                         size_t *order,
                         attrib_error *err);

/* 7. Regression (stats_regression.c) */

/* Least squares of y on m columns of which the first is the constant 1: sums over rows.
 */
typedef struct at_regression {
    size_t m, n; /* columns, rows added */
    double *xx;  /* [m, m] sum x x' */
    double *xy;  /* [m] sum x y */
    double yy;   /* sum y^2 */
} at_regression;

typedef struct at_coefficient {
    double value, error, t, p; /* NANs for a column that others determine */
    at_interval interval;      /* 95 %, Student */
} at_coefficient;

/* Solve for out [m]; `r_squared` and the degrees of freedom that are left may be NULL. */
attrib_status at_regression_solve(const at_regression *sums,
                                  at_coefficient *out,
                                  double *r_squared,
                                  size_t *degrees,
                                  attrib_error *err);

#endif
