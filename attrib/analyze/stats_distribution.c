/* SPDX-License-Identifier: MIT */
/* Distributions and what they say of a test. The libraries of Debian that have these
 * (GSL, Rmath) are under licences that the project's does not allow to link. */
#include <float.h>
#include <math.h>

#include "analyze/stats.h"

/* glibc's lgamma() writes a global variable; this form does not. */
static double log_gamma(double x)
{
    int sign = 0;
    return lgamma_r(x, &sign);
}

/* The continued fraction of I_x(a, b) by Lentz's method, as modified by Thompson and
 * Barnett 1986. Source: Abramowitz and Stegun 26.5.8. */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double c = 1;
    double value = d;
    for (int k = 1; k <= 10000; k++) {
        double even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));
        double odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1));
        double step = 1;
        for (int half = 0; half < 2; half++) {
            double term = half ? odd : even;
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < DBL_EPSILON) {
            break;
        }
    }
    return value;
}

double at_incomplete_beta(double a, double b, double x)
{
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    double log_front =
        log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x);
    /* The fraction converges fast below the mean of the distribution only. */
    if (x < (a + 1) / (a + b + 2)) {
        return exp(log_front) * beta_fraction(a, b, x) / a;
    }
    return 1 - exp(log_front) * beta_fraction(b, a, 1 - x) / b;
}

double at_student_p(double t, double degrees)
{
    return at_incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + t * t));
}

double at_student_quantile(double p, double degrees)
{
    double low = 0;
    double high = 1;
    while (at_student_p(high, degrees) > p && high < 1e300) {
        high *= 2;
    }
    /* Halving an interval of doubles ends within 2,000 steps; 200 give all digits. */
    for (int i = 0; i < 200 && low < high; i++) {
        double middle = 0.5 * (low + high);
        if (at_student_p(middle, degrees) > p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}

static double log_choose(double n, double k)
{
    return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1);
}

double at_hypergeometric_p(size_t x, size_t population, size_t marked, size_t drawn)
{
    size_t most = at_smaller(marked, drawn);
    size_t least = marked + drawn > population ? marked + drawn - population : 0;
    double all = log_choose((double)population, (double)drawn);
    double p = 0;
    if (x <= least) {
        return 1;
    }
    /* The small terms first. */
    for (size_t i = most; i >= x; i--) {
        p += exp(log_choose((double)marked, (double)i) +
                 log_choose((double)(population - marked), (double)(drawn - i)) - all);
    }
    return fmin(p, 1);
}
